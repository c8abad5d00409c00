//! `merge`: two users are one person from now on. One thing is written: the duplicate's part points at the survivor.
//! What callers see is derived from that, so merging commutes, can be repeated, and can be undone.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{PartRecord, ProfileFacts, Scope, UserId, api};
use umoja_store::group::{GroupError, MAX_MERGED, MergeRefused, Merging, Pointer, merging};
use umoja_store::pointers::{MERGED, UNMERGED, pointer_rows};

use super::found;
use super::lookup::at_least;
use crate::app::{App, company_field, until_written};
use crate::caller::Caller;
use crate::group::Group;
use crate::handler::{Answer, Operation};
use crate::problem::{ALREADY_MERGED, BEHIND, BUSY, GROUP_TOO_LARGE, INTERNAL, MERGED_OTHERWISE, Refusal};
use crate::profiles::{Change, Rules};
use crate::user::Stored;

pub(crate) struct Merge;

impl Operation for Merge {
    const PATH: &'static str = "/v1/users/merge";
    const SCOPE: Scope = Scope::Merge;
    const CHANGES: bool = true;
    type Body = api::Merge;
    type Read = (Option<Group>, Option<Group>);

    async fn read(app: &App, _: &Caller, body: &api::Merge) -> Result<Self::Read, Refusal> {
        if body.survivor == body.duplicate {
            return Err(Refusal::invalid("duplicate", "A user is not merged into itself."));
        }
        at_least(app, body.min_version.as_ref()).await?;
        both(app, body).await
    }

    async fn run(app: &App, caller: &Caller, body: api::Merge, first: Self::Read) -> Result<Answer, Refusal> {
        let mut first = Some(first);
        until_written!({
            let (survivor, duplicate) = match first.take() {
                Some(read) => read,
                None => both(app, &body).await?,
            };
            let survivor = survivor.ok_or_else(|| Refusal::not_found("survivor"))?;
            let duplicate = duplicate.ok_or_else(|| Refusal::not_found("duplicate"))?;
            let (its, theirs) = (pointers(&survivor), pointers(&duplicate));
            match merging(&*app.home.own.users, (body.survivor, &its), (body.duplicate, &theirs)).await? {
                Merging::Done => return answer(&survivor, &body).map(Some),
                Merging::Refused(why) => return Err(refused(why)),
                Merging::Allowed => {}
            }
            let joined = survivor.pointed(Some(&duplicate), body.duplicate, Some(body.survivor))?;
            let joined = joined.ok_or(Refusal::from(&INTERNAL))?;
            if body.preview {
                return answer(&joined, &body).map(Some);
            }
            let Some(merged) = write(app, caller, &joined, body.survivor, &body).await? else { return Ok(None) };
            if !is_small(app, body.survivor).await? {
                // Merges at the same moment do not see each other; whoever finds too many takes its own back.
                let is_unwritten = unwrite(app, caller, &merged, &body).await?;
                return Err(Refusal::from(if is_unwritten { &GROUP_TOO_LARGE } else { &BUSY }));
            }
            answer(&merged, &body).map(Some)
        })
    }
}

async fn both(app: &App, body: &api::Merge) -> Result<(Option<Group>, Option<Group>), Refusal> {
    tokio::try_join!(app.load(body.survivor), app.load(body.duplicate))
}

fn pointers(group: &Group) -> BTreeMap<UserId, Pointer> {
    let pointer = |user: &Stored| Pointer { created_at: user.facts.created_at, merged_into: user.facts.merged_into };
    group.users().map(|user| (user.id(), pointer(user))).collect()
}

fn refused(why: MergeRefused) -> Refusal {
    Refusal::from(match why {
        MergeRefused::Otherwise => &MERGED_OTHERWISE,
        MergeRefused::AlreadyMerged => &ALREADY_MERGED,
        MergeRefused::Behind => &BEHIND,
        MergeRefused::TooLarge => &GROUP_TOO_LARGE,
    })
}

/// Writes the pointer, while everybody of both persons is as it was read: an erasure sees every pointer that was written
/// before it, and none is written after it. Nothing if somebody got in between.
async fn write(
    app: &App,
    caller: &Caller,
    joined: &Group,
    survivor: UserId,
    body: &api::Merge,
) -> Result<Option<Group>, Refusal> {
    let change = pointing(joined, body.duplicate, Some(survivor))?;
    let rules = Rules { all_as_read: true, ..Rules::of(caller) };
    let rows = |part: &PartRecord| {
        let why = company_field(caller);
        pointer_rows(&app.home.own.name, MERGED, &part.version, survivor, body.duplicate, &why)
    };
    app.write_profiles(joined, &[change], &rules, rows).await
}

/// Removes the pointer that was just written. False if somebody wrote over it meanwhile, who has it as they read it.
async fn unwrite(app: &App, caller: &Caller, merged: &Group, body: &api::Merge) -> Result<bool, Refusal> {
    let change = pointing(merged, body.duplicate, None)?;
    let rows = |part: &PartRecord| {
        let why = company_field(caller);
        pointer_rows(&app.home.own.name, UNMERGED, &part.version, body.survivor, body.duplicate, &why)
    };
    Ok(app.write_profiles(merged, &[change], &Rules::of(caller), rows).await?.is_some())
}

async fn is_small(app: &App, survivor: UserId) -> Result<bool, Refusal> {
    match umoja_store::group::read(&*app.home.own.users, survivor, &BTreeSet::new()).await {
        Ok(group) => Ok(group.is_none_or(|group| group.users().count() <= MAX_MERGED)),
        Err(GroupError::TooLarge(_)) => Ok(false),
        Err(GroupError::Store(error)) => Err(error.into()),
    }
}

/// A user of a group with its pointer changed, and nothing else.
pub(super) fn pointing(group: &Group, id: UserId, merged_into: Option<UserId>) -> Result<Change, Refusal> {
    let user = group.get(id).ok_or(Refusal::from(&INTERNAL))?;
    Ok(Change { id, identity: user.identity.clone(), facts: ProfileFacts { merged_into, ..user.facts.clone() } })
}

fn answer(group: &Group, body: &api::Merge) -> Result<Answer, Refusal> {
    let answer = found(200, group, body.duplicate)?;
    // A preview is nothing to be remembered.
    Ok(if body.preview { Answer { made: None, ..answer } } else { answer })
}

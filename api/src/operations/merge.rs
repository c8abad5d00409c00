//! `merge`: two users are one person from now on. One thing is written: the duplicate's part points at the survivor.
//! What callers see is derived from that, so merging commutes, can be repeated, and can be undone.

use umoja_schema::names::attribute;
use umoja_schema::{LogRow, Part, Scope, UserId, Version, api};
use umoja_store::group::MAX_MERGED;

use crate::app::{App, Rewrite, company_field, until_written};
use crate::caller::Caller;
use crate::group::Group;
use crate::handler::{Answer, Operation};
use crate::problem::{ALREADY_MERGED, BEHIND, GROUP_TOO_LARGE, INTERNAL, MERGED_OTHERWISE, NOT_FOUND, Refusal};

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
            if is_done(&survivor, &duplicate, &body)? {
                return answer(&survivor, &body).map(Some);
            }
            may_point(app, &duplicate, &body).await?;
            if body.preview {
                return answer(&joined(&survivor, &duplicate, &body)?, &body).map(Some);
            }
            let written = point(app, caller, &duplicate, &body).await?;
            let Some(duplicate) = written else { return Ok(None) };
            answer(&joined(&survivor, &duplicate, &body)?, &body).map(Some)
        })
    }

    async fn again(app: &App, _: u16, id: UserId, _: Option<String>) -> Result<Answer, Refusal> {
        let group = app.load(id).await?.ok_or(Refusal::from(&NOT_FOUND))?;
        merged(&group, id)
    }
}

async fn both(app: &App, body: &api::Merge) -> Result<(Option<Group>, Option<Group>), Refusal> {
    tokio::try_join!(app.load(body.survivor), app.load(body.duplicate))
}

/// True if the two are one person already, in a way that the survivor's values may count as asked for.
///
/// What would make a cycle in this region is refused: the survivor is a duplicate of the duplicate, and an answer of
/// success would be of a merge the other way round. (Two regions can make one at the same time; it has a root.)
fn is_done(survivor: &Group, duplicate: &Group, body: &api::Merge) -> Result<bool, Refusal> {
    if survivor.holds(body.duplicate) {
        let the_other_way_only =
            survivor.leads(body.survivor, body.duplicate) && !survivor.leads(body.duplicate, body.survivor);
        return if the_other_way_only { Err(Refusal::from(&MERGED_OTHERWISE)) } else { Ok(true) };
    }
    if survivor.users().count() + duplicate.users().count() > MAX_MERGED {
        return Err(Refusal::from(&GROUP_TOO_LARGE));
    }
    Ok(false)
}

/// Refuses to move a pointer: who is merged into somebody else would silently stop being that person. One at somebody who
/// was erased can be moved; one at somebody who has not arrived here has to wait.
async fn may_point(app: &App, duplicate: &Group, body: &api::Merge) -> Result<(), Refusal> {
    let Some(target) = duplicate.get(body.duplicate).and_then(|user| user.facts.merged_into) else { return Ok(()) };
    if duplicate.holds(target) {
        return Err(Refusal::from(&ALREADY_MERGED));
    }
    let parts = app.home.own.users.parts(target).await?;
    let erased = Part::ALL.into_iter().filter_map(|part| parts.get(part)).any(|record| record.version.erased);
    if erased { Ok(()) } else { Err(Refusal::from(&BEHIND)) }
}

/// What the two groups are together.
fn joined(survivor: &Group, duplicate: &Group, body: &api::Merge) -> Result<Group, Refusal> {
    survivor.joined(duplicate, body.duplicate, body.survivor)?.ok_or(Refusal::from(&INTERNAL))
}

/// Writes the pointer, at somebody who is live at that moment: an erasure sees every pointer that was written before it,
/// and none is written after it. Nothing if somebody got in between.
async fn point(app: &App, caller: &Caller, group: &Group, body: &api::Merge) -> Result<Option<Group>, Refusal> {
    let user = group.get(body.duplicate).ok_or(Refusal::from(&INTERNAL))?;
    let (identity, mut facts) = (user.identity.clone(), user.facts.clone());
    facts.merged_into = Some(body.survivor);
    let change = Rewrite { stored: &user.profile, identity: identity.clone(), facts };
    let rows = |version: &Version| pointer_rows(app, caller, "merged", version, body.survivor, body.duplicate);
    let written = app.write_profiles(&[change], Vec::new(), vec![body.survivor], rows).await?;
    let profile = written.and_then(|mut records| records.pop());
    Ok(profile.and_then(|profile| group.clone().with_profile(profile, identity)))
}

/// Rows about a merge or its undoing, one for each of the two users.
pub(super) fn pointer_rows(
    app: &App,
    caller: &Caller,
    kind: &str,
    version: &Version,
    survivor: UserId,
    duplicate: UserId,
) -> Vec<LogRow> {
    let row = |user: UserId, other: UserId| {
        let mut row = app.row(user, format!("{kind}#{version}#{other}"), kind, version);
        row.fields.extend([
            company_field(caller),
            (attribute::SURVIVOR.into(), survivor.to_string().into()),
            (attribute::DUPLICATE.into(), duplicate.to_string().into()),
        ]);
        row
    };
    vec![row(survivor, duplicate), row(duplicate, survivor)]
}

fn answer(group: &Group, body: &api::Merge) -> Result<Answer, Refusal> {
    let answer = merged(group, body.duplicate)?;
    // A preview is nothing to be remembered.
    Ok(if body.preview { Answer { made: None, ..answer } } else { answer })
}

fn merged(group: &Group, duplicate: UserId) -> Result<Answer, Refusal> {
    let version = group.get(duplicate).ok_or(Refusal::from(&INTERNAL))?.version().to_string();
    let body = api::Merged { user: group.view(), duplicate_version: version.clone() };
    Ok(Answer::new(200, &body)?.of(duplicate, Some(version)))
}

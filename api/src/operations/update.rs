//! `update`: changes the profile and the identifiers of a linked user. Of merged users the root is changed; what is removed
//! is removed from all of them.

use umoja_schema::{Identity, ProfileFacts, RecordVersion, Scope, api};
use umoja_store::apply::{ClaimChange, plan_claims_of};

use super::found;
use super::lookup::version;
use super::patch::Patch;
use crate::app::{App, Rewrite, until_written};
use crate::caller::Caller;
use crate::group::Group;
use crate::handler::{Answer, Operation};
use crate::identifiers::refuse_taken;
use crate::problem::{BEHIND, NOT_FOUND, NOT_LINKED, Refusal};
use crate::user::Stored;

pub(crate) struct Update;

impl Operation for Update {
    const PATH: &'static str = "/v1/users/update";
    const SCOPE: Scope = Scope::Update;
    const CHANGES: bool = true;
    type Body = api::Update;
    type Read = (Option<RecordVersion>, Patch, Option<Group>);

    async fn read(app: &App, caller: &Caller, body: &api::Update) -> Result<Self::Read, Refusal> {
        let if_version = body.if_version.as_ref().map(|text| version("if_version", text)).transpose()?;
        Ok((if_version, Patch::of_update(caller, &body.set)?, app.load(body.id).await?))
    }

    async fn run(
        app: &App,
        caller: &Caller,
        body: api::Update,
        (if_version, patch, first): Self::Read,
    ) -> Result<Answer, Refusal> {
        let mut first = Some(first);
        until_written!({
            let group = match first.take() {
                Some(read) => read,
                None => app.load(body.id).await?,
            };
            let group = group.ok_or(Refusal::from(&NOT_FOUND))?;
            if !group.is_linked_to(&caller.company.id) {
                return Err(Refusal::from(&NOT_LINKED));
            }
            let patched = patch.apply_to(app, caller, &group)?;
            let users = group.users().zip(patched);
            let is_changed =
                |(user, (identity, facts)): &Changed<'_>| *identity != user.identity || *facts != user.facts;
            let (mut changed, same): (Vec<_>, Vec<_>) = users.partition(is_changed);
            let current = group.version();
            // A request that is repeated under its idempotency key meets its own effect: then nothing is left to change.
            let done_before = caller.is_repeat && changed.is_empty();
            if let Some(wanted) = if_version.as_ref().filter(|wanted| **wanted != current && !done_before) {
                let behind = wanted.id == current.id && !current.covers(wanted);
                return Err(if behind { Refusal::from(&BEHIND) } else { Refusal::version(current.to_string()) });
            }
            if changed.is_empty() {
                return found(200, &group).map(Some);
            }
            // The version that callers know is the root's, so a change of another user is one of the root as well.
            changed.splice(0..0, same.into_iter().filter(|(user, _)| user.id() == group.root.id()));
            let written = write(app, &group, changed).await?;
            written.map(|group| found(200, &group)).transpose()
        })
    }
}

/// A user, and what it is to be.
type Changed<'a> = (&'a Stored, (Identity, ProfileFacts));

/// How many parts and claims are written in one transaction, so that there is room for rows in its 100 writes.
const MAX_TOGETHER: usize = 60;

/// Writes the users of a person: together, or, if those are too many, one by one with the root last, so that what was
/// not done yet is done when the request is repeated. Nothing if somebody got in between.
async fn write(app: &App, group: &Group, changed: Vec<Changed<'_>>) -> Result<Option<Group>, Refusal> {
    let plan = async |changed: &[Changed<'_>]| {
        let claims = changed.iter().map(|(user, (_, facts))| ClaimChange {
            id: user.id(),
            before: &user.facts.claims,
            after: &facts.claims,
        });
        plan_claims_of(&*app.home.own.users, &claims.collect::<Vec<_>>()).await
    };
    let claims = plan(&changed).await?;
    for (user, _) in &changed {
        refuse_taken(&claims, user.id(), |other| group.holds(other), "set.")?;
    }
    let together = changed.len() + claims.len() <= MAX_TOGETHER;
    let mut written = group.clone();
    for batch in changed.chunks(if together { changed.len() } else { 1 }).rev() {
        let claims = if together { claims.clone() } else { plan(batch).await? };
        let rewrites = batch.iter().map(|(user, (identity, facts))| Rewrite {
            stored: &user.profile,
            identity: identity.clone(),
            facts: facts.clone(),
        });
        let rewrites: Vec<_> = rewrites.collect();
        let Some(records) = app.write_profiles(&rewrites, claims, Vec::new(), |_| Vec::new()).await? else {
            return Ok(None);
        };
        for (profile, (_, (identity, _))) in records.into_iter().zip(batch) {
            let Some(next) = written.with_profile(profile, identity.clone()) else { return Ok(None) };
            written = next;
        }
    }
    Ok(Some(written))
}

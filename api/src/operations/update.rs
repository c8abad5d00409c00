//! `update`: changes the profile and the identifiers of a linked user.

use umoja_schema::api;
use umoja_schema::{RecordVersion, Scope};

use super::found;
use super::lookup::version;
use super::patch::Patch;
use crate::app::{App, until_written};
use crate::caller::Caller;
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
    type Read = (Option<RecordVersion>, Patch, Option<Stored>);

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
            let stored = match first.take() {
                Some(read) => read,
                None => app.load(body.id).await?,
            };
            let stored = stored.ok_or(Refusal::from(&NOT_FOUND))?;
            if !stored.is_linked_to(&caller.company.id) {
                return Err(Refusal::from(&NOT_LINKED));
            }
            let (identity, facts) = patch.apply(app, caller, &stored.identity, &stored.facts)?;
            let changes = identity != stored.identity || facts != stored.facts;
            let current = stored.version();
            // A request that is repeated under its idempotency key meets its own effect: then nothing is left to change.
            let done_before = caller.is_repeat && !changes;
            if let Some(wanted) = if_version.as_ref().filter(|wanted| **wanted != current && !done_before) {
                let behind = wanted.id == current.id && !current.covers(wanted);
                return Err(if behind { Refusal::from(&BEHIND) } else { Refusal::version(current.to_string()) });
            }
            if !changes {
                return found(200, &stored).map(Some);
            }
            let claims = app.plan(Some(&stored.profile), body.id, &facts).await?;
            refuse_taken(&claims, body.id, "set.")?;
            let written = app.write_profile(&stored.profile, &identity, facts, claims).await?;
            let stored = written.and_then(|profile| stored.with_profile(profile, identity));
            stored.map(|stored| found(200, &stored)).transpose()
        })
    }
}

//! `update`: changes the profile and the identifiers of a linked user.

use umoja_schema::Scope;
use umoja_schema::api;

use super::found;
use super::lookup::version;
use super::patch::Patch;
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::identifiers::refuse_taken;
use crate::problem::{NOT_FOUND, NOT_LINKED, Refusal};
use crate::user::Stored;

pub(crate) struct Update;

impl Operation for Update {
    const PATH: &'static str = "/v1/users/update";
    const SCOPE: Scope = Scope::Update;
    const CHANGES: bool = true;
    type Body = api::Update;
    type Read = (Patch, Option<Stored>);

    async fn read(app: &App, caller: &Caller, body: &api::Update) -> Result<Self::Read, Refusal> {
        if let Some(text) = &body.if_version {
            version("if_version", text)?;
        }
        Ok((Patch::of_update(caller, &body.set)?, app.load(body.id).await?))
    }

    async fn run(app: &App, caller: &Caller, body: api::Update, (patch, first): Self::Read) -> Result<Answer, Refusal> {
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
            let current = stored.version().to_string();
            if body.if_version.as_ref().is_some_and(|wanted| *wanted != current) {
                return Err(Refusal::version(current));
            }
            let (identity, facts) = patch.apply(app, caller, &stored.identity, &stored.facts)?;
            if identity == stored.identity && facts == stored.facts {
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

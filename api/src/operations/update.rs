//! `update`: changes the profile and the identifiers of a linked user. Of merged users an identifier is changed where
//! callers see it from, and the profile at the root; what is removed is removed from all of them.

use umoja_schema::{PersonVersion, Scope, api};

use super::found;
use super::lookup::{not_behind, version};
use super::patch::Patch;
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::group::Group;
use crate::handler::{Answer, Operation};
use crate::problem::{NOT_FOUND, NOT_LINKED, Refusal};
use crate::profiles::Rules;

pub(crate) struct Update;

impl Operation for Update {
    const PATH: &'static str = "/v1/users/update";
    const SCOPE: Scope = Scope::Update;
    const CHANGES: bool = true;
    type Body = api::Update;
    type Read = (Option<PersonVersion>, Patch, Option<Group>);

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
            let changed = patch.apply_to(app, caller, &group)?;
            let current = group.version();
            // A request that is repeated under its idempotency key meets its own effect: nothing is left to change, or,
            // as the root is written last, only others than the root have changed.
            let root_is_as_wanted = |wanted: &PersonVersion| wanted.users().first() == current.users().first();
            let met = |wanted: &PersonVersion| {
                *wanted == current || caller.is_repeat && (changed.is_empty() || root_is_as_wanted(wanted))
            };
            if let Some(wanted) = if_version.as_ref().filter(|wanted| !met(wanted)) {
                // Newer than what is stored of anybody: or merged with somebody, of which nothing has arrived here.
                not_behind(app, wanted).await?;
                return Err(Refusal::version(current.to_string()));
            }
            if changed.is_empty() {
                return found(200, &group, body.id).map(Some);
            }
            let rules = Rules { refuse_taken: Some("set."), ..Rules::of(caller) };
            let written = app.write_profiles(&group, &changed, &rules, |_| Vec::new()).await?;
            written.map(|group| found(200, &group, body.id)).transpose()
        })
    }
}

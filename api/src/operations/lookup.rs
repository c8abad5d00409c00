//! `lookup`: a user by id or identifier, at least as new as the caller has seen it.

use umoja_schema::api;
use umoja_schema::{RecordVersion, Scope};
use umoja_store::ports::Parts;

use super::found;
use crate::app::App;
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::{BEHIND, NOT_FOUND, Refusal};

pub(crate) struct Lookup;

impl Operation for Lookup {
    const PATH: &'static str = "/v1/users/lookup";
    const SCOPE: Scope = Scope::Lookup;
    const CHANGES: bool = false;
    type Body = api::Lookup;
    type Read = (Option<RecordVersion>, Option<Parts>);

    async fn read(app: &App, caller: &Caller, body: &api::Lookup) -> Result<Self::Read, Refusal> {
        let min_version = body.min_version.as_ref().map(|text| version("min_version", text)).transpose()?;
        let selector = body.selector().ok_or_else(one_selector)?;
        Ok((min_version, app.find(caller, &selector).await?))
    }

    async fn run(
        app: &App,
        caller: &Caller,
        body: api::Lookup,
        (min_version, first): Self::Read,
    ) -> Result<Answer, Refusal> {
        let covered = |parts: &Parts, wanted| parts.version().is_some_and(|have| have.covers(wanted));
        let parts = match &min_version {
            Some(wanted) if !first.as_ref().is_some_and(|parts| covered(parts, wanted)) => {
                // Not found, somebody else, or too old: the version's user may be erased or renamed since, or not have
                // arrived. If it has by now (a tombstone is newer than all), what is found from now on is new enough.
                if !covered(&app.home.own.users.parts(wanted.id).await?, wanted) {
                    return Err(Refusal::from(&BEHIND));
                }
                app.find(caller, &body.selector().ok_or_else(one_selector)?).await?
            }
            _ => first,
        };
        let stored = match parts {
            Some(parts) => app.open(parts).await?,
            None => None,
        };
        found(200, &stored.ok_or(Refusal::from(&NOT_FOUND))?)
    }
}

/// 422 unless there is exactly one of the members that name a user.
pub(super) fn one_selector() -> Refusal {
    Refusal::invalid("body", "Give exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.")
}

/// Reads a version that the caller sent back.
pub(super) fn version(field: &str, text: &str) -> Result<RecordVersion, Refusal> {
    text.parse().map_err(|_| Refusal::invalid(field, "Send back a `version` as it was given."))
}

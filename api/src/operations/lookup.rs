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

    async fn run(app: &App, _: &Caller, _: api::Lookup, (min_version, parts): Self::Read) -> Result<Answer, Refusal> {
        if let Some(wanted) = min_version {
            caught_up(app, &wanted, parts.as_ref()).await?;
        }
        let stored = match parts {
            Some(parts) => app.open(parts).await?,
            None => None,
        };
        found(200, &stored.ok_or(Refusal::from(&NOT_FOUND))?)
    }
}

/// 503 unless this region holds the version that the caller has seen, or a newer one: a tombstone is newer than all.
async fn caught_up(app: &App, wanted: &RecordVersion, parts: Option<&Parts>) -> Result<(), Refusal> {
    let covers = |parts: &Parts| parts.version().is_some_and(|have| have.covers(wanted));
    // If nobody was found, or somebody else, the version's user may be erased or renamed, or not have arrived.
    if parts.is_some_and(covers) || covers(&app.home.own.users.parts(wanted.id).await?) {
        Ok(())
    } else {
        Err(Refusal::from(&BEHIND))
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

//! `lookup`: a user by id or identifier, at least as new as the caller has seen it.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api;
use umoja_schema::{PersonVersion, RecordVersion, Scope};
use umoja_store::group::{GroupParts, MAX_USERS};
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
    type Read = (Option<PersonVersion>, Option<GroupParts>);

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
        let new_enough = |group: &GroupParts, wanted: &PersonVersion| {
            wanted.users().iter().all(|wanted| group.get(wanted.id).is_some_and(|parts| covers(parts, wanted)))
        };
        let group = match &min_version {
            Some(wanted) if !first.as_ref().is_some_and(|group| new_enough(group, wanted)) => {
                // Not found, somebody else, or too old: a user of the version may be erased, renamed or unmerged since,
                // or not have arrived. If all have by now (a tombstone is newer than all), what is found from now on is
                // new enough.
                not_behind(app, wanted).await?;
                app.find(caller, &body.selector().ok_or_else(one_selector)?).await?
            }
            _ => first,
        };
        let group = match group {
            Some(group) => app.open(group).await?,
            None => None,
        };
        let group = group.ok_or(Refusal::from(&NOT_FOUND))?;
        found(200, &group, group.root.id())
    }
}

/// How many users are read at the same time.
const CONCURRENT: usize = 16;

/// 503 while a user of a version is older here than in that version, or has not arrived.
pub(super) async fn not_behind(app: &App, wanted: &PersonVersion) -> Result<(), Refusal> {
    let stored: Vec<_> = wanted.users().iter().map(|wanted| app.home.own.users.parts(wanted.id)).collect();
    let stored: Vec<_> = stream::iter(stored).buffered(CONCURRENT).try_collect().await?;
    let all = stored.iter().zip(wanted.users()).all(|(parts, wanted)| covers(parts, wanted));
    if all { Ok(()) } else { Err(Refusal::from(&BEHIND)) }
}

/// The same for the `min_version` of a request that changes something.
pub(super) async fn at_least(app: &App, min_version: Option<&String>) -> Result<(), Refusal> {
    match min_version {
        Some(text) => not_behind(app, &version("min_version", text)?).await,
        None => Ok(()),
    }
}

fn covers(parts: &Parts, wanted: &RecordVersion) -> bool {
    parts.version().is_some_and(|have| have.covers(wanted))
}

/// 422 unless there is exactly one of the members that name a user.
pub(super) fn one_selector() -> Refusal {
    Refusal::invalid("body", "Give exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.")
}

/// Reads a version that the caller sent back.
pub(super) fn version(field: &str, text: &str) -> Result<PersonVersion, Refusal> {
    // A caller can make one up: each user of it costs a read.
    let is_plausible = |version: &PersonVersion| {
        let users: BTreeSet<_> = version.users().iter().map(|user| user.id).collect();
        users.len() == version.users().len() && users.len() <= MAX_USERS
    };
    let version = text.parse().ok().filter(is_plausible);
    version.ok_or_else(|| Refusal::invalid(field, "Send back a `version` as it was given."))
}

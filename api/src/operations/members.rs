//! Members that several operations take.

use std::collections::BTreeSet;

use umoja_accounts::Reason;
use umoja_schema::PersonVersion;
use umoja_schema::api::Selector;
use umoja_store::group::MAX_USERS;

use crate::problem::Refusal;

/// Why something is done.
pub(super) fn reason(text: Option<String>) -> Result<Option<Reason>, Refusal> {
    let too_long = || Refusal::invalid("reason", format!("A reason has at most {} characters.", Reason::MAX_CHARS));
    text.map(|text| Reason::new(text).ok_or_else(too_long)).transpose()
}

/// 422 unless exactly one of the members that name a user is given.
pub(super) fn one(selector: Option<Selector>) -> Result<Selector, Refusal> {
    let rule = "Give exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.";
    selector.ok_or_else(|| Refusal::invalid("body", rule))
}

/// Reads a version that the caller sends back.
pub(super) fn version(field: &str, text: Option<&String>) -> Result<Option<PersonVersion>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    // A caller can make one up: each user of it costs a read.
    let is_plausible = |version: &PersonVersion| {
        let users: BTreeSet<_> = version.users().iter().map(|user| user.id).collect();
        users.len() == version.users().len() && users.len() <= MAX_USERS
    };
    let version = text.parse().ok().filter(is_plausible);
    version.map(Some).ok_or_else(|| Refusal::invalid(field, "Send back a `version` as it was given."))
}

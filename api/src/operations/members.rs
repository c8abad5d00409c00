//! Body members that several operations share.

use std::collections::BTreeSet;

use umoja_accounts::Reason;
use umoja_schema::api::Selector;
use umoja_schema::{PersonVersion, Scope};
use umoja_store::person::MAX_USERS;

use crate::caller::Caller;
use crate::problem::Problem;

/// Reads the reason of a request.
pub(super) fn reason(text: Option<String>) -> Result<Option<Reason>, Problem> {
    let too_long = || Problem::invalid("reason", format!("Give at most {} characters.", Reason::MAX_CHARS));
    text.map(|text| Reason::new(text).ok_or_else(too_long)).transpose()
}

/// The selector of a user, or 422 unless the body has exactly one of the members that name a user.
pub(super) fn one(selector: Option<Selector>) -> Result<Selector, Problem> {
    let rule = "Give exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.";
    selector.ok_or_else(|| Problem::invalid("body", rule))
}

/// The selector of a user for an operation that is not a look-up itself. An identifier takes the scope of `lookup` too:
/// otherwise the answer would say who has it to a company that may not ask that.
pub(super) fn known(caller: &Caller, selector: Option<Selector>) -> Result<Selector, Problem> {
    let selector = one(selector)?;
    if let Selector::Identifier(..) = selector {
        caller.permit(Scope::Lookup)?;
    }
    Ok(selector)
}

/// Reads a version that the caller sends back.
pub(super) fn version(field: &str, text: Option<&String>) -> Result<Option<PersonVersion>, Problem> {
    let Some(text) = text else { return Ok(None) };
    // A caller can invent a version, and each user in it costs a read.
    let is_plausible = |version: &PersonVersion| {
        let users: BTreeSet<_> = version.users().iter().map(|user| user.id).collect();
        users.len() == version.users().len() && users.len() <= MAX_USERS
    };
    let version = text.parse().ok().filter(is_plausible);
    version.map(Some).ok_or_else(|| Problem::invalid(field, "Send a `version` exactly as an answer gave it."))
}

//! The constraints of bodies as JSON Schema states them: what no accepted request and no answer is without. The parsers
//! decide; a constraint is never stricter than they are, and the tests try both sides of each.

use schemars::Schema;
use serde_json::{Value, json};

use crate::IdentifierKind;
pub(super) use crate::identifier::{MAX_EXTERNAL_ID, MAX_RAW_BYTES, MAX_RAW_EMAIL, MAX_RAW_PHONE, MAX_USERNAME};

/// An e-mail address has one `@`, which the stored form keeps.
pub(super) const EMAIL: &str = "^[^@]+@[^@]+$";

/// A phone number in E.164 form.
pub(super) const E164: &str = r"^\+[1-9][0-9]+$";

/// A user name has no `@`.
pub(super) const USERNAME: &str = "^[^@]+$";

/// A version: one token for each user that it covers.
pub(super) const VERSION: &str = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$";

/// A password reset token.
pub(super) const TOKEN: &str = r"^[A-Za-z0-9_.-]+$";

/// The most characters of a reset token.
pub(super) const MAX_TOKEN: usize = 512;

/// The most characters of a challenge.
pub(super) const MAX_CHALLENGE: usize = 4096;

/// The most characters of a code as a person types it.
pub(super) const MAX_CODE: usize = 64;

/// The most characters of a tag of a language (RFC 5646 section 4.4.1).
pub(super) const MAX_LANGUAGE: usize = 35;

/// The most characters of a user name and of an external id, and the most bytes of each before it is normalised.
pub(super) const MAX_RAW_USERNAME: usize = MAX_USERNAME * MAX_RAW_BYTES;
pub(super) const MAX_RAW_EXTERNAL_ID: usize = MAX_EXTERNAL_ID * MAX_RAW_BYTES;

/// The members that name a user in a body, beside `id`.
fn identifiers() -> impl Iterator<Item = &'static str> {
    IdentifierKind::ALL.into_iter().map(IdentifierKind::as_str)
}

/// The alternatives of which each has one of the members, and not as null: null is an absent member.
fn with_one(names: impl Iterator<Item = &'static str>) -> Value {
    names.map(|name| json!({ "required": [name], "properties": { name: { "type": "string" } } })).collect()
}

/// Exactly one member names the user.
pub(super) fn exactly_one(schema: &mut Schema) {
    schema.insert("oneOf".into(), with_one(std::iter::once("id").chain(identifiers())));
}

/// Exactly one member names the user, or a token stands for it.
pub(super) fn exactly_one_or_token(schema: &mut Schema) {
    schema.insert("oneOf".into(), with_one(["id", "subject_token"].into_iter().chain(identifiers())));
}

/// A new user has at least one identifier.
pub(super) fn at_least_one(schema: &mut Schema) {
    schema.insert("anyOf".into(), with_one(identifiers()));
}

/// An IPv4 or IPv6 address.
pub(super) fn address(schema: &mut Schema) {
    schema.insert("anyOf".into(), json!([{ "format": "ipv4" }, { "format": "ipv6" }]));
}

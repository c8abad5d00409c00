//! The errors of the protocol (RFC 7644 section 3.12). A text names attributes and rules, and never a value.

use std::borrow::Cow;

use serde_json::{Value, json};

/// Why a request is not answered as it asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The status of the response.
    pub status: u16,
    /// The keyword that RFC 7644 has for the error.
    pub kind: Option<&'static str>,
    /// What the caller should do.
    pub detail: Cow<'static, str>,
}

/// What the errors of the protocol mean, by status and keyword.
#[derive(Debug, PartialEq, Eq)]
pub struct ScimErrorKind {
    /// The status of the response.
    pub status: u16,
    /// The keyword, `scimType`.
    pub kind: Option<&'static str>,
    /// What is wrong.
    pub meaning: &'static str,
}

const fn kind(status: u16, kind: Option<&'static str>, meaning: &'static str) -> ScimErrorKind {
    ScimErrorKind { status, kind, meaning }
}

/// Every error that a SCIM client gets.
pub static SCIM_ERRORS: [ScimErrorKind; 20] = [
    kind(400, Some("invalidCursor"), "the cursor is none of this server"),
    kind(400, Some("invalidFilter"), "the filter cannot be read, or needs what the server does not have"),
    kind(400, Some("invalidPath"), "the path of a change cannot be read, or names no attribute"),
    kind(400, Some("invalidSyntax"), "the body is not JSON of the form that the operation takes"),
    kind(400, Some("invalidValue"), "a value does not fit its attribute"),
    kind(400, Some("mutability"), "only the server sets the attribute"),
    kind(400, Some("noTarget"), "the path of a change selects no value"),
    kind(400, Some("tooMany"), "the answer would take too much work"),
    kind(401, None, "the bearer token is not valid for the URL"),
    kind(403, None, "the company has no scope `users:register`, so no user can be made"),
    kind(404, None, "there is no such resource, or it is of another company"),
    kind(405, None, "the resource does not have this method"),
    kind(409, Some("uniqueness"), "another user has a value that only one user can have"),
    kind(412, None, "the resource was changed since the version that `If-Match` names"),
    kind(413, None, "the body has more than 1 MiB, or did not arrive"),
    kind(415, None, "the body is not `application/scim+json`"),
    kind(429, None, "the source has made too many requests; `Retry-After` says when it may try again"),
    kind(500, None, "the request failed; the log of the region says why"),
    kind(501, None, "groups are not supported"),
    kind(503, None, "the service is not available, or the source is paused"),
];

/// A cursor is none that the server has issued.
pub(super) const CURSOR: ScimError = ScimError::bad("invalidCursor", "The cursor is none of this server.");

impl ScimError {
    /// The schema of an error.
    pub const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

    /// An error without a keyword.
    pub const fn new(status: u16, detail: &'static str) -> Self {
        Self { status, kind: None, detail: Cow::Borrowed(detail) }
    }

    const fn bad(kind: &'static str, detail: &'static str) -> Self {
        Self { status: 400, kind: Some(kind), detail: Cow::Borrowed(detail) }
    }

    /// The body is not what the operation takes.
    pub const fn syntax(detail: &'static str) -> Self {
        Self::bad("invalidSyntax", detail)
    }

    /// A value does not fit its attribute.
    pub const fn value(detail: &'static str) -> Self {
        Self::bad("invalidValue", detail)
    }

    /// A filter cannot be read.
    pub const fn filter(detail: &'static str) -> Self {
        Self::bad("invalidFilter", detail)
    }

    /// The path of a change cannot be read, or names no attribute.
    pub const fn path(detail: &'static str) -> Self {
        Self::bad("invalidPath", detail)
    }

    /// The path of a change selects no value.
    pub const fn no_target(detail: &'static str) -> Self {
        Self::bad("noTarget", detail)
    }

    /// The attribute is set by the server only.
    pub const fn mutability(detail: &'static str) -> Self {
        Self::bad("mutability", detail)
    }

    /// The answer would take too much work.
    pub const fn too_many(detail: &'static str) -> Self {
        Self::bad("tooMany", detail)
    }

    /// Another user has a value that only one user can have.
    pub const fn uniqueness(detail: &'static str) -> Self {
        Self { status: 409, kind: Some("uniqueness"), detail: Cow::Borrowed(detail) }
    }

    /// There is no such resource.
    pub const fn not_found() -> Self {
        Self::new(404, "There is no such resource.")
    }

    /// The resource is in another version than the caller named.
    pub const fn changed() -> Self {
        Self::new(412, "The resource was changed since. Read it again.")
    }

    /// The body of the response.
    pub fn body(&self) -> Value {
        let mut body = json!({ "schemas": [Self::SCHEMA], "status": self.status.to_string(), "detail": self.detail });
        if let (Some(kind), Value::Object(members)) = (self.kind, &mut body) {
            members.insert("scimType".to_owned(), kind.into());
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_among_those_that_are_listed() {
        let errors = [
            CURSOR,
            ScimError::syntax(""),
            ScimError::value(""),
            ScimError::filter(""),
            ScimError::path(""),
            ScimError::no_target(""),
            ScimError::mutability(""),
            ScimError::too_many(""),
            ScimError::uniqueness(""),
            ScimError::not_found(),
            ScimError::changed(),
        ];
        for error in errors {
            let is_listed = |kind: &ScimErrorKind| (kind.status, kind.kind) == (error.status, error.kind);
            assert!(SCIM_ERRORS.iter().any(is_listed), "{error:?}");
        }
        // The others are made with a status alone.
        let all = [
            include_str!("router.rs"),
            include_str!("token.rs"),
            include_str!("people/errors.rs"),
            include_str!("discovery.rs"),
            include_str!("list.rs"),
        ];
        for (_, rest) in
            all.iter().flat_map(|text| text.match_indices("ScimError::new(").map(|(at, _)| text.split_at(at)))
        {
            let status: u16 = rest["ScimError::new(".len()..][..3].parse().unwrap();
            assert!(SCIM_ERRORS.iter().any(|kind| (kind.status, kind.kind) == (status, None)), "{status}");
        }
    }

    #[test]
    fn the_status_is_a_text_and_the_keyword_is_optional() {
        let body = ScimError::uniqueness("Taken.").body();
        let with =
            json!({ "schemas": [ScimError::SCHEMA], "status": "409", "scimType": "uniqueness", "detail": "Taken." });
        assert_eq!(body, with);
        assert_eq!(ScimError::not_found().body().get("scimType"), None);
    }
}

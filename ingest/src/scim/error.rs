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
    fn the_status_is_a_text_and_the_keyword_is_optional() {
        let body = ScimError::uniqueness("Taken.").body();
        let with =
            json!({ "schemas": [ScimError::SCHEMA], "status": "409", "scimType": "uniqueness", "detail": "Taken." });
        assert_eq!(body, with);
        assert_eq!(ScimError::not_found().body().get("scimType"), None);
    }
}

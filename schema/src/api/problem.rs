//! The body of an answer that is an error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::constraints::VERSION;

/// An error (RFC 9457). Its texts are constant: it never contains a value that the caller sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemDetails {
    /// `/errors#<code>`, the section about the code on a page of the region that answers; for `rate_limited` the
    /// `quota-exceeded` of draft-ietf-httpapi-ratelimit-headers.
    #[serde(rename = "type")]
    #[schemars(extend("format" = "uri-reference"))]
    pub type_uri: String,
    /// A short description.
    pub title: String,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// The action to take.
    pub detail: String,
    /// The error code, for programs. A newer version may answer with further codes.
    pub code: String,
    /// The member of `body` that is wrong, as a path: `set.profile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The current version of the user, if another one was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = VERSION))]
    pub version: Option<String>,
    /// The policies of `RateLimit-Policy` whose quota is used up.
    #[serde(rename = "violated-policies", default, skip_serializing_if = "Option::is_none")]
    pub violated_policies: Option<Vec<String>>,
}

/// The path of the page of a region that explains the codes of problems.
pub const ERRORS_PATH: &str = "/errors";

/// The `type` of the problem with a code: a reference with the full path, as RFC 9457 section 3.1.1 recommends, to the
/// section about the code on the page of the region that answers. It is the same in every region and deployment.
pub fn problem_type(code: &str) -> String {
    format!("{ERRORS_PATH}#{code}")
}

//! Bodies of what the support of a company asks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::AuditEntry;
use super::constraints::{
    EMAIL, MAX_RAW_EMAIL, MAX_RAW_EXTERNAL_ID, MAX_RAW_PHONE, MAX_RAW_USERNAME, USERNAME, exactly_one,
};
use super::selector::selector;
use crate::{AccountStatus, LinkState, Region, UserId};

never_printed!(AskWhy, Unlock);

selector!(AskWhy);
selector!(Unlock);

/// The most characters of the id of a request.
pub const MAX_REQUEST_ID: usize = 64;

/// Body of `why`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`. An identifier needs the scope
/// `users:lookup` too.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = exactly_one)]
pub struct AskWhy {
    /// User id.
    pub id: Option<UserId>,
    /// E-mail address.
    #[schemars(length(max = MAX_RAW_EMAIL), regex(pattern = EMAIL))]
    pub email: Option<String>,
    /// Phone number.
    #[schemars(length(min = 1, max = MAX_RAW_PHONE))]
    pub phone_number: Option<String>,
    /// User name.
    #[schemars(length(min = 1, max = MAX_RAW_USERNAME), regex(pattern = USERNAME))]
    pub username: Option<String>,
    /// The company's own id of the user.
    #[schemars(length(min = 1, max = MAX_RAW_EXTERNAL_ID))]
    pub external_id: Option<String>,
}

/// Body of `unlock`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`. An identifier needs the
/// scope `users:lookup` too.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = exactly_one)]
pub struct Unlock {
    /// User id.
    pub id: Option<UserId>,
    /// E-mail address.
    #[schemars(length(max = MAX_RAW_EMAIL), regex(pattern = EMAIL))]
    pub email: Option<String>,
    /// Phone number.
    #[schemars(length(min = 1, max = MAX_RAW_PHONE))]
    pub phone_number: Option<String>,
    /// User name.
    #[schemars(length(min = 1, max = MAX_RAW_USERNAME), regex(pattern = USERNAME))]
    pub username: Option<String>,
    /// The company's own id of the user.
    #[schemars(length(min = 1, max = MAX_RAW_EXTERNAL_ID))]
    pub external_id: Option<String>,
}

/// Body of `getRequest`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetRequest {
    /// The `Request-Id` of an answer.
    #[schemars(length(min = 1, max = MAX_REQUEST_ID))]
    pub request_id: String,
}

/// Answer of `why`: what decides about a login of the user at the company, as this region knows it. It has no value of
/// the user. Times are in seconds since the Unix epoch.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Why {
    /// The user: of merged users the primary account, whichever was named.
    pub id: UserId,
    /// The region that answers. Failed attempts are counted by each region for itself.
    pub region: Region,
    /// Whether the user may log in at all.
    pub status: AccountStatus,
    /// Whether the company serves the user.
    pub account: LinkState,
    /// When the company was linked.
    pub linked_at: u64,
    /// The day of the last login at the company, in days since 1970-01-01 UTC, if it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_login_day: Option<u32>,
    /// The names of the values that the company has stated last: `email`, `profile.given_name`, ...
    pub stated: Vec<String>,
    /// Which kind of password the user has.
    pub password: PasswordState,
    /// The families of the hashes that are kept until the first login: `bcrypt`, `pbkdf2`, ...
    pub password_kinds: Vec<String>,
    /// The kinds of identifier that the user has.
    pub identifiers: Vec<KnownIdentifier>,
    /// The users that are merged into this one.
    pub linked_accounts: Vec<UserId>,
    /// Whether another user has one of the identifiers, so that an operator has to decide.
    pub in_conflict: bool,
    /// The number of second factors of each kind.
    pub factors: BTreeMap<String, usize>,
    /// Until when this region rejects every password; absent if it does not. `unlock` takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<u64>,
    /// The failed attempts that this region counts.
    pub attempts: Vec<Attempts>,
    /// The last security event of each kind that the company or one of its clients or sources caused, the newest first.
    pub events: Vec<AuditEntry>,
}

/// Which kind of password a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordState {
    /// A password of Umoja.
    Own,
    /// Hashes of other systems, until the first login.
    Legacy,
    /// None; a company with an old system may still verify one at the first login.
    None,
}

/// A kind of identifier that a user has.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KnownIdentifier {
    /// `email`, `phone_number`, `username` or `external_id`.
    pub kind: String,
    /// Whether it is verified.
    pub verified: bool,
}

/// Failed attempts that are counted together.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Attempts {
    /// By what they named the user: `email`, `phone_number`, `username`, `external_id` or `id`; `any` for all of these
    /// together, and `codes` for codes of second factors.
    pub by: String,
    /// The number of attempts.
    pub count: u32,
    /// Until when no further one is made; absent if one may be made now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<u64>,
}

/// Answer of `unlock`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Unlocked {
    /// The user: of merged users the primary account.
    pub id: UserId,
    /// The region in which the user is unlocked. Other regions count for themselves: ask each.
    pub region: Region,
}

/// Answer of `getRequest`: a request that was rejected. It has nothing of what was in it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RejectedRequest {
    /// Its id.
    pub request_id: String,
    /// The path of the operation.
    pub operation: String,
    /// When it arrived, in seconds since the Unix epoch.
    pub at: u64,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The code of the problem.
    pub code: String,
    /// The region that answered.
    pub region: Region,
}

//! Bodies of provisioning on time: which targets are to have a user now, and how far they are.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::constraints::{
    EMAIL, MAX_RAW_EMAIL, MAX_RAW_EXTERNAL_ID, MAX_RAW_PHONE, MAX_RAW_USERNAME, USERNAME, VERSION, exactly_one_or_token,
};
use super::selector::selector;
use crate::{ReturnUrlId, SourceId, TargetId, UserId};

never_printed!(Provisions, Provision, ProvisioningStatus, Provisioning, Provisioned, ProvisionedAccount);

/// The most targets of a request.
pub const MAX_TARGETS: usize = 16;
/// The longest that a request waits for targets, in milliseconds.
pub const MAX_WAIT_MS: u16 = 10_000;
/// The most parameters of a request.
pub const MAX_PARAMS: usize = 16;
/// The most characters of the name of a parameter, and of its value.
pub const MAX_PARAM_NAME: usize = 32;
/// The most characters of the value of a parameter.
pub const MAX_PARAM_VALUE: usize = 256;
/// The most characters of a ticket.
pub const MAX_TICKET: usize = 4096;

/// The most characters of a token that stands for a user.
pub const MAX_SUBJECT_TOKEN: usize = 16 * 1024;

const TICKET: &str = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$";
const JWT: &str = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$";
const PARAM_NAME: &str = "^[a-z][a-z0-9_]{0,31}$";

/// Parameters: short texts by name, which mappings find at `/params/NAME`.
pub type Params = BTreeMap<String, String>;

/// The names and values of parameters, as a schema states them.
pub(super) fn params(schema: &mut Schema) {
    schema.insert("maxProperties".into(), MAX_PARAMS.into());
    schema.insert("propertyNames".into(), json!({ "pattern": PARAM_NAME }));
    schema.insert("additionalProperties".into(), json!({ "type": "string", "maxLength": MAX_PARAM_VALUE }));
}

/// The members of a request that has users provisioned.
#[derive(Clone)]
pub struct Provisions {
    /// The member with the targets.
    pub field: &'static str,
    /// The targets.
    pub targets: Vec<TargetId>,
    /// The parameters.
    pub params: Option<Params>,
    /// How long to wait, in milliseconds.
    pub wait_ms: Option<u16>,
    /// The id of a return URL.
    pub return_url: Option<ReturnUrlId>,
    /// True if nothing is to be done.
    pub dry_run: bool,
    /// True if each target decides again, also if nothing seems to be to do.
    pub again: bool,
}

macro_rules! provisions {
    ($name:ident) => {
        impl $name {
            /// What the request has provisioned. `None` if it has no member about it.
            pub fn provisions(&self) -> Option<Provisions> {
                let has_other = self.params.is_some() || self.wait_ms.is_some() || self.return_url.is_some();
                if self.provision.is_none() && !has_other {
                    return None;
                }
                Some(Provisions {
                    field: "provision",
                    targets: self.provision.clone().unwrap_or_default(),
                    params: self.params.clone(),
                    wait_ms: self.wait_ms,
                    return_url: self.return_url.clone(),
                    dry_run: false,
                    again: false,
                })
            }
        }
    };
}
pub(super) use provisions;

selector!(Provision);

impl Provision {
    /// True if a member names the user, also if another one does.
    pub fn names_user(&self) -> bool {
        let identifiers = [&self.email, &self.phone_number, &self.username, &self.external_id];
        self.id.is_some() || identifiers.into_iter().any(Option::is_some)
    }
}

/// What a token is that stands for a user (RFC 8693 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SubjectTokenType {
    /// An access token.
    #[serde(rename = "urn:ietf:params:oauth:token-type:access_token")]
    AccessToken,
    /// An id token (OpenID Connect Core 1.0 section 2).
    #[serde(rename = "urn:ietf:params:oauth:token-type:id_token")]
    IdToken,
    /// A JWT that is either.
    #[serde(rename = "urn:ietf:params:oauth:token-type:jwt")]
    Jwt,
}

/// Body of `provision`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`, `subject_token`. An
/// identifier needs the scope `users:lookup` too.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = exactly_one_or_token)]
pub struct Provision {
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
    /// A token that the user has shown, in the place of the user's id (RFC 8693 section 2.1): one that Umoja has issued to a client of
    /// the company, or with `subject_issuer` one of the provider of a source.
    #[schemars(length(max = MAX_SUBJECT_TOKEN), regex(pattern = JWT))]
    pub subject_token: Option<String>,
    /// What `subject_token` is; needed with it.
    pub subject_token_type: Option<SubjectTokenType>,
    /// The id of the source of the company whose provider has issued `subject_token`; absent if Umoja has.
    pub subject_issuer: Option<SourceId>,
    /// The targets of the company that are to have the user: 1 to 16.
    #[schemars(length(min = 1, max = MAX_TARGETS))]
    pub targets: Vec<TargetId>,
    /// What the mappings of these targets find at `/params/NAME`: up to 16 texts of up to 256 characters. Kept sealed for
    /// the user and each of the targets until another request has some.
    #[schemars(transform = params)]
    pub params: Option<Params>,
    /// If true, nothing is changed and no target is asked, and the answer says in `plan` what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Wait this long for the targets, in milliseconds, up to 10,000; 0 if absent.
    #[schemars(range(max = MAX_WAIT_MS))]
    pub wait_ms: Option<u16>,
    /// The id of a return URL of the company, to which the status page leads back.
    pub return_url: Option<ReturnUrlId>,
    /// A `version` from an earlier answer of any region: a region that is behind it answers 503, and changes nothing.
    #[schemars(regex(pattern = VERSION))]
    pub min_version: Option<String>,
}

/// Body of `provisioning`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvisioningStatus {
    /// The `ticket` of an answer to the company, from any region.
    #[schemars(length(max = MAX_TICKET), regex(pattern = TICKET))]
    pub ticket: String,
    /// Wait this long for targets that are pending, in milliseconds, up to 10,000; 0 if absent.
    #[schemars(range(max = MAX_WAIT_MS))]
    pub wait_ms: Option<u16>,
}

/// Answer of `provision`.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Provisioned {
    /// The user whose accounts they are.
    pub id: UserId,
    /// The version of the user that the targets get.
    #[schemars(regex(pattern = VERSION))]
    pub version: String,
    /// How far the targets are; absent with `dry_run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<Provisioning>,
    /// What would be done at each target; only with `dry_run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<Planned>>,
}

/// What a delivery would do at a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Planned {
    /// The target.
    pub target: TargetId,
    /// `create`, `update`, `disable`, `delete`, `leave`; `search` if there may be an account; `nothing` if the target is up to
    /// date or is to have no account; `stays` if the target has rejected the same values.
    pub action: String,
    /// Why the delivery would not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How far the targets of a request are. Answer of `provisioning`, and a member of the answers of `authenticate`, `register`
/// and `provision`.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Provisioning {
    /// Shows the status of these accounts until it expires, and opens nothing else. The page shows the status to every holder.
    #[schemars(length(max = MAX_TICKET), regex(pattern = TICKET))]
    pub ticket: String,
    /// The page that shows the status to the person.
    pub url: String,
    /// When the ticket expires, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// The version of the user that the targets get.
    #[schemars(regex(pattern = VERSION))]
    pub version: String,
    /// The account at each target.
    pub accounts: Vec<ProvisionedAccount>,
}

/// The account of a user at a target.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProvisionedAccount {
    /// The target.
    pub target: TargetId,
    /// How far it is.
    pub state: ProvisioningState,
    /// Why it is not done: a code of `umoja target list`, or `not_noted` if the region could not note the request, which
    /// has to be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The id that the target gave the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
}

/// How far the account of a user at a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProvisioningState {
    /// It is not decided yet. With a code, it is tried again by itself.
    Pending,
    /// The account is active and up to date.
    Done,
    /// The account is up to date and inactive, because the user is disabled, or is no longer to have one.
    Inactive,
    /// It failed, and is tried again after a change or by an operator.
    Failed,
    /// It waits for an operator, because too many accounts would be removed.
    Held,
    /// The target is to have no account for the user.
    NotInScope,
}

impl ProvisioningState {
    /// All states.
    pub const ALL: [Self; 6] = [Self::Pending, Self::Done, Self::Inactive, Self::Failed, Self::Held, Self::NotInScope];

    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::NotInScope => "not_in_scope",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_their_names() {
        for state in ProvisioningState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}

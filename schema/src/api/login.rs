//! Bodies of logins.

use schemars::JsonSchema;
use serde::Deserialize;

use super::constraints::{
    EMAIL, MAX_RAW_EMAIL, MAX_RAW_EXTERNAL_ID, MAX_RAW_PHONE, MAX_RAW_USERNAME, USERNAME, address, exactly_one,
};
use super::provisioning::{MAX_TARGETS, MAX_WAIT_MS, Params, Provisions, params, provisions};
use super::selector::selector;
use crate::{ReturnUrlId, TargetId, UserId};

never_printed!(Authenticate, Client);

selector!(Authenticate);

provisions!(Authenticate);

/// Body of `authenticate`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = exactly_one)]
pub struct Authenticate {
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
    /// The password to check.
    pub password: String,
    /// The origin of the attempt.
    pub client: Option<Client>,
    /// The targets of the company that are to have the user at once: up to 16. The answer says in `provisioning` how far
    /// they are, and no target delays the login or makes it fail. Needs the scope `users:provision`.
    #[schemars(length(max = MAX_TARGETS))]
    pub provision: Option<Vec<TargetId>>,
    /// Wait this long for these targets, in milliseconds, up to 10,000; 0 if absent.
    #[schemars(range(max = MAX_WAIT_MS))]
    pub wait_ms: Option<u16>,
    /// What the mappings of these targets find at `/params/NAME`: up to 16 texts of up to 256 characters. Kept sealed for
    /// the user and each of the targets until another request has some.
    #[schemars(transform = params)]
    pub params: Option<Params>,
    /// The id of a return URL of the company, to which the status page leads back.
    pub return_url: Option<ReturnUrlId>,
}

/// The origin of a login attempt. It is hashed before any use. Without it, only attempts with the same identifier and
/// at the same person are counted.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The visitor's address, IPv4 or IPv6 (of which the first 64 bits count). After failures with many identifiers, it
    /// has to wait.
    #[schemars(transform = address)]
    pub ip: Option<String>,
    /// The company's id of the device, 1 to 256 bytes, hard to guess and kept on the device. Strangers cannot lock out
    /// a device that has logged in.
    #[schemars(length(min = 1, max = 256))]
    pub device_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn passwords_are_not_in_debug_output() {
        let body: Authenticate = serde_json::from_value(json!({"username": "ada", "password": "hunter22"})).unwrap();
        assert!(!format!("{body:?}{:?}", body.selector()).contains("hunter22"));
    }
}

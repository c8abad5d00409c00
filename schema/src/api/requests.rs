//! Request bodies. Unknown members are rejected.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::constraints::{
    EMAIL, MAX_CHALLENGE, MAX_CODE, MAX_LANGUAGE, MAX_RAW_EMAIL, MAX_RAW_EXTERNAL_ID, MAX_RAW_PHONE, MAX_RAW_USERNAME,
    MAX_TOKEN, USERNAME, VERSION, at_least_one, exactly_one,
};
use super::provisioning::{MAX_TARGETS, MAX_WAIT_MS, Params, Provisions, params, provisions};
use super::selector::selector;
use crate::profile::ProfilePatch;
use crate::{AccountStatus, ReturnUrlId, TargetId, UserId};

never_printed!(
    Register,
    Lookup,
    Update,
    UserPatch,
    PasswordChange,
    ResetStart,
    ResetFinish,
    VerifyStart,
    VerifyFinish,
    SetStatus,
    Erase,
    Erasure,
    Export,
    Merge,
    Unmerge
);

/// The most characters of a reason.
pub const MAX_REASON: usize = 256;

/// Body of `register`. At least one identifier.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = at_least_one)]
pub struct Register {
    /// E-mail address.
    #[schemars(length(max = MAX_RAW_EMAIL), regex(pattern = EMAIL))]
    pub email: Option<String>,
    /// True if the company has verified the address. Counts only if the operator trusts the company to verify.
    pub email_verified: Option<bool>,
    /// Phone number, best in E.164 form.
    #[schemars(length(min = 1, max = MAX_RAW_PHONE))]
    pub phone_number: Option<String>,
    /// True if the company has verified the number. Counts only if the operator trusts the company to verify.
    pub phone_number_verified: Option<bool>,
    /// User name, unique over all companies.
    #[schemars(length(min = 1, max = MAX_RAW_USERNAME), regex(pattern = USERNAME))]
    pub username: Option<String>,
    /// The company's own id of the user.
    #[schemars(length(min = 1, max = MAX_RAW_EXTERNAL_ID))]
    pub external_id: Option<String>,
    /// Password: 8 to 256 characters that meet the password policy.
    #[schemars(length(min = 8, max = 256))]
    pub password: Option<String>,
    /// OIDC standard claims, and `custom` for anything else.
    #[schemars(with = "Option<ProfilePatch>")]
    pub profile: Option<Value>,
    /// The targets of the company that are to have the user at once: up to 16. The answer says in `provisioning` how far
    /// they are, and no target delays or rejects the request. Needs the scope `users:provision`.
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

provisions!(Register);

selector!(Lookup);
selector!(ResetStart);
selector!(Erase);
selector!(Export);

/// Body of `lookup`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = exactly_one)]
pub struct Lookup {
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
    /// A `version` from an earlier answer of any region: a region that is behind it answers 503.
    #[schemars(regex(pattern = VERSION))]
    pub min_version: Option<String>,
}

/// Body of `update`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The user.
    pub id: UserId,
    /// The changes: a JSON merge patch (RFC 7396), in which null removes.
    pub set: UserPatch,
    /// Change only if this is the current `version`.
    #[schemars(regex(pattern = VERSION))]
    pub if_version: Option<String>,
}

/// The members of a user that can be changed. An absent member stays as it is, null removes it.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::option_option)] // absent, null and a value differ in a merge patch
pub struct UserPatch {
    /// E-mail address. A new address is unverified unless `email_verified` comes with it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(max = MAX_RAW_EMAIL), regex(pattern = EMAIL))]
    pub email: Option<Option<String>>,
    /// Whether the address is verified.
    pub email_verified: Option<bool>,
    /// Phone number. A new number is unverified unless `phone_number_verified` comes with it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(min = 1, max = MAX_RAW_PHONE))]
    pub phone_number: Option<Option<String>>,
    /// Whether the number is verified.
    pub phone_number_verified: Option<bool>,
    /// User name.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(min = 1, max = MAX_RAW_USERNAME), regex(pattern = USERNAME))]
    pub username: Option<Option<String>>,
    /// The calling company's own id of the user.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(min = 1, max = MAX_RAW_EXTERNAL_ID))]
    pub external_id: Option<Option<String>>,
    /// Merged into the profile.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<ProfilePatch>")]
    pub profile: Option<Value>,
}

/// Distinguishes null from absent: a member that is present is `Some`, null included.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Body of `password/change`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The user.
    pub id: UserId,
    /// The current password.
    pub current_password: String,
    /// The new password: 8 to 256 characters that meet the password policy.
    #[schemars(length(min = 8, max = 256))]
    pub new_password: String,
}

/// Body of `password/reset/start`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = exactly_one)]
pub struct ResetStart {
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
    /// The lifetime of the token in seconds: 60 to 86,400; 900 if absent.
    #[schemars(range(min = 60, max = 86_400))]
    pub lifetime_secs: Option<u64>,
    /// A `version` from an earlier answer of any region: a region that is behind it answers 503.
    #[schemars(regex(pattern = VERSION))]
    pub min_version: Option<String>,
}

/// Body of `password/reset/finish`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetFinish {
    /// The `token` of `password/reset/start`, from the link that the person opened.
    #[schemars(length(min = 1, max = MAX_TOKEN))]
    pub token: String,
    /// The new password: 8 to 256 characters that meet the password policy.
    #[schemars(length(min = 8, max = 256))]
    pub new_password: String,
}

/// Body of `verify/start`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyStart {
    /// The user, to whose stored e-mail address a code is sent.
    pub id: UserId,
    /// The language of the mail, as a BCP 47 tag; that of the user's profile if absent. English if there are no texts in it.
    #[schemars(length(min = 1, max = MAX_LANGUAGE))]
    pub language: Option<String>,
    /// A `version` from an earlier answer of any region: a region that is behind it answers 503.
    #[schemars(regex(pattern = VERSION))]
    pub min_version: Option<String>,
}

/// Body of `verify/finish`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyFinish {
    /// The `challenge` of `verify/start`.
    #[schemars(length(min = 1, max = MAX_CHALLENGE))]
    pub challenge: String,
    /// The code of 8 digits that the person typed.
    #[schemars(length(min = 1, max = MAX_CODE))]
    pub code: String,
}

/// Body of `status`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetStatus {
    /// The user.
    pub id: UserId,
    /// The new status.
    pub status: AccountStatus,
    /// The reason, in up to 256 characters.
    #[schemars(length(max = MAX_REASON))]
    pub reason: Option<String>,
}

/// Body of `erase`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`. An identifier erases the
/// person who has it now, and needs the scope `users:lookup` too. A retry with the same `idk` is about the same person,
/// also after another one has got the identifier.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = exactly_one)]
pub struct Erase {
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
    /// The reason, in up to 256 characters. Kept sealed in the receipt.
    #[schemars(length(max = MAX_REASON))]
    pub reason: Option<String>,
    /// A `version` from an earlier answer of any region: a region that is behind it answers 503, and changes nothing.
    /// After an `unmerge`, send the version of its answer: a region that does not have the unmerge yet would erase both
    /// users.
    #[schemars(regex(pattern = VERSION))]
    pub min_version: Option<String>,
}

/// Body of `erasure`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// The user that was erased.
    pub id: UserId,
}

/// Body of `export`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`. An identifier needs the
/// scope `users:lookup` too.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = exactly_one)]
pub struct Export {
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
    /// The `next` of the previous answer, for the next page; absent for the first page.
    pub after: Option<String>,
}

/// Body of `merge`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The user whose values, credentials and status count after the merge. If it is a duplicate itself, those of the
    /// user that it was merged into count.
    pub survivor: UserId,
    /// The user that is the same person. It keeps its data and identifiers, and its id still finds the person.
    pub duplicate: UserId,
    /// If true, the merge is not made, and the answer shows its result.
    #[serde(default)]
    pub preview: bool,
    /// A `version` from an earlier answer of any region: a region that is behind it answers 503, and changes nothing.
    #[schemars(regex(pattern = VERSION))]
    pub min_version: Option<String>,
}

/// Body of `unmerge`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unmerge {
    /// The duplicate that is another person after all, with the users that were merged into it. If two users were
    /// merged into each other, in two regions at once, this undoes one of the two merges: the answer's `id` and
    /// `linked_accounts` show whether they are still one person, and `unmerge` of the other user undoes the other
    /// merge.
    pub id: UserId,
    /// A `version` from an earlier answer of any region: a region that is behind it answers 503, and changes nothing.
    #[schemars(regex(pattern = VERSION))]
    pub min_version: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_distinguishes_null_from_absent() {
        let patch: UserPatch = serde_json::from_value(json!({"email": null, "profile": null})).unwrap();
        assert_eq!(patch.email, Some(None));
        assert_eq!(patch.phone_number, None);
        assert_eq!(patch.profile, Some(Value::Null));
    }

    #[test]
    fn unknown_members_are_rejected() {
        assert!(serde_json::from_value::<Register>(json!({"emial": "a@example.com"})).is_err());
        assert!(serde_json::from_value::<UserPatch>(json!({"password": "x"})).is_err());
    }
}

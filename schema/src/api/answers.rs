//! Response bodies.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::constraints::{
    E164, EMAIL, MAX_CHALLENGE, MAX_EXTERNAL_ID, MAX_TOKEN, MAX_USERNAME, TOKEN, USERNAME, VERSION,
};
use super::provisioning::Provisioning;
use crate::audit::field;
use crate::{AccountStatus, Attribute, CompanyId, LinkState, LogRow, Profile, Region, Source, TargetId, UserId};

never_printed!(
    User,
    ResetStarted,
    VerifyStarted,
    Exported,
    ExportedLinkedAccount,
    ExportedSignOn,
    ExportedSession,
    ExportedFactor,
    ExportedLogin
);

/// A user as callers see one. Of a person with linked accounts, it is the primary account, and its blank members are
/// filled from the others in the order of their registration. A value that would make the profile or `filled_from`
/// larger than 163,840 bytes is left out; `export` has it. Times are in seconds since the Unix epoch, as OIDC's
/// `updated_at`.
#[derive(Clone, Serialize, JsonSchema)]
pub struct User {
    /// User id: the same in every region and for every company. Of merged users it is the primary account's id,
    /// whichever id was requested.
    pub id: UserId,
    /// Whether the user may log in. A company may have suspended an active user: see `accounts`.
    pub status: AccountStatus,
    /// Opaque; for `min_version` and `if_version`. Of merged users, it covers all of them.
    #[schemars(regex(pattern = VERSION))]
    pub version: String,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = EMAIL))]
    pub email: Option<String>,
    /// Whether a trusted company verified the address; absent without an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// Phone number in E.164 form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = E164))]
    pub phone_number: Option<String>,
    /// Whether a trusted company verified the number; absent without a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    /// User name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_USERNAME), regex(pattern = USERNAME))]
    pub username: Option<String>,
    /// OIDC standard claims and `custom`.
    pub profile: Profile,
    /// The companies that the user is linked to.
    pub accounts: BTreeMap<CompanyId, Account>,
    /// When the user was registered.
    pub created_at: u64,
    /// When the user was last changed.
    pub updated_at: u64,
    /// The users that are merged into this one, in the order of their registration. Their ids and identifiers find this
    /// user.
    pub linked_accounts: Vec<UserId>,
    /// The user that a value was taken from: `email`, `profile.given_name`, `profile.address.country`,
    /// `accounts.<company>`, `external_id.<company>`, ...
    pub filled_from: BTreeMap<String, UserId>,
}

/// A company's link to a user.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Account {
    /// The company's own id of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXTERNAL_ID))]
    pub external_id: Option<String>,
    /// Whether the company serves the user. `suspended` if a source of the company suspended or deleted the user: the
    /// company's requests to log in or to reset the password are then rejected. If several merged users are linked to
    /// the company, one active link is enough.
    pub status: LinkState,
    /// When the company was linked.
    pub linked_at: u64,
}

/// Answer of `register`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Registered {
    /// Whether the user is new.
    pub outcome: RegisterOutcome,
    /// The user.
    pub user: User,
    /// How far the targets of `provision` are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<Provisioning>,
}

/// Whether a registered user is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegisterOutcome {
    /// A new user (201).
    Created,
    /// A user that another company had registered, now linked to this one too (200).
    Matched,
}

/// Answer of `lookup`, `update`, `status`, `merge` and `unmerge`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Found {
    /// The user.
    pub user: User,
}

/// Answer of `authenticate`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Authenticated {
    /// Whether the password is this user's and the user may log in.
    pub authenticated: bool,
    /// The user, if `authenticated` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// How far the targets of `provision` are, if `authenticated` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<Provisioning>,
}

/// Answer of `password/change`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PasswordChanged {
    /// False if the current password was wrong.
    pub changed: bool,
    /// The version with the new password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = VERSION))]
    pub version: Option<String>,
}

/// Answer of `verify/start`: the code is on its way to the user's address.
#[derive(Clone, Serialize, JsonSchema)]
pub struct VerifyStarted {
    /// For `verify/finish`, in any region, beside the code. It does not have the code in clear.
    #[schemars(length(min = 1, max = MAX_CHALLENGE), regex(pattern = TOKEN))]
    pub challenge: String,
    /// When the code stops working, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// The user.
    pub id: UserId,
}

/// Answer of `password/reset/start`: a token, and where to send it. Send it to an address of this answer and never to
/// an address that a visitor typed: the two may look alike.
#[derive(Clone, Serialize, JsonSchema)]
pub struct ResetStarted {
    /// For the link in the mail: letters, digits, `-`, `_` and `.`, at most 512 of them. A person who has it can set
    /// the password.
    #[schemars(length(min = 1, max = MAX_TOKEN), regex(pattern = TOKEN))]
    pub token: String,
    /// When it stops working, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// The user.
    pub id: UserId,
    /// The version that the token is for. `password/reset/finish` answers 503 in a region that does not have it yet.
    #[schemars(regex(pattern = VERSION))]
    pub version: String,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = EMAIL))]
    pub email: Option<String>,
    /// Whether a trusted company verified the address; absent without an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// Phone number in E.164 form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = E164))]
    pub phone_number: Option<String>,
    /// Whether a trusted company verified the number; absent without a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
}

/// Answer of `password/reset/finish`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PasswordReset {
    /// The user whose password was set: end the user's sessions.
    pub id: UserId,
    /// The version with the new password.
    #[schemars(regex(pattern = VERSION))]
    pub version: String,
}

/// Answer of `erase` and `erasure`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Erased {
    /// The receipt.
    pub receipt: Receipt,
}

/// An erasure: the company that requested it, the time, and the regions that have confirmed it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Receipt {
    /// The user.
    pub id: UserId,
    /// The company that requested it.
    pub requested_by: CompanyId,
    /// When it was requested.
    pub requested_at: u64,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// True once every region and every target has confirmed, and `left` is 0.
    pub complete: bool,
    /// The number of users that belong to the person and were not erased, because they were merged in a region that did
    /// not know of the erasure, or were not readable at the moment. Repeat the erasure.
    pub left: usize,
    /// The users that were merged with this one and erased with it. `complete` and `regions` are about all of them.
    pub erased_with: Vec<UserId>,
    /// Each region of the deployment.
    pub regions: BTreeMap<Region, Confirmation>,
    /// Each target that had an account of one of the users, or may have had one. It confirms once it has none, or an
    /// operator says why it never will.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<TargetId, Confirmation>,
}

/// Whether a region, or a target, has deleted the person's data.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Confirmation {
    /// Whether it has confirmed.
    pub confirmed: bool,
    /// When it confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<u64>,
    /// Why an operator confirmed in place of a target, which has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_reason: Option<String>,
}

/// Answer of `export`.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Exported {
    /// The user.
    pub user: User,
    /// The source of each field: `email`, `profile.given_name`, `external_id.<company>`, ...
    pub sources: BTreeMap<String, Source>,
    /// The stored credentials; never a hash.
    pub credentials: ExportedCredentials,
    /// What the person signs in with, where it is signed in, and what applications have. The first page has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_on: Option<ExportedSignOn>,
    /// Conflicts with other users over identifiers, and merges.
    pub journal: Vec<JournalEntry>,
    /// Security events of every region, in the order of time, including this export.
    pub audit: Vec<AuditEntry>,
    /// The same for each user that is merged into this one, as it was before the merge. An account whose rows continue
    /// on the next page is repeated there.
    pub linked_accounts: Vec<ExportedLinkedAccount>,
    /// Present if there is more: send it as `after` for the next page, which has the next rows and linked accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The stored data of a user that is merged into another.
#[derive(Clone, Serialize, JsonSchema)]
pub struct ExportedLinkedAccount {
    /// The user, as it was before the merge.
    pub user: User,
    /// The user that it is merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<UserId>,
    /// The source of each field.
    pub sources: BTreeMap<String, Source>,
    /// The stored credentials; never a hash.
    pub credentials: ExportedCredentials,
    /// Conflicts with other users over identifiers, and merges.
    pub journal: Vec<JournalEntry>,
    /// Security events.
    pub audit: Vec<AuditEntry>,
}

/// The stored credentials of a user.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExportedCredentials {
    /// Whether there is a password.
    pub password: bool,
    /// Who set the password, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_source: Option<Source>,
    /// The companies whose legacy hashes are kept until the first login.
    pub legacy_hashes_of: Vec<CompanyId>,
    /// The reason of the last change of the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Who last changed the status, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_source: Option<Source>,
}

/// What a person signs in with, where it is signed in, and what applications have.
#[derive(Clone, Serialize, JsonSchema)]
pub struct ExportedSignOn {
    /// Where the person is signed in, the newest first: at most the last thousand.
    pub sessions: Vec<ExportedSession>,
    /// What applications keep after the person signs out.
    pub lasting_access: Vec<ExportedAccess>,
    /// What the person lets applications have.
    pub consents: Vec<ExportedConsent>,
    /// Passkeys, authenticator applications and recovery codes; never a key, a secret or a code.
    pub factors: Vec<ExportedFactor>,
    /// The logins at other providers that the person has connected.
    pub logins: Vec<ExportedLogin>,
}

/// A browser in which a person is signed in.
#[derive(Clone, Serialize, JsonSchema)]
pub struct ExportedSession {
    /// When it began, in seconds since the Unix epoch.
    pub created_at: u64,
    /// When it ends at the latest, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// When the person proved who it is, in seconds since the Unix epoch. Absent if another provider does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<u64>,
    /// By what (RFC 8176).
    pub methods: Vec<String>,
    /// The browser and the system, as far as they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The applications that got tokens in it.
    pub clients: Vec<String>,
}

/// What an application keeps after the person signs out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExportedAccess {
    /// The application.
    pub client: String,
    /// What it may have.
    pub scopes: Vec<String>,
    /// When it ends, in seconds since the Unix epoch.
    pub expires_at: u64,
}

/// What a person lets an application have.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExportedConsent {
    /// The application.
    pub client: String,
    /// What it may have.
    pub scopes: Vec<String>,
    /// Since when, in seconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

/// By what a person proves who it is, beside the password.
#[derive(Clone, Serialize, JsonSchema)]
pub struct ExportedFactor {
    /// `passkey`, `totp` or `recovery`.
    pub kind: String,
    /// What the person calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When it was added, in seconds since the Unix epoch.
    pub created_at: u64,
}

/// A login at another provider.
#[derive(Clone, Serialize, JsonSchema)]
pub struct ExportedLogin {
    /// The provider.
    pub provider: String,
    /// What the person sees of the account there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it was connected, in seconds since the Unix epoch.
    pub created_at: u64,
}

/// A conflict over an identifier, a merge or an unmerge.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct JournalEntry {
    /// The event.
    pub kind: String,
    /// When, in seconds since the Unix epoch.
    pub at: u64,
    /// The region that recorded it.
    pub region: Region,
    /// The kind of the identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
}

/// A security event of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditEntry {
    /// The event: `registered`, `password_changed`, `exported`, ...
    pub event: String,
    /// When, in seconds since the Unix epoch.
    pub at: u64,
    /// The region that recorded it.
    pub region: Region,
    /// The actor: `company`, `client` (a person, who signed in to an application of the company), `operator`, `source` (an
    /// identity provider that feeds the company's users) or `umoja` (a rule).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The company, if it or its source or client was the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// The client, if it was the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The source, if it was the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The company that was linked, or at which the user was suspended or activated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked: Option<String>,
    /// The kinds of identifier that were changed.
    pub identifiers: Vec<String>,
    /// The status that was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The kind of the factor that was added or removed: `passkey`, `totp` or `recovery` (a set of recovery codes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// The other user of a merge or an unmerge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

impl From<&LogRow> for AuditEntry {
    fn from(row: &LogRow) -> Self {
        let text = |name| row.field(name).map(str::to_owned);
        let identifiers = match row.fields.get(field::IDENTIFIERS) {
            Some(Attribute::L(kinds)) => &kinds[..],
            _ => &[],
        };
        let identifiers = identifiers.iter().filter_map(|kind| match kind {
            Attribute::S(kind) => Some(kind.clone()),
            _ => None,
        });
        Self {
            event: row.kind.clone(),
            at: row.at.millis().secs(),
            region: row.origin.clone(),
            by: text(field::BY),
            company: text(field::COMPANY),
            client: text(field::CLIENT),
            source: text(field::SOURCE),
            linked: text(field::LINKED),
            identifiers: identifiers.collect(),
            status: text(field::STATUS),
            factor: text(field::FACTOR),
            other: text(field::OTHER),
        }
    }
}

//! Generated from schema/generated/openapi-plain.json: `UPDATE=1 cargo test -p umoja-client openapi`.

#![allow(clippy::pedantic, reason = "generated")]

use serde::{Deserialize, Serialize};

use crate::retry::Retry;

/// The code of a problem: docs/errors.md explains each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ProblemCode {
    /// `already_merged`.
    AlreadyMerged,
    /// `behind`.
    Behind,
    /// `busy`.
    Busy,
    /// `code_invalid`.
    CodeInvalid,
    /// `company_disabled`.
    CompanyDisabled,
    /// `cursor_expired`.
    CursorExpired,
    /// `half_character`.
    HalfCharacter,
    /// `idempotency_key_reused`.
    IdempotencyKeyReused,
    /// `identifier_taken`.
    IdentifierTaken,
    /// `inexact_number`.
    InexactNumber,
    /// `internal`.
    Internal,
    /// `invalid_body`.
    InvalidBody,
    /// `issuer_unavailable`.
    IssuerUnavailable,
    /// `mail_unavailable`.
    MailUnavailable,
    /// `malformed_request`.
    MalformedRequest,
    /// `merged_otherwise`.
    MergedOtherwise,
    /// `method_not_allowed`.
    MethodNotAllowed,
    /// `newer_format`.
    NewerFormat,
    /// `no_identifier_left`.
    NoIdentifierLeft,
    /// `no_mail`.
    NoMail,
    /// `no_such_operation`.
    NoSuchOperation,
    /// `not_linked`.
    NotLinked,
    /// `old_system_unavailable`.
    OldSystemUnavailable,
    /// `password_breached`.
    PasswordBreached,
    /// `password_characters`.
    PasswordCharacters,
    /// `password_common`.
    PasswordCommon,
    /// `password_guessable`.
    PasswordGuessable,
    /// `password_personal`.
    PasswordPersonal,
    /// `password_too_long`.
    PasswordTooLong,
    /// `password_too_short`.
    PasswordTooShort,
    /// `rate_limited`.
    RateLimited,
    /// `region_not_serving`.
    RegionNotServing,
    /// `replayed`.
    Replayed,
    /// `request_not_found`.
    RequestNotFound,
    /// `reset_token_invalid`.
    ResetTokenInvalid,
    /// `scope_missing`.
    ScopeMissing,
    /// `subject_token_expired`.
    SubjectTokenExpired,
    /// `subject_token_invalid`.
    SubjectTokenInvalid,
    /// `ticket_expired`.
    TicketExpired,
    /// `too_large`.
    TooLarge,
    /// `too_many_attempts`.
    TooManyAttempts,
    /// `too_many_mails`.
    TooManyMails,
    /// `too_many_merged`.
    TooManyMerged,
    /// `unauthorized`.
    Unauthorized,
    /// `unavailable`.
    Unavailable,
    /// `unreadable`.
    Unreadable,
    /// `unsupported_media_type`.
    UnsupportedMediaType,
    /// `user_disabled`.
    UserDisabled,
    /// `user_erased`.
    UserErased,
    /// `user_held`.
    UserHeld,
    /// `user_not_found`.
    UserNotFound,
    /// `version_conflict`.
    VersionConflict,
    /// One that this version of the client does not know.
    Other(String),
}

impl ProblemCode {
    /// Its spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Self::AlreadyMerged => "already_merged",
            Self::Behind => "behind",
            Self::Busy => "busy",
            Self::CodeInvalid => "code_invalid",
            Self::CompanyDisabled => "company_disabled",
            Self::CursorExpired => "cursor_expired",
            Self::HalfCharacter => "half_character",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::IdentifierTaken => "identifier_taken",
            Self::InexactNumber => "inexact_number",
            Self::Internal => "internal",
            Self::InvalidBody => "invalid_body",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::MailUnavailable => "mail_unavailable",
            Self::MalformedRequest => "malformed_request",
            Self::MergedOtherwise => "merged_otherwise",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NewerFormat => "newer_format",
            Self::NoIdentifierLeft => "no_identifier_left",
            Self::NoMail => "no_mail",
            Self::NoSuchOperation => "no_such_operation",
            Self::NotLinked => "not_linked",
            Self::OldSystemUnavailable => "old_system_unavailable",
            Self::PasswordBreached => "password_breached",
            Self::PasswordCharacters => "password_characters",
            Self::PasswordCommon => "password_common",
            Self::PasswordGuessable => "password_guessable",
            Self::PasswordPersonal => "password_personal",
            Self::PasswordTooLong => "password_too_long",
            Self::PasswordTooShort => "password_too_short",
            Self::RateLimited => "rate_limited",
            Self::RegionNotServing => "region_not_serving",
            Self::Replayed => "replayed",
            Self::RequestNotFound => "request_not_found",
            Self::ResetTokenInvalid => "reset_token_invalid",
            Self::ScopeMissing => "scope_missing",
            Self::SubjectTokenExpired => "subject_token_expired",
            Self::SubjectTokenInvalid => "subject_token_invalid",
            Self::TicketExpired => "ticket_expired",
            Self::TooLarge => "too_large",
            Self::TooManyAttempts => "too_many_attempts",
            Self::TooManyMails => "too_many_mails",
            Self::TooManyMerged => "too_many_merged",
            Self::Unauthorized => "unauthorized",
            Self::Unavailable => "unavailable",
            Self::Unreadable => "unreadable",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UserDisabled => "user_disabled",
            Self::UserErased => "user_erased",
            Self::UserHeld => "user_held",
            Self::UserNotFound => "user_not_found",
            Self::VersionConflict => "version_conflict",
            Self::Other(other) => other,
        }
    }
}
impl From<String> for ProblemCode {
    fn from(text: String) -> Self {
        match text.as_str() {
            "already_merged" => Self::AlreadyMerged,
            "behind" => Self::Behind,
            "busy" => Self::Busy,
            "code_invalid" => Self::CodeInvalid,
            "company_disabled" => Self::CompanyDisabled,
            "cursor_expired" => Self::CursorExpired,
            "half_character" => Self::HalfCharacter,
            "idempotency_key_reused" => Self::IdempotencyKeyReused,
            "identifier_taken" => Self::IdentifierTaken,
            "inexact_number" => Self::InexactNumber,
            "internal" => Self::Internal,
            "invalid_body" => Self::InvalidBody,
            "issuer_unavailable" => Self::IssuerUnavailable,
            "mail_unavailable" => Self::MailUnavailable,
            "malformed_request" => Self::MalformedRequest,
            "merged_otherwise" => Self::MergedOtherwise,
            "method_not_allowed" => Self::MethodNotAllowed,
            "newer_format" => Self::NewerFormat,
            "no_identifier_left" => Self::NoIdentifierLeft,
            "no_mail" => Self::NoMail,
            "no_such_operation" => Self::NoSuchOperation,
            "not_linked" => Self::NotLinked,
            "old_system_unavailable" => Self::OldSystemUnavailable,
            "password_breached" => Self::PasswordBreached,
            "password_characters" => Self::PasswordCharacters,
            "password_common" => Self::PasswordCommon,
            "password_guessable" => Self::PasswordGuessable,
            "password_personal" => Self::PasswordPersonal,
            "password_too_long" => Self::PasswordTooLong,
            "password_too_short" => Self::PasswordTooShort,
            "rate_limited" => Self::RateLimited,
            "region_not_serving" => Self::RegionNotServing,
            "replayed" => Self::Replayed,
            "request_not_found" => Self::RequestNotFound,
            "reset_token_invalid" => Self::ResetTokenInvalid,
            "scope_missing" => Self::ScopeMissing,
            "subject_token_expired" => Self::SubjectTokenExpired,
            "subject_token_invalid" => Self::SubjectTokenInvalid,
            "ticket_expired" => Self::TicketExpired,
            "too_large" => Self::TooLarge,
            "too_many_attempts" => Self::TooManyAttempts,
            "too_many_mails" => Self::TooManyMails,
            "too_many_merged" => Self::TooManyMerged,
            "unauthorized" => Self::Unauthorized,
            "unavailable" => Self::Unavailable,
            "unreadable" => Self::Unreadable,
            "unsupported_media_type" => Self::UnsupportedMediaType,
            "user_disabled" => Self::UserDisabled,
            "user_erased" => Self::UserErased,
            "user_held" => Self::UserHeld,
            "user_not_found" => Self::UserNotFound,
            "version_conflict" => Self::VersionConflict,
            _ => Self::Other(text),
        }
    }
}
impl From<ProblemCode> for String {
    fn from(value: ProblemCode) -> Self {
        value.as_str().to_owned()
    }
}

impl ProblemCode {
    /// Whether a repetition can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::IssuerUnavailable | Self::MailUnavailable | Self::OldSystemUnavailable | Self::RateLimited => Retry::Later,
            Self::Behind | Self::Busy | Self::Internal | Self::NewerFormat | Self::RegionNotServing | Self::Unavailable | Self::Unreadable => Retry::Elsewhere,
            Self::TooManyAttempts | Self::TooManyMails => Retry::Person,
            Self::Replayed => Retry::SignAgain,
            _ => Retry::No,
        }
    }
}

/// The bodies of requests and answers. `Debug` shows nothing of those that hold the data of a person.
pub mod types {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    macro_rules! hidden {
        ($name:ident) => {
            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(concat!(stringify!($name), "(..)"))
                }
            }
        };
    }

    /// A company's link to a user.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
    pub struct Account {
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
        /// Whether the company serves the user. `suspended` if a source of the company suspended or deleted the user: the
        /// company's requests to log in or to reset the password are then rejected. If several merged users are linked to
        /// the company, one active link is enough.
        pub status: LinkState,
        /// When the company was linked.
        pub linked_at: u64,
    }

    hidden!(Account);

    /// Whether a user may log in.
    ///
    /// `active`: May log in.
    ///
    /// `disabled`: May not log in; all other operations work.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(from = "String", into = "String")]
    pub enum AccountStatus {
        /// `active`.
        Active,
        /// `disabled`.
        Disabled,
        /// One that this version of the client does not know.
        Other(String),
    }
    
    impl AccountStatus {
        /// Its spelling.
        pub fn as_str(&self) -> &str {
            match self {
                Self::Active => "active",
                Self::Disabled => "disabled",
                Self::Other(other) => other,
            }
        }
    }
    impl From<String> for AccountStatus {
        fn from(text: String) -> Self {
            match text.as_str() {
                "active" => Self::Active,
                "disabled" => Self::Disabled,
                _ => Self::Other(text),
            }
        }
    }
    impl From<AccountStatus> for String {
        fn from(value: AccountStatus) -> Self {
            value.as_str().to_owned()
        }
    }

    /// OIDC Core 1.0 section 5.1.1.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Address {
        /// `formatted`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub formatted: Option<String>,
        /// `street_address`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub street_address: Option<String>,
        /// `locality`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub locality: Option<String>,
        /// `region`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub region: Option<String>,
        /// `postal_code`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub postal_code: Option<String>,
        /// `country`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub country: Option<String>,
    }

    hidden!(Address);

    /// OIDC Core 1.0 section 5.1.1.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct AddressPatch {
        /// `formatted`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub formatted: Option<Option<String>>,
        /// `street_address`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub street_address: Option<Option<String>>,
        /// `locality`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub locality: Option<Option<String>>,
        /// `region`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub region: Option<Option<String>>,
        /// `postal_code`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub postal_code: Option<Option<String>>,
        /// `country`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub country: Option<Option<String>>,
    }

    hidden!(AddressPatch);

    /// Body of `why`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`. An identifier needs the scope
    /// `users:lookup` too.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct AskWhy {
        /// User id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<UserId>,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Phone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
    }

    hidden!(AskWhy);

    /// Failed attempts that are counted together.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Attempts {
        /// By what they named the user: `email`, `phone_number`, `username`, `external_id` or `id`; `any` for all of these
        /// together, and `codes` for codes of second factors.
        pub by: String,
        /// The number of attempts.
        pub count: u64,
        /// Until when no further one is made; absent if one may be made now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub locked_until: Option<u64>,
    }

    hidden!(Attempts);

    /// A security event of a user.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct AuditEntry {
        /// The event: `registered`, `password_changed`, `exported`, ...
        pub event: String,
        /// When, in seconds since the Unix epoch.
        pub at: u64,
        /// The region that recorded it.
        pub region: Region,
        /// The actor: `company`, `client` (a person, who signed in to an application of the company), `operator`, `source` (an
        /// identity provider that feeds the company's users) or `umoja` (a rule).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub by: Option<String>,
        /// The company, if it or its source or client was the actor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub company: Option<String>,
        /// The client, if it was the actor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub client: Option<String>,
        /// The source, if it was the actor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<String>,
        /// The company that was linked, or at which the user was suspended or activated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub linked: Option<String>,
        /// The kinds of identifier that were changed.
        pub identifiers: Vec<String>,
        /// The status that was set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub status: Option<String>,
        /// The kind of the factor that was added or removed: `passkey`, `totp` or `recovery` (a set of recovery codes).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub factor: Option<String>,
        /// The other user of a merge or an unmerge.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub other: Option<String>,
    }

    hidden!(AuditEntry);

    /// Body of `authenticate`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Authenticate {
        /// User id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<UserId>,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Phone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
        /// The password to check.
        pub password: String,
        /// The origin of the attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub client: Option<Client>,
        /// The targets of the company that are to have the user at once: up to 16. The answer says in `provisioning` how far
        /// they are, and no target delays the login or makes it fail. Needs the scope `users:provision`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub provision: Option<Vec<TargetId>>,
        /// Wait this long for these targets, in milliseconds, up to 10,000; 0 if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wait_ms: Option<u64>,
        /// What the mappings of these targets find at `/params/NAME`: up to 16 texts of up to 256 characters. Kept sealed for
        /// the user and each of the targets until another request has some.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub params: Option<BTreeMap<String, String>>,
        /// The id of a return URL of the company, to which the status page leads back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub return_url: Option<ReturnUrlId>,
    }

    hidden!(Authenticate);

    /// Answer of `authenticate`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Authenticated {
        /// Whether the password is this user's and the user may log in.
        pub authenticated: bool,
        /// The user, if `authenticated` is true.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub user: Option<User>,
        /// How far the targets of `provision` are, if `authenticated` is true.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub provisioning: Option<Provisioning>,
    }

    hidden!(Authenticated);

    /// The origin of a login attempt. It is hashed before any use. Without it, only attempts with the same identifier and
    /// at the same person are counted.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Client {
        /// The visitor's address, IPv4 or IPv6 (of which the first 64 bits count). After failures with many identifiers, it
        /// has to wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ip: Option<String>,
        /// The company's id of the device, 1 to 256 bytes, hard to guess and kept on the device. Strangers cannot lock out
        /// a device that has logged in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub device_id: Option<String>,
    }

    hidden!(Client);

    /// A company that calls the API, such as `jumia-ke`. Also the `iss` of its requests.
    pub type CompanyId = String;

    /// Whether a region, or a target, has deleted the person's data.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Confirmation {
        /// Whether it has confirmed.
        pub confirmed: bool,
        /// When it confirmed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub confirmed_at: Option<u64>,
        /// Why an operator confirmed in place of a target, which has not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub operator_reason: Option<String>,
    }

    hidden!(Confirmation);

    /// Body of `erase`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`. An identifier erases the
    /// person who has it now, and needs the scope `users:lookup` too. A retry with the same `idk` is about the same person,
    /// also after another one has got the identifier.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Erase {
        /// User id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<UserId>,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Phone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
        /// The reason, in up to 256 characters. Kept sealed in the receipt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
        /// A `version` from an earlier answer of any region: a region that is behind it answers 503, and changes nothing.
        /// After an `unmerge`, send the version of its answer: a region that does not have the unmerge yet would erase both
        /// users.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub min_version: Option<String>,
    }

    hidden!(Erase);

    /// Answer of `erase` and `erasure`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Erased {
        /// The receipt.
        pub receipt: Receipt,
    }

    hidden!(Erased);

    /// Body of `erasure`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Erasure {
        /// The user that was erased.
        pub id: UserId,
    }

    hidden!(Erasure);

    /// An event, as CloudEvents 1.0 (JSON format). It has names of what changed and never values: `lookup` has the values.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default, Debug)]
    pub struct Event {
        /// `1.0`.
        pub specversion: String,
        /// Unique for the source. An event that is read again has the same one.
        pub id: String,
        /// The region that made the change, and the company: `urn:umoja:<region>:<company>`.
        pub source: String,
        /// `umoja.user.` and `registered`, `linked`, `unlinked`, `suspended`, `unsuspended`, `identifiers_changed`,
        /// `profile_changed`, `credentials_changed`, `disabled`, `enabled`, `merged`, `unmerged` or `erased`. More may be added.
        pub r#type: String,
        /// The user that is linked to the company.
        pub subject: UserId,
        /// When the change was made (RFC 3339).
        pub time: String,
        /// The order of the events of one source, as texts.
        pub sequence: String,
        /// `application/json`.
        pub datacontenttype: String,
        /// The change.
        pub data: EventData,
    }

    /// What changed.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default, Debug)]
    pub struct EventData {
        /// The user that changed: another one than `subject` if the two are one person.
        pub user: UserId,
        /// The part of the user that changed. Its versions have an order.
        pub part: String,
        /// The version of the part. Of two events about the same `user` and `part`, the one with the greater text is newer,
        /// whichever region made it. An erasure is greater than all others.
        pub version: String,
        /// For `min_version` of `lookup`, which then answers with a user that has this change. Absent for an erased user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub min_version: Option<String>,
        /// The names of what changed: `email`, `profile.given_name`, or `profile.*` for very many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub changed: Option<Vec<String>>,
        /// The other user of a merge or an unmerge.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub other: Option<UserId>,
    }

    /// Some events of the calling company.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default, Debug)]
    pub struct Events {
        /// The events. Those that one region made are in their order.
        pub events: Vec<Event>,
        /// Opaque. Send it as `cursor`, to any region, once the events are handled. It changes even if there are no events.
        pub cursor: String,
        /// True if there may be more events: ask again at once.
        pub more: bool,
    }

    /// Body of `export`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`. An identifier needs the
    /// scope `users:lookup` too.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Export {
        /// User id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<UserId>,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Phone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
        /// The `next` of the previous answer, for the next page; absent for the first page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub after: Option<String>,
    }

    hidden!(Export);

    /// Answer of `export`.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
    pub struct Exported {
        /// The user.
        pub user: User,
        /// The source of each field: `email`, `profile.given_name`, `external_id.<company>`, ...
        pub sources: BTreeMap<String, Source>,
        /// The stored credentials; never a hash.
        pub credentials: ExportedCredentials,
        /// What the person signs in with, where it is signed in, and what applications have. The first page has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sign_on: Option<ExportedSignOn>,
        /// Conflicts with other users over identifiers, and merges.
        pub journal: Vec<JournalEntry>,
        /// Security events of every region, in the order of time, including this export.
        pub audit: Vec<AuditEntry>,
        /// The same for each user that is merged into this one, as it was before the merge. An account whose rows continue
        /// on the next page is repeated there.
        pub linked_accounts: Vec<ExportedLinkedAccount>,
        /// Present if there is more: send it as `after` for the next page, which has the next rows and linked accounts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub next: Option<String>,
    }

    hidden!(Exported);

    /// What an application keeps after the person signs out.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ExportedAccess {
        /// The application.
        pub client: String,
        /// What it may have.
        pub scopes: Vec<String>,
        /// When it ends, in seconds since the Unix epoch.
        pub expires_at: u64,
    }

    hidden!(ExportedAccess);

    /// What a person lets an application have.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ExportedConsent {
        /// The application.
        pub client: String,
        /// What it may have.
        pub scopes: Vec<String>,
        /// Since when, in seconds since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub since: Option<u64>,
    }

    hidden!(ExportedConsent);

    /// The stored credentials of a user.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ExportedCredentials {
        /// Whether there is a password.
        pub password: bool,
        /// Who set the password, and when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub password_source: Option<Source>,
        /// The companies whose legacy hashes are kept until the first login.
        pub legacy_hashes_of: Vec<CompanyId>,
        /// The reason of the last change of the status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub status_reason: Option<String>,
        /// Who last changed the status, and when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub status_source: Option<Source>,
    }

    hidden!(ExportedCredentials);

    /// By what a person proves who it is, beside the password.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ExportedFactor {
        /// `passkey`, `totp` or `recovery`.
        pub kind: String,
        /// What the person calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub label: Option<String>,
        /// When it was added, in seconds since the Unix epoch.
        pub created_at: u64,
    }

    hidden!(ExportedFactor);

    /// The stored data of a user that is merged into another.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
    pub struct ExportedLinkedAccount {
        /// The user, as it was before the merge.
        pub user: User,
        /// The user that it is merged into.
        #[serde(default, skip_serializing_if = "Option::is_none")]
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

    hidden!(ExportedLinkedAccount);

    /// A login at another provider.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ExportedLogin {
        /// The provider.
        pub provider: String,
        /// What the person sees of the account there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub account: Option<String>,
        /// When it was connected, in seconds since the Unix epoch.
        pub created_at: u64,
    }

    hidden!(ExportedLogin);

    /// A browser in which a person is signed in.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ExportedSession {
        /// When it began, in seconds since the Unix epoch.
        pub created_at: u64,
        /// When it ends at the latest, in seconds since the Unix epoch.
        pub expires_at: u64,
        /// When the person proved who it is, in seconds since the Unix epoch. Absent if another provider does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub signed_in_at: Option<u64>,
        /// By what (RFC 8176).
        pub methods: Vec<String>,
        /// The browser and the system, as far as they are known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub device: Option<String>,
        /// The applications that got tokens in it.
        pub clients: Vec<String>,
    }

    hidden!(ExportedSession);

    /// What a person signs in with, where it is signed in, and what applications have.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
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

    hidden!(ExportedSignOn);

    /// Answer of `lookup`, `update`, `status`, `merge` and `unmerge`.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
    pub struct Found {
        /// The user.
        pub user: User,
    }

    hidden!(Found);

    /// Body of `getRequest`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct GetRequest {
        /// The `Request-Id` of an answer.
        pub request_id: String,
    }

    hidden!(GetRequest);

    /// A conflict over an identifier, a merge or an unmerge.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct JournalEntry {
        /// The event.
        pub kind: String,
        /// When, in seconds since the Unix epoch.
        pub at: u64,
        /// The region that recorded it.
        pub region: Region,
        /// The kind of the identifier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub identifier: Option<String>,
    }

    hidden!(JournalEntry);

    /// A kind of identifier that a user has.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct KnownIdentifier {
        /// `email`, `phone_number`, `username` or `external_id`.
        pub kind: String,
        /// Whether it is verified.
        pub verified: bool,
    }

    hidden!(KnownIdentifier);

    /// Whether a company serves a user that is linked to it.
    ///
    /// `active`: The company serves the user.
    ///
    /// `suspended`: The company has suspended the user: its requests to log in or to reset the password are rejected. Other companies
    /// are not affected.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(from = "String", into = "String")]
    pub enum LinkState {
        /// `active`.
        Active,
        /// `suspended`.
        Suspended,
        /// One that this version of the client does not know.
        Other(String),
    }
    
    impl LinkState {
        /// Its spelling.
        pub fn as_str(&self) -> &str {
            match self {
                Self::Active => "active",
                Self::Suspended => "suspended",
                Self::Other(other) => other,
            }
        }
    }
    impl From<String> for LinkState {
        fn from(text: String) -> Self {
            match text.as_str() {
                "active" => Self::Active,
                "suspended" => Self::Suspended,
                _ => Self::Other(text),
            }
        }
    }
    impl From<LinkState> for String {
        fn from(value: LinkState) -> Self {
            value.as_str().to_owned()
        }
    }

    /// Body of `events/list`. At most one of `cursor` and `after`; without both, all events that are kept.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ListEvents {
        /// The `cursor` of an earlier answer, of any region.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub cursor: Option<String>,
        /// Begin with the events from this time on, in seconds since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub after: Option<u64>,
        /// The most events in the answer, 1 to 500; 100 if absent. An answer never has a part of the events of one change of a
        /// user, and may have a few more for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub limit: Option<u64>,
        /// Wait this long for an event if there is none, up to 20 seconds. A region in which too many requests wait answers
        /// without waiting.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wait_secs: Option<u64>,
    }

    hidden!(ListEvents);

    /// Body of `lookup`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Lookup {
        /// User id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<UserId>,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Phone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
        /// A `version` from an earlier answer of any region: a region that is behind it answers 503.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub min_version: Option<String>,
    }

    hidden!(Lookup);

    /// Body of `merge`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Merge {
        /// The user whose values, credentials and status count after the merge. If it is a duplicate itself, those of the
        /// user that it was merged into count.
        pub survivor: UserId,
        /// The user that is the same person. It keeps its data and identifiers, and its id still finds the person.
        pub duplicate: UserId,
        /// If true, the merge is not made, and the answer shows its result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub preview: Option<bool>,
        /// A `version` from an earlier answer of any region: a region that is behind it answers 503, and changes nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub min_version: Option<String>,
    }

    hidden!(Merge);

    /// Body of `password/change`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct PasswordChange {
        /// The user.
        pub id: UserId,
        /// The current password.
        pub current_password: String,
        /// The new password: 8 to 256 characters that meet the password policy.
        pub new_password: String,
    }

    hidden!(PasswordChange);

    /// Answer of `password/change`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct PasswordChanged {
        /// False if the current password was wrong.
        pub changed: bool,
        /// The version with the new password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub version: Option<String>,
    }

    hidden!(PasswordChanged);

    /// Answer of `password/reset/finish`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct PasswordReset {
        /// The user whose password was set: end the user's sessions.
        pub id: UserId,
        /// The version with the new password.
        pub version: String,
    }

    hidden!(PasswordReset);

    /// Which kind of password a user has.
    ///
    /// `own`: A password of Umoja.
    ///
    /// `legacy`: Hashes of other systems, until the first login.
    ///
    /// `none`: None; a company with an old system may still verify one at the first login.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(from = "String", into = "String")]
    pub enum PasswordState {
        /// `own`.
        Own,
        /// `legacy`.
        Legacy,
        /// `none`.
        None,
        /// One that this version of the client does not know.
        Other(String),
    }
    
    impl PasswordState {
        /// Its spelling.
        pub fn as_str(&self) -> &str {
            match self {
                Self::Own => "own",
                Self::Legacy => "legacy",
                Self::None => "none",
                Self::Other(other) => other,
            }
        }
    }
    impl From<String> for PasswordState {
        fn from(text: String) -> Self {
            match text.as_str() {
                "own" => Self::Own,
                "legacy" => Self::Legacy,
                "none" => Self::None,
                _ => Self::Other(text),
            }
        }
    }
    impl From<PasswordState> for String {
        fn from(value: PasswordState) -> Self {
            value.as_str().to_owned()
        }
    }

    /// What a delivery would do at a target.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Planned {
        /// The target.
        pub target: TargetId,
        /// `create`, `update`, `disable`, `delete`, `leave`; `search` if there may be an account; `nothing` if the target is up to
        /// date or is to have no account; `stays` if the target has rejected the same values.
        pub action: String,
        /// Why the delivery would not be made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub code: Option<String>,
        /// The same in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub detail: Option<String>,
    }

    hidden!(Planned);

    /// OIDC standard claims, and `custom` for anything else. OIDC's `sub` (as `id`), `email`, `email_verified`,
    /// `phone_number`, `phone_number_verified` and `updated_at` are top-level members of the user and not of `profile`.
    ///
    /// All of it is personal data: stored sealed, never printed.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Profile {
        /// `name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// `given_name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub given_name: Option<String>,
        /// `family_name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub family_name: Option<String>,
        /// `middle_name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub middle_name: Option<String>,
        /// `nickname`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub nickname: Option<String>,
        /// `preferred_username`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub preferred_username: Option<String>,
        /// `profile`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub profile: Option<String>,
        /// `picture`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub picture: Option<String>,
        /// `website`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub website: Option<String>,
        /// `gender`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub gender: Option<String>,
        /// `birthdate`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub birthdate: Option<String>,
        /// `zoneinfo`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub zoneinfo: Option<String>,
        /// `locale`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub locale: Option<String>,
        /// `address`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub address: Option<Address>,
        /// Any other data that a company keeps about a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub custom: Option<serde_json::Map<String, serde_json::Value>>,
    }

    hidden!(Profile);

    /// OIDC standard claims, and `custom` for anything else, as a merge patch: null removes a member.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ProfilePatch {
        /// `name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<Option<String>>,
        /// `given_name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub given_name: Option<Option<String>>,
        /// `family_name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub family_name: Option<Option<String>>,
        /// `middle_name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub middle_name: Option<Option<String>>,
        /// `nickname`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub nickname: Option<Option<String>>,
        /// `preferred_username`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub preferred_username: Option<Option<String>>,
        /// `profile`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub profile: Option<Option<String>>,
        /// `picture`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub picture: Option<Option<String>>,
        /// `website`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub website: Option<Option<String>>,
        /// `gender`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub gender: Option<Option<String>>,
        /// `birthdate`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub birthdate: Option<Option<String>>,
        /// `zoneinfo`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub zoneinfo: Option<Option<String>>,
        /// `locale`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub locale: Option<Option<String>>,
        /// `address`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub address: Option<Option<AddressPatch>>,
        /// `custom`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub custom: Option<Option<serde_json::Map<String, serde_json::Value>>>,
    }

    hidden!(ProfilePatch);

    /// Body of `provision`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`, `subject_token`. An
    /// identifier needs the scope `users:lookup` too.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Provision {
        /// User id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<UserId>,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Phone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
        /// A token that the user has shown, in the place of the user's id (RFC 8693 section 2.1): one that Umoja has issued to a client of
        /// the company, or with `subject_issuer` one of the provider of a source.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub subject_token: Option<String>,
        /// What `subject_token` is; needed with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub subject_token_type: Option<SubjectTokenType>,
        /// The id of the source of the company whose provider has issued `subject_token`; absent if Umoja has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub subject_issuer: Option<SourceId>,
        /// The targets of the company that are to have the user: 1 to 16.
        pub targets: Vec<TargetId>,
        /// What the mappings of these targets find at `/params/NAME`: up to 16 texts of up to 256 characters. Kept sealed for
        /// the user and each of the targets until another request has some.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub params: Option<BTreeMap<String, String>>,
        /// If true, nothing is changed and no target is asked, and the answer says in `plan` what would be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub dry_run: Option<bool>,
        /// Wait this long for the targets, in milliseconds, up to 10,000; 0 if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wait_ms: Option<u64>,
        /// The id of a return URL of the company, to which the status page leads back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub return_url: Option<ReturnUrlId>,
        /// A `version` from an earlier answer of any region: a region that is behind it answers 503, and changes nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub min_version: Option<String>,
    }

    hidden!(Provision);

    /// Answer of `provision`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Provisioned {
        /// The user whose accounts they are.
        pub id: UserId,
        /// The version of the user that the targets get.
        pub version: String,
        /// How far the targets are; absent with `dry_run`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub provisioning: Option<Provisioning>,
        /// What would be done at each target; only with `dry_run`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub plan: Option<Vec<Planned>>,
    }

    hidden!(Provisioned);

    /// The account of a user at a target.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
    pub struct ProvisionedAccount {
        /// The target.
        pub target: TargetId,
        /// How far it is.
        pub state: ProvisioningState,
        /// Why it is not done: a code of `umoja target list`, or `not_noted` if the region could not note the request, which
        /// has to be repeated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub code: Option<String>,
        /// The same in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub detail: Option<String>,
        /// The id that the target gave the account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub remote_id: Option<String>,
    }

    hidden!(ProvisionedAccount);

    /// How far the targets of a request are. Answer of `provisioning`, and a member of the answers of `authenticate`, `register`
    /// and `provision`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Provisioning {
        /// Shows the status of these accounts until it expires, and opens nothing else. The page shows the status to every holder.
        pub ticket: String,
        /// The page that shows the status to the person.
        pub url: String,
        /// When the ticket expires, in seconds since the Unix epoch.
        pub expires_at: u64,
        /// The version of the user that the targets get.
        pub version: String,
        /// The account at each target.
        pub accounts: Vec<ProvisionedAccount>,
    }

    hidden!(Provisioning);

    /// How far the account of a user at a target is.
    ///
    /// `pending`: It is not decided yet. With a code, it is tried again by itself.
    ///
    /// `done`: The account is active and up to date.
    ///
    /// `inactive`: The account is up to date and inactive, because the user is disabled, or is no longer to have one.
    ///
    /// `failed`: It failed, and is tried again after a change or by an operator.
    ///
    /// `held`: It waits for an operator, because too many accounts would be removed.
    ///
    /// `not_in_scope`: The target is to have no account for the user.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(from = "String", into = "String")]
    pub enum ProvisioningState {
        /// `pending`.
        Pending,
        /// `done`.
        Done,
        /// `inactive`.
        Inactive,
        /// `failed`.
        Failed,
        /// `held`.
        Held,
        /// `not_in_scope`.
        NotInScope,
        /// One that this version of the client does not know.
        Other(String),
    }
    
    impl ProvisioningState {
        /// Its spelling.
        pub fn as_str(&self) -> &str {
            match self {
                Self::Pending => "pending",
                Self::Done => "done",
                Self::Inactive => "inactive",
                Self::Failed => "failed",
                Self::Held => "held",
                Self::NotInScope => "not_in_scope",
                Self::Other(other) => other,
            }
        }
    }
    impl From<String> for ProvisioningState {
        fn from(text: String) -> Self {
            match text.as_str() {
                "pending" => Self::Pending,
                "done" => Self::Done,
                "inactive" => Self::Inactive,
                "failed" => Self::Failed,
                "held" => Self::Held,
                "not_in_scope" => Self::NotInScope,
                _ => Self::Other(text),
            }
        }
    }
    impl From<ProvisioningState> for String {
        fn from(value: ProvisioningState) -> Self {
            value.as_str().to_owned()
        }
    }

    /// Body of `provisioning`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ProvisioningStatus {
        /// The `ticket` of an answer to the company, from any region.
        pub ticket: String,
        /// Wait this long for targets that are pending, in milliseconds, up to 10,000; 0 if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wait_ms: Option<u64>,
    }

    hidden!(ProvisioningStatus);

    /// An erasure: the company that requested it, the time, and the regions that have confirmed it.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Receipt {
        /// The user.
        pub id: UserId,
        /// The company that requested it.
        pub requested_by: CompanyId,
        /// When it was requested.
        pub requested_at: u64,
        /// The reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
        /// True once every region and every target has confirmed, and `left` is 0.
        pub complete: bool,
        /// The number of users that belong to the person and were not erased, because they were merged in a region that did
        /// not know of the erasure, or were not readable at the moment. Repeat the erasure.
        pub left: u64,
        /// The users that were merged with this one and erased with it. `complete` and `regions` are about all of them.
        pub erased_with: Vec<UserId>,
        /// Each region of the deployment.
        pub regions: BTreeMap<String, Confirmation>,
        /// Each target that had an account of one of the users, or may have had one. It confirms once it has none, or an
        /// operator says why it never will.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub targets: Option<BTreeMap<String, Confirmation>>,
    }

    hidden!(Receipt);

    /// A region, such as `eu-west-1`. Regions are ordered by their bytes; this order breaks ties between versions.
    pub type Region = String;

    /// Body of `register`. At least one identifier.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Register {
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// True if the company has verified the address. Counts only if the operator trusts the company to verify.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email_verified: Option<bool>,
        /// Phone number, best in E.164 form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// True if the company has verified the number. Counts only if the operator trusts the company to verify.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number_verified: Option<bool>,
        /// User name, unique over all companies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
        /// Password: 8 to 256 characters that meet the password policy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub password: Option<String>,
        /// OIDC standard claims, and `custom` for anything else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub profile: Option<ProfilePatch>,
        /// The targets of the company that are to have the user at once: up to 16. The answer says in `provisioning` how far
        /// they are, and no target delays or rejects the request. Needs the scope `users:provision`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub provision: Option<Vec<TargetId>>,
        /// Wait this long for these targets, in milliseconds, up to 10,000; 0 if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wait_ms: Option<u64>,
        /// What the mappings of these targets find at `/params/NAME`: up to 16 texts of up to 256 characters. Kept sealed for
        /// the user and each of the targets until another request has some.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub params: Option<BTreeMap<String, String>>,
        /// The id of a return URL of the company, to which the status page leads back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub return_url: Option<ReturnUrlId>,
    }

    hidden!(Register);

    /// Whether a registered user is new.
    ///
    /// `created`: A new user (201).
    ///
    /// `matched`: A user that another company had registered, now linked to this one too (200).
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(from = "String", into = "String")]
    pub enum RegisterOutcome {
        /// `created`.
        Created,
        /// `matched`.
        Matched,
        /// One that this version of the client does not know.
        Other(String),
    }
    
    impl RegisterOutcome {
        /// Its spelling.
        pub fn as_str(&self) -> &str {
            match self {
                Self::Created => "created",
                Self::Matched => "matched",
                Self::Other(other) => other,
            }
        }
    }
    impl From<String> for RegisterOutcome {
        fn from(text: String) -> Self {
            match text.as_str() {
                "created" => Self::Created,
                "matched" => Self::Matched,
                _ => Self::Other(text),
            }
        }
    }
    impl From<RegisterOutcome> for String {
        fn from(value: RegisterOutcome) -> Self {
            value.as_str().to_owned()
        }
    }

    /// Answer of `register`.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
    pub struct Registered {
        /// Whether the user is new.
        pub outcome: RegisterOutcome,
        /// The user.
        pub user: User,
        /// How far the targets of `provision` are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub provisioning: Option<Provisioning>,
    }

    hidden!(Registered);

    /// Answer of `getRequest`: a request that was rejected. It has nothing of what was in it.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
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
        pub status: u64,
        /// The code of the problem.
        pub code: String,
        /// The region that answered.
        pub region: Region,
    }

    hidden!(RejectedRequest);

    /// Body of `password/reset/finish`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ResetFinish {
        /// The `token` of `password/reset/start`, from the link that the person opened.
        pub token: String,
        /// The new password: 8 to 256 characters that meet the password policy.
        pub new_password: String,
    }

    hidden!(ResetFinish);

    /// Body of `password/reset/start`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ResetStart {
        /// User id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<UserId>,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Phone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
        /// The lifetime of the token in seconds: 60 to 86,400; 900 if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub lifetime_secs: Option<u64>,
        /// A `version` from an earlier answer of any region: a region that is behind it answers 503.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub min_version: Option<String>,
    }

    hidden!(ResetStart);

    /// Answer of `password/reset/start`: a token, and where to send it. Send it to an address of this answer and never to
    /// an address that a visitor typed: the two may look alike.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct ResetStarted {
        /// For the link in the mail: letters, digits, `-`, `_` and `.`, at most 512 of them. A person who has it can set
        /// the password.
        pub token: String,
        /// When it stops working, in seconds since the Unix epoch.
        pub expires_at: u64,
        /// The user.
        pub id: UserId,
        /// The version that the token is for. `password/reset/finish` answers 503 in a region that does not have it yet.
        pub version: String,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Whether a trusted company verified the address; absent without an address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email_verified: Option<bool>,
        /// Phone number in E.164 form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// Whether a trusted company verified the number; absent without a number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number_verified: Option<bool>,
    }

    hidden!(ResetStarted);

    /// A URL to which the status page of a company leads back, such as `shop`.
    pub type ReturnUrlId = String;

    /// Body of `status`.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
    pub struct SetStatus {
        /// The user.
        pub id: UserId,
        /// The new status.
        pub status: AccountStatus,
        /// The reason, in up to 256 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
    }

    hidden!(SetStatus);

    /// The source and the time of a value.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Source {
        /// The company that sent it.
        pub company: CompanyId,
        /// When, in seconds since the Unix epoch.
        pub at: u64,
    }

    hidden!(Source);

    /// A source that feeds the store, such as `shop-auth0`. Also the end of the URL to which it posts.
    pub type SourceId = String;

    /// What a token is that stands for a user (RFC 8693 section 3).
    ///
    /// `urn:ietf:params:oauth:token-type:access_token`: An access token.
    ///
    /// `urn:ietf:params:oauth:token-type:id_token`: An id token (OpenID Connect Core 1.0 section 2).
    ///
    /// `urn:ietf:params:oauth:token-type:jwt`: A JWT that is either.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(from = "String", into = "String")]
    pub enum SubjectTokenType {
        /// `urn:ietf:params:oauth:token-type:access_token`.
        AccessToken,
        /// `urn:ietf:params:oauth:token-type:id_token`.
        IdToken,
        /// `urn:ietf:params:oauth:token-type:jwt`.
        Jwt,
        /// One that this version of the client does not know.
        Other(String),
    }
    
    impl SubjectTokenType {
        /// Its spelling.
        pub fn as_str(&self) -> &str {
            match self {
                Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
                Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
                Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
                Self::Other(other) => other,
            }
        }
    }
    impl From<String> for SubjectTokenType {
        fn from(text: String) -> Self {
            match text.as_str() {
                "urn:ietf:params:oauth:token-type:access_token" => Self::AccessToken,
                "urn:ietf:params:oauth:token-type:id_token" => Self::IdToken,
                "urn:ietf:params:oauth:token-type:jwt" => Self::Jwt,
                _ => Self::Other(text),
            }
        }
    }
    impl From<SubjectTokenType> for String {
        fn from(value: SubjectTokenType) -> Self {
            value.as_str().to_owned()
        }
    }

    /// A target: a remote system into which users are provisioned, such as `shop-crm`.
    pub type TargetId = String;

    /// Body of `unlock`. Exactly one of `id`, `email`, `phone_number`, `username`, `external_id`. An identifier needs the
    /// scope `users:lookup` too.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Unlock {
        /// User id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<UserId>,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Phone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// The company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<String>,
    }

    hidden!(Unlock);

    /// Answer of `unlock`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Unlocked {
        /// The user: of merged users the primary account.
        pub id: UserId,
        /// The region in which the user is unlocked. Other regions count for themselves: ask each.
        pub region: Region,
    }

    hidden!(Unlocked);

    /// Body of `unmerge`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Unmerge {
        /// The duplicate that is another person after all, with the users that were merged into it. If two users were
        /// merged into each other, in two regions at once, this undoes one of the two merges: the answer's `id` and
        /// `linked_accounts` show whether they are still one person, and `unmerge` of the other user undoes the other
        /// merge.
        pub id: UserId,
        /// A `version` from an earlier answer of any region: a region that is behind it answers 503, and changes nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub min_version: Option<String>,
    }

    hidden!(Unmerge);

    /// Body of `update`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct Update {
        /// The user.
        pub id: UserId,
        /// The changes: a JSON merge patch (RFC 7396), in which null removes.
        pub set: UserPatch,
        /// Change only if this is the current `version`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub if_version: Option<String>,
    }

    hidden!(Update);

    /// A user as callers see one. Of a person with linked accounts, it is the primary account, and its blank members are
    /// filled from the others in the order of their registration. A value that would make the profile or `filled_from`
    /// larger than 163,840 bytes is left out; `export` has it. Times are in seconds since the Unix epoch, as OIDC's
    /// `updated_at`.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
    pub struct User {
        /// User id: the same in every region and for every company. Of merged users it is the primary account's id,
        /// whichever id was requested.
        pub id: UserId,
        /// Whether the user may log in. A company may have suspended an active user: see `accounts`.
        pub status: AccountStatus,
        /// Opaque; for `min_version` and `if_version`. Of merged users, it covers all of them.
        pub version: String,
        /// E-mail address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// Whether a trusted company verified the address; absent without an address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email_verified: Option<bool>,
        /// Phone number in E.164 form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String>,
        /// Whether a trusted company verified the number; absent without a number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number_verified: Option<bool>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// OIDC standard claims and `custom`.
        pub profile: Profile,
        /// The companies that the user is linked to.
        pub accounts: BTreeMap<String, Account>,
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

    hidden!(User);

    /// The id of a user: a UUID, version 7 (time-ordered) or version 8 (derived from an idempotency key), RFC 9562.
    pub type UserId = String;

    /// The members of a user that can be changed. An absent member stays as it is, null removes it.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct UserPatch {
        /// E-mail address. A new address is unverified unless `email_verified` comes with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<Option<String>>,
        /// Whether the address is verified.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email_verified: Option<Option<bool>>,
        /// Phone number. A new number is unverified unless `phone_number_verified` comes with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<Option<String>>,
        /// Whether the number is verified.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phone_number_verified: Option<Option<bool>>,
        /// User name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<Option<String>>,
        /// The calling company's own id of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub external_id: Option<Option<String>>,
        /// Merged into the profile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub profile: Option<Option<ProfilePatch>>,
    }

    hidden!(UserPatch);

    /// Body of `verify/finish`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct VerifyFinish {
        /// The `challenge` of `verify/start`.
        pub challenge: String,
        /// The code of 8 digits that the person typed.
        pub code: String,
    }

    hidden!(VerifyFinish);

    /// Body of `verify/start`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct VerifyStart {
        /// The user, to whose stored e-mail address a code is sent.
        pub id: UserId,
        /// The language of the mail, as a BCP 47 tag; that of the user's profile if absent. English if there are no texts in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub language: Option<String>,
        /// A `version` from an earlier answer of any region: a region that is behind it answers 503.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub min_version: Option<String>,
    }

    hidden!(VerifyStart);

    /// Answer of `verify/start`: the code is on its way to the user's address.
    #[derive(Clone, PartialEq, Serialize, Deserialize, Default)]
    pub struct VerifyStarted {
        /// For `verify/finish`, in any region, beside the code. It does not have the code in clear.
        pub challenge: String,
        /// When the code stops working, in seconds since the Unix epoch.
        pub expires_at: u64,
        /// The user.
        pub id: UserId,
    }

    hidden!(VerifyStarted);

    /// Answer of `why`: what decides about a login of the user at the company, as this region knows it. It has no value of
    /// the user. Times are in seconds since the Unix epoch.
    #[derive(Clone, PartialEq, Serialize, Deserialize)]
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub last_login_day: Option<u64>,
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
        pub factors: BTreeMap<String, u64>,
        /// Until when this region rejects every password; absent if it does not. `unlock` takes it away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub locked_until: Option<u64>,
        /// The failed attempts that this region counts.
        pub attempts: Vec<Attempts>,
        /// The last security event of each kind that the company or one of its clients or sources caused, the newest first.
        pub events: Vec<AuditEntry>,
    }

    hidden!(Why);
}

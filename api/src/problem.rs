//! Errors as callers get them (RFC 9457): static types, a code, and a sentence that says what to do. What a caller
//! sent is never in them; what went wrong inside is in the operator's log.

use umoja_accounts::Error;
use umoja_crypto::{JwsError, PolicyError, Weakness};
use umoja_schema::StampError;
use umoja_schema::api::Problem;
use umoja_store::group::MergeRefused;
use umoja_store::ports::{Busy, KeysError, StoreError};
use umoja_store::seal::SealError;

/// The name of the policy by which a company's requests are limited, to callers.
pub(crate) const POLICY: &str = "company";

/// A type of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// For programs.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What it is.
    pub title: &'static str,
    /// What to do about it.
    pub detail: &'static str,
}

macro_rules! problems {
    ($($name:ident = $status:literal $code:literal $title:literal $detail:literal;)*) => {
        $(pub(crate) static $name: ProblemKind = ProblemKind { code: $code, status: $status, title: $title, detail: $detail };)*

        /// Every type of problem that the API answers with.
        pub static PROBLEMS: &[&ProblemKind] = &[$(&$name),*];
    };
}

problems! {
    MALFORMED = 400 "malformed_request" "The body is not a signed request" "Send one compact JWS of at most 256 KiB whose header and claims are exactly those of the API description.";
    UNAUTHORIZED = 401 "unauthorized" "The request is not accepted" "Check the API key, the signature and its key, the clock, and that `aud`, `htu`, `htm` and `akh` are of this request and this region.";
    COMPANY_DISABLED = 403 "company_disabled" "The company is disabled" "Ask the operator to enable the company.";
    SCOPE_MISSING = 403 "scope_missing" "The company may not do this" "Ask the operator for the scope of this operation.";
    NOT_LINKED = 403 "not_linked" "The user is not linked to the company" "Register or authenticate the user first; that links them.";
    NOT_FOUND = 404 "user_not_found" "There is no such user" "Check the identifier; right after a write in another region send `min_version`.";
    NO_OPERATION = 404 "no_such_operation" "There is no such operation" "Operations are POST requests under /v1/users/; see /openapi.json.";
    METHOD = 405 "method_not_allowed" "The method is not allowed" "Operations are POST requests; discovery documents are GET requests.";
    REPLAYED = 409 "replayed" "The request was received before" "Sign a new request with a new `jti`; keep the `idk` if it is a retry.";
    TAKEN = 409 "identifier_taken" "The identifier belongs to another user" "Look the user up, or register with a verified identifier.";
    VERSION = 409 "version_conflict" "The user has changed" "Read the user, apply the change to the version in `version`, and send that as `if_version`.";
    ERASED = 409 "user_erased" "The user was erased" "An erased user stays erased; register anew with another `idk`.";
    USER_DISABLED = 409 "user_disabled" "The user is disabled" "Whoever is disabled gets no new password; `status` activates a user.";
    RESET_TOKEN = 409 "reset_token_invalid" "The link is not good any more" "It was used before, is too old, or the account has changed since; ask the person to request a new mail.";
    ALREADY_MERGED = 409 "already_merged" "The duplicate is merged into another user" "Merge that other user, or unmerge the duplicate first.";
    MERGED_OTHERWISE = 409 "merged_otherwise" "The survivor is merged into the duplicate" "They are one person already; to have it the other way round, unmerge the survivor first.";
    NO_IDENTIFIER_LEFT = 409 "no_identifier_left" "Somebody would be left without any identifier" "The two share their only identifier, or one of them has none: give the merged user another identifier first.";
    GROUP_TOO_LARGE = 409 "too_many_merged" "Too many users are merged into one" "Unmerge some of them.";
    TOO_LARGE = 413 "too_large" "The body is too large" "Send at most 256 KiB.";
    CONTENT_TYPE = 415 "unsupported_media_type" "The content type is not supported" "Send `Content-Type: application/jwt`.";
    INVALID = 422 "invalid_body" "The body is not of the operation's form" "Correct the member named by `field`.";
    PASSWORD_TOO_SHORT = 422 "password_too_short" "The password is too short" "Choose a longer one: several words make a good one.";
    PASSWORD_TOO_LONG = 422 "password_too_long" "The password is too long" "Choose one of at most 256 characters.";
    PASSWORD_COMMON = 422 "password_common" "The password is one of those that are tried first" "It is a common password or a single word: choose several words that do not belong together, or let a password manager make one.";
    PASSWORD_PERSONAL = 422 "password_personal" "The password is made of what is known about the user" "It is made of a name, an address, a number or the name of the service: choose words that have nothing to do with them.";
    PASSWORD_GUESSABLE = 422 "password_guessable" "The password is guessed too soon" "Make it longer by words that do not belong together, and avoid rows of keys, repetitions and dates.";
    PASSWORD_BREACHED = 422 "password_breached" "The password is known from a breach" "It was stolen somewhere and will be tried everywhere: choose another one here, and wherever else it is used.";
    IDK_REUSED = 422 "idempotency_key_reused" "The idempotency key was used for another request" "Use a new `idk` for a new request.";
    RATE_LIMITED = 429 "rate_limited" "The company has made too many requests" "Nothing was done: try again after `Retry-After` seconds. `RateLimit` and `RateLimit-Policy` say how many requests are left.";
    LOCKED = 429 "too_many_attempts" "Too many attempts failed" "No password was looked at: try again after `Retry-After` seconds.";
    BEHIND = 503 "behind" "This region has not caught up yet" "Try again after `Retry-After` seconds, or in the region that answered the write.";
    BUSY = 503 "busy" "Too many requests" "Try again after `Retry-After` seconds.";
    UNAVAILABLE = 503 "unavailable" "The service cannot answer now" "Try again after `Retry-After` seconds with the same `idk`, here or in another region.";
    NEWER_FORMAT = 503 "newer_format" "This region cannot read the user yet" "A newer version wrote the user, and this region does not run it yet: try again in the region that answered the write, or here later.";
    NOT_SERVING = 503 "region_not_serving" "This region does not serve now" "Call another region of /.well-known/umoja.json; ask here again after `Retry-After` seconds.";
    INTERNAL = 500 "internal" "Something is wrong on our side" "Report the answer's `Request-Id` to the operator.";
}

/// The type of `rate_limited` (draft-ietf-httpapi-ratelimit-headers-11 section 5.1). All others are Umoja's own.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// An operation's way to say no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: &'static ProblemKind,
    detail: Option<String>,
    field: Option<String>,
    version: Option<String>,
    pub(crate) retry_after_secs: Option<u32>,
}

impl Refusal {
    /// 422: a member of the body is wrong, for a reason that says the rule and never the value.
    pub(crate) fn invalid(field: &str, rule: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), detail: Some(rule.into()), ..Self::from(&INVALID) }
    }

    /// 404: the user that a member of the body names.
    pub(crate) fn not_found(field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::from(&NOT_FOUND) }
    }

    /// 409: a member of the body is an identifier that another user holds.
    pub(crate) fn taken(field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::from(&TAKEN) }
    }

    /// 409: another version is current.
    pub(crate) fn version(current: String) -> Self {
        Self { version: Some(current), ..Self::from(&VERSION) }
    }

    /// Not now, but after some seconds.
    pub(crate) fn later(kind: &'static ProblemKind, secs: u32) -> Self {
        Self { retry_after_secs: Some(secs), ..Self::from(kind) }
    }

    /// 503: an operator decides when the region serves again, so that asking often does not help.
    pub(crate) fn not_serving() -> Self {
        Self { retry_after_secs: Some(60), ..Self::from(&NOT_SERVING) }
    }

    /// 422: a password of a length that is not allowed.
    pub(crate) fn password(field: &str, error: PolicyError) -> Self {
        let (kind, detail) = match error {
            PolicyError::TooShort { min } => (
                &PASSWORD_TOO_SHORT,
                Some(format!("Choose one of at least {min} characters: several words make a good one.")),
            ),
            PolicyError::TooLong { .. } => (&PASSWORD_TOO_LONG, None),
        };
        Self { field: Some(field.to_owned()), detail, ..Self::from(kind) }
    }

    /// 422: a password that the policy refuses.
    pub(crate) fn weak(field: &str, weakness: Weakness) -> Self {
        let kind = match weakness {
            Weakness::Common => &PASSWORD_COMMON,
            Weakness::Personal => &PASSWORD_PERSONAL,
            Weakness::Guessable => &PASSWORD_GUESSABLE,
            Weakness::Breached => &PASSWORD_BREACHED,
        };
        Self { field: Some(field.to_owned()), ..Self::from(kind) }
    }

    /// The body of the answer.
    pub(crate) fn problem(&self) -> Problem {
        let is_quota = self.kind == &RATE_LIMITED;
        Problem {
            type_uri: if is_quota { QUOTA_EXCEEDED.into() } else { format!("urn:umoja:problem:{}", self.kind.code) },
            title: self.kind.title.into(),
            status: self.kind.status,
            detail: self.detail.clone().unwrap_or_else(|| self.kind.detail.into()),
            code: self.kind.code.into(),
            field: self.field.clone(),
            version: self.version.clone(),
            violated_policies: is_quota.then(|| vec![POLICY.to_owned()]),
        }
    }
}

impl From<&'static ProblemKind> for Refusal {
    fn from(kind: &'static ProblemKind) -> Self {
        let retry_after_secs = (kind.status == 503).then_some(1);
        Self { kind, detail: None, field: None, version: None, retry_after_secs }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::from(if error.is_transient() { &UNAVAILABLE } else { &INTERNAL })
    }
}

/// As an operation's [`Members`](crate::operation::Members) does it, but for what names members of a body.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound | Error::NotFoundAs(_) => Self::from(&NOT_FOUND),
            Error::NotLinked => Self::from(&NOT_LINKED),
            Error::Erased => Self::from(&ERASED),
            Error::Disabled => Self::from(&USER_DISABLED),
            Error::Taken(_) => Self::from(&TAKEN),
            Error::Version { current } => Self::version(current),
            Error::Invalid { .. } => Self::from(&INVALID),
            Error::PasswordLength(error) => Self::password("password", error),
            Error::Weak(weakness) => Self::weak("password", weakness),
            Error::KeyReused => Self::from(&IDK_REUSED),
            Error::ResetTokenInvalid => Self::from(&RESET_TOKEN),
            Error::NoIdentifierLeft => Self::from(&NO_IDENTIFIER_LEFT),
            Error::Merge(why) => Self::from(match why {
                MergeRefused::Otherwise => &MERGED_OTHERWISE,
                MergeRefused::AlreadyMerged => &ALREADY_MERGED,
                MergeRefused::Behind => &BEHIND,
                MergeRefused::TooLarge => &GROUP_TOO_LARGE,
            }),
            Error::TooLarge(error) => {
                tracing::error!(%error, "a person cannot be read");
                Self::from(&GROUP_TOO_LARGE)
            }
            Error::Locked { retry_after_secs } => Self::later(&LOCKED, retry_after_secs),
            Error::Behind => Self::from(&BEHIND),
            Error::Contended => Self::from(&BUSY),
            Error::Busy(busy) => busy.into(),
            Error::Unreadable | Error::Broken(_) => {
                tracing::error!(%error, "a rule cannot be followed");
                Self::from(&INTERNAL)
            }
            Error::Store(error) => error.into(),
            Error::Seal(error) => error.into(),
            Error::Clock(error) => error.into(),
        }
    }
}

impl From<SealError> for Refusal {
    fn from(error: SealError) -> Self {
        tracing::error!(%error, "a part could not be sealed or opened");
        Self::from(match error {
            // A blob that the KMS refuses has been tampered with, as one that does not open: no retry will help.
            SealError::Opaque | SealError::Keys(KeysError::Refused) => &INTERNAL,
            // Another region's key may be open to it.
            SealError::Keys(_) => &UNAVAILABLE,
            SealError::Newer => return Self { retry_after_secs: Some(60), ..Self::from(&NEWER_FORMAT) },
        })
    }
}

impl From<StampError> for Refusal {
    fn from(error: StampError) -> Self {
        tracing::error!(%error, "a write was refused because of the clock");
        Self { retry_after_secs: Some(60), ..Self::from(&UNAVAILABLE) }
    }
}

impl From<Busy> for Refusal {
    fn from(busy: Busy) -> Self {
        Self { retry_after_secs: Some(busy.retry_after_secs), ..Self::from(&BUSY) }
    }
}

/// Before a caller is known, what exactly was wrong is nobody's business: only whether it was a request at all.
impl From<JwsError> for Refusal {
    fn from(error: JwsError) -> Self {
        tracing::info!(%error, "a request was not accepted");
        Self::from(match error {
            JwsError::Malformed => &MALFORMED,
            JwsError::Refused(_) => &UNAUTHORIZED,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_code_of_its_own_and_says_what_to_do() {
        let mut codes: Vec<_> = PROBLEMS.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), PROBLEMS.len());
        assert!(PROBLEMS.iter().all(|kind| kind.detail.ends_with('.') && !kind.title.ends_with('.')));
    }

    #[test]
    fn what_may_pass_with_time_says_when_to_come_back() {
        assert_eq!(Refusal::from(StoreError::Throttled("x".into())).retry_after_secs, Some(1));
        assert_eq!(Refusal::from(StoreError::Refused("x".into())).retry_after_secs, None);
    }
}

//! Problems, the errors of the HTTP API (RFC 9457): a static type, a code, and one sentence that says what to do. A
//! problem never repeats what the caller sent. Internal causes are only in the operator's log.

use serde_json::value::{RawValue, to_raw_value};
use umoja_accounts::Error;
use umoja_crypto::{JwsError, PolicyError, Weakness};
use umoja_schema::api::ProblemDetails;
use umoja_schema::{HlcError, Millis, Scope};
use umoja_store::person::MergeError;
use umoja_store::ports::{Busy, KeysError, StoreError};
use umoja_store::seal::SealError;

use crate::kinds::{
    ALREADY_MERGED, BEHIND, BUSY, CODE, CURSOR_EXPIRED, ERASED, HALF_CHARACTER, HELD, IDK_REUSED, INTERNAL, INVALID,
    ISSUER, LOCKED, MAIL, MALFORMED, MERGED_OTHERWISE, NEWER_FORMAT, NO_IDENTIFIER_LEFT, NO_MAIL, NO_REQUEST,
    NOT_FOUND, NOT_LINKED, NOT_SERVING, NUMBER, OLD_SYSTEM, PASSWORD_BREACHED, PASSWORD_CHARACTERS, PASSWORD_COMMON,
    PASSWORD_GUESSABLE, PASSWORD_PERSONAL, PASSWORD_TOO_LONG, PASSWORD_TOO_SHORT, ProblemKind, RATE_LIMITED,
    RESET_TOKEN, SCOPE_MISSING, SUBJECT_EXPIRED, SUBJECT_TOKEN, TAKEN, TOO_MANY_MAILS, TOO_MANY_MERGED, UNAUTHORIZED,
    UNAVAILABLE, UNREADABLE, USER_DISABLED, VERSION,
};

/// The name of the rate limit policy of a company in answers.
pub(crate) const POLICY: &str = "company";

/// How long a caller waits before it asks again for a mail, in seconds: an operator sets mail up, or its server answers again.
const NO_MAIL_SECS: u32 = 60;
const MAIL_SECS: u32 = 10;
/// How long a caller waits until an issuer is asked for its keys again, in seconds.
const ISSUER_SECS: u32 = 10;

/// A problem with the details of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: &'static ProblemKind,
    detail: Option<String>,
    field: Option<String>,
    version: Option<String>,
    pub(crate) retry_after_secs: Option<u32>,
    /// The check that a request failed before its caller was known. It is logged, and not in the answer.
    pub(crate) cause: Option<&'static str>,
}

impl Problem {
    /// 401: a check of the request failed.
    pub(crate) fn unauthorized(cause: &'static str) -> Self {
        Self { cause: Some(cause), ..Self::from(&UNAUTHORIZED) }
    }

    /// The same problem with its cause in the answer.
    pub(crate) fn explained(self) -> Self {
        Self { detail: self.cause.map(str::to_owned).or(self.detail), ..self }
    }

    /// 422: a member of the body is invalid. The detail states the rule and never the value.
    pub(crate) fn invalid(field: &str, rule: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), detail: Some(rule.into()), ..Self::from(&INVALID) }
    }

    /// 403: the company lacks this scope.
    pub(crate) fn scope_missing(scope: Scope) -> Self {
        let lacks = format!("The company lacks the scope `{}`. {}", scope.as_str(), SCOPE_MISSING.detail);
        Self { detail: Some(lacks), ..Self::from(&SCOPE_MISSING) }
    }

    /// 404: there is no user that this member of the body names.
    pub(crate) fn not_found(field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::from(&NOT_FOUND) }
    }

    /// 409: a member of the body is an identifier of another user.
    pub(crate) fn taken(field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::from(&TAKEN) }
    }

    /// 409: the current version is another one than the caller named.
    pub(crate) fn version(current: String) -> Self {
        Self { version: Some(current), ..Self::from(&VERSION) }
    }

    /// 409: an operator holds the user until this time.
    fn held(until: Millis) -> Self {
        let ends = until.date().map(|date| format!("The hold ends on {date} (UTC). {}", HELD.detail));
        Self { detail: ends, ..Self::from(&HELD) }
    }

    /// A problem that may be gone after some seconds.
    pub(crate) fn later(kind: &'static ProblemKind, secs: u32) -> Self {
        Self { retry_after_secs: Some(secs), ..Self::from(kind) }
    }

    /// 503: the region does not serve. An operator decides when it serves again, so frequent retries do not help.
    pub(crate) fn not_serving() -> Self {
        Self { retry_after_secs: Some(60), ..Self::from(&NOT_SERVING) }
    }

    /// 503: what the region stores is damaged. Another region's copy is not, and repairs it.
    fn unreadable() -> Self {
        Self { retry_after_secs: Some(60), ..Self::from(&UNREADABLE) }
    }

    /// 422: the password is too short or too long.
    pub(crate) fn password(field: &str, error: PolicyError) -> Self {
        let (kind, detail) = match error {
            PolicyError::TooShort { min } => (
                &PASSWORD_TOO_SHORT,
                Some(format!("Choose a password of at least {min} characters, for example several words.")),
            ),
            PolicyError::TooLong { .. } => (&PASSWORD_TOO_LONG, None),
            PolicyError::Characters => (&PASSWORD_CHARACTERS, None),
        };
        Self { field: Some(field.to_owned()), detail, ..Self::from(kind) }
    }

    /// 422: the policy rejects the password.
    pub(crate) fn weak(field: &str, weakness: Weakness) -> Self {
        let kind = match weakness {
            Weakness::Common => &PASSWORD_COMMON,
            Weakness::Personal => &PASSWORD_PERSONAL,
            Weakness::Guessable => &PASSWORD_GUESSABLE,
            Weakness::Breached => &PASSWORD_BREACHED,
        };
        Self { field: Some(field.to_owned()), ..Self::from(kind) }
    }

    /// True if the request was rejected, and nothing was done. Otherwise it may have been done.
    pub(crate) fn is_definite(&self) -> bool {
        (400..500).contains(&self.kind.status)
    }

    /// The body of the answer as JSON.
    pub(crate) fn body(&self) -> Box<RawValue> {
        to_raw_value(&self.details()).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }

    /// The body of the answer.
    pub(crate) fn details(&self) -> ProblemDetails {
        let is_quota = self.kind == &RATE_LIMITED;
        ProblemDetails {
            type_uri: self.kind.type_uri(),
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

impl From<&'static ProblemKind> for Problem {
    fn from(kind: &'static ProblemKind) -> Self {
        let retry_after_secs = (kind.status == 503).then_some(1);
        Self { kind, detail: None, field: None, version: None, retry_after_secs, cause: None }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            StoreError::Unreadable(_) => Self::unreadable(),
            error => Self::from(if error.is_transient() { &UNAVAILABLE } else { &INTERNAL }),
        }
    }
}

/// The problem without the names of body members, which an operation's [`Members`](crate::operation::Members) add.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound | Error::NotFoundAs(_) => Self::from(&NOT_FOUND),
            Error::NoSuchRequest => Self::from(&NO_REQUEST),
            Error::NotLinked => Self::from(&NOT_LINKED),
            Error::Erased => Self::from(&ERASED),
            Error::Held { until } => Self::held(until),
            Error::Disabled => Self::from(&USER_DISABLED),
            Error::Taken(_) => Self::from(&TAKEN),
            Error::Version { current } => Self::version(current),
            Error::Invalid { .. } => Self::from(&INVALID),
            Error::PasswordForm(error) => Self::password("password", error),
            Error::Weak(weakness) => Self::weak("password", weakness),
            Error::KeyReused => Self::from(&IDK_REUSED),
            Error::ResetTokenInvalid => Self::from(&RESET_TOKEN),
            Error::CodeInvalid => Self::from(&CODE),
            Error::SubjectToken(check) => {
                tracing::warn!(check, "a subject token is not accepted");
                Self::from(&SUBJECT_TOKEN)
            }
            Error::SubjectTokenExpired => Self::from(&SUBJECT_EXPIRED),
            Error::IssuerUnavailable(fault) => {
                tracing::warn!(fault, "the keys of an issuer cannot be read");
                Self::later(&ISSUER, ISSUER_SECS)
            }
            Error::TooManyMails { retry_after_secs } => Self::later(&TOO_MANY_MAILS, retry_after_secs),
            Error::NoMail => Self::later(&NO_MAIL, NO_MAIL_SECS),
            Error::Mail(_) => Self::later(&MAIL, MAIL_SECS),
            Error::EventsExpired => Self::from(&CURSOR_EXPIRED),
            Error::NoIdentifierLeft => Self::from(&NO_IDENTIFIER_LEFT),
            Error::Merge(why) => Self::from(match why {
                MergeError::Otherwise => &MERGED_OTHERWISE,
                MergeError::AlreadyMerged => &ALREADY_MERGED,
                MergeError::Behind => &BEHIND,
                MergeError::TooLarge => &TOO_MANY_MERGED,
            }),
            Error::TooLarge(error) => {
                tracing::error!(%error, "a person cannot be read");
                Self::from(&TOO_MANY_MERGED)
            }
            Error::Locked { retry_after_secs } => Self::later(&LOCKED, retry_after_secs),
            Error::OldSystem { retry_after_secs } => Self::later(&OLD_SYSTEM, retry_after_secs),
            Error::Behind => Self::from(&BEHIND),
            Error::Contended => Self::from(&BUSY),
            Error::Busy(busy) => busy.into(),
            Error::Unreadable => {
                tracing::error!(%error, "a user cannot be read");
                Self::unreadable()
            }
            // No operation unlinks a company.
            Error::OnlyCompany | Error::Broken(_) => {
                tracing::error!(%error, "the rule of an operation failed");
                Self::from(&INTERNAL)
            }
            Error::Store(error) => error.into(),
            Error::Seal(error) => error.into(),
            Error::Clock(error) => error.into(),
        }
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        tracing::error!(%error, "a part could not be sealed or opened");
        match error {
            // A wrapped key that the KMS rejects, or an envelope that does not open, was tampered with.
            SealError::Opaque | SealError::Keys(KeysError::Rejected) => Self::unreadable(),
            // A retry may be able to use the key of another region.
            SealError::Keys(_) => Self::from(&UNAVAILABLE),
            SealError::Newer => Self { retry_after_secs: Some(60), ..Self::from(&NEWER_FORMAT) },
        }
    }
}

impl From<HlcError> for Problem {
    fn from(error: HlcError) -> Self {
        tracing::error!(%error, "a write was rejected because of the clock");
        Self { retry_after_secs: Some(60), ..Self::from(&UNAVAILABLE) }
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        Self { retry_after_secs: Some(busy.retry_after_secs), ..Self::from(&BUSY) }
    }
}

/// Before the caller is known, the problem says only whether the body was a signed request, and not which check failed.
impl From<JwsError> for Problem {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::Malformed => Self::from(&MALFORMED),
            JwsError::Number => Self::from(&NUMBER),
            JwsError::HalfCharacter => Self::from(&HALF_CHARACTER),
            JwsError::Rejected(part) => Self::unauthorized(cause(part)),
        }
    }
}

/// What is wrong with a header member or a claim.
fn cause(part: &str) -> &'static str {
    match part {
        "typ" => "The header member `typ` is not `umoja-req+jwt`.",
        "kid" => "The header member `kid` is missing or too long.",
        "alg" => "The header member `alg` is not the algorithm of the signing key.",
        "signature" => "The signature does not verify with the public key that the company has under `kid`.",
        "iss" => "The claim `iss` is missing or too long.",
        "aud" => "The claim `aud` is not the base URL of this region.",
        "htm" => "The claim `htm` is not `POST`.",
        "htu" => "The claim `htu` is not `aud` and the path of this request.",
        "akh" => "The claim `akh` is not the unpadded base64url of the SHA-256 of the header `x-api-key`.",
        "iat" => "The claim `iat` is missing, or later than the clock of this region.",
        "exp" => "The claim `exp` is missing, has passed, or is more than 60 seconds after `iat`.",
        "jti" => "The claim `jti` does not have 1 to 64 characters.",
        "idk" => "The claim `idk` does not have 1 to 64 characters.",
        "body" => "The claim `body` is missing.",
        _ => "A claim is missing or has another form than /openapi.json describes.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::PROBLEMS;

    #[test]
    fn every_problem_has_a_unique_code_and_a_detail() {
        let mut codes: Vec<_> = PROBLEMS.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), PROBLEMS.len());
        assert!(PROBLEMS.iter().all(|kind| kind.detail.ends_with('.') && !kind.title.ends_with('.')));
    }

    #[test]
    fn only_temporary_problems_have_a_retry_after() {
        assert_eq!(Problem::from(StoreError::Throttled("x".into())).retry_after_secs, Some(1));
        assert_eq!(Problem::from(StoreError::Rejected("x".into())).retry_after_secs, None);
    }
}

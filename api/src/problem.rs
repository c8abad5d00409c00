//! Problems, the errors of the HTTP API (RFC 9457): a static type, a code, and one sentence that says what to do. A
//! problem never repeats what the caller sent. Internal causes are only in the operator's log.

use umoja_accounts::Error;
use umoja_crypto::{JwsError, PolicyError, Weakness};
use umoja_schema::api::ProblemDetails;
use umoja_schema::{HlcError, Millis, Scope};
use umoja_store::person::MergeError;
use umoja_store::ports::{Busy, KeysError, StoreError};
use umoja_store::seal::SealError;

/// The name of the rate limit policy of a company in answers.
pub(crate) const POLICY: &str = "company";

/// How long a caller waits before it asks again for a mail, in seconds: an operator sets mail up, or its server answers again.
const NO_MAIL_SECS: u32 = 60;
const MAIL_SECS: u32 = 10;
/// How long a caller waits until an issuer is asked for its keys again, in seconds.
const ISSUER_SECS: u32 = 10;

/// A type of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The code by which programs recognise the problem.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong: one sentence, without a full stop.
    pub title: &'static str,
    /// What the caller can do: one sentence.
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
    MALFORMED = 400 "malformed_request" "The body is not a signed request" "Send one compact JWS of at most 256 KiB with exactly the header members and the claims that /openapi.json describes.";
    NUMBER = 400 "inexact_number" "A number of the body cannot be kept exactly" "Send a number that a 64-bit integer or a double holds to the last digit, or send it as a text.";
    UNAUTHORIZED = 401 "unauthorized" "The request is not accepted" "Check the API key, the signature and its key, the clock, and that `aud`, `htu`, `htm` and `akh` match this request and this region.";
    COMPANY_DISABLED = 403 "company_disabled" "The company is disabled" "Ask the operator to enable the company.";
    SCOPE_MISSING = 403 "scope_missing" "The company lacks the scope of this operation" "Ask the operator to grant the company this scope. To name a user by an identifier, `export`, `erase` and `provision` take the scope `users:lookup` too, and the member `provision` takes `users:provision`.";
    NOT_LINKED = 403 "not_linked" "The user is not linked to the company" "Register or authenticate the user first, which links the user to the company.";
    NOT_FOUND = 404 "user_not_found" "There is no such user" "Check the identifier, or send `min_version` if the user was just written in another region.";
    NO_REQUEST = 404 "request_not_found" "There is no rejected request with this id" "Ask the region that answered the request, within a day, for a request of your company that was rejected and whose answer was signed.";
    NO_OPERATION = 404 "no_such_operation" "There is no such operation" "Send a POST request to a path that /openapi.json describes.";
    METHOD = 405 "method_not_allowed" "The method is not allowed" "Use POST for operations and GET for discovery documents.";
    REPLAYED = 409 "replayed" "The request was received before" "Sign a new request with a new `jti`, and keep the `idk` if it is a retry.";
    TAKEN = 409 "identifier_taken" "The identifier belongs to another user" "Look the user up, or register with a verified identifier.";
    VERSION = 409 "version_conflict" "The user has changed" "Read the user, apply your change to the version in `version`, and send that version as `if_version`.";
    ERASED = 409 "user_erased" "The user was erased" "Register the person as a new user with another `idk`, because an erased user cannot be restored.";
    HELD = 409 "user_held" "An operator holds the user" "Ask the operator, because the user cannot be erased before the hold ends.";
    ONLY_COMPANY = 409 "only_company" "No other company is linked to the person" "Erase the person instead.";
    USER_DISABLED = 409 "user_disabled" "The user is disabled, or the company has suspended it" "Activate the user with the operation `status`, or at the source of the company that has suspended it, because such a user cannot get a new password.";
    RESET_TOKEN = 409 "reset_token_invalid" "The password reset token is not valid" "Ask the person to request a new message, because the token was used, has expired, or the account has changed since.";
    CODE = 409 "code_invalid" "The code is not valid" "Ask the person to check it, or start again: after five wrong codes or ten minutes, after its use, and after a change of the address, only a new code works.";
    SUBJECT_TOKEN = 409 "subject_token_invalid" "The subject token is not accepted" "Send a live access token or id token that Umoja has issued to a client of the company, or with `subject_issuer` one of the provider of that source, and check `subject_token_type`; the log of the region says which check failed.";
    ALREADY_MERGED = 409 "already_merged" "The duplicate is already merged into another user" "Merge that other user, or unmerge the duplicate first.";
    MERGED_OTHERWISE = 409 "merged_otherwise" "The survivor is already merged into the duplicate" "Unmerge the survivor first if you want the other direction; the two are one person already.";
    NO_IDENTIFIER_LEFT = 409 "no_identifier_left" "A user would be left without an identifier" "Give the merged user another identifier first, because the two share their only identifier or one of them has none.";
    TOO_MANY_MERGED = 409 "too_many_merged" "Too many users are merged into one" "Unmerge some of these users first.";
    CURSOR_EXPIRED = 410 "cursor_expired" "Events after the cursor have expired" "Look up or export your users, then begin without a cursor, with `after` as the time at which you began.";
    TICKET_EXPIRED = 410 "ticket_expired" "The ticket has expired" "Ask for the accounts again with the operation `provision`, which answers with a new ticket.";
    SUBJECT_EXPIRED = 410 "subject_token_expired" "The subject token has expired" "Ask the client of the user for a new token, or name the user by `id`.";
    TOO_LARGE = 413 "too_large" "The body is too large" "Send a body of at most 256 KiB.";
    CONTENT_TYPE = 415 "unsupported_media_type" "The content type is not supported" "Send `Content-Type: application/jwt`.";
    INVALID = 422 "invalid_body" "The body does not have the form of the operation" "Correct the member that `field` names.";
    HALF_CHARACTER = 422 "half_character" "A text of the body has half a character" "Send both halves of a character above U+FFFF, such as `\\ud83d\\ude00`, or cut texts between characters.";
    PASSWORD_TOO_SHORT = 422 "password_too_short" "The password is too short" "Choose a longer password, for example several words.";
    PASSWORD_TOO_LONG = 422 "password_too_long" "The password is too long" "Choose a password of at most 256 characters.";
    PASSWORD_CHARACTERS = 422 "password_characters" "The password has a character that cannot be typed or seen" "Leave out control characters, invisible characters and marks of the direction of writing, which other keyboards and forms lose.";
    PASSWORD_COMMON = 422 "password_common" "The password is a common one or a single word, which attackers try first" "Choose several words that do not belong together, or let a password manager generate a password; repeating the word or adding a year, digits or marks does not help.";
    PASSWORD_PERSONAL = 422 "password_personal" "The password is made of data about the user or the name of the service" "Choose words that have no relation to the user's names, addresses and numbers or to the service.";
    PASSWORD_GUESSABLE = 422 "password_guessable" "The password is too easy to guess" "Add words that do not belong together, and avoid rows of keys, repetitions and dates.";
    PASSWORD_BREACHED = 422 "password_breached" "The password is known from a breach" "Choose another password here and wherever else this one is used, because attackers try stolen passwords everywhere.";
    IDK_REUSED = 422 "idempotency_key_reused" "The idempotency key was used for another request" "Use a new `idk` for each new request.";
    RATE_LIMITED = 429 "rate_limited" "The company has made too many requests" "Try again after `Retry-After` seconds; the request was not executed, and `RateLimit` and `RateLimit-Policy` say how many requests are left.";
    TOO_MANY_MAILS = 429 "too_many_mails" "Too many mails were asked for" "Try again after `Retry-After` seconds; no mail was sent.";
    LOCKED = 429 "too_many_attempts" "Too many password attempts failed" "Try again after `Retry-After` seconds; the password of this attempt was not checked.";
    BEHIND = 503 "behind" "This region has not caught up yet" "Try again after `Retry-After` seconds, or in the region that answered the write.";
    BUSY = 503 "busy" "The region is processing too many requests" "Try again after `Retry-After` seconds.";
    OLD_SYSTEM = 503 "old_system_unavailable" "The old system of the company does not answer" "Try again after `Retry-After` seconds; the password of this attempt was not checked.";
    ISSUER = 503 "issuer_unavailable" "The keys of the issuer cannot be read" "Try again after `Retry-After` seconds; if that does not help, ask the operator to check the issuer of the source.";
    NO_MAIL = 503 "no_mail" "This deployment sends no mail" "Ask the operator to set up mail.";
    MAIL = 503 "mail_unavailable" "The mail was not sent" "Try again after `Retry-After` seconds; if that does not help, check the address of the user.";
    UNAVAILABLE = 503 "unavailable" "The service cannot answer now" "Try again after `Retry-After` seconds with the same `idk`, here or in another region.";
    NEWER_FORMAT = 503 "newer_format" "This region cannot read the user yet" "Try again in the region that answered the write, or here later, when this region runs the newer version of Umoja that wrote the user.";
    UNREADABLE = 503 "unreadable" "This region cannot read what it stores" "Try again in another region; this one can answer again once an operator or its daily anti-entropy has repaired the damage.";
    NOT_SERVING = 503 "region_not_serving" "This region does not serve now" "Call another region of /.well-known/umoja.json, or this one again after `Retry-After` seconds.";
    INTERNAL = 500 "internal" "The service has an internal error" "Report the `Request-Id` of the answer to the operator.";
}

/// The type of `rate_limited` (draft-ietf-httpapi-ratelimit-headers-11 section 5.1). All others are Umoja's own.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

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

    /// The body of the answer.
    pub(crate) fn details(&self) -> ProblemDetails {
        let is_quota = self.kind == &RATE_LIMITED;
        ProblemDetails {
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
            Error::OnlyCompany => Self::from(&ONLY_COMPANY),
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
            Error::Broken(_) => {
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

//! The types of problems: a code, its status, what is wrong, what to do, and whether a repetition can help.
//!
//! `docs/errors.md`, the page `/errors` of a region and the description of the API are made from this table.

use umoja_schema::api::problem_type;

/// A type of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The code by which programs recognise the problem.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whether a repetition can help.
    pub retry: Retry,
    /// What is wrong: one sentence, without a full stop.
    pub title: &'static str,
    /// What the caller can do: one sentence.
    pub detail: &'static str,
}

/// Whether a repetition of the request can help, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request gets the same answer.
    No,
    /// In the same region after `Retry-After`, with the same idempotency key.
    Later,
    /// At once in another region, or in the same one after `Retry-After`, with the same idempotency key.
    Elsewhere,
    /// A person has to try again, after `Retry-After`. A program that repeats the request by itself makes it worse.
    Person,
    /// At once, with a new `jti` and the same idempotency key.
    SignAgain,
}

impl Retry {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::No, Self::Later, Self::Elsewhere, Self::Person, Self::SignAgain];

    /// Its name in the description of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Later => "later",
            Self::Elsewhere => "elsewhere",
            Self::Person => "person",
            Self::SignAgain => "sign_again",
        }
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::No => "The same request gets the same answer.",
            Self::Later => "After `Retry-After` seconds in this region, with the same `idk`.",
            Self::Elsewhere => {
                "At once in another region, or in this one after `Retry-After` seconds, with the same `idk`."
            }
            Self::Person => "No program may: ask the person to try again after `Retry-After` seconds.",
            Self::SignAgain => "At once: a new request with another `jti` and the same `idk`.",
        }
    }
}

/// The type of `rate_limited` (draft-ietf-httpapi-ratelimit-headers-11 section 5.1). All others are Umoja's own.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

impl ProblemKind {
    /// The `type` of the problem (RFC 9457 section 3.1.1).
    pub fn type_uri(&self) -> String {
        if self == &RATE_LIMITED { QUOTA_EXCEEDED.into() } else { problem_type(self.code) }
    }
}

macro_rules! problems {
    ($($name:ident = $status:literal $retry:ident $code:literal $title:literal $detail:literal;)*) => {
        $(pub(crate) static $name: ProblemKind =
            ProblemKind { code: $code, status: $status, retry: Retry::$retry, title: $title, detail: $detail };)*

        /// Every type of problem that the API answers with.
        pub static PROBLEMS: &[&ProblemKind] = &[$(&$name),*];
    };
}

problems! {
    MALFORMED = 400 No "malformed_request" "The body is not a signed request" "Send one compact JWS of at most 256 KiB with exactly the header members and the claims that /openapi.json describes.";
    NUMBER = 400 No "inexact_number" "A number of the body cannot be kept exactly" "Send a number that a 64-bit integer or a double holds to the last digit, or send it as a text.";
    UNAUTHORIZED = 401 No "unauthorized" "The request is not accepted" "Check the API key, the signature and its key, the clock, and that `aud`, `htu`, `htm` and `akh` match this request and this region.";
    COMPANY_DISABLED = 403 No "company_disabled" "The company is disabled" "Ask the operator to enable the company.";
    SCOPE_MISSING = 403 No "scope_missing" "The company lacks the scope of this operation" "Ask the operator to grant the company this scope. To name a user by an identifier, `export`, `erase` and `provision` take the scope `users:lookup` too, and the member `provision` takes `users:provision`.";
    NOT_LINKED = 403 No "not_linked" "The user is not linked to the company" "Register or authenticate the user first, which links the user to the company.";
    NOT_FOUND = 404 No "user_not_found" "There is no such user" "Check the identifier, or send `min_version` if the user was just written in another region.";
    NO_REQUEST = 404 No "request_not_found" "There is no rejected request with this id" "Ask the region that answered the request, within a day, for a request of your company that was rejected and whose answer was signed.";
    NO_OPERATION = 404 No "no_such_operation" "There is no such operation" "Send a POST request to a path that /openapi.json describes.";
    METHOD = 405 No "method_not_allowed" "The method is not allowed" "Use POST for operations and GET for discovery documents.";
    REPLAYED = 409 SignAgain "replayed" "The request was received before" "Sign a new request with a new `jti`, and keep the `idk` if it is a retry.";
    TAKEN = 409 No "identifier_taken" "The identifier belongs to another user" "Look the user up, or register with a verified identifier.";
    VERSION = 409 No "version_conflict" "The user has changed" "Read the user, apply your change to the version in `version`, and send that version as `if_version`.";
    ERASED = 409 No "user_erased" "The user was erased" "Register the person as a new user with another `idk`, because an erased user cannot be restored.";
    HELD = 409 No "user_held" "An operator holds the user" "Ask the operator, because the user cannot be erased before the hold ends.";
    USER_DISABLED = 409 No "user_disabled" "The user is disabled, or the company has suspended it" "Activate the user with the operation `status`, or at the source of the company that has suspended it, because such a user cannot get a new password.";
    RESET_TOKEN = 409 No "reset_token_invalid" "The password reset token is not valid" "Ask the person to request a new message, because the token was used, has expired, or the account has changed since.";
    CODE = 409 No "code_invalid" "The code is not valid" "Ask the person to check it, or start again: after five wrong codes or ten minutes, after its use, and after a change of the address, only a new code works.";
    SUBJECT_TOKEN = 409 No "subject_token_invalid" "The subject token is not accepted" "Send a live access token or id token that Umoja has issued to a client of the company, or with `subject_issuer` one of the provider of that source, and check `subject_token_type`; the log of the region says which check failed.";
    ALREADY_MERGED = 409 No "already_merged" "The duplicate is already merged into another user" "Merge that other user, or unmerge the duplicate first.";
    MERGED_OTHERWISE = 409 No "merged_otherwise" "The survivor is already merged into the duplicate" "Unmerge the survivor first if you want the other direction; the two are one person already.";
    NO_IDENTIFIER_LEFT = 409 No "no_identifier_left" "A user would be left without an identifier" "Give the merged user another identifier first, because the two share their only identifier or one of them has none.";
    TOO_MANY_MERGED = 409 No "too_many_merged" "Too many users are merged into one" "Unmerge some of these users first.";
    CURSOR_EXPIRED = 410 No "cursor_expired" "Events after the cursor have expired" "Look up or export your users, then begin without a cursor, with `after` as the time at which you began.";
    TICKET_EXPIRED = 410 No "ticket_expired" "The ticket has expired" "Ask for the accounts again with the operation `provision`, which answers with a new ticket.";
    SUBJECT_EXPIRED = 410 No "subject_token_expired" "The subject token has expired" "Ask the client of the user for a new token, or name the user by `id`.";
    TOO_LARGE = 413 No "too_large" "The body is too large" "Send a body of at most 256 KiB.";
    CONTENT_TYPE = 415 No "unsupported_media_type" "The content type is not supported" "Send `Content-Type: application/jwt`.";
    INVALID = 422 No "invalid_body" "The body does not have the form of the operation" "Correct the member that `field` names.";
    HALF_CHARACTER = 422 No "half_character" "A text of the body has half a character" "Send both halves of a character above U+FFFF, such as `\\ud83d\\ude00`, or cut texts between characters.";
    PASSWORD_TOO_SHORT = 422 No "password_too_short" "The password is too short" "Choose a longer password, for example several words.";
    PASSWORD_TOO_LONG = 422 No "password_too_long" "The password is too long" "Choose a password of at most 256 characters.";
    PASSWORD_CHARACTERS = 422 No "password_characters" "The password has a character that cannot be typed or seen" "Leave out control characters, invisible characters and marks of the direction of writing, which other keyboards and forms lose.";
    PASSWORD_COMMON = 422 No "password_common" "The password is a common one or a single word, which attackers try first" "Choose several words that do not belong together, or let a password manager generate a password; repeating the word or adding a year, digits or marks does not help.";
    PASSWORD_PERSONAL = 422 No "password_personal" "The password is made of data about the user or the name of the service" "Choose words that have no relation to the user's names, addresses and numbers or to the service.";
    PASSWORD_GUESSABLE = 422 No "password_guessable" "The password is too easy to guess" "Add words that do not belong together, and avoid rows of keys, repetitions and dates.";
    PASSWORD_BREACHED = 422 No "password_breached" "The password is known from a breach" "Choose another password here and wherever else this one is used, because attackers try stolen passwords everywhere.";
    IDK_REUSED = 422 No "idempotency_key_reused" "The idempotency key was used for another request" "Use a new `idk` for each new request.";
    RATE_LIMITED = 429 Later "rate_limited" "The company has made too many requests" "Try again after `Retry-After` seconds; the request was not executed, and `RateLimit` and `RateLimit-Policy` say how many requests are left.";
    TOO_MANY_MAILS = 429 Person "too_many_mails" "Too many mails were asked for" "Try again after `Retry-After` seconds; no mail was sent.";
    LOCKED = 429 Person "too_many_attempts" "Too many password attempts failed" "Try again after `Retry-After` seconds; the password of this attempt was not checked.";
    BEHIND = 503 Elsewhere "behind" "This region has not caught up yet" "Try again after `Retry-After` seconds, or in the region that answered the write.";
    BUSY = 503 Elsewhere "busy" "The region is processing too many requests" "Try again after `Retry-After` seconds.";
    OLD_SYSTEM = 503 Later "old_system_unavailable" "The old system of the company does not answer" "Try again after `Retry-After` seconds; the password of this attempt was not checked.";
    ISSUER = 503 Later "issuer_unavailable" "The keys of the issuer cannot be read" "Try again after `Retry-After` seconds; if that does not help, ask the operator to check the issuer of the source.";
    NO_MAIL = 503 No "no_mail" "This deployment sends no mail" "Ask the operator to set up mail.";
    MAIL = 503 Later "mail_unavailable" "The mail was not sent" "Try again after `Retry-After` seconds; if that does not help, check the address of the user.";
    UNAVAILABLE = 503 Elsewhere "unavailable" "The service cannot answer now" "Try again after `Retry-After` seconds with the same `idk`, here or in another region.";
    NEWER_FORMAT = 503 Elsewhere "newer_format" "This region cannot read the user yet" "Try again in the region that answered the write, or here later, when this region runs the newer version of Umoja that wrote the user.";
    UNREADABLE = 503 Elsewhere "unreadable" "This region cannot read what it stores" "Try again in another region; this one can answer again once an operator or its daily anti-entropy has repaired the damage.";
    NOT_SERVING = 503 Elsewhere "region_not_serving" "This region does not serve now" "Call another region of /.well-known/umoja.json, or this one again after `Retry-After` seconds.";
    INTERNAL = 500 Elsewhere "internal" "The service has an internal error" "Report the `Request-Id` of the answer to the operator.";
}

/// What a region answers before it knows the caller, unsigned.
pub(crate) const UNSIGNED: &[&ProblemKind] = &[
    &MALFORMED,
    &NUMBER,
    &UNAUTHORIZED,
    &TOO_LARGE,
    &CONTENT_TYPE,
    &HALF_CHARACTER,
    &INTERNAL,
    &UNAVAILABLE,
    &UNREADABLE,
    &NOT_SERVING,
];

/// What a region answers to a request for no operation, unsigned.
pub(crate) const NOWHERE: &[&ProblemKind] = &[&NO_OPERATION, &METHOD, &NOT_SERVING];

/// What every operation can answer once the caller is known.
pub(crate) const SHARED: &[&ProblemKind] = &[
    &COMPANY_DISABLED,
    &SCOPE_MISSING,
    &REPLAYED,
    &INVALID,
    &RATE_LIMITED,
    &INTERNAL,
    &BUSY,
    &UNAVAILABLE,
    &NEWER_FORMAT,
    &UNREADABLE,
];

/// What an operation that sets a password can answer, besides its own: a repeated request is an attempt at the password.
pub(crate) const PASSWORDS: &[&ProblemKind] = &[
    &LOCKED,
    &PASSWORD_TOO_SHORT,
    &PASSWORD_TOO_LONG,
    &PASSWORD_CHARACTERS,
    &PASSWORD_COMMON,
    &PASSWORD_PERSONAL,
    &PASSWORD_GUESSABLE,
    &PASSWORD_BREACHED,
];

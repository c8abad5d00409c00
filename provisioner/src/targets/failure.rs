//! Why a delivery fails, in a code for programs and in words for people, and what follows.

use umoja_store::ports::{Answered, OutboundError};

/// Why a delivery has not succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// There was no answer in time, or no connection.
    Unavailable,
    /// The target has too many requests.
    Throttled,
    /// The target has an error of its own.
    TargetError,
    /// The target's answer cannot be read.
    UnreadableAnswer,
    /// The target rejects the content of the account.
    Rejected,
    /// The target has an account with these values that is not the user's.
    Conflict,
    /// The target rejects the credentials.
    Credentials,
    /// The target forbids what is asked.
    Forbidden,
    /// The target has no such address: the URL is wrong.
    NoSuchAddress,
    /// The target is gone for good.
    Off,
    /// The URL cannot be called.
    CannotBeCalled,
    /// The mapping cannot be applied to the user.
    Unmappable,
    /// Too many removals in an hour: an operator has to agree.
    Held,
    /// It has failed for longer than it is tried.
    Failed,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is tried again, after this number of seconds if the target named one.
    Again(Option<u64>),
    /// It is tried again when the user or the mapping changes, or an operator asks.
    UntilChanged,
}

/// A delivery that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub code: Code,
    /// What follows.
    pub then: Then,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 14] = [
        Self::Unavailable,
        Self::Throttled,
        Self::TargetError,
        Self::UnreadableAnswer,
        Self::Rejected,
        Self::Conflict,
        Self::Credentials,
        Self::Forbidden,
        Self::NoSuchAddress,
        Self::Off,
        Self::CannotBeCalled,
        Self::Unmappable,
        Self::Held,
        Self::Failed,
    ];

    /// The name in the table and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::TargetError => "target_error",
            Self::UnreadableAnswer => "unreadable_answer",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Credentials => "credentials",
            Self::Forbidden => "forbidden",
            Self::NoSuchAddress => "no_such_address",
            Self::Off => "off",
            Self::CannotBeCalled => "cannot_be_called",
            Self::Unmappable => "unmappable",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }

    /// The code of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// What it means, and what to do.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unavailable => "the target does not answer; it is tried again",
            Self::Throttled => "the target has too many requests; it is tried again, and a lower --rate helps",
            Self::TargetError => "the target answers with an error of its own; it is tried again",
            Self::UnreadableAnswer => "the target's answer cannot be read: check the URL and the kind",
            Self::Rejected => "the target rejects the account's values: check the mapping, or change the user",
            Self::Conflict => {
                "the target has an account with these values that was not made for this user: compare the two, and \
                 give that account the user's id as externalId, or change one of them"
            }
            Self::Credentials => "the target rejects the token: set another one",
            Self::Forbidden => "the token may not do this at the target",
            Self::NoSuchAddress => "the target has no such address: check the URL",
            Self::Off => "the target says that it is gone for good",
            Self::CannotBeCalled => {
                "the URL cannot be called: it has to be https at a public address, and `umoja serve` calls this machine with \
                 --outbound-loopback only"
            }
            Self::Unmappable => "the mapping gives no account for this user: a value has another type, or is missing",
            Self::Held => "too many accounts would be removed in an hour: look at them, and let them go on",
            Self::Failed => "it has failed for three days: repair the cause, and redrive",
        }
    }

    /// The failure with what follows by itself.
    pub const fn failure(self) -> Failure {
        let then = match self {
            Self::Unavailable | Self::Throttled | Self::TargetError | Self::UnreadableAnswer => Then::Again(None),
            Self::Credentials | Self::Forbidden | Self::NoSuchAddress | Self::Off | Self::CannotBeCalled => {
                Then::Again(None)
            }
            Self::Rejected | Self::Conflict | Self::Unmappable | Self::Held | Self::Failed => Then::UntilChanged,
        };
        Failure { code: self, then }
    }

    /// True if the failure is about the target and not about one user.
    pub const fn is_of_target(self) -> bool {
        matches!(
            self,
            Self::Unavailable
                | Self::Throttled
                | Self::TargetError
                | Self::Credentials
                | Self::Off
                | Self::CannotBeCalled
        )
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Unavailable(_) => Code::Unavailable.failure(),
            OutboundError::Rejected(_) => Code::CannotBeCalled.failure(),
        }
    }
}

impl Failure {
    /// The failure that an answer without success means.
    pub fn of(answer: &Answered) -> Self {
        let code = match answer.status {
            401 => Code::Credentials,
            403 => Code::Forbidden,
            404 | 405 => Code::NoSuchAddress,
            408 | 425 => Code::Unavailable,
            409 => Code::Conflict,
            410 => Code::Off,
            429 => Code::Throttled,
            500..=599 => Code::TargetError,
            400..=499 => Code::Rejected,
            _ => Code::UnreadableAnswer,
        };
        match code.failure() {
            Self { then: Then::Again(_), code } => Self { code, then: Then::Again(answer.retry_after_secs()) },
            failure => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Answered {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answered { status, headers, body: Vec::new() }
    }

    #[test]
    fn every_code_has_its_own_name_and_words() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.words()).collect();
        assert_eq!((names.len(), words.len()), (Code::ALL.len(), Code::ALL.len()));
        assert!(Code::ALL.iter().all(|code| Code::from_name(code.as_str()) == Some(*code)));
    }

    #[test]
    fn an_outage_is_tried_again_and_a_rejected_account_is_not() {
        for status in [408, 429, 500, 502, 503, 504, 401, 403] {
            assert_eq!(Failure::of(&answer(status, &[])).then, Then::Again(None), "{status}");
        }
        for status in [400, 409, 413, 422] {
            assert_eq!(Failure::of(&answer(status, &[])).then, Then::UntilChanged, "{status}");
        }
        assert_eq!(Failure::from(OutboundError::Unavailable("x")).then, Then::Again(None));
    }

    #[test]
    fn the_target_says_how_long_to_wait() {
        let failure = Failure::of(&answer(429, &[("retry-after", "120")]));
        assert_eq!(failure, Failure { code: Code::Throttled, then: Then::Again(Some(120)) });
        assert_eq!(Failure::of(&answer(400, &[("retry-after", "120")])).then, Then::UntilChanged);
    }

    #[test]
    fn what_one_user_meets_does_not_count_against_the_target() {
        let of_user = [Code::Rejected, Code::Conflict, Code::Unmappable, Code::Held, Code::UnreadableAnswer];
        assert!(of_user.iter().all(|code| !code.is_of_target()));
        assert!(Code::Unavailable.is_of_target() && Code::Credentials.is_of_target());
    }
}

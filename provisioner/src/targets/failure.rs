//! What follows the failure of a delivery.

pub use umoja_schema::TargetCode as Code;
use umoja_store::ports::{Answered, OutboundError};

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

impl From<Code> for Failure {
    /// The failure with what follows by itself.
    fn from(code: Code) -> Self {
        Self { code, then: if code.is_tried_again() { Then::Again(None) } else { Then::UntilChanged } }
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Unavailable(_) => Failure::from(Code::Unavailable),
            OutboundError::Rejected(_) => Failure::from(Code::CannotBeCalled),
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
        match Self::from(code) {
            Self { then: Then::Again(_), code } => Self { code, then: Then::Again(answer.retry_after_secs()) },
            failure => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Answered {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answered { status, headers, body: Vec::new() }
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

//! Why the account of a user at a target is not up to date: in a code for programs, and in words for people.

use serde::{Deserialize, Serialize};

/// Why a delivery has not succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetCode {
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

impl TargetCode {
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

    /// True if the delivery is made again by itself, and false if it waits for a change or an operator.
    pub const fn is_tried_again(self) -> bool {
        match self {
            Self::Unavailable
            | Self::Throttled
            | Self::TargetError
            | Self::UnreadableAnswer
            | Self::Credentials
            | Self::Forbidden
            | Self::NoSuchAddress
            | Self::Off
            | Self::CannotBeCalled => true,
            Self::Rejected | Self::Conflict | Self::Unmappable | Self::Held | Self::Failed => false,
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_words() {
        let names: BTreeSet<_> = TargetCode::ALL.iter().map(|code| code.as_str()).collect();
        let words: BTreeSet<_> = TargetCode::ALL.iter().map(|code| code.words()).collect();
        assert_eq!((names.len(), words.len()), (TargetCode::ALL.len(), TargetCode::ALL.len()));
        assert!(TargetCode::ALL.iter().all(|code| TargetCode::from_name(code.as_str()) == Some(*code)));
    }
}

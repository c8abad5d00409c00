//! What has become of an event, as its row says it: words that are static or name members, and never a value.

use std::collections::BTreeSet;

use umoja_accounts::import::Reason;
use umoja_schema::ingest::{InboxEvent, InboxState};

/// The most characters of a detail.
const MAX_DETAIL: usize = 300;

/// The most names of members that a row keeps.
const MAX_NAMES: usize = 20;

/// The most characters of the name of a member that a row keeps.
const MAX_NAME: usize = 64;

/// What stands for names that a row does not keep.
const OTHERS: &str = "other members";

/// What has become of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) state: InboxState,
    /// The code of the reason why it is parked.
    pub(crate) reason: Option<&'static str>,
    /// The reason as a sentence.
    pub(crate) detail: Option<String>,
    /// The members that were left out.
    pub(crate) left_out: Vec<String>,
}

impl Outcome {
    /// An event that was handed on, or has an unknown type.
    pub(crate) const fn of(state: InboxState) -> Self {
        Self { state, reason: None, detail: None, left_out: Vec::new() }
    }

    /// An event that was applied without these members.
    pub(crate) fn applied(left_out: &BTreeSet<String>) -> Self {
        Self { left_out: names(left_out), ..Self::of(InboxState::Done) }
    }

    /// An event that cannot be applied.
    pub(crate) fn parked(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::of(InboxState::Parked) }
    }

    /// An event that an import would reject too.
    pub(crate) fn rejected(reason: &Reason) -> Self {
        Self::parked(reason.code()).because(reason)
    }

    /// The outcome with the reason as a sentence. The text must not have a value of the event.
    pub(crate) fn because(self, detail: impl ToString) -> Self {
        Self { detail: Some(detail.to_string().chars().take(MAX_DETAIL).collect()), ..self }
    }

    /// The row of an event with this outcome.
    pub(crate) fn row(&self, event: &InboxEvent) -> InboxEvent {
        InboxEvent {
            state: self.state,
            reason: self.reason.map(str::to_owned),
            detail: self.detail.clone(),
            left_out: self.left_out.clone(),
            ..event.clone()
        }
    }
}

/// The names that are surely names. A source may have a value, such as an address, where others have a name.
fn names(left_out: &BTreeSet<String>) -> Vec<String> {
    let is_name = |name: &&String| {
        name.len() <= MAX_NAME
            && name.chars().any(|c| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
    };
    let mut names: Vec<String> = left_out.iter().filter(is_name).take(MAX_NAMES).cloned().collect();
    if names.len() < left_out.len() {
        names.push(OTHERS.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_names_and_nothing_that_may_be_a_value() {
        let said = |members: &[&str]| names(&members.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(said(&["email", "user_metadata/shoe"]), ["email", "user_metadata/shoe"]);
        for value in ["amina@example.com", "254712123456", "Amina Odhiambo", &"a".repeat(65)] {
            assert_eq!(said(&["email", value]), ["email", OTHERS], "{value}");
        }
        let many: Vec<String> = (0..30).map(|n| format!("member{n:02}")).collect();
        let kept = said(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(kept.len() == MAX_NAMES + 1 && kept[MAX_NAMES] == OTHERS, "{kept:?}");
    }
}

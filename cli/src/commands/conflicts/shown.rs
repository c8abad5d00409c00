//! How conflicts are shown, and the region that is asked about them.

use umoja_accounts::conflicts::{Conflict, Contested, State};
use umoja_schema::UserId;

use crate::output::time;

/// An identifier that two users own, as a line of text.
pub(super) fn line(contested: &Contested, users: &[UserId; 2]) -> String {
    let Contested { kind, company, winner, since, verified } = contested;
    let of = company.as_ref().map(|company| format!(" of {company}")).unwrap_or_default();
    let loser = if users[0] == *winner { users[1] } else { users[0] };
    let verified = match (verified.contains(winner), verified.contains(&loser)) {
        (true, true) => "verified for both",
        (true, false) => "verified for the first",
        (false, true) => "verified for the second",
        (false, false) => "not verified",
    };
    format!("{}{of}: {winner} wins over {loser}, since {}, {verified}", kind.as_str(), time(*since))
}

/// What says that the two users are two people, as a line of text. `None` if nothing does.
pub(super) fn differ(conflict: &Conflict) -> Option<String> {
    let [one, other] = conflict.users;
    let all: Vec<_> = conflict.contradictions.iter().map(ToString::to_string).collect();
    (!all.is_empty()).then(|| format!("{one} and {other} have {}", all.join(" and ")))
}

pub(super) const fn state(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Dismissed => "dismissed",
        State::OnePerson => "one person",
        State::Settled => "settled: they no longer own an identifier in common",
        State::Gone => "gone: one of them is erased, or has not arrived here",
    }
}

//! How many codes of devices may be typed.

use umoja_schema::Millis;
use umoja_store::ports::{Counted, Limit, Tally};

use super::asked::Asked;
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::pages::CodeFault;

const HOUR_MS: u64 = 60 * 60 * 1000;
/// The codes that one person may type; without a session one address, or one browser where no address is known. The hour does not slide,
/// because many people may share an address.
const GUESSES: Limit =
    Limit { at_once: 20, shortest_ms: 2_000, longest_ms: HOUR_MS / 4, window_ms: HOUR_MS, slides: false };
/// The wrong codes that a region takes in an hour of all who are signed in, and as many of all who are not: of 2^34 codes so few that no
/// guess is likely to be right.
const ALL_WRONG: u64 = 5_000;

/// A code that a person types. It is counted before it is looked up, so that guesses side by side get no more answers than one after the
/// other.
pub(super) struct Guess {
    key: [u8; 32],
    counted: Option<Tally>,
    /// The key of all wrong codes of an hour, and when it ends.
    all: ([u8; 32], Millis),
}

impl Guess {
    /// Counts a code. A table that does not answer does not count, as for passwords.
    ///
    /// Who is not signed in can have any number of cookies, and so can use up what the region takes of such callers. Those who are signed in
    /// have their own share, so that a person can sign in first then.
    ///
    /// # Errors
    /// [`CodeFault::Locked`] and [`CodeFault::SignInFirst`] if too many were wrong.
    pub(super) async fn count(
        provider: &Provider,
        asked: &Asked,
        browser: &str,
        visit: Option<&Visit>,
    ) -> Result<Self, CodeFault> {
        let (people, now) = (&provider.accounts.people, provider.now());
        let person = visit.and_then(|visit| visit.standing.users().first());
        let (kind, from, used_up) = match (person, asked.address) {
            (Some(primary), _) => ("person", primary.to_string(), CodeFault::Locked),
            (None, Some(address)) => ("stranger", umoja_accounts::network(address).to_string(), CodeFault::SignInFirst),
            (None, None) => ("stranger", browser.to_owned(), CodeFault::SignInFirst),
        };
        let (hash, hour) = (|parts: &[&str]| people.secrets.request_hash(parts), now.0 / HOUR_MS);
        let all = (hash(&["device guesses", kind, &hour.to_string()]), Millis((hour + 2) * HOUR_MS));
        let (key, attempts) = (hash(&["device guess", kind, &from]), &people.home.attempts);
        if attempts.add(&all.0, 0, all.1).await.is_ok_and(|wrong| wrong >= ALL_WRONG) {
            return Err(used_up);
        }
        let counted = match attempts.count(&key, &GUESSES, now).await {
            Ok(Counted::Locked(_)) => return Err(CodeFault::Locked),
            Ok(Counted::Let(tally)) => Some(tally),
            Err(error) => {
                tracing::warn!(%error, "the codes of devices that are typed are not counted");
                None
            }
        };
        Ok(Self { key, counted, all })
    }

    /// Counts a wrong code for all.
    pub(super) async fn was_wrong(self, provider: &Provider) {
        if let Err(error) = provider.accounts.home.attempts.add(&self.all.0, 1, self.all.1).await {
            tracing::warn!(%error, "a wrong code of a device is not counted");
        }
    }

    /// Gives a right code back.
    ///
    /// # Errors
    /// If the region cannot.
    pub(super) async fn was_right(self, provider: &Provider) -> Result<(), Stop> {
        if let Some(tally) = &self.counted {
            provider.accounts.home.attempts.give_back(&self.key, tally).await?;
        }
        Ok(())
    }
}

//! How many answers of providers a network may bring.

use umoja_store::ports::{Counted, Limit, Tally};

use crate::Provider;
use crate::browser::asked::Asked;
use crate::browser::sign_in::Rejection;
use crate::pages::Again;

const HOUR_MS: u64 = 60 * 60 * 1000;
/// The answers that come to nothing: each has a provider called. The hour does not slide, because many people may share an address.
const FAILURES: Limit =
    Limit { at_once: 100, shortest_ms: 2_000, longest_ms: HOUR_MS / 4, window_ms: HOUR_MS, slides: false };

/// An answer of a provider that was counted before the provider is called.
pub(super) struct Counts {
    key: [u8; 32],
    tally: Option<Tally>,
}

impl Counts {
    /// Counts an answer for the network of the browser, or for the browser where no address is known. A table that does not answer does not
    /// count, as for passwords.
    ///
    /// # Errors
    /// The rejection if too many came to nothing.
    pub(super) async fn begin(provider: &Provider, asked: &Asked, browser: &str) -> Result<Self, Rejection> {
        let (people, now) = (&provider.accounts.people, provider.now());
        let from = asked.address.map_or_else(|| browser.to_owned(), |ip| umoja_accounts::network(ip).to_string());
        let key = people.secrets.request_hash(&["answer of a provider", &from]);
        match people.home.attempts.count(&key, &FAILURES, now).await {
            Ok(Counted::Let(tally)) => Ok(Self { key, tally: Some(tally) }),
            Ok(Counted::Locked(until)) => {
                let secs = until.since(now).min(FAILURES.longest_ms).div_ceil(1000).max(1);
                Err(Rejection { again: Again::Locked, retry_after_secs: u32::try_from(secs).ok() })
            }
            Err(error) => {
                tracing::warn!(%error, "the answers of providers are not counted");
                Ok(Self { key, tally: None })
            }
        }
    }

    /// Gives an answer back that says who the person is.
    pub(super) async fn was_right(self, provider: &Provider) {
        if let Some(tally) = &self.tally
            && let Err(error) = provider.accounts.home.attempts.give_back(&self.key, tally).await
        {
            tracing::warn!(%error, "an answer of a provider is counted as one that came to nothing");
        }
    }
}

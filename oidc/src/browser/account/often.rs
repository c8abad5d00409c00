//! How often a person may change its account. Each change leaves rows that do not expire: in the audit trail, and of each factor that was
//! removed. A session that another one has, or an account that a program has made, would fill the tables.

use umoja_schema::UserId;
use umoja_store::ports::{Counted, Limit};

use crate::Provider;

const HOUR_MS: u64 = 60 * 60 * 1000;
/// The forms of one person in an hour, in each region.
const FORMS: Limit =
    Limit { at_once: 100, shortest_ms: 2_000, longest_ms: HOUR_MS / 4, window_ms: HOUR_MS, slides: false };

/// Counts a form of the person with this primary account. The seconds after which the next one is taken, if it is one too many. A table that
/// does not answer does not count, as for passwords.
pub(super) async fn too_often(provider: &Provider, person: UserId) -> Option<u32> {
    let (people, now) = (&provider.accounts.people, provider.now());
    let key = people.secrets.request_hash(&["forms of an account", &person.to_string()]);
    match people.home.attempts.count(&key, &FORMS, now).await {
        Ok(Counted::Let(_)) => None,
        Ok(Counted::Locked(until)) => {
            let secs = until.since(now).min(FORMS.longest_ms).div_ceil(1000).max(1);
            Some(u32::try_from(secs).unwrap_or(u32::MAX))
        }
        Err(error) => {
            tracing::warn!(%error, "the forms of an account are not counted");
            None
        }
    }
}

//! The hasher port: a bounded pool in production, and inline in simulation, with the same rules.

mod turns;
mod verdict;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::{Handle, RuntimeFlavor};
use umoja_crypto::{Passwords, Weakness};
use umoja_schema::CompanyId;
use umoja_store::ports::{Attempt, Busy, Clock, Hasher, NewPassword, Verdict};

use self::turns::{Turn, Turns};
use self::verdict::admit;
pub use self::verdict::decide;
use crate::breached::BreachedList;

/// Hashes on the caller's thread. For simulation, where threads would make runs differ.
#[derive(Debug, Clone)]
pub struct InlineHasher(Arc<Passwords>);

impl InlineHasher {
    /// A hasher with these parameters, which should be small.
    pub fn new(passwords: Arc<Passwords>) -> Self {
        Self(passwords)
    }
}

#[async_trait]
impl Hasher for InlineHasher {
    async fn hash(&self, new: NewPassword) -> Result<Result<String, Weakness>, Busy> {
        admit(&self.0, None, &new).map_err(|_| Busy { retry_after_secs: 1 })
    }

    async fn verify(&self, attempt: Attempt) -> Result<Verdict, Busy> {
        Ok(decide(&self.0, &attempt))
    }
}

/// The limits of a [`HashPool`].
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// The number of concurrent hashes. Each needs the memory of its parameters (19 MB by default) and keeps a core
    /// busy.
    pub at_once: usize,
    /// The longest expected wait of an accepted caller, estimated from recent hashes. A caller that would wait longer
    /// is rejected at once with a time to retry. An accepted caller that has waited half as long again, because others
    /// were served first, is then rejected too.
    pub wait: Duration,
}

impl Default for PoolSettings {
    /// As many concurrent hashes as there are cores, and a wait of one second.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { at_once: cores, wait: Duration::from_secs(1) }
    }
}

/// Hashes off the async workers, with a limited number of concurrent hashes.
///
/// Companies with waiting callers take turns: a storm of one company's logins does not starve another company.
///
/// The turn moves into the work: when a caller disconnects, its turn lasts until its hash ends, so a storm of clients
/// that log in and disconnect takes no more memory or cores than the setting allows. Needs a tokio runtime.
pub struct HashPool {
    passwords: Arc<Passwords>,
    breached: Option<Arc<BreachedList>>,
    settings: PoolSettings,
    turns: Arc<Turns>,
}

impl HashPool {
    /// A pool that hashes with these parameters. `clock` measures the duration of hashes.
    pub fn new(passwords: Arc<Passwords>, settings: PoolSettings, clock: Arc<dyn Clock>) -> Self {
        Self { passwords, breached: None, settings, turns: Turns::new(settings.at_once, clock) }
    }

    /// Rejects new passwords that are in a list. If the list cannot be read, rejects all new passwords.
    #[must_use]
    pub fn with_breached(mut self, list: BreachedList) -> Self {
        self.breached = Some(Arc::new(list));
        self
    }

    /// The number of callers that wait for their turn, to be monitored under load.
    pub fn waiting(&self) -> usize {
        self.turns.waiting()
    }

    async fn turn(&self, company: &CompanyId) -> Result<Turn, Busy> {
        self.turns.take(company, self.settings.wait).await.map_err(busy)
    }

    async fn run<T: Send + 'static>(
        &self,
        company: &CompanyId,
        work: impl FnOnce(&Passwords) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let turn = self.turn(company).await?;
        self.elsewhere(turn, work).await
    }

    /// Hashes on a thread that may block.
    async fn elsewhere<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce(&Passwords) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let passwords = Arc::clone(&self.passwords);
        let done = tokio::task::spawn_blocking(move || {
            let value = work(&passwords);
            drop(turn);
            value
        });
        done.await.map_err(failed)
    }
}

fn failed(error: impl fmt::Debug) -> Busy {
    tracing::error!(?error, "the thread of a password hash failed");
    busy(Duration::ZERO)
}

fn busy(expected_wait: Duration) -> Busy {
    let secs = u32::try_from(expected_wait.as_secs()).unwrap_or(u32::MAX);
    Busy { retry_after_secs: secs.saturating_add(1) }
}

#[async_trait]
impl Hasher for HashPool {
    async fn hash(&self, new: NewPassword) -> Result<Result<String, Weakness>, Busy> {
        let breached = self.breached.clone();
        let company = new.company.clone();
        let admitted = self.run(&company, move |passwords| admit(passwords, breached.as_deref(), &new)).await?;
        admitted.map_err(|error| {
            tracing::error!(%error, "the list of breached passwords cannot be read: no password can be set");
            busy(Duration::ZERO)
        })
    }

    async fn verify(&self, attempt: Attempt) -> Result<Verdict, Busy> {
        let turn = self.turn(&attempt.company).await?;
        let work = move |passwords: &Passwords| decide(passwords, &attempt);
        if std::env::var_os("UMOJA_HASH").is_some() || Handle::current().runtime_flavor() != RuntimeFlavor::MultiThread
        {
            return self.elsewhere(turn, work).await;
        }
        // On the thread of the login, whose other tasks go to another one: it continues without being woken, and what it does next
        // is in the caches of the same core.
        let verdict = tokio::task::block_in_place(|| catch_unwind(AssertUnwindSafe(|| work(&self.passwords))));
        drop(turn);
        verdict.map_err(|_| failed("panic"))
    }

    fn rejects(&self, company: &CompanyId) -> Option<Busy> {
        let expected = self.turns.expected_wait(company);
        (expected > self.settings.wait).then(|| busy(expected))
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashPool")
            .field("passwords", &self.passwords)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

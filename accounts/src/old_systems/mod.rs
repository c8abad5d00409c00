//! The old systems of companies, and which of them are out: a failure counts against the system ([`crate::breaker`]), and
//! never against the user.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::counter;
use umoja_schema::names::metric;
use umoja_schema::{CompanyId, OldSystem, UserId};
use umoja_store::ports::{Clock, LegacyAnswer, LegacyLogin, Question};

use crate::Error;
use crate::breaker::{Breaker, Ended, Pass, Waits};

/// The old systems of companies, as one process asks them.
pub struct OldSystems {
    login: Arc<dyn LegacyLogin>,
    breakers: Mutex<BTreeMap<CompanyId, (OldSystem, Breaker<UserId>)>>,
}

impl OldSystems {
    /// Asks by this adapter.
    pub fn new(login: Arc<dyn LegacyLogin>) -> Self {
        Self { login, breakers: Mutex::default() }
    }

    /// The breaker of a company's system. One that was set to another system starts again.
    fn with<T>(&self, company: &CompanyId, system: &OldSystem, act: impl FnOnce(&mut Breaker<UserId>) -> T) -> T {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, breaker) = breakers.entry(company.clone()).or_insert_with(|| (system.clone(), Breaker::default()));
        if known != system {
            (*known, *breaker) = (system.clone(), Breaker::default());
        }
        act(breaker)
    }

    /// Asks a company's old system about a user, unless it is out.
    ///
    /// # Errors
    /// [`Error::OldSystem`] if it gives no answer.
    pub(crate) async fn ask(
        &self,
        company: &CompanyId,
        user: UserId,
        question: &Question<'_>,
        clock: &dyn Clock,
    ) -> Result<LegacyAnswer, Error> {
        let system = question.system;
        let begun = self.with(company, system, |breaker| breaker.begin(&user, clock.now()));
        let pass = begun.map_err(|Waits(ms)| {
            counter!(metric::OLD_SYSTEM_SKIPPED).increment(1);
            unavailable(ms)
        })?;
        let mut asking = Asking { systems: self, company, system, user, pass, ended: Ended::Dropped, clock };
        counter!(metric::OLD_SYSTEM_QUESTIONS).increment(1);
        let answer = self.login.verify(question).await;
        asking.ended = if answer.is_ok() { Ended::Answered } else { Ended::Failed };
        answer.map_err(|error| {
            counter!(metric::OLD_SYSTEM_FAILURES).increment(1);
            tracing::warn!(event = metric::OLD_SYSTEM_FAILURES, company = company.as_str(), kind = system.kind(), %error, "an old system gave no answer");
            unavailable(RETRY_MS)
        })
    }
}

/// When a caller should try again after a failure, in milliseconds.
const RETRY_MS: u64 = 5_000;

fn unavailable(ms: u64) -> Error {
    Error::OldSystem { retry_after_secs: u32::try_from(ms.div_ceil(1000).max(1)).unwrap_or(u32::MAX) }
}

/// A question that is being asked. It ends even if its caller has gone.
struct Asking<'a> {
    systems: &'a OldSystems,
    company: &'a CompanyId,
    system: &'a OldSystem,
    user: UserId,
    pass: Pass,
    ended: Ended,
    clock: &'a dyn Clock,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let (now, Self { pass, user, ended, company, .. }) = (self.clock.now(), &*self);
        if self.systems.with(company, self.system, |breaker| breaker.end(*pass, *user, *ended, now)) {
            tracing::error!(company = company.as_str(), "an old system does not answer, and is not asked for a while");
        }
    }
}

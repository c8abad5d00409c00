//! The calls of one browser to a provider. One that hangs holds a request for some seconds, and few requests: others get a page at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use umoja_accounts::breaker::{Breaker, Ended, Pass};
use umoja_schema::Millis;
use umoja_store::ports::{Answered, Call, Clock, Outbound, OutboundError};

use super::Fault;

/// The longest that a call may take.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// What one process knows of whether a provider answers, by the browsers that have it called.
#[derive(Default)]
pub struct Reached(Mutex<Breaker<String>>);

impl Reached {
    fn with<T>(&self, act: impl FnOnce(&mut Breaker<String>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it did not answer, and is not called for a while.
    pub fn is_out(&self, now: Millis) -> bool {
        self.with(|breaker| breaker.is_out(now))
    }
}

/// Who calls a provider.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// By what it is called.
    pub outbound: &'a dyn Outbound,
    /// The time.
    pub clock: &'a dyn Clock,
    /// The value of the cookie of the browser, or the company that shows a token of the provider.
    pub browser: &'a str,
}

impl Caller<'_> {
    /// Calls a provider, unless it is out.
    ///
    /// # Errors
    /// [`Fault::Unreachable`], and [`Fault::Provider`] if it may not be called.
    pub async fn call(&self, reached: &Reached, call: &Call<'_>) -> Result<Answered, Fault> {
        let begun = reached.with(|breaker| breaker.begin(&self.browser.to_owned(), self.clock.now()));
        let pass = begun.map_err(|_| Fault::Unreachable("it did not answer a moment ago"))?;
        let mut calling = Calling { caller: self, reached, pass, ended: Ended::Dropped };
        let answered = tokio::time::timeout(TIME_LIMIT, self.outbound.call(call)).await;
        let answered = answered.unwrap_or(Err(OutboundError::Unavailable("it did not answer in time")));
        calling.ended = match &answered {
            Ok(answered) if answered.status < 500 => Ended::Answered,
            Ok(_) | Err(OutboundError::Unavailable(_)) => Ended::Failed,
            // It was not called.
            Err(OutboundError::Rejected(_)) => Ended::Dropped,
        };
        match answered {
            Ok(answered) if answered.status < 500 => Ok(answered),
            Ok(_) => Err(Fault::Unreachable("it answered with an error of its own")),
            Err(OutboundError::Unavailable(fault)) => Err(Fault::Unreachable(fault)),
            Err(OutboundError::Rejected(fault)) => Err(Fault::Provider(fault)),
        }
    }
}

/// A call on its way. It ends even if its caller has gone.
struct Calling<'a> {
    caller: &'a Caller<'a>,
    reached: &'a Reached,
    pass: Pass,
    ended: Ended,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        let (browser, now) = (self.caller.browser.to_owned(), self.caller.clock.now());
        if self.reached.with(|breaker| breaker.end(self.pass, browser, self.ended, now)) {
            tracing::error!("another provider does not answer, and is not called for a while");
        }
    }
}

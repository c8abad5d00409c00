//! The order of hashes: companies with waiting callers take turns in a circle, so that during a storm of one company's
//! logins the others wait for one of its hashes and not for all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use umoja_schema::{CompanyId, Millis};
use umoja_store::ports::Clock;

/// The assumed duration of a hash before any has ended, in milliseconds.
const FIRST_GUESS_MS: f64 = 10.0;
/// The longest duration of a hash that is believed, in milliseconds. A longer one shows that the clock was set forward,
/// and would keep callers waiting for a long time.
const LONGEST_MS: u64 = 10_000;
/// The weight of the last hash in the mean.
const WEIGHT: f64 = 1.0 / 32.0;

/// Turns at hashing, limited to `at_once` concurrent ones.
pub(super) struct Turns {
    at_once: usize,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    running: usize,
    /// The waiting callers of each company, in the order of their arrival.
    waiting: BTreeMap<CompanyId, BTreeMap<u64, oneshot::Sender<Turn>>>,
    /// The companies with waiting callers, the next one first.
    circle: VecDeque<CompanyId>,
    next_number: u64,
    mean_ms: f64,
}

/// The right to compute one hash. Dropping it passes it to the next caller.
pub(super) struct Turn {
    /// `None` once the turn was returned unused.
    of: Option<Arc<Turns>>,
    began: Millis,
}

impl Turns {
    pub(super) fn new(at_once: usize, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State {
            running: 0,
            waiting: BTreeMap::new(),
            circle: VecDeque::new(),
            next_number: 0,
            mean_ms: FIRST_GUESS_MS,
        };
        Arc::new(Self { at_once: at_once.max(1), clock, state: Mutex::new(state) })
    }

    /// How long a caller of this company would wait, estimated from recent hashes.
    pub(super) fn expected_wait(&self, company: &CompanyId) -> Duration {
        self.expected(&self.state(), company)
    }

    fn expected(&self, state: &State, company: &CompanyId) -> Duration {
        if state.running < self.at_once {
            return Duration::ZERO;
        }
        let own = state.waiting.get(company).map_or(0, BTreeMap::len);
        let others = state.waiting.iter().filter(|(other, _)| *other != company);
        let ahead: usize = own + others.map(|(_, waiting)| waiting.len().min(own + 1)).sum::<usize>();
        #[allow(clippy::cast_precision_loss, reason = "an estimate, and queues are short")]
        let ms = (ahead + 1) as f64 * state.mean_ms / self.at_once as f64;
        Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX)
    }

    /// Waits for a turn. Fails at once if the expected wait is longer than `most`, and later if the wait exceeds `most`
    /// by half.
    ///
    /// # Errors
    /// The expected wait.
    pub(super) async fn take(self: &Arc<Self>, company: &CompanyId, most: Duration) -> Result<Turn, Duration> {
        let (place, turn) = {
            let mut state = self.state();
            if state.running < self.at_once {
                state.running += 1;
                return Ok(self.turn());
            }
            let expected = self.expected(&state, company);
            if expected > most {
                return Err(expected);
            }
            self.wait(&mut state, company)
        };
        let turn = tokio::time::timeout(most + most / 2, turn).await;
        drop(place);
        turn.ok().and_then(Result::ok).ok_or_else(|| self.expected_wait(company))
    }

    fn wait<'a>(&'a self, state: &mut State, company: &'a CompanyId) -> (Place<'a>, oneshot::Receiver<Turn>) {
        let (sender, turn) = oneshot::channel();
        let number = state.next_number;
        state.next_number += 1;
        if !state.waiting.contains_key(company) {
            state.circle.push_back(company.clone());
        }
        state.waiting.entry(company.clone()).or_default().insert(number, sender);
        (Place { turns: self, company, number }, turn)
    }

    fn turn(self: &Arc<Self>) -> Turn {
        Turn { of: Some(Arc::clone(self)), began: self.clock.now() }
    }

    /// Passes a turn that has ended to the next caller that still waits.
    fn pass_on(self: &Arc<Self>, began: Millis) {
        let now = self.clock.now();
        let mut next = {
            let mut state = self.state();
            #[allow(clippy::cast_precision_loss, reason = "at most seconds")]
            let lasted = now.since(began).min(LONGEST_MS) as f64;
            state.mean_ms += (lasted - state.mean_ms) * WEIGHT;
            state.next()
        };
        while let Some(sender) = next {
            let Err(mut untaken) = sender.send(self.turn()) else { return };
            untaken.of = None;
            next = self.state().next();
        }
    }

    /// The number of waiting callers.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.values().map(BTreeMap::len).sum()
    }

    /// The number of hashes being computed.
    #[cfg(test)]
    pub(super) fn running(&self) -> usize {
        self.state().running
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next caller; if there is none, `None`, and one hash fewer is running.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(company) = self.circle.pop_front() {
            let Some(callers) = self.waiting.get_mut(&company) else { continue };
            let next = callers.pop_first().map(|(_, sender)| sender);
            if callers.is_empty() {
                self.waiting.remove(&company);
            } else {
                self.circle.push_back(company);
            }
            if next.is_some() {
                return next;
            }
        }
        self.running -= 1;
        None
    }

    fn leave(&mut self, company: &CompanyId, number: u64) {
        let Some(callers) = self.waiting.get_mut(company) else { return };
        callers.remove(&number);
        if callers.is_empty() {
            self.waiting.remove(company);
            self.circle.retain(|other| other != company);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.of.take() {
            turns.pass_on(self.began);
        }
    }
}

/// A place in the queue, which is also released when its caller disconnects.
struct Place<'a> {
    turns: &'a Turns,
    company: &'a CompanyId,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.state().leave(self.company, self.number);
    }
}

//! The pace of whatever follows the change log of a region.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use umoja_local::RegionStore;
use umoja_store::ports::StoreError;

/// The first and the longest wait after steps without progress.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What a step found.
pub(super) enum Progress {
    /// Changes, which it has handled at least in part.
    More,
    /// No change after this position.
    Idle(u64),
    /// A change that cannot be handled now.
    Stuck,
}

/// When the next step is taken: at once while there are changes, and then on each commit of this process, and periodically
/// for commits of other processes. After a step without progress there is a wait, each time a longer one.
pub(super) struct Pace<'a> {
    store: &'a RegionStore,
    /// What is done, for the log.
    what: &'static str,
    poll: Duration,
    stop: watch::Receiver<bool>,
    back_off: Duration,
}

impl<'a> Pace<'a> {
    pub(super) fn new(store: &'a RegionStore, what: &'static str, poll: Duration, stop: watch::Receiver<bool>) -> Self {
        Self { store, what, poll, stop, back_off: BACK_OFF.0 }
    }

    /// False once it is stopped.
    pub(super) fn continues(&self) -> bool {
        !*self.stop.borrow()
    }

    /// Waits until the next step, by what the last one found.
    pub(super) async fn wait(&mut self, found: Result<Progress, StoreError>) {
        let idle_at = match found {
            Ok(Progress::More) => {
                self.back_off = BACK_OFF.0;
                return;
            }
            Ok(Progress::Idle(position)) => Some(position),
            Ok(Progress::Stuck) => None,
            Err(error) => {
                let (region, what) = (self.store.region(), self.what);
                tracing::error!(%region, what, %error, "the change log cannot be followed");
                None
            }
        };
        if let Some(position) = idle_at {
            self.back_off = BACK_OFF.0;
            tokio::select! {
                () = self.store.wait_for_change(position) => {}
                () = sleep(self.poll) => {}
                _ = self.stop.changed() => {}
            }
        } else {
            let wait = self.back_off;
            self.back_off = (wait * 2).min(BACK_OFF.1);
            tokio::select! {
                () = sleep(wait) => {}
                _ = self.stop.changed() => {}
            }
        }
    }
}

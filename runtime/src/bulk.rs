//! Bulk work in a region of a directory, such as an import, waits for the other regions: it writes faster than they take
//! changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use umoja_local::RegionStore;
use umoja_store::ports::{Clock, StoreError};

use crate::backlog::{CURSOR, Pressure};
use crate::pump::RegionPump;

/// How often the position of the replication is read.
const LOOK: Duration = Duration::from_millis(20);

/// How often it is checked, in milliseconds, whether another process replicates.
const SERVED_MS: u64 = 500;

/// What keeps bulk work from leaving the other regions behind. While no other process replicates the region's changes, this does.
#[must_use]
pub struct Bulk {
    /// True while bulk work may go on.
    open: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Bulk {
    /// Bulk work that never waits.
    pub fn unlimited() -> Self {
        Self { open: watch::Sender::new(true).subscribe(), stop: watch::Sender::new(false), task: None }
    }

    /// Starts to look after the peers of a region. `is_served` says whether another process replicates its changes. Needs a tokio
    /// runtime.
    pub fn start(
        store: RegionStore,
        pump: RegionPump,
        clock: Arc<dyn Clock>,
        is_served: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let (opens, open) = watch::channel(true);
        let stop = watch::Sender::new(false);
        let follower = Follower { store, pump, clock, is_served, pressure: Pressure::default() };
        let task = Some(tokio::spawn(follower.follow(opens, stop.subscribe())));
        Self { open, stop, task }
    }

    /// Waits until bulk work may go on.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut open = self.open.clone();
        async move {
            // Without a sender, nothing has to wait.
            let _ = open.wait_for(|open| *open).await;
        }
    }

    /// Ends it. If no other process replicates, the peers have all changes then, unless they cannot take them.
    pub async fn finish(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the replication of bulk work failed");
        }
    }
}

struct Follower<F> {
    store: RegionStore,
    pump: RegionPump,
    clock: Arc<dyn Clock>,
    is_served: F,
    pressure: Pressure,
}

impl<F: Fn() -> bool + Send + Sync> Follower<F> {
    async fn follow(mut self, opens: watch::Sender<bool>, mut stop: watch::Receiver<bool>) {
        let (mut looked, mut is_served, mut was_stuck) = (None, true, false);
        while !*stop.borrow() {
            let now = self.clock.now();
            if looked.is_none_or(|at| now.since(at) >= SERVED_MS) {
                (looked, is_served) = (Some(now), (self.is_served)());
            }
            let moved = !is_served && self.replicate().await;
            let is_high = self.look().await.unwrap_or_else(|error| {
                tracing::warn!(region = %self.store.region(), %error, "the change log cannot be read");
                false
            });
            opens.send_if_modified(|open| {
                let changes = *open == is_high;
                *open = !is_high;
                changes
            });
            let is_stuck = self.pressure.is_stuck(self.clock.now());
            if is_stuck && !was_stuck {
                tracing::warn!(region = %self.store.region(), "no change is replicated; bulk work no longer waits");
            }
            was_stuck = is_stuck;
            if !moved {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    _ = stop.changed() => {}
                }
            }
        }
        while !(self.is_served)() && self.replicate().await {}
    }

    /// Replicates the next changes. True if there were some, and the peers or their retry queues have them now.
    async fn replicate(&self) -> bool {
        match self.pump.replicate().await {
            Ok(step) => step.outcome.records > 0 && step.outcome.failed.is_none(),
            Err(error) => {
                tracing::warn!(region = %self.store.region(), %error, "changes are not replicated");
                false
            }
        }
    }

    /// Whether bulk work has to wait.
    async fn look(&mut self) -> Result<bool, StoreError> {
        let (newest, replicated) = (self.store.newest_change()?, self.store.cursor(CURSOR).await?);
        Ok(self.pressure.is_high(newest, replicated, self.clock.now()))
    }
}

//! The deliveries to targets: rings for the changes of the region, and a task for each target, so that one that is slow
//! delays no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use umoja_local::RegionStore;
use umoja_provisioner::Provisioner;
use umoja_provisioner::targets::{KnownTarget, Run, wake_due};
use umoja_schema::TargetId;
use umoja_store::Change;
use umoja_store::ports::StoreError;

use super::follow::{BATCH, Followed};
use crate::backlog::DELIVER_CURSOR;
use crate::record;

/// What one step did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Provisioned {
    /// The changes that were looked at.
    pub records: usize,
    /// Accounts that were rung for.
    pub rung: usize,
    /// What became of the deliveries, over all targets.
    pub run: Run,
}

/// What a step of the rings did.
pub(super) struct Ringing {
    records: usize,
    rung: usize,
    /// All changes up to this position are rung for.
    pub(super) followed: Followed,
}

/// The deliveries of one region.
pub(super) struct Provisioning {
    store: RegionStore,
    provisioner: Arc<Provisioner>,
}

impl Provisioning {
    pub(super) fn new(store: RegionStore, provisioner: Arc<Provisioner>) -> Self {
        Self { store, provisioner }
    }

    /// Rings for the next batch of changes, and stores its position.
    async fn ring(&self) -> Result<Ringing, StoreError> {
        let position = self.store.cursor(DELIVER_CURSOR).await?;
        let rung = self.ring_changes(position, &self.store.changes(position, BATCH)?).await?;
        if rung.followed.position > position {
            self.store.advance_cursor(DELIVER_CURSOR, rung.followed.position).await?;
        }
        Ok(rung)
    }

    /// Rings for the changes after a position.
    pub(super) async fn ring_changes(&self, position: u64, changes: &[Change]) -> Result<Ringing, StoreError> {
        let rung = self.provisioner.feed(changes).await?;
        // The store's sequences are decimal numbers.
        let after = changes.last().and_then(|change| change.sequence.parse().ok()).unwrap_or(position);
        let followed = Followed { position: after, has_failed: false };
        Ok(Ringing { records: rung.records, rung: rung.rung, followed })
    }

    /// Rings for all changes, and delivers what is due once at each target.
    pub(super) async fn step(&self) -> Result<Provisioned, StoreError> {
        let mut all = Provisioned::default();
        loop {
            let rung = self.ring().await?;
            all.records += rung.records;
            all.rung += rung.rung;
            if rung.records == 0 {
                break;
            }
        }
        for target in self.provisioner.targets().await? {
            let run = self.provisioner.run(&target).await?;
            recorded(&run);
            all.run += run;
        }
        Ok(all)
    }

    /// Delivers until stopped: each target in a task of its own.
    pub(super) async fn deliver_until(&self, poll: Duration, mut stop: watch::Receiver<bool>) {
        let (mut tasks, mut running) = (JoinSet::new(), BTreeMap::new());
        while !*stop.borrow() {
            match self.provisioner.targets().await {
                Ok(targets) => {
                    for known in targets {
                        if running.contains_key(&known.target.id) {
                            continue;
                        }
                        let (id, provisioner) = (known.target.id.clone(), Arc::clone(&self.provisioner));
                        let handle = tasks.spawn(async move { run(&provisioner, &known).await });
                        running.insert(id, handle.id());
                    }
                }
                Err(error) => tracing::error!(region = %self.store.region(), %error, "targets cannot be read"),
            }
            tokio::select! {
                () = sleep(poll) => {}
                _ = stop.changed() => {}
            }
            while let Some(ended) = tasks.try_join_next_with_id() {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(%error, "a delivery failed in a way that it should not");
                        error.id()
                    }
                };
                running.retain(|_: &TargetId, task| *task != id);
            }
        }
        // A delivery that has begun is completed, so that its end is noted.
        while tasks.join_next().await.is_some() {}
    }
}

/// Records since when the oldest account is due at a target.
pub(super) async fn measure(provisioning: &Provisioning) {
    let home = &provisioning.provisioner.people().home;
    match wake_due(home).await {
        Ok((_, oldest_ms)) => record::set_oldest_due(&home.own.name, oldest_ms),
        Err(error) => tracing::warn!(region = %home.own.name, %error, "what is due at targets cannot be read"),
    }
}

fn recorded(run: &Run) {
    record::targets(run.delivered, run.failed, run.held, run.conflicts);
}

/// Delivers as long as there is something due.
async fn run(provisioner: &Provisioner, known: &KnownTarget) {
    loop {
        match provisioner.run(known).await {
            Ok(run) => {
                recorded(&run);
                if run.delivered + run.failed == 0 {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(target_id = %known.target.id, %error, "what is due at a target cannot be read");
                return;
            }
        }
    }
}

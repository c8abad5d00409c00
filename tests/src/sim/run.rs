//! One run: the steps of a plan, then healing, then the checks of all invariants.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::future::join_all;
use umoja_reconciler::{Backfill, anti_entropy, drain_retries, merge_users, repair_keys};
use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Millis, Region};
use umoja_store::faulty::Met;
use umoja_store::ports::Clock as _;
use umoja_store::{Change, Home, RegionPorts};

use super::coverage::{Coverage, operation};
use super::fleet::{Fleet, Shared};
use super::listing::COMPANIES;
use super::plan::{Job, Plan, Service, Step, Task};
use super::rules::Rule;
use crate::world::{ANTI_ENTROPY, TablesOn, killed_after};

/// The maximum number of calls of a peer's table for one record or message. A loop needs more.
const CALLS_PER_REPLICATION: u64 = 12;

/// The failure of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The reason, which begins with the number of the violated invariant, if it has one.
    pub reason: String,
}

impl Failure {
    /// The beginning of the reason, which is equal in failures of the same kind.
    pub fn kind(&self) -> &str {
        self.reason.split(':').next().unwrap_or_default()
    }
}

/// The configuration of runs.
#[derive(Clone)]
pub struct Runner {
    /// The store of the tables.
    pub tables: TablesOn,
    /// The rule to disable.
    pub without: Option<Rule>,
    shared: Shared,
}

impl Runner {
    /// Runs on an adapter.
    pub fn new(tables: TablesOn, without: Option<Rule>) -> Self {
        Self { tables, without, shared: Shared::default() }
    }

    /// Does one run, on this thread and in virtual time.
    ///
    /// # Errors
    /// If an invariant is violated.
    pub fn run(&self, plan: &Plan) -> Result<Coverage, Failure> {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.expect("a runtime").block_on(self.play(plan))
        };
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let text = text.unwrap_or_else(|| "a panic without a text".to_owned());
            let reason = text.strip_prefix("assertion `left == right` failed: ").unwrap_or(&text).to_owned();
            Failure { reason }
        })
    }

    async fn play(&self, plan: &Plan) -> Coverage {
        let fleet = Fleet::new(plan, self.tables, self.without, &self.shared).await;
        fleet.note_changes();
        for step in &plan.steps {
            match step {
                Step::Run(tasks) => fleet.run(tasks).await,
                Step::Round => drop(fleet.round().await),
                Step::Forget { at } => fleet.forget_events(fleet.at(*at)).await,
                disturbance => fleet.disturb(disturbance).await,
            }
            fleet.note_changes();
        }
        fleet.heal().await;
        fleet.check().await;
        fleet.coverage()
    }
}

impl Fleet {
    /// Adds the writes of every region since the last call.
    pub(super) fn note_changes(&self) {
        let changes: Vec<Vec<Change>> = self.world().regions.iter().map(|region| region.tables.new_changes()).collect();
        let newer: Vec<bool> = self.software.iter().map(|software| software.is_newer()).collect();
        self.history.borrow_mut().advance(&changes, &self.attempts.take(), &newer);
        self.note_rows(&changes);
        self.listing.extend(&changes);
        self.deliveries.extend(&changes);
        for (stream, changes) in self.streams.iter().zip(changes) {
            stream.extend(changes);
        }
    }

    async fn run(&self, tasks: &[Task]) {
        self.deliveries.remotes.begin_step();
        let pausing = tasks.len() > 1 || tasks.iter().any(|task| task.killed.is_some());
        self.world().set_pausing(pausing);
        let (before, harmed) = (self.met(), self.is_harmed().await);
        let ended = join_all(tasks.iter().map(|task| async {
            killed_after(task.late.into(), std::future::pending::<()>()).await;
            let job = Box::pin(self.job(&task.job, !pausing));
            let Some(awaits) = task.killed else {
                job.await;
                return true;
            };
            killed_after(awaits.into(), job).await.is_some()
        }))
        .await;
        self.world().set_pausing(false);
        let after = self.met();
        self.note_coverage(tasks, &ended, &before, &after);
        self.check_answers(!pausing, before == after, !harmed);
        self.check_signed();
    }

    fn met(&self) -> [Met; Service::ALL.len()] {
        Service::ALL.map(|service| {
            self.all_faults(service).fold(Met::default(), |sum, faults| {
                let met = faults.met();
                Met {
                    down: sum.down + met.down,
                    requests_lost: sum.requests_lost + met.requests_lost,
                    answers_lost: sum.answers_lost + met.answers_lost,
                    throttled: sum.throttled + met.throttled,
                }
            })
        })
    }

    fn note_coverage(&self, tasks: &[Task], ended: &[bool], before: &[Met], after: &[Met]) {
        let coverage = &mut *self.coverage.borrow_mut();
        for (task, ended) in tasks.iter().zip(ended) {
            let operation = operation(&task.job);
            // If several tasks ran together, the task of a call is unknown.
            if tasks.len() == 1 {
                for ((service, before), after) in Service::ALL.into_iter().zip(before).zip(after) {
                    coverage.note_met(operation, service, *before, *after);
                }
            } else {
                coverage.note(operation, "raced");
            }
            if !ended {
                coverage.note(operation, "killed");
            }
            let at = self.at(task.job.at());
            if self.region(at).clock.now() != self.world().clock.now() {
                coverage.note(operation, "clock wrong");
            }
            if self.software[at].is_newer() {
                coverage.note(operation, "newer version");
            }
        }
    }

    async fn job(&self, job: &Job, alone: bool) {
        match job {
            Job::Call { at, company, user, call } => {
                let user = usize::from(*user) % self.people.borrow().len();
                self.call(self.at(*at), usize::from(*company), user, call).await;
            }
            Job::Replicate { at, take, again, order } => {
                self.replicate(self.at(*at), (*take, *again, *order), alone).await;
            }
            Job::Drain { at, peer } => self.drain(self.at(*at), usize::from(*peer), alone).await,
            Job::Repair { at } => self.repair(self.at(*at)).await,
            Job::Backfill { at, peer } => {
                self.backfill(self.at(*at), usize::from(*peer)).await;
            }
            Job::AntiEntropy { at } => self.anti_entropy_from(self.at(*at)).await,
            Job::Reload { at } => drop(self.reload(self.at(*at)).await),
            Job::Operate { at, work } => self.operate(self.at(*at), *work, alone).await,
            Job::Item { at, user, key } => {
                let user = self.id_of(usize::from(*user) % self.people.borrow().len());
                // A task without an answer may have written the item, so the write is not acknowledged.
                let _ = self.world().put_item(self.at(*at), user, &format!("item-{key}")).await;
            }
            Job::Post { at, source, user, event } => self.post(self.at(*at), *source, *user, *event).await,
            Job::Ingest { at } => self.ingest(self.at(*at)).await,
            Job::Feed { at, take, again, new } => self.feed(self.at(*at), (*take, *again), *new).await,
            Job::Ring { at, take, again, new } => self.ring(self.at(*at), (*take, *again), *new).await,
            Job::Deliver { at, new } => self.deliver(self.at(*at), *new).await,
            Job::Hook { at, new } => self.hook(self.at(*at), *new).await,
            Job::Provision { at, target, user } => {
                let user = usize::from(*user) % self.people.borrow().len();
                self.provision(self.at(*at), usize::from(*target), self.id_of(user)).await;
            }
            Job::Sign { at, user, sign } => {
                let user = usize::from(*user) % self.people.borrow().len();
                self.sign(self.at(*at), user, *sign, alone).await;
            }
            Job::List { at, company } => drop(self.list(self.at(*at), usize::from(*company) % COMPANIES).await),
        }
    }

    /// A batch of a region's stream.
    pub(super) async fn replicate(&self, at: usize, (take, again, order): (u8, u8, u16), alone: bool) {
        let mut batch = self.streams[at].batch(take, again, order);
        {
            let coverage = &mut *self.coverage.borrow_mut();
            if batch.is_repeated {
                coverage.note("replicate", "delivered again");
            }
            if order != 0 && batch.changes.len() > 1 {
                coverage.note("replicate", "reordered");
            }
        }
        let sends = self.sends(at);
        let outcome = self.replicators[at].handle(&batch.changes).await;
        if self.without == Some(Rule::Loop) {
            self.send_on(at, &batch.changes).await;
        }
        let region = self.region(at);
        let own = Some(Attribute::S(region.name.to_string()));
        let own = batch.changes.iter().filter(|change| change.image.get(attribute::ORIGIN).cloned() == own).count();
        if alone {
            let bound = own as u64 * region.home.peers.len() as u64 * CALLS_PER_REPLICATION;
            let sent = self.sends(at) - sends;
            assert!(sent <= bound, "6: {own} own records were sent by {sent} calls");
        }
        batch.handled_until(outcome.failed.as_ref().filter(|_| self.without != Some(Rule::Redelivery)));
    }

    /// Replicates versions of other regions as if the region were their origin.
    async fn send_on(&self, at: usize, changes: &[Change]) {
        let home = &self.region(at).home;
        for origin in home.peers.iter().map(|peer| peer.ports.name.clone()) {
            let own = RegionPorts { name: origin, ..home.own.clone() };
            umoja_replicator::Replicator::new(Home { own, ..home.clone() }).handle(changes).await;
        }
    }

    /// The number of a region's calls of its peers' tables, without probes.
    fn sends(&self, at: usize) -> u64 {
        let links = self.region(at).faults.links.values();
        links.flat_map(|faults| faults.calls()).filter(|(name, _)| *name != "probe").map(|(_, count)| count).sum()
    }

    /// A run of the retries for one peer.
    pub(super) async fn drain(&self, at: usize, peer: usize, alone: bool) {
        let home = &self.region(at).home;
        let sends = self.sends(at);
        let report = drain_retries(home, &home.peers[peer % home.peers.len()]).await;
        if alone {
            let (received, sent) = (report.received as u64, self.sends(at) - sends);
            assert!(sent <= received * CALLS_PER_REPLICATION, "6: {received} messages were handled by {sent} calls");
        }
    }

    /// A run of the key repair, and of the merges.
    pub(super) async fn repair(&self, at: usize) {
        let region = self.region(at);
        if self.without == Some(Rule::KeyRepair) {
            for queue in self.queues(at, Service::Repairs) {
                self.purge(&queue).await;
            }
            self.lost.set(false);
            return;
        }
        repair_keys(&region.home, &region.sealer).await;
        merge_users(&region.home, &region.sealer).await;
    }

    /// An anti-entropy pass of a region, its peers and its derived tables.
    async fn anti_entropy_from(&self, at: usize) {
        let home = &self.region(at).home;
        let peers: Vec<Region> = home.peers.iter().map(|peer| peer.ports.name.clone()).collect();
        anti_entropy(home, &peers, &ANTI_ENTROPY, Millis(u64::MAX)).await;
    }

    /// A pass that backfills a peer from a region, until it ends or a service does not answer.
    async fn backfill(&self, at: usize, peer: usize) {
        let home = &self.region(at).home;
        let target = &home.peers[peer % home.peers.len()].ports.name;
        let mut backfill = Backfill::new(home, target, Millis(0)).expect("a peer");
        while backfill.step().await == Ok(true) {}
    }
}

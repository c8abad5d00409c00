//! Operators' jobs, in words: what they say meanwhile, why they stop and what to do then, and what they need of a
//! deployment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use umoja_reconciler::RewriteReport;
use umoja_reconciler::jobs::rewrite::{Behind, Reach, rewrite};
use umoja_reconciler::jobs::rotate::{Operator, Regions as Reached, Until};
use umoja_reconciler::jobs::{Event, JobError, Watch, Worker};
use umoja_runtime::RegionPump;
use umoja_schema::Millis;
use umoja_schema::names::{function, queue};
use umoja_store::Home;
use umoja_store::deployment::SETTINGS_WAIT_SECS;
use umoja_store::keyring::KeyRing;
use umoja_store::old_key::with_old_keys;
use umoja_store::ports::KeysError;
use umoja_store::rotation::IndexStep;
use umoja_store::seal::Sealer;

use super::target::Opened;
use crate::CliError;
use crate::deployment::secrets::{OldKeys, WRAP_BUDGET_MS};
use crate::deployment::served::settings_are_read;
use crate::deployment::{Deployment, Regions, locks, names};
use crate::output::note;

/// How long a pass after the first waits for what is on its way.
const BETWEEN: Duration = Duration::from_secs(5);

/// The same in a directory that is served.
const BETWEEN_HERE: Duration = Duration::from_secs(1);

/// How long the peers' KMS may take to wrap a data key, in milliseconds: an operator may be far away, and what is missing
/// then is left to the key repair.
const PEER_WRAP_BUDGET_MS: u64 = 5_000;

/// Writes what jobs say on standard error.
pub(super) struct Notes;

impl Watch for Notes {
    fn see(&self, event: &Event<'_>) {
        note(&match event {
            Event::Rewriting { what, report, ms } => {
                let RewriteReport { parts, rewritten, on_their_way, overtaken, unwrapped, .. } = report;
                format!(
                    "{what}: {parts} parts of all regions looked at, {rewritten} written again, {} to be looked at again; {}/s",
                    on_their_way + overtaken + unwrapped,
                    parts * 1000 / (*ms).max(1)
                )
            }
            Event::Filling { from, to, report, ms } => format!(
                "{from} to {to}: {} parts looked at, {} copied, {} to be wrapped; {} rows looked at, {} copied; {}/s",
                report.parts,
                report.parts_copied,
                report.unwrapped,
                report.rows,
                report.rows_copied,
                (report.parts + report.rows) * 1000 / (*ms).max(1)
            ),
            Event::Filled { from, to } => format!("{to}: has everything that {from} holds"),
            Event::Repairing { region, left } => {
                format!("{region}: {left} messages in {} for {}", queue::KEYS, function::RECONCILE_KEYS)
            }
            Event::Unlisting { region, removed, report } => format!(
                "{region}: {} parts looked at, {} wrapped keys of {removed} dropped, {} parts need its key",
                report.parts, report.dropped, report.needed
            ),
            Event::DroppingRows { region, rows } => format!("{region}: {rows} rows dropped"),
            Event::Redriving { region, queue, done } => format!("{region}: {queue}: {done} messages are sent back"),
            Event::Hidden { region, queue, error } => {
                format!("{region}: {queue}: a message stays hidden for a while: {error}")
            }
            Event::Again { at, error, wait } => format!("{at}: {error}; again in {} s", wait.as_secs()),
            Event::GoesOn => "going on where it was stopped".to_owned(),
            Event::NotKept { error } => {
                format!("how far it is could not be kept ({error}); stopped now, it begins anew")
            }
        });
    }
}

/// How a command works on its jobs.
pub(super) fn worker(regions: &Regions, per_sec: u32, deadline: Millis) -> Worker<'_> {
    Worker { clock: &*regions.clock, entropy: &*regions.entropy, per_sec, deadline, watch: &Notes }
}

impl From<JobError> for CliError {
    fn from(error: JobError) -> Self {
        Self::Failed(match &error {
            JobError::Stopped { .. } => {
                format!(
                    "{error}; every region has to be looked at; run the same command again when it answers, it goes on"
                )
            }
            JobError::Unopened { .. } => format!(
                "everything else is done, and {error}: no key opens them, or they are damaged, or a newer version of Umoja \
                 wrote them; mend or erase these users, then run the same command again, it goes on"
            ),
            JobError::NotRewritten { report } => late(report),
            JobError::NotCopied { .. } => format!("{error}; run the same command again, it goes on"),
            JobError::NotRead { .. } => format!("{error}; all others were. See `umoja doctor`"),
            JobError::NotFilled { from, to, report, scheduled } => {
                let why = if report.unwrapped > 0 {
                    let repair = function::RECONCILE_KEYS;
                    let who = if *scheduled {
                        format!("{repair} in {from} works on them, if its schedule runs")
                    } else {
                        format!("this command works on them, if they can be opened in {from}")
                    };
                    let unwrapped = report.unwrapped;
                    format!(
                        "{unwrapped} parts have no data key that {to} wrapped; {who} and the KMS key of {to} can be used"
                    )
                } else {
                    format!("{} parts and rows of {from} were missing at the last look", report.missing)
                };
                format!("{to} has not everything yet: {why}; run the same command again, it goes on")
            }
            JobError::NotRepaired { report, .. } => {
                let out = names(&report.keys_out);
                format!("{error}; the keys of these regions cannot be used: [{out}]")
            }
            JobError::UnknownNeed { removed, .. } => {
                format!("{error}: whether they need the key of {removed} is not known. See `umoja doctor`")
            }
            JobError::Needed { .. } => {
                format!("{error}; they are listed for the key repair; run the command again, it goes on")
            }
            JobError::Unknown { .. } | JobError::Listed(_) => error.to_string(),
        })
    }
}

fn late(report: &RewriteReport) -> String {
    let RewriteReport { rewritten, on_their_way, overtaken, ahead, unwrapped, unreadable, unreadable_users, .. } =
        report;
    let users = unreadable_users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "not done yet: at the last look {rewritten} parts were written again, {on_their_way} were on their way to another \
         region, {overtaken} changed at that moment, {ahead} have a stamp more than five minutes ahead of the clock, \
         {unwrapped} wait for the key repair, {unreadable} cannot be opened{}; run the same command again, it goes on",
        if *unreadable > 0 { format!(" ({users})") } else { String::new() }
    )
}

/// How fast parts are written again, and how long.
#[derive(Debug, clap::Args)]
pub(super) struct Pace {
    /// How many parts are written again in a second at most; 0 for as many as can be. 200 are 4.3 million in six hours,
    /// which is how long a step lasts by itself: see --timeout-secs.
    #[arg(long, value_name = "N", default_value_t = 200)]
    rate: u32,
    /// In AWS: how long to wait for every function to read new settings, in seconds.
    #[arg(long, value_name = "N", default_value_t = SETTINGS_WAIT_SECS)]
    settings_wait_secs: u64,
    /// How long to wait for nothing to be behind, in seconds. Running the command again goes on.
    #[arg(long, value_name = "N", default_value_t = 6 * 60 * 60)]
    timeout_secs: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rate: 0, settings_wait_secs: SETTINGS_WAIT_SECS, timeout_secs: 0 }
    }
}

/// Who rotates keys by a command.
pub(super) struct Rotating<'a> {
    opened: &'a Opened,
    pace: &'a Pace,
    /// What regions had before, to unwrap with what nothing else unwraps.
    old_keys: OldKeys,
    /// How many parts were written again.
    rewritten: AtomicU64,
}

impl<'a> Rotating<'a> {
    pub(super) fn new(opened: &'a Opened, pace: &'a Pace, old_keys: OldKeys) -> Self {
        Self { opened, pace, old_keys, rewritten: AtomicU64::new(0) }
    }

    pub(super) fn rewritten(&self) -> u64 {
        self.rewritten.load(Ordering::Relaxed)
    }

    /// Where nobody serves, nobody is waited for.
    async fn wait_for(&self, what: &str, more_secs: u64) -> Result<(), CliError> {
        let secs = match self.opened {
            Opened::Cloud(..) => self.pace.settings_wait_secs + more_secs,
            Opened::Local(deployment) if settings_are_read(deployment).await? => more_secs,
            Opened::Local(_) => 0,
        };
        if secs > 0 {
            note(&format!("waiting {secs} s, until every instance {what}"));
            tokio::time::sleep(Duration::from_secs(secs)).await;
        }
        Ok(())
    }
}

impl Operator for Rotating<'_> {
    type Error = CliError;

    async fn regions(&self) -> Result<Reached, CliError> {
        let regions = self.opened.regions_now().await?;
        let homes = regions.list.into_iter().map(|region| region.home).collect();
        Ok(Reached { homes, first: regions.first, wrap_budget_ms: WRAP_BUDGET_MS })
    }

    fn now(&self) -> Millis {
        self.opened.clock().now()
    }

    async fn wait(&self, until: Until, more_secs: u64) -> Result<(), CliError> {
        let what = match until {
            Until::IndexesUnderBoth => "writes and looks under both keys",
            Until::IndexesUnderNew => "knows the new key only",
            Until::Publishes => "publishes the new key",
            Until::Signs => "signs with the new key",
            Until::Verifies => "verifies with the new pepper",
            Until::UsesKey => "uses the new key",
        };
        self.wait_for(what, more_secs).await
    }

    async fn nothing_is_behind(&self, behind: Behind<'_>, step: IndexStep) -> Result<bool, CliError> {
        let what = match (behind, step) {
            (Behind::WrappedBy(_), _) => "records under another key",
            (_, IndexStep::Publish) => "claims under other keys",
            (_, IndexStep::Drop) => "claims under the new key",
            (_, IndexStep::Finish) => "claims under the old key",
        };
        if matches!(behind, Behind::ClaimsArrived(_)) {
            note("comparing the regions: nothing without claims under the new key may be on its way");
        }
        let regions = self.opened.regions_now().await?;
        let deadline = regions.clock.now().plus(self.pace.timeout_secs.saturating_mul(1000));
        let rewritten = rewrite(&worker(&regions, self.pace.rate, deadline), self, behind, what).await?;
        self.rewritten.fetch_add(rewritten, Ordering::Relaxed);
        Ok(true)
    }
}

impl Reach for Rotating<'_> {
    type Error = CliError;

    async fn regions(&self) -> Result<Vec<(Home, Sealer)>, CliError> {
        let sealing = |home: Home| {
            let with_old = with_old_keys(&home, &self.old_keys);
            let sealer = Sealer::new(KeyRing::new(&with_old, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy));
            (home, sealer)
        };
        Ok(self.opened.regions_now().await?.list.into_iter().map(|region| sealing(region.home)).collect())
    }

    async fn arrive(&self) -> Result<(), CliError> {
        match self.opened {
            Opened::Local(deployment) if !locks::is_served(deployment.dir())? => deliver(deployment).await,
            Opened::Local(_) => {
                tokio::time::sleep(BETWEEN_HERE).await;
                Ok(())
            }
            Opened::Cloud(..) => {
                tokio::time::sleep(BETWEEN).await;
                Ok(())
            }
        }
    }
}

/// In a directory nobody replicates while nobody serves: brings what is written to the other regions.
async fn deliver(deployment: &Deployment) -> Result<(), CliError> {
    let homes = deployment.homes(None);
    for (home, store) in homes.iter().zip(deployment.stores()) {
        let pump = RegionPump::new(store.clone(), home.clone(), Arc::new(deployment.sealer(home)));
        let mut position = None;
        loop {
            let step = pump.replicate().await.map_err(|source| crate::deployment::local::in_region(store, source))?;
            let is_stuck = position.replace(step.position) == Some(step.position);
            if step.outcome.records == 0 || is_stuck {
                break;
            }
        }
        pump.reconcile().await;
    }
    Ok(())
}

impl From<KeysError> for CliError {
    fn from(error: KeysError) -> Self {
        Self::Failed(format!("a KMS key cannot be used: {error}"))
    }
}

//! Operators' jobs: their progress notes, why they stop and what to do then, and what they need of a deployment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use umoja_reconciler::ReencryptionReport;
use umoja_reconciler::jobs::reencrypt::{Behind, Reach, reencrypt};
use umoja_reconciler::jobs::rotate::{Operator, Regions as Reached, Until};
use umoja_reconciler::jobs::{Event, JobError, Watch, Worker};
use umoja_schema::Millis;
use umoja_schema::names::{function, queue};
use umoja_store::Home;
use umoja_store::deployment::SETTINGS_WAIT_SECS;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::KeysError;
use umoja_store::previous_kms_key::with_old_keys;
use umoja_store::rotation::IndexStep;
use umoja_store::seal::Sealer;

use super::deliver::Delivery;
use super::target::Opened;
use crate::CliError;
use crate::deployment::secrets::{OldKeys, WRAP_BUDGET_MS};
use crate::deployment::served::settings_are_read;
use crate::deployment::{Deployment, Regions, names};
use crate::output::note;

/// How long each pass after the first waits for changes that are on their way.
const BETWEEN: Duration = Duration::from_secs(5);

/// How long the peers' KMS may take to wrap a data key, in milliseconds: an operator may be far away. The key repair
/// adds the wrapped keys that are missing then.
const PEER_WRAP_BUDGET_MS: u64 = 5_000;

/// Writes the progress of jobs to standard error.
pub(super) struct Notes;

impl Watch for Notes {
    fn see(&self, event: &Event<'_>) {
        note(&match event {
            Event::Reencrypting { what, report, ms } => {
                let ReencryptionReport { parts, reencrypted, on_their_way, overtaken, unwrapped, .. } = report;
                format!(
                    "{what}: {parts} parts of all regions read, {reencrypted} re-encrypted, {} to be read again; {}/s",
                    on_their_way + overtaken + unwrapped,
                    parts * 1000 / (*ms).max(1)
                )
            }
            Event::Backfilling { from, to, report, ms } => format!(
                "{from} to {to}: {} parts read, {} replicated, {} to be wrapped; {} rows read, {} replicated; {}/s",
                report.parts,
                report.parts_replicated,
                report.unwrapped,
                report.rows,
                report.rows_replicated,
                (report.parts + report.rows) * 1000 / (*ms).max(1)
            ),
            Event::Backfilled { from, to } => format!("{to}: has everything that {from} holds"),
            Event::Repairing { region, left } => {
                format!("{region}: {left} messages in {} for {}", queue::KEYS, function::RECONCILE_KEYS)
            }
            Event::DroppingWrappedKeys { region, removed, report } => format!(
                "{region}: {} parts read, {} repaired, {} wrapped keys of {removed} dropped, {} parts need its key",
                report.parts,
                report.repaired,
                report.dropped,
                report.kept()
            ),
            Event::Proving { region, report } => format!("{region}: {} items proved", report.proved),
            Event::DroppingRows { region, rows } => format!("{region}: {rows} rows dropped"),
            Event::Redriving { region, queue, done } => format!("{region}: {queue}: {done} messages are sent back"),
            Event::Hidden { region, queue, error } => {
                format!("{region}: {queue}: a message stays hidden for a while: {error}")
            }
            Event::Retry { at, error, wait } => format!("{at}: {error}; retrying in {} s", wait.as_secs()),
            Event::Continues => "continuing where it was stopped".to_owned(),
            Event::NotKept { error } => {
                format!("the checkpoint could not be stored ({error}); if stopped now, the next run starts over")
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
                format!("{error}; every region has to answer; run the same command again when it does: it continues")
            }
            JobError::Unopened { .. } => format!(
                "everything else is done, and {error}: no key opens them, or they are damaged, or a newer version of \
                 Umoja wrote them; repair or erase these users, then run the same command again: it continues"
            ),
            JobError::NotReencrypted { report } => late(report),
            JobError::NotReplicated { .. } => format!("{error}; run the same command again: it continues"),
            JobError::NotRead { .. } => format!("{error}; all others were. See `umoja doctor`"),
            JobError::NotBackfilled { from, to, report, scheduled } => {
                let why = if report.unwrapped > 0 {
                    let repair = function::RECONCILE_KEYS;
                    let repairer = if *scheduled {
                        format!("{repair} in {from} wraps them if its schedule runs")
                    } else {
                        format!("this command wraps them if they can be opened in {from}")
                    };
                    let unwrapped = report.unwrapped;
                    format!(
                        "{unwrapped} parts have no data key that {to} wrapped; {repairer} and the KMS key of {to} can \
                         be used"
                    )
                } else {
                    format!("{} parts and rows of {from} were missing at the last pass", report.missing)
                };
                format!("{to} does not have everything yet: {why}; run the same command again: it continues")
            }
            JobError::NotRepaired { report, .. } => {
                let out = names(&report.keys_out);
                format!("{error}; the keys of these regions cannot be used: [{out}]")
            }
            JobError::UnknownNeed { removed, .. } => {
                format!("{error}: whether they need the key of {removed} is not known. See `umoja doctor`")
            }
            JobError::Needed { .. } => {
                format!("{error}; they are listed for the key repair; run the command again: it continues")
            }
            JobError::NotOpened { removed, .. } => format!(
                "{error}: no wrapped key of {removed} was dropped; repair or erase these users (see `umoja doctor`), \
                 then run the command again: it continues"
            ),
            JobError::Unknown { .. } | JobError::Listed(_) => error.to_string(),
        })
    }
}

fn late(report: &ReencryptionReport) -> String {
    let ReencryptionReport {
        reencrypted, on_their_way, overtaken, ahead, unwrapped, unreadable, unreadable_users, ..
    } = report;
    let users = unreadable_users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "not done yet: in the last pass {reencrypted} parts were re-encrypted, {on_their_way} were on their way to \
         another region, {overtaken} changed at that moment, {ahead} had an HLC timestamp more than five minutes ahead \
         of the clock, {unwrapped} waited for the key repair, {unreadable} could not be opened{}; run the same command \
         again: it continues",
        if *unreadable > 0 { format!(" ({users})") } else { String::new() }
    )
}

/// How fast parts are re-encrypted, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct Pace {
    /// The most parts to re-encrypt in a second; 0 for no limit. 200 a second are 4.3 million in six hours, the default
    /// time limit of a step: see --timeout-secs.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(super) rate: u32,
    /// In AWS: how long to wait for every function to read new settings, in seconds.
    #[arg(long, value_name = "N", default_value_t = SETTINGS_WAIT_SECS)]
    settings_wait_secs: u64,
    /// How long to work until no part is behind, in seconds. Run the command again to continue.
    #[arg(long, value_name = "N", default_value_t = 6 * 60 * 60)]
    pub(super) timeout_secs: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rate: 0, settings_wait_secs: SETTINGS_WAIT_SECS, timeout_secs: 0 }
    }
}

/// The operator whose command rotates keys.
pub(super) struct Rotating<'a> {
    opened: &'a Opened,
    pace: &'a Pace,
    /// The former keys of regions, which unwrap what no other key unwraps.
    old_keys: OldKeys,
    /// How many parts were re-encrypted.
    reencrypted: AtomicU64,
    delivery: Delivery,
}

impl<'a> Rotating<'a> {
    pub(super) fn new(opened: &'a Opened, pace: &'a Pace, old_keys: OldKeys) -> Self {
        Self { opened, pace, old_keys, reencrypted: AtomicU64::new(0), delivery: Delivery::default() }
    }

    pub(super) fn reencrypted(&self) -> u64 {
        self.reencrypted.load(Ordering::Relaxed)
    }

    /// Waits until every instance has read the settings. Without a process that serves, there is no wait.
    async fn wait_for(&self, what: &str, more_secs: u64) -> Result<(), CliError> {
        let secs = match self.opened {
            Opened::Cloud(..) => self.pace.settings_wait_secs + more_secs,
            Opened::Local(deployment) if settings_are_read(deployment).await? => more_secs,
            Opened::Local(_) => 0,
        };
        if secs > 0 {
            note(&format!("waiting {secs} s until every instance {what}"));
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
            Until::IndexesUnderBoth => "writes and looks up under both keys",
            Until::IndexesUnderNew => "knows the new key only",
            Until::Publishes => "publishes the new key",
            Until::Signs => "signs with the new key",
            Until::Verifies => "verifies with the new pepper",
            Until::Proves => "proves items with the new version",
            Until::UsesKey => "uses the new key",
        };
        self.wait_for(what, more_secs).await
    }

    async fn nothing_is_behind(&self, behind: Behind<'_>, step: IndexStep) -> Result<bool, CliError> {
        let what = match (behind, step) {
            (Behind::WrappedBy(_) | Behind::ReadAndWrappedBy(_), _) => "records under another key",
            (_, IndexStep::Publish) => "ownerships under other keys",
            (_, IndexStep::Drop) => "ownerships under the new key",
            (_, IndexStep::Finish) => "ownerships under the old key",
        };
        if matches!(behind, Behind::OwnershipsArrived(_)) {
            note("comparing the regions: no profile without ownerships under the new key may be on its way");
        }
        let regions = self.opened.regions_now().await?;
        let deadline = regions.clock.now().plus(self.pace.timeout_secs.saturating_mul(1000));
        let reencrypted = reencrypt(&worker(&regions, self.pace.rate, deadline), self, behind, what).await?;
        self.reencrypted.fetch_add(reencrypted, Ordering::Relaxed);
        Ok(true)
    }
}

impl Reach for Rotating<'_> {
    type Error = CliError;

    async fn regions(&self) -> Result<Vec<(Home, Sealer)>, CliError> {
        let list = self.opened.regions_now().await?.list;
        Ok(list.into_iter().map(|region| sealing(region.home, &self.old_keys)).collect())
    }

    async fn arrive(&self) -> Result<(), CliError> {
        match self.opened {
            Opened::Local(deployment) => self.delivery.arrive(deployment).await,
            Opened::Cloud(..) => {
                tokio::time::sleep(BETWEEN).await;
                Ok(())
            }
        }
    }
}

/// The regions of a command that re-encrypts parts before or after it changes the list of regions.
pub(super) struct Listed<'a> {
    /// The regions.
    pub(super) regions: &'a Regions,
    /// The directory; `None` in AWS.
    pub(super) deployment: Option<&'a Deployment>,
    /// Replication in the directory.
    pub(super) delivery: Delivery,
}

impl Reach for Listed<'_> {
    type Error = CliError;

    async fn regions(&self) -> Result<Vec<(Home, Sealer)>, CliError> {
        Ok(self.regions.list.iter().map(|region| sealing(region.home.clone(), &OldKeys::new())).collect())
    }

    async fn arrive(&self) -> Result<(), CliError> {
        if let Some(deployment) = self.deployment {
            return self.delivery.arrive(deployment).await;
        }
        tokio::time::sleep(BETWEEN).await;
        Ok(())
    }
}

fn sealing(home: Home, old_keys: &OldKeys) -> (Home, Sealer) {
    let with_old = with_old_keys(&home, old_keys);
    let sealer = Sealer::new(KeyRing::new(&with_old, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy));
    (home, sealer)
}

impl From<KeysError> for CliError {
    fn from(error: KeysError) -> Self {
        Self::Failed(format!("a KMS key cannot be used: {error}"))
    }
}

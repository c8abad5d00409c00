//! Passes that write parts again until one finds nothing behind, with what people want to know meanwhile.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use umoja_local::RegionPump;
use umoja_reconciler::{Rewrite, RewriteReport, Rule};
use umoja_schema::{Millis, Region};
use umoja_store::Home;
use umoja_store::deployment::SETTINGS_WAIT_SECS;
use umoja_store::keyring::KeyRing;
use umoja_store::old_key::with_old_keys;
use umoja_store::ports::StoreError;
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use super::target::Opened;
use crate::CliError;
use crate::deployment::secrets::OldKeys;
use crate::deployment::{Deployment, Regions};
use crate::output::note;

/// How often somebody who waits is told so.
const TELL_MS: u64 = 10_000;

/// How long a pass after the first waits for what is on its way.
const BETWEEN: Duration = Duration::from_secs(5);

/// How often within a pass it is looked whether what was on its way has arrived.
const LOOKS: u32 = 12;

/// Of how many passes one lists what lacks an entry for the key repair: once for each try of the repair is enough.
const LISTED_EVERY: u64 = 24;

/// How often a page is tried while a region does not answer.
const TRIES: u32 = 8;

/// How long the peers' KMS may take to wrap a data key, in milliseconds: an operator may be far away, and what is missing
/// then is left to the key repair.
const WRAP_BUDGET_MS: u64 = 5_000;

/// How fast, and how long.
#[derive(Debug, Args)]
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

impl Pace {
    /// Waits until every function has read the settings; in a directory nobody serves, and nobody waits.
    pub(super) async fn wait_for_settings(&self, opened: &Opened, what: &str) {
        if matches!(opened, Opened::Cloud(..)) && self.settings_wait_secs > 0 {
            note(&format!("waiting {} s, until every instance {what}", self.settings_wait_secs));
            tokio::time::sleep(Duration::from_secs(self.settings_wait_secs)).await;
        }
    }
}

/// What parts are written again for.
#[derive(Clone, Copy)]
pub(super) enum Behind<'a> {
    /// Claims that are not those of the live index keys.
    Claims(&'a Secrets),
    /// The same, and nothing of the kind is on its way between regions.
    ClaimsArrived(&'a Secrets),
    /// An entry that the region's key does not open.
    WrappedBy(&'a Region),
}

impl<'a> Behind<'a> {
    fn rule(self, regions: &'a Regions) -> Result<Rule<'a>, CliError> {
        match self {
            Self::Claims(secrets) => Ok(Rule::Claims(secrets)),
            Self::ClaimsArrived(secrets) => Ok(Rule::ClaimsArrived(secrets)),
            Self::WrappedBy(name) => Ok(Rule::WrappedBy(&regions.get(name)?.home.own)),
        }
    }
}

/// Writes parts again.
pub(super) struct Rewriter<'a> {
    pub(super) opened: &'a Opened,
    pub(super) pace: &'a Pace,
    /// What is written again, for people.
    pub(super) what: &'static str,
    /// What regions had before, to unwrap with what nothing else unwraps.
    pub(super) old_keys: OldKeys,
}

impl Rewriter<'_> {
    /// Ends when a pass over every region has found nothing behind. Gives how many parts were written.
    pub(super) async fn run(&self, behind: Behind<'_>) -> Result<u64, CliError> {
        let mut rewritten = 0;
        let mut deadline = None;
        let mut last: Option<RewriteReport> = None;
        for n in 0_u64.. {
            // Another region may have come.
            let regions = self.opened.regions_now().await?;
            let now = regions.clock.now();
            let deadline = *deadline.get_or_insert(now.plus(self.pace.timeout_secs.saturating_mul(1000)));
            let pass = self.pass(&regions, behind.rule(&regions)?, n % LISTED_EVERY == 0).await?;
            rewritten += pass.rewritten;
            if pass.is_complete() {
                return Ok(rewritten);
            }
            if pass.is_stuck_since(last.as_ref()) {
                return Err(self.unreadable(&pass));
            }
            self.pause().await?;
            if regions.clock.now() >= deadline {
                return Err(self.late(&pass));
            }
            last = Some(pass);
        }
        Ok(rewritten)
    }

    /// Lets what was written arrive.
    async fn pause(&self) -> Result<(), CliError> {
        match self.opened {
            Opened::Local(deployment) => deliver(deployment).await,
            Opened::Cloud(..) => {
                tokio::time::sleep(BETWEEN).await;
                Ok(())
            }
        }
    }

    async fn pass(&self, regions: &Regions, rule: Rule<'_>, lists: bool) -> Result<RewriteReport, CliError> {
        let sealers: Vec<(Home, Sealer)> = regions.list.iter().map(|region| self.sealing(&region.home)).collect();
        let mut pass = Rewrite::new(rule, sealers.iter().map(|(home, sealer)| (home, sealer)));
        if !lists {
            pass = pass.without_listing();
        }
        let started = regions.clock.now();
        let mut told = started;
        while self.step(&mut pass).await? {
            self.hold_back(regions, started, pass.report()).await;
            let now = regions.clock.now();
            if now.since(told) >= TELL_MS {
                told = now;
                self.tell(started, now, pass.report());
            }
        }
        for _ in 0..LOOKS {
            if !matches!(rule, Rule::ClaimsArrived(_)) || !self.look_again(&mut pass).await? {
                break;
            }
            self.pause().await?;
        }
        self.tell(started, regions.clock.now(), pass.report());
        Ok(pass.report().clone())
    }

    /// What a region's parts are opened and sealed with.
    fn sealing(&self, home: &Home) -> (Home, Sealer) {
        let with_old = with_old_keys(home, &self.old_keys);
        let sealer = Sealer::new(KeyRing::new(&with_old, WRAP_BUDGET_MS), Arc::clone(&home.entropy));
        (home.clone(), sealer)
    }

    /// One page; again after a while if a region does not answer.
    async fn step(&self, pass: &mut Rewrite<'_>) -> Result<bool, CliError> {
        let mut tries = 0;
        loop {
            let region = pass.region().map(ToString::to_string).unwrap_or_default();
            match pass.step().await {
                Ok(more) => return Ok(more),
                Err(error) => self.again(&region, error, &mut tries).await?,
            }
        }
    }

    /// Looks again at what was on its way; true if something still is.
    async fn look_again(&self, pass: &mut Rewrite<'_>) -> Result<bool, CliError> {
        let mut tries = 0;
        loop {
            match pass.look_again().await {
                Ok(more) => return Ok(more),
                Err(error) => self.again("what is on its way", error, &mut tries).await?,
            }
        }
    }

    /// Waits before a try after an error that may pass.
    async fn again(&self, region: &str, error: StoreError, tries: &mut u32) -> Result<(), CliError> {
        if !error.is_transient() || *tries >= TRIES {
            return Err(stopped(region, &error));
        }
        *tries += 1;
        let secs = 1 << (*tries).min(5);
        note(&format!("{region}: {error}; again in {secs} s"));
        tokio::time::sleep(Duration::from_secs(secs)).await;
        Ok(())
    }

    /// Holds writes back to the rate.
    async fn hold_back(&self, regions: &Regions, started: Millis, report: &RewriteReport) {
        if self.pace.rate == 0 {
            return;
        }
        let due = report.rewritten.saturating_mul(1000) / u64::from(self.pace.rate);
        let early = due.saturating_sub(regions.clock.now().since(started));
        if early > 0 {
            tokio::time::sleep(Duration::from_millis(early)).await;
        }
    }

    fn tell(&self, started: Millis, now: Millis, report: &RewriteReport) {
        let RewriteReport { parts, rewritten, on_their_way, overtaken, unwrapped, .. } = report;
        let rate = parts * 1000 / now.since(started).max(1);
        note(&format!(
            "{}: {parts} parts of all regions looked at, {rewritten} written again, {} to be looked at again; {rate}/s",
            self.what,
            on_their_way + overtaken + unwrapped
        ));
    }

    fn unreadable(&self, pass: &RewriteReport) -> CliError {
        let users = users(pass);
        CliError::Failed(format!(
            "{}: everything else is done, and {} parts cannot be opened: no key opens them, or they are damaged, or a newer \
             version of Umoja wrote them ({users}); mend or erase these users, then run the same command again, it goes on",
            self.what, pass.unreadable
        ))
    }

    fn late(&self, pass: &RewriteReport) -> CliError {
        let RewriteReport { rewritten, on_their_way, overtaken, ahead, unwrapped, unreadable, .. } = pass;
        CliError::Failed(format!(
            "{}: not done yet: at the last look {rewritten} parts were written again, {on_their_way} were on their way to \
             another region, {overtaken} changed at that moment, {ahead} have a stamp more than five minutes ahead of \
             the clock, {unwrapped} wait for the key repair, {unreadable} cannot be opened{}; run the same command again, \
             it goes on",
            self.what,
            if *unreadable > 0 { format!(" ({})", users(pass)) } else { String::new() }
        ))
    }
}

/// Some of the users whose parts cannot be opened.
fn users(pass: &RewriteReport) -> String {
    pass.unreadable_users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn stopped(region: &str, source: &StoreError) -> CliError {
    CliError::Failed(format!(
        "{region}: {source}; every region has to be looked at; run the same command again when it answers, it goes on"
    ))
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

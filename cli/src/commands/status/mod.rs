//! `umoja status`: the health of a deployment.

mod lag;
mod room;
mod scan;
pub(super) mod stream;
mod written;

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use umoja_runtime::backlog::LagThresholds;
use umoja_schema::Region;
use umoja_schema::names::queue;
use umoja_store::RegionState;
use umoja_store::ports::{Keys, KeysError, QueueDepth, StoreError};

use self::lag::Lag;
use self::scan::Scan;
use self::stream::Replication;
use self::written::Written;
use super::inbox::{self, Counted};
use super::opens::{Opens, Sample};
use super::target::{Opened, Target};
use super::targets::{self, Standing};
use super::webhook;
use crate::CliError;
use crate::deployment::{DeployedRegion, Regions, locks};
use crate::output::{Output, table};

/// Show whether all is well: queues, replication, wrapped keys, key services.
#[derive(Debug, Args)]
#[command(long_about = "Show whether all is well: queues, replication, wrapped keys, key services.

Reads every part once to count users and missing wrapped keys, every event of the inboxes, and every row about an \
account at a target; --fast leaves that out. Opens the deployment's secrets \
and a sample of each region's parts, the newest and the first ones, with the region's own key: another region's key \
hides the loss of that key only until the other region is gone. The exit code is 0 if all is \
well, and 1 if something needs attention, which is then named. A directory that no process serves, or whose disk is \
full, is not well. A region is not well either if more changes than --max-waiting, or a change for longer than --max-lag, \
wait to be replicated to its peers, if events of a source are parked, if a webhook is off or out or events of it failed, if a target is out or accounts of it are held, in conflict or \
failed, or if an event of a source that is not paused has \
waited for longer than a minute. Digests differ for a moment while users change. In AWS \
that counts as a difference only if there was no write for a minute.

In AWS it needs credentials that may, in every region: dynamodb:GetItem and Scan on PREFIX-settings, Scan on \
PREFIX-companies, PREFIX-users, PREFIX-inbox and PREFIX-target_accounts, Query on PREFIX-due, GetItem on PREFIX-checkpoints; kms:DescribeKey and Decrypt; sqs:GetQueueAttributes on PREFIX-*. The CloudWatch alarm \
PREFIX-iterator-age shows whether the streams are behind.")]
#[command(after_help = "Examples:
  umoja status --dir DIR
  umoja status --dir DIR --fast --json
  umoja status --dir DIR --fast --max-lag 2s
  umoja status --prefix PREFIX --region eu-west-1")]
pub(super) struct Status {
    #[command(flatten)]
    target: Target,
    /// Leave out the checks that scan the tables.
    #[arg(long)]
    fast: bool,
    /// How many changes may wait to be replicated from a region.
    #[arg(long, value_name = "NUMBER", default_value_t = LagThresholds::default().changes)]
    max_waiting: u64,
    /// How long a change may wait: a number with ms, s, m or h.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = lag::duration)]
    max_lag: u64,
}

#[derive(Serialize)]
struct Answer {
    well: bool,
    attention: Vec<String>,
    /// Whether a process serves the directory; `None` in AWS, where functions serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    serving: Option<bool>,
    /// How far each region is behind each other one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lags: Vec<Lag>,
    /// How many webhooks are in each state: on, paused, off or out.
    webhooks: BTreeMap<&'static str, u64>,
    /// How each target stands.
    targets: Vec<Standing>,
    regions: Vec<Looked>,
}

/// The result of reading a region.
#[derive(Serialize)]
#[serde(untagged)]
enum Looked {
    Seen(Box<RegionStatus>),
    /// It does not answer.
    Unseen {
        region: Region,
        url: Option<String>,
        state: RegionState,
        error: String,
    },
}

#[derive(Serialize)]
struct RegionStatus {
    region: Region,
    url: Option<String>,
    state: RegionState,
    key: &'static str,
    /// What its own key opens.
    opens: Opens,
    #[serde(skip)]
    unopened: Vec<String>,
    #[serde(flatten)]
    written: Written,
    /// The events of sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    inbox: Option<Counted>,
    replication: Replication,
    queues: Vec<QueueStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<Scan>,
}

/// What a queue holds.
#[derive(Serialize)]
pub(super) struct QueueStatus {
    pub(super) queue: String,
    pub(super) waiting: u64,
    pub(super) in_flight: u64,
    pub(super) dead: u64,
}

impl Status {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let opened = self.target.open().await?;
        let deployment = opened.regions();
        let serving = match &opened {
            Opened::Local(local) => Some(locks::is_served(local.dir())?),
            Opened::Cloud(..) => None,
        };
        let mut regions = Vec::new();
        for (position, region) in deployment.list.iter().enumerate() {
            let replication = match &opened {
                Opened::Local(local) => stream::position(local, position).await,
                Opened::Cloud(cloud, _) => Ok(stream::alarm(cloud.prefix())),
            };
            let seen = match replication {
                Ok(replication) => region_status(&deployment, region, replication, self.fast).await,
                Err(error) => Err(error),
            };
            regions.push(match seen {
                Ok(status) => Looked::Seen(Box::new(status)),
                Err(error) => Looked::Unseen {
                    region: region.name().clone(),
                    url: region.url.clone(),
                    state: region.state,
                    error: error.to_string(),
                },
            });
        }
        let thresholds = LagThresholds { changes: self.max_waiting, age_ms: self.max_lag };
        let names: Vec<&Region> = deployment.list.iter().map(DeployedRegion::name).collect();
        let mut attention: Vec<String> = regions.iter().flat_map(Looked::attention).collect();
        let seen: Vec<&RegionStatus> = regions.iter().filter_map(Looked::seen).collect();
        let lags: Vec<Lag> = seen
            .iter()
            .flat_map(|status| {
                let waiting = |name: &str| {
                    status.queues.iter().find(|queue| queue.queue == name).map_or(0, |queue| queue.waiting)
                };
                Lag::of((&status.region, status.replication.backlog()), waiting, &names, &thresholds)
            })
            .collect();
        attention.extend(lags.iter().filter_map(|lag| lag.attention(&thresholds)));
        let written: Vec<&Written> = seen.iter().map(|status| &status.written).collect();
        attention.extend(written::differences(&written));
        // A region that is being backfilled differs until the backfill ends.
        let serving_now = |status: &&&RegionStatus| status.state.serves();
        let scans: Vec<&Scan> = seen.iter().filter(serving_now).filter_map(|status| status.scan.as_ref()).collect();
        let lag = scan::lag(&scans);
        if lag > self.max_waiting {
            attention.push(format!(
                "a region has {lag} parts fewer than another; up to {} may be on their way",
                self.max_waiting
            ));
        } else if scan::differ(&scans) && !explained(&opened, &deployment, &scans).await? {
            attention.push("the regions hold different users".into());
        }
        let webhooks = webhook::standings(&deployment).await;
        attention.extend(webhooks.attention);
        let provisioned = targets::standings(&deployment, self.fast).await;
        attention.extend(provisioned.attention);
        if let Opened::Local(local) = &opened {
            attention.extend(room::attention(local.dir()));
        }
        if serving == Some(false) {
            attention.push(
                "no process serves the deployment: no request is answered and nothing is replicated; \
                 start `umoja serve`"
                    .into(),
            );
        }
        let (well, webhooks, targets) = (attention.is_empty(), webhooks.states, provisioned.targets);
        let answer = Answer { well, attention, serving, lags, webhooks, targets, regions };
        output.answer(&answer, || answer.text());
        if answer.well { Ok(()) } else { Err(CliError::Said) }
    }
}

/// Whether a region's key can be used.
pub(super) async fn key_state(keys: &dyn Keys) -> &'static str {
    match keys.probe().await {
        Ok(()) => "enabled",
        Err(KeysError::Disabled) => "disabled",
        Err(_) => "unusable",
    }
}

/// What the queues of a region hold.
pub(super) async fn queues(region: &DeployedRegion) -> Result<Vec<QueueStatus>, StoreError> {
    let home = &region.home;
    let mut queues = Vec::new();
    for (name, port) in home.queues() {
        let QueueDepth { waiting, in_flight, dead } = port.depth().await?;
        queues.push(QueueStatus { queue: name, waiting, in_flight, dead });
    }
    Ok(queues)
}

async fn region_status(
    deployment: &Regions,
    region: &DeployedRegion,
    replication: Replication,
    fast: bool,
) -> Result<RegionStatus, StoreError> {
    let home = &region.home;
    let queues = queues(region).await?;
    let written = Written::read(region).await?;
    let inbox = if fast { None } else { Some(inbox::count(region, deployment.clock.now()).await?) };
    let scan = if fast { None } else { Some(scan::scan(region, deployment.list.len()).await?) };
    let opens = match &scan {
        Some(scan) => scan.sample.open(region).await,
        None => Sample::of_first(region).await?.open(region).await,
    };
    Ok(RegionStatus {
        region: region.name().clone(),
        url: region.url.clone(),
        state: region.state,
        key: key_state(&*home.own.keys).await,
        // A region that is being backfilled may lack them.
        unopened: if region.state == RegionState::Joining { Vec::new() } else { opens.attention(region) },
        opens,
        written,
        inbox,
        replication,
        queues,
        scan,
    })
}

/// Whether writes that are on their way explain different digests. A directory is small enough to read again. A
/// deployment in AWS is only compared while there are no writes.
async fn explained(opened: &Opened, deployment: &Regions, scans: &[&Scan]) -> Result<bool, CliError> {
    match opened {
        Opened::Local(_) => scan::agree_soon(deployment).await,
        Opened::Cloud(..) => Ok(scan::is_young(scans, deployment.clock.now())),
    }
}

/// That a region does not serve, and which command continues with it.
pub(super) fn unserved(region: &Region, state: RegionState) -> Option<String> {
    let next = next_step(state)?;
    let state = state.as_str();
    Some(format!("{region} is {state} and does not serve; continue with `umoja region {next} {region}`"))
}

/// The `umoja region` command that continues with a region that does not serve.
const fn next_step(state: RegionState) -> Option<&'static str> {
    match state {
        RegionState::Serving => None,
        RegionState::Joining => Some("add"),
        RegionState::Frozen | RegionState::Thawing => Some("thaw"),
        RegionState::Leaving => Some("remove"),
    }
}

impl Looked {
    fn seen(&self) -> Option<&RegionStatus> {
        match self {
            Self::Seen(status) => Some(status),
            Self::Unseen { .. } => None,
        }
    }

    /// What needs an operator's attention.
    fn attention(&self) -> Vec<String> {
        match self {
            Self::Seen(status) => status.attention(),
            Self::Unseen { region, error, .. } => vec![format!("{region} cannot be read: {error}")],
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Seen(status) => status.text(),
            Self::Unseen { region, error, .. } => {
                format!("{region}\n{}", table(&[vec!["cannot be read".into(), error.clone()]]))
            }
        }
    }
}

impl RegionStatus {
    /// What needs an operator's attention.
    fn attention(&self) -> Vec<String> {
        let region = &self.region;
        let mut attention = Vec::new();
        attention.extend(unserved(region, self.state));
        if self.key == "enabled" {
            attention.extend(self.unopened.iter().cloned());
        } else {
            attention.push(format!("{region}: its key is {}", self.key));
        }
        for QueueStatus { queue: name, waiting, dead, .. } in &self.queues {
            if *dead > 0 {
                attention.push(format!("{region}: {dead} dead letters in {name}"));
            }
            if *waiting > 0 && name == queue::QUARANTINED {
                attention.push(format!("{region}: {waiting} records cannot be processed and are quarantined"));
            } else if *waiting > 0 && name.starts_with(queue::RETRY) {
                attention.push(format!("{region}: {waiting} changes wait in {name}"));
            }
        }
        attention.extend(self.written.attention().map(|what| format!("{region}: {what}")));
        if let Some(inbox) = &self.inbox {
            attention.extend(inbox::attention(inbox, |id| self.written.standing(id), region.as_str()));
        }
        if let Some(scan) = &self.scan {
            if scan.missing_keys > 0 {
                attention.push(format!("{region}: {} parts lack a wrapped key", scan.missing_keys));
            }
            if scan.unreadable > 0 {
                let unreadable = scan.unreadable;
                attention.push(format!("{region}: {unreadable} parts cannot be read; see `umoja doctor`"));
            }
        }
        attention
    }

    fn text(&self) -> String {
        let url = self.url.clone().unwrap_or_else(|| "on a free port, once it is served".into());
        let mut rows = vec![vec!["url".into(), url]];
        if !self.state.serves() {
            rows.push(vec!["state".into(), format!("{}: it does not serve", self.state.as_str())]);
        }
        if let Some(scan) = &self.scan {
            rows.push(vec![
                "users".into(),
                format!("{} ({} parts, digest {})", scan.users, scan.parts, &scan.digest[..16]),
            ]);
            rows.push(vec!["wrapped keys".into(), format!("{} parts lack one", scan.missing_keys)]);
        }
        rows.push(vec!["key".into(), self.key.into()]);
        rows.push(vec!["its key opens".into(), self.opens.text()]);
        rows.push(vec!["replication".into(), self.replication.text()]);
        for QueueStatus { queue, waiting, in_flight, dead } in &self.queues {
            rows.push(vec![format!("queue {queue}"), format!("{waiting} waiting, {in_flight} in flight, {dead} dead")]);
        }
        rows.push(vec!["companies".into(), self.written.companies.to_string()]);
        rows.push(vec!["sources".into(), self.written.sources.to_string()]);
        for (id, counts) in self.inbox.iter().flat_map(|inbox| &inbox.sources) {
            rows.push(vec![format!("events of {id}"), counts.text()]);
        }
        format!("{}\n{}", self.region, table(&rows))
    }
}

impl Answer {
    fn text(&self) -> String {
        let regions: Vec<String> = self.regions.iter().map(Looked::text).collect();
        let serving = match self.serving {
            Some(true) => "Being served. ",
            Some(false) => "Not being served. ",
            None => "",
        };
        let end = if self.well {
            "All is well.".to_owned()
        } else {
            let list: Vec<String> = self.attention.iter().map(|text| format!("  - {text}")).collect();
            format!("Needs attention:\n{}", list.join("\n"))
        };
        let webhooks: Vec<String> = self.webhooks.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let webhooks = if webhooks.is_empty() { String::new() } else { format!("webhooks: {}\n", webhooks.join(", ")) };
        let targets = table(&self.targets.iter().map(Standing::row).collect::<Vec<_>>());
        format!("{}\n{webhooks}{targets}{serving}{end}", regions.join("\n"))
    }
}

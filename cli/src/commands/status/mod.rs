//! `umoja status`: whether all is well.

mod stream;

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use umoja_schema::Region;
use umoja_schema::names::queue;
use umoja_store::RegionState;
use umoja_store::digest::Digest;
use umoja_store::ports::{Keys, KeysError, QueueDepth, StoreError};

use self::stream::Replication;
use super::target::{Opened, Target};
use crate::deployment::local::retry_queue;
use crate::deployment::{DeployedRegion, Regions};
use crate::output::{Output, note, table};
use crate::{CliError, DeploymentError};

/// After how many parts a scan says how far it has come.
const PROGRESS: u64 = 100_000;

/// Show whether all is well: queues, replication, wrapped keys, key services.
#[derive(Debug, Args)]
#[command(long_about = "Show whether all is well: queues, replication, wrapped keys, key services.

Reads every part once to count users and wrapped keys that are missing; --fast leaves that out. The exit code is 0 if all \
is well and 1 if something needs attention, which is then named.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings, Scan on PREFIX-companies and \
PREFIX-users; kms:DescribeKey; sqs:GetQueueAttributes on PREFIX-*. How far the streams are behind is CloudWatch's to say: \
the alarm PREFIX-iterator-age.")]
#[command(after_help = "Examples:
  umoja status --dir DIR
  umoja status --dir DIR --fast --json
  umoja status --prefix PREFIX --region eu-west-1")]
pub(super) struct Status {
    #[command(flatten)]
    target: Target,
    /// Leave out what needs a scan of the tables.
    #[arg(long)]
    fast: bool,
}

#[derive(Serialize)]
struct Answer {
    well: bool,
    attention: Vec<String>,
    /// Whether a process serves it; not known in AWS, where functions do.
    #[serde(skip_serializing_if = "Option::is_none")]
    serving: Option<bool>,
    regions: Vec<RegionStatus>,
}

#[derive(Serialize)]
struct RegionStatus {
    region: Region,
    url: Option<String>,
    state: RegionState,
    key: &'static str,
    companies: usize,
    replication: Replication,
    queues: Vec<QueueStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<Scan>,
}

#[derive(Serialize)]
struct QueueStatus {
    queue: String,
    waiting: u64,
    in_flight: u64,
    dead: u64,
}

#[derive(Serialize)]
struct Scan {
    users: u64,
    parts: u64,
    missing_keys: u64,
    digest: String,
}

impl Status {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let opened = self.target.open().await?;
        let (deployment, serving) = match &opened {
            Opened::Local(local) => (local.regions(), Some(is_served(local)?)),
            Opened::Cloud(_, regions) => (regions.clone(), None),
        };
        let mut regions = Vec::new();
        for (position, region) in deployment.list.iter().enumerate() {
            let replication = match &opened {
                Opened::Local(local) => stream::position(local, position).await,
                Opened::Cloud(cloud, _) => Ok(stream::alarm(cloud.prefix())),
            };
            let replication = replication.map_err(|source| region.failed(source))?;
            let status = region_status(&deployment, region, replication, self.fast).await;
            regions.push(status.map_err(|source| region.failed(source))?);
        }
        let mut attention: Vec<String> = regions.iter().flat_map(RegionStatus::attention).collect();
        if companies_differ(&deployment).await? {
            attention.push("the regions know different companies; run the last `umoja company` command again".into());
        }
        if digests_differ(&regions) && still_differ(&deployment).await? {
            attention.push("the regions hold different users".into());
        }
        let answer = Answer { well: attention.is_empty(), attention, serving, regions };
        output.answer(&answer, || answer.text());
        if answer.well { Ok(()) } else { Err(CliError::Said) }
    }
}

fn is_served(deployment: &crate::Deployment) -> Result<bool, CliError> {
    match deployment.lock() {
        Ok(_) => Ok(false),
        Err(DeploymentError::Served(_)) => Ok(true),
        Err(error) => Err(error.into()),
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

async fn region_status(
    deployment: &Regions,
    region: &DeployedRegion,
    replication: Replication,
    fast: bool,
) -> Result<RegionStatus, StoreError> {
    let home = &region.home;
    let mut queues = Vec::new();
    let retries = home.peers.iter().map(|peer| (retry_queue(&peer.ports.name), &peer.retry));
    let others = [(queue::KEYS.to_owned(), &home.repairs), (queue::PARKED.to_owned(), &home.parked)];
    for (name, port) in retries.chain(others) {
        let QueueDepth { waiting, in_flight, dead } = port.depth().await?;
        queues.push(QueueStatus { queue: name, waiting, in_flight, dead });
    }
    Ok(RegionStatus {
        region: region.name().clone(),
        url: region.url.clone(),
        state: region.state,
        key: key_state(&*home.own.keys).await,
        companies: home.registry.companies().await?.len(),
        replication,
        queues,
        scan: if fast { None } else { Some(scan(region, deployment.list.len()).await?) },
    })
}

async fn scan(region: &DeployedRegion, regions: usize) -> Result<Scan, StoreError> {
    let mut digest = Digest::default();
    let (mut users, mut after) = (0, None);
    loop {
        let page = region.home.own.users.scan(after, 1000).await?;
        for record in &page.records {
            digest.add(record, regions);
            users += u64::from(record.profile_facts().is_some());
        }
        if digest.parts / PROGRESS != (digest.parts - page.records.len() as u64) / PROGRESS {
            note(&format!("{}: {} parts read", region.name(), digest.parts));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let Digest { parts, missing_keys, .. } = digest;
    Ok(Scan { users, parts, missing_keys, digest: digest.to_string() })
}

async fn companies_differ(deployment: &Regions) -> Result<bool, CliError> {
    let mut first = None;
    for region in &deployment.list {
        let companies = region.home.registry.companies().await.map_err(|source| region.failed(source))?;
        if *first.get_or_insert_with(|| companies.clone()) != companies {
            return Ok(true);
        }
    }
    Ok(false)
}

fn digests_differ(regions: &[RegionStatus]) -> bool {
    let mut digests = regions.iter().filter_map(|region| region.scan.as_ref()).map(|scan| &scan.digest);
    let first = digests.next();
    digests.any(|digest| Some(digest) != first)
}

/// Writes that are on their way make digests differ for a moment: looks again a few times.
async fn still_differ(deployment: &Regions) -> Result<bool, CliError> {
    let regions = deployment.list.len();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut digests = Vec::new();
        for region in &deployment.list {
            let digest = Digest::of(&*region.home.own.users, regions).await;
            digests.push(digest.map_err(|source| region.failed(source))?);
        }
        if digests.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl RegionStatus {
    /// What an operator has to look at.
    fn attention(&self) -> Vec<String> {
        let region = &self.region;
        let mut attention = Vec::new();
        if self.key != "enabled" {
            attention.push(format!("{region}: its key is {}", self.key));
        }
        for QueueStatus { queue: name, waiting, dead, .. } in &self.queues {
            if *dead > 0 {
                attention.push(format!("{region}: {dead} dead letters in {name}"));
            }
            if *waiting > 0 && name == queue::PARKED {
                attention.push(format!("{region}: {waiting} changes cannot be handled and are parked"));
            } else if *waiting > 0 && name != queue::KEYS {
                attention.push(format!("{region}: {waiting} copies wait in {name}"));
            }
        }
        attention.extend(self.replication.attention().map(|text| format!("{region}: {text}")));
        if let Some(scan) = &self.scan
            && scan.missing_keys > 0
        {
            attention.push(format!("{region}: {} parts lack a wrapped key", scan.missing_keys));
        }
        attention
    }

    fn text(&self) -> String {
        let url = self.url.clone().unwrap_or_else(|| "on a free port, once it is served".into());
        let mut rows = vec![vec!["url".into(), url]];
        if self.state == RegionState::Joining {
            rows.push(vec!["state".into(), "joining: it is being filled, and serves nobody".into()]);
        }
        if let Some(scan) = &self.scan {
            rows.push(vec![
                "users".into(),
                format!("{} ({} parts, digest {})", scan.users, scan.parts, &scan.digest[..16]),
            ]);
            rows.push(vec!["wrapped keys".into(), format!("{} parts lack one", scan.missing_keys)]);
        }
        rows.push(vec!["key".into(), self.key.into()]);
        rows.push(vec!["replication".into(), self.replication.text()]);
        for QueueStatus { queue, waiting, in_flight, dead } in &self.queues {
            rows.push(vec![format!("queue {queue}"), format!("{waiting} waiting, {in_flight} in flight, {dead} dead")]);
        }
        rows.push(vec!["companies".into(), self.companies.to_string()]);
        format!("{}\n{}", self.region, table(&rows))
    }
}

impl Answer {
    fn text(&self) -> String {
        let regions: Vec<String> = self.regions.iter().map(RegionStatus::text).collect();
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
        format!("{}\n{serving}{end}", regions.join("\n"))
    }
}

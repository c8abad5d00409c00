//! `umoja status`: whether all is well.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use umoja_local::RegionStore;
use umoja_local::pump::CURSOR;
use umoja_schema::names::{attribute, queue};
use umoja_schema::{Attribute, Attributes, Hlc, Millis, Region, Version};
use umoja_store::digest::Digest;
use umoja_store::ports::{Keys as _, KeysError, Queue as _, QueueDepth, Registry as _, StoreError, Users as _};

use super::Dir;
use crate::CliError;
use crate::deployment::{Deployment, in_region, retry_queue};
use crate::output::{Output, note, table};

/// A change that is older than this and has not been replicated needs attention, in milliseconds.
const LATE_MS: u64 = 60_000;

/// After how many parts a scan says how far it has come.
const PROGRESS: u64 = 100_000;

/// Show whether all is well: queues, replication, wrapped keys, key services.
#[derive(Debug, Args)]
#[command(long_about = "Show whether all is well: queues, replication, wrapped keys, key services.

Reads every part once to count users and wrapped keys that are missing; --fast leaves that out. The exit code is 0 if all \
is well and 1 if something needs attention, which is then named.")]
#[command(after_help = "Examples:
  umoja status --dir DIR
  umoja status --dir DIR --fast --json")]
pub(super) struct Status {
    #[command(flatten)]
    dir: Dir,
    /// Leave out what needs a scan of the tables.
    #[arg(long)]
    fast: bool,
}

#[derive(Serialize)]
struct Answer {
    well: bool,
    attention: Vec<String>,
    serving: bool,
    regions: Vec<RegionStatus>,
}

#[derive(Serialize)]
struct RegionStatus {
    region: Region,
    url: String,
    key: &'static str,
    companies: usize,
    replication: Replication,
    queues: Vec<QueueStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<Scan>,
}

#[derive(Serialize)]
struct Replication {
    /// Changes that have not been handled.
    behind: u64,
    /// How old the oldest of them is.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_ms: Option<u64>,
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
        let deployment = Deployment::open(&self.dir.dir)?;
        let serving = match deployment.lock() {
            Ok(_) => false,
            Err(crate::DeploymentError::Served(_)) => true,
            Err(error) => return Err(error.into()),
        };
        let mut regions = Vec::new();
        for (store, (region, url)) in deployment.stores().iter().zip(deployment.config().urls()) {
            let status = region_status(&deployment, store, region, url, self.fast);
            regions.push(status.await.map_err(|source| in_region(store, source))?);
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

async fn region_status(
    deployment: &Deployment,
    store: &RegionStore,
    region: Region,
    url: String,
    fast: bool,
) -> Result<RegionStatus, StoreError> {
    let mut queues = Vec::new();
    let names =
        deployment.config().regions.iter().filter(|peer| peer.name != region).map(|peer| retry_queue(&peer.name));
    for name in names.chain([queue::KEYS.to_owned(), queue::PARKED.to_owned()]) {
        let QueueDepth { waiting, in_flight, dead } = store.queue(&name).depth().await?;
        queues.push(QueueStatus { queue: name, waiting, in_flight, dead });
    }
    let key = match store.keys().probe().await {
        Ok(()) => "enabled",
        Err(KeysError::Disabled) => "disabled",
        Err(_) => "unusable",
    };
    Ok(RegionStatus {
        key,
        companies: store.companies().await?.len(),
        replication: replication(deployment, store).await?,
        queues,
        scan: if fast { None } else { Some(scan(store, deployment.stores().len()).await?) },
        region,
        url,
    })
}

/// A region notes how far it has come now and then only: what it has not got to is looked at again a moment later.
async fn replication(deployment: &Deployment, store: &RegionStore) -> Result<Replication, StoreError> {
    let newest = store.newest_change()?;
    let mut cursor = store.cursor(CURSOR).await?;
    if cursor < newest {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cursor = store.cursor(CURSOR).await?;
    }
    let behind = newest.saturating_sub(cursor);
    let oldest = if behind > 0 { store.changes(cursor, 1)? } else { Vec::new() };
    let now = deployment.clock().now();
    let oldest_ms = oldest.first().and_then(|change| written_at(&change.image)).map(|at| now.since(at));
    Ok(Replication { behind, oldest_ms })
}

fn written_at(image: &Attributes) -> Option<Millis> {
    let text = |name: &str| match image.get(name) {
        Some(Attribute::S(text)) => Some(text.as_str()),
        _ => None,
    };
    let version = text(attribute::VERSION).and_then(|text| text.parse::<Version>().ok()).map(|version| version.hlc);
    version.or_else(|| text(attribute::AT)?.parse::<Hlc>().ok()).map(Hlc::millis)
}

async fn scan(store: &RegionStore, regions: usize) -> Result<Scan, StoreError> {
    let mut digest = Digest::default();
    let (mut users, mut after) = (0, None);
    loop {
        let page = store.scan(after, 1000).await?;
        for record in &page.records {
            digest.add(record, regions);
            users += u64::from(record.profile_facts().is_some());
        }
        if digest.parts / PROGRESS != (digest.parts - page.records.len() as u64) / PROGRESS {
            note(&format!("{}: {} parts read", store.region(), digest.parts));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let Digest { parts, missing_keys, .. } = digest;
    Ok(Scan { users, parts, missing_keys, digest: digest.to_string() })
}

async fn companies_differ(deployment: &Deployment) -> Result<bool, CliError> {
    let mut first = None;
    for store in deployment.stores() {
        let companies = store.companies().await.map_err(|source| in_region(store, source))?;
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
async fn still_differ(deployment: &Deployment) -> Result<bool, CliError> {
    let regions = deployment.stores().len();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut digests = Vec::new();
        for store in deployment.stores() {
            digests.push(Digest::of(store, regions).await.map_err(|source| in_region(store, source))?);
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
        if self.replication.oldest_ms.is_some_and(|ms| ms > LATE_MS) {
            attention.push(format!(
                "{region}: {} changes wait to be replicated; is it being served?",
                self.replication.behind
            ));
        }
        if let Some(scan) = &self.scan
            && scan.missing_keys > 0
        {
            attention.push(format!("{region}: {} parts lack a wrapped key", scan.missing_keys));
        }
        attention
    }

    fn text(&self) -> String {
        let mut rows = vec![vec!["url".into(), self.url.clone()]];
        if let Some(scan) = &self.scan {
            rows.push(vec![
                "users".into(),
                format!("{} ({} parts, digest {})", scan.users, scan.parts, &scan.digest[..16]),
            ]);
            rows.push(vec!["wrapped keys".into(), format!("{} parts lack one", scan.missing_keys)]);
        }
        rows.push(vec!["key".into(), self.key.into()]);
        let age = self.replication.oldest_ms.map(|ms| format!(", the oldest {ms} ms old")).unwrap_or_default();
        rows.push(vec!["replication".into(), format!("{} changes behind{age}", self.replication.behind)]);
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
        let serving = if self.serving { "Being served." } else { "Not being served." };
        let end = if self.well {
            "All is well.".to_owned()
        } else {
            let list: Vec<String> = self.attention.iter().map(|text| format!("  - {text}")).collect();
            format!("Needs attention:\n{}", list.join("\n"))
        };
        format!("{}\n{serving} {end}", regions.join("\n"))
    }
}

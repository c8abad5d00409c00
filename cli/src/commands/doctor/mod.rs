//! `umoja doctor`: finds and repairs differences between regions.

pub(super) mod compare;
mod documents;
mod inboxes;
pub(super) mod settings;
mod trail;
mod users;

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;
use umoja_reconciler::Difference;
use umoja_schema::Region;
use umoja_schema::names::queue;

use self::compare::{Compared, How, compare};
use self::trail::Trails;
use self::users::Users;
use super::opens::Sample;
use super::status::{self, stream};
use super::target::{Opened, Target};
use super::{targets, webhook};
use crate::CliError;
use crate::deployment::{Deployment, Regions, locks};
use crate::output::{Output, counted, note};

/// Find the differences between the regions of a deployment, and repair them.
#[derive(Debug, Args)]
#[command(long_about = "Find the differences between the regions of a deployment, and repair them.

Compares every pair of regions (users, journal, receipts, audit), and in every region the users with the identifier \
ownerships that are derived from them: first by digests, then item by item where the digests differ. Checks that each \
region's audit trail is whole and genuine: no row forged, changed, moved or missing. Items, companies, sources and settings whose \
proof does not verify count as unreadable: something else than Umoja wrote them. Compares each user with the audit \
trail: credentials that are older than their last recorded change, users of the trail without parts or tombstone, users \
with one part, and erased users with a live part, in all regions. Opens the deployment's secrets and a sample of each \
region's parts with the region's own key. Reports for each difference which user it is about (by id, never by personal \
data), where, and since when. A write of the last minute may be on its way, and is not a difference. Also reports how \
many items cannot be read, which parts lack a wrapped key, which queues hold dead letters or quarantined records, and \
whether lists of regions, secrets, audit retention, companies and sources differ between regions: the one that was changed most \
often is the newest. Reads the inboxes: events of sources that wait for too long, that are parked, or whose source was \
removed, and rows that cannot be read. In a directory that is served, also whether every region's stream advances.

--repair repairs in both directions, as anti-entropy does every day: the newest version wins, rows are appended, what \
does not verify is replaced by another region's copy, \
identifiers are derived again from the users, and missing wrapped keys are listed for the key repair. Then it compares \
again. It can be interrupted and run again at any time. Dead letters and quarantined records are left to `umoja \
redrive`. A row of the audit trail that one region lacks is replicated from another; a forged row, and a user who \
contradicts the audit trail, are left for the operator. Companies, sources and settings are replaced by the newest document of any \
region. A row of companies or sources that cannot be read is removed if no region has such a document, and left for the \
operator if it may be one that every region has lost. What else cannot be read, and no other region holds, stays.

The exit code is 0 if there is no problem, 1 if there is one, and 2 if not everything could be read.

In AWS it needs credentials that may, in every region: dynamodb:GetItem and Scan on PREFIX-settings, Scan on PREFIX-companies; \
Scan and GetItem on PREFIX-users, PREFIX-journal, PREFIX-receipts and PREFIX-audit; Scan, GetItem and BatchGetItem on \
PREFIX-identifiers; Scan on PREFIX-linked_accounts and PREFIX-inbox; Query on PREFIX-users, PREFIX-linked_accounts and PREFIX-audit; \
sqs:GetQueueAttributes on PREFIX-*; kms:DescribeKey and Decrypt with the data key. With --repair also PutItem and UpdateItem on \
PREFIX-users, PREFIX-journal, PREFIX-receipts and PREFIX-audit; ConditionCheckItem on PREFIX-users; PutItem and \
DeleteItem on PREFIX-identifiers, PREFIX-linked_accounts and PREFIX-companies; GetItem on PREFIX-companies; PutItem and \
DeleteItem on PREFIX-settings; sqs:SendMessage on PREFIX-keys and PREFIX-merges.")]
#[command(after_help = "Examples:
  umoja doctor --dir DIR
  umoja doctor --dir DIR --repair
  umoja doctor --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct Doctor {
    #[command(flatten)]
    target: Target,
    /// Repair the differences, and compare again.
    #[arg(long)]
    repair: bool,
    /// How many differences of one comparison are listed; all are counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    most: usize,
}

#[derive(Serialize)]
struct Answer {
    healthy: bool,
    /// What needs an operator's attention.
    attention: Vec<String>,
    /// Regions that do not answer.
    unseen: Vec<Unseen>,
    /// What was repaired, with --repair.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repaired: Vec<Compared>,
    /// The comparisons, after the repair.
    compared: Vec<Compared>,
    /// Whether the audit trails are whole.
    audit: Trails,
    /// Whether the users are as the audit trails say.
    users: Users,
}

#[derive(Serialize)]
struct Unseen {
    region: Region,
    error: String,
}

impl Doctor {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let opened = self.target.open().await?;
        let regions = opened.regions();
        let how = How { repairs: false, derived: true, most: self.most };
        let mut repaired = Vec::new();
        if self.repair {
            note("repairing the differences");
            settings::repair(&regions).await.iter().for_each(|replaced| note(replaced));
            documents::repair(&regions).await.iter().for_each(|replaced| note(replaced));
            repaired = compare(&regions, How { repairs: true, ..how }).await;
            note("comparing again");
        }
        let (mut unseen, mut attention) = look_at_queues(&regions).await;
        let (closed, events) = inboxes::look(&regions).await;
        // A region that does not answer is named once.
        for (region, error) in closed {
            if !unseen.iter().any(|seen| seen.region == region) {
                unseen.push(Unseen { region, error });
            }
        }
        attention.extend(events);
        attention.extend(regions.list.iter().filter_map(|region| status::unserved(region.name(), region.state)));
        attention.extend(settings::differences(&regions).await);
        attention.extend(documents::attention(&regions).await);
        attention.extend(webhook::standings(&regions).await.attention);
        attention.extend(targets::standings(&regions, false).await.attention);
        attention.extend(unopened(&regions).await);
        if let Opened::Local(deployment) = &opened {
            attention.extend(streams(deployment).await?);
        }
        let compared = compare(&regions, how).await;
        attention.extend(compared.iter().flat_map(|one| said(one, self.most)));
        let audit = trail::look(&regions, self.most).await;
        attention.extend(audit.said());
        let users = users::look(&regions, self.most).await;
        attention.extend(users.said());
        // Several comparisons read the same item.
        let mut named = BTreeSet::new();
        attention.retain(|line| named.insert(line.clone()));
        let blind = audit.is_blind()
            || users.is_blind()
            || !unseen.is_empty()
            || compared.iter().chain(&repaired).any(|one| one.error.is_some());
        let answer =
            Answer { healthy: !blind && attention.is_empty(), attention, unseen, repaired, compared, audit, users };
        output.answer(&answer, || answer.text());
        match (blind, answer.healthy) {
            (true, _) => Err(CliError::Unseen),
            (false, true) => Ok(()),
            (false, false) => Err(CliError::Said),
        }
    }
}

/// The regions that do not answer, and the problems of the queues and keys of the others.
async fn look_at_queues(regions: &Regions) -> (Vec<Unseen>, Vec<String>) {
    let (mut unseen, mut attention) = (Vec::new(), Vec::new());
    for region in &regions.list {
        let name = region.name();
        let queues = match region.home.own.users.probe().await {
            Ok(()) => status::queues(region).await,
            Err(error) => Err(error),
        };
        let queues = match queues {
            Ok(queues) => queues,
            Err(error) => {
                unseen.push(Unseen { region: name.clone(), error: error.to_string() });
                continue;
            }
        };
        for one in queues {
            if one.dead > 0 {
                attention.push(format!("{name}: {} dead letters in {}; see `umoja redrive`", one.dead, one.queue));
            }
            if one.waiting > 0 && one.queue == queue::QUARANTINED {
                attention.push(format!("{name}: {} records are quarantined; see `umoja redrive`", one.waiting));
            }
        }
        let key = status::key_state(&*region.home.own.keys).await;
        if key != "enabled" {
            attention.push(format!("{name}: its key is {key}"));
        }
    }
    (unseen, attention)
}

/// The streams of a directory that do not advance. In AWS an alarm shows them.
async fn streams(deployment: &Deployment) -> Result<Vec<String>, CliError> {
    let mut attention = Vec::new();
    if !locks::is_served(deployment.dir())? {
        return Ok(attention);
    }
    for (position, region) in deployment.config().regions.iter().enumerate().filter(|(_, region)| region.state.sends())
    {
        match stream::flaw(deployment, position).await {
            Ok(flaw) => attention.extend(flaw.map(|flaw| format!("{}: {flaw}", region.name))),
            Err(error) => attention.push(format!("{}: its change log cannot be read: {error}", region.name)),
        }
    }
    Ok(attention)
}

/// What the regions do not open with their own keys. Regions that do not answer, and keys that cannot be used, are
/// reported elsewhere.
async fn unopened(regions: &Regions) -> Vec<String> {
    let mut attention = Vec::new();
    for region in regions.list.iter().filter(|region| region.state.is_compared()) {
        if status::key_state(&*region.home.own.keys).await != "enabled" {
            continue;
        }
        if let Ok(sample) = Sample::of(region).await {
            attention.extend(sample.open(region).await.attention(region));
        }
    }
    attention
}

/// The problems that a comparison has found.
fn said(compared: &Compared, most: usize) -> Vec<String> {
    let report = &compared.report;
    let mut said: Vec<String> =
        compared.differences.iter().map(|difference| compare::line(difference, compared)).collect();
    let is_unreadable = |difference: &&Difference| matches!(difference, Difference::Unreadable { .. });
    let unreadable = compared.differences.iter().filter(is_unreadable).count() as u64;
    let named = said.len() as u64 - unreadable;
    for (found, named, what) in
        [(report.found, named, "differences"), (report.unreadable, unreadable, "items that cannot be read")]
    {
        if found > named {
            said.push(format!("{}: {} more {what} (--most {most})", compared.title(), found - named));
        }
    }
    if report.failed > 0 {
        said.push(format!(
            "{}: {} items cannot be compared or repaired; the log says why",
            compared.title(),
            report.failed
        ));
    }
    if report.missing_keys > 0 {
        said.push(format!("{}: {} parts lack a wrapped key", compared.region, report.missing_keys));
    }
    said
}

impl Answer {
    fn text(&self) -> String {
        let mut lines = Vec::new();
        for one in &self.repaired {
            lines.push(format!(
                "{}: {} of {} differences repaired",
                one.title(),
                one.report.repaired,
                one.report.found
            ));
        }
        for one in &self.compared {
            let end = match &one.error {
                Some(error) => format!("not read to the end: {error}"),
                None if one.report.unhandled() > 0 => {
                    format!("{} differences, {} items cannot be handled", one.report.found, one.report.unhandled())
                }
                None if one.report.found == 0 => "no difference".to_owned(),
                None => counted(one.report.found, "difference"),
            };
            let young = match one.report.young {
                0 => String::new(),
                young => format!(", {young} on their way"),
            };
            let (own, other) = (one.report.own, counted(one.report.other, "item"));
            lines.push(format!("{}: {own} and {other}: {end}{young}", one.title()));
        }
        lines.extend(self.audit.lines());
        lines.push(self.users.line());
        lines.extend(self.unseen.iter().map(|one| format!("{} cannot be read: {}", one.region, one.error)));
        if self.healthy {
            lines.push("Nothing is wrong.".to_owned());
        } else if !self.attention.is_empty() {
            lines.push("Needs attention:".to_owned());
            lines.extend(self.attention.iter().map(|text| format!("  - {text}")));
        }
        lines.join("\n")
    }
}

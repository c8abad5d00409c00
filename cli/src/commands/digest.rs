//! `umoja digest`: whether all regions hold the same, and as of when.

use clap::Args;
use serde::Serialize;
use umoja_reconciler::ON_ITS_WAY_MS;
use umoja_schema::{Item, Millis, Region};
use umoja_store::RegionState;
use umoja_store::audit::is_dropped;
use umoja_store::digest::Digest;
use umoja_store::ports::StoreError;

use super::audit;
use super::doctor::compare::{How, compare};
use super::target::Target;
use crate::CliError;
use crate::deployment::{DeployedRegion, Regions};
use crate::output::{Output, counted, table, time};

/// Show whether all regions hold the same, and as of when.
#[derive(Debug, Args)]
#[command(name = "digest")]
#[command(long_about = "Show whether all regions hold the same, and as of when.

Reads every part and row of every region once, except those of the last minute, which may be on their way. If the \
digests are equal, all regions hold the same, as of a minute before the command began. If they differ, a write during \
the command may be the reason: the command then compares the regions bucket by bucket and reports whether they do \
differ. `umoja doctor` names the differences. An item that cannot be read \
counts as a difference.

The exit code is 0 if all regions hold the same, 1 if they do not, and 2 if a region could not be read.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings; Scan and GetItem on \
PREFIX-users, PREFIX-journal, PREFIX-receipts and PREFIX-audit.")]
#[command(after_help = "Examples:
  umoja digest --dir DIR
  umoja digest --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct DigestCommand {
    #[command(flatten)]
    target: Target,
}

#[derive(Serialize)]
struct Answer {
    /// Whether the regions hold the same; `None` if one could not be read.
    converged: Option<bool>,
    as_of: String,
    as_of_ms: Millis,
    regions: Vec<Held>,
    /// Differences between two regions, if the digests differ.
    differences: u64,
}

/// What a region holds.
#[derive(Serialize)]
struct Held {
    region: Region,
    state: RegionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    parts: u64,
    rows: u64,
    /// Items that cannot be read. The digest does not cover them.
    unreadable: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl DigestCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let as_of = Millis(regions.clock.now().0.saturating_sub(ON_ITS_WAY_MS));
        let dropped_before = audit::trail::retention(&regions).await.dropped_before;
        let mut held = Vec::new();
        for region in &regions.list {
            let (name, state) = (region.name().clone(), region.state);
            held.push(match digest(region, regions.list.len(), as_of, dropped_before).await {
                Ok(digest) => {
                    let Digest { parts, rows, unreadable, .. } = digest;
                    Held { region: name, state, digest: Some(digest.to_string()), parts, rows, unreadable, error: None }
                }
                Err(error) => {
                    let (digest, error) = (None, Some(error.to_string()));
                    Held { region: name, state, digest, parts: 0, rows: 0, unreadable: 0, error }
                }
            });
        }
        let (converged, differences) = converged(&regions, &held).await;
        let answer = Answer { converged, as_of: time(as_of), as_of_ms: as_of, regions: held, differences };
        output.answer(&answer, || answer.text());
        match converged {
            Some(true) => Ok(()),
            Some(false) => Err(CliError::Said),
            None => Err(CliError::Unseen),
        }
    }
}

/// The digest of all that was written until then, except rows that may have been dropped.
async fn digest(
    region: &DeployedRegion,
    regions: usize,
    until: Millis,
    dropped_before: Millis,
) -> Result<Digest, StoreError> {
    let counts =
        |item: &Item| item.hlc().millis() <= until && !is_dropped(item, dropped_before) && !item.is_expired(until);
    Digest::of_those(&region.home.own, regions, counts).await
}

/// Whether the regions hold the same, and how many differences there are. Joining and frozen regions are left out.
async fn converged(regions: &Regions, held: &[Held]) -> (Option<bool>, u64) {
    if held.iter().any(|one| one.error.is_some()) {
        return (None, 0);
    }
    let compared = || held.iter().filter(|one| one.state.is_compared());
    let unreadable: u64 = compared().map(|one| one.unreadable).sum();
    let mut digests = compared().map(|one| &one.digest);
    let first = digests.next();
    if digests.all(|digest| Some(digest) == first) {
        return (Some(unreadable == 0), unreadable);
    }
    let compared = compare(regions, How { repairs: false, derived: false, most: 0 }).await;
    let found = compared.iter().map(|one| one.report.found + one.report.unhandled()).sum();
    let seen = compared.iter().all(|one| one.error.is_none());
    (seen.then_some(found == 0), found)
}

impl Answer {
    fn text(&self) -> String {
        let row = |held: &Held| match (&held.digest, &held.error) {
            (Some(digest), _) => {
                let mut items = vec![counted(held.parts, "part"), counted(held.rows, "row")];
                if held.unreadable > 0 {
                    items.push(format!("{} cannot be read", held.unreadable));
                }
                vec![held.region.to_string(), items.join(", "), digest.clone()]
            }
            (None, error) => {
                let error = error.clone().unwrap_or_default();
                vec![held.region.to_string(), "cannot be read".into(), error]
            }
        };
        let rows: Vec<_> = self.regions.iter().map(row).collect();
        let end = match self.converged {
            Some(true) => format!("Converged as of {}.", self.as_of),
            Some(false) => format!("The regions differ in {} places: see `umoja doctor`.", self.differences),
            None => "Not known: a region could not be read.".to_owned(),
        };
        format!("{}{end}", table(&rows))
    }
}

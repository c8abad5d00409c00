//! `umoja source list`: all sources, and what their inboxes hold.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Value, json};
use umoja_schema::{IngestSource, Region, SourceId};

use super::shown::{settings, state, urls};
use crate::CliError;
use crate::commands::inbox::{self, Counted, Counts};
use crate::commands::issued::described;
use crate::commands::listed::{Unreadable, rows};
use crate::commands::target::Target;
use crate::deployment::{Regions, newest_of};
use crate::output::{Output, note, table};

/// List the sources.
#[derive(Debug, Args)]
#[command(long_about = "List the sources, each as the newest document of any region has it, with the ids of its live \
keys, and with the numbers of events that wait, are parked or are ignored in each region. --fast leaves the numbers out, \
for which the inboxes are read. A source that was removed is listed as long as an inbox has events of it. A row that holds no source that Umoja wrote is listed as unreadable, with the regions \
that hold it: `umoja doctor` says more.

In AWS it also needs dynamodb:Scan on PREFIX-inbox in every region, except with --fast.")]
#[command(after_help = "Examples:
  umoja source list --dir DIR
  umoja source list --dir DIR --fast
  umoja source list --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
    /// Leave out the numbers of events, for which the inboxes are read.
    #[arg(long)]
    fast: bool,
}

/// What the inboxes of the regions hold.
type Inboxes = Vec<(Region, Counted)>;

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment: Regions = self.target.regions().await?;
        let regions = rows::<IngestSource>(&deployment).await?;
        let mut sources = newest_of(regions.iter().flat_map(|(_, rows)| rows));
        sources.retain(|_, source| !source.is_ended());
        let unreadable = Unreadable::of(&regions);
        let inboxes = if self.fast { Vec::new() } else { inboxes(&deployment).await };
        let removed = removed(&sources, &inboxes);
        let now = deployment.clock.now().secs();
        let listed: Vec<Value> = sources.values().map(|source| value(source, &deployment, &inboxes, now)).collect();
        let gone: Vec<Value> =
            removed.iter().map(|id| json!({ "id": id, "events": events_of(id, &inboxes) })).collect();
        output.answer(&json!({ "sources": listed, "unreadable": unreadable.values(), "removed": gone }), || {
            if sources.is_empty() && unreadable.is_empty() && removed.is_empty() {
                return "There are no sources yet; add one with `umoja source add`.".to_owned();
            }
            let rows: Vec<_> = sources.values().map(|source| row(source, now)).collect();
            let gone: Vec<_> = removed.iter().map(|id| vec![id.to_string(), "REMOVED".to_owned()]).collect();
            let ids = sources.values().map(|source| &source.id).chain(removed.iter().copied());
            let events: Vec<_> = ids.flat_map(|id| event_rows(id, &inboxes)).collect();
            table(&rows) + &table(&unreadable.rows()) + &table(&gone) + &table(&events)
        });
        Ok(())
    }
}

/// A region whose inbox cannot be read is left out, with a note.
async fn inboxes(deployment: &Regions) -> Inboxes {
    let mut inboxes = Vec::new();
    for region in &deployment.list {
        match inbox::count(region, deployment.clock.now()).await {
            Ok(counted) => inboxes.push((region.name().clone(), counted)),
            Err(error) => note(&format!("{}: its inbox cannot be read: {error}", region.name())),
        }
    }
    inboxes
}

/// The ids of which inboxes have events, and which are no sources now.
fn removed<'a>(sources: &BTreeMap<&str, &IngestSource>, inboxes: &'a Inboxes) -> BTreeSet<&'a SourceId> {
    let ids = inboxes.iter().flat_map(|(_, counted)| counted.sources.keys());
    ids.filter(|id| !sources.contains_key(id.as_str())).collect()
}

fn events<'a>(id: &'a SourceId, inboxes: &'a Inboxes) -> impl Iterator<Item = (&'a Region, Counts)> {
    inboxes.iter().map(|(region, counted)| (region, counted.sources.get(id).cloned().unwrap_or_default()))
}

fn event_rows(id: &SourceId, inboxes: &Inboxes) -> Vec<Vec<String>> {
    events(id, inboxes).map(|(region, counts)| vec![format!("{id} in {region}"), counts.text()]).collect()
}

fn events_of(id: &SourceId, inboxes: &Inboxes) -> Vec<Value> {
    events(id, inboxes).map(|(region, counts)| json!({ "region": region, "events": counts })).collect()
}

fn value(source: &IngestSource, deployment: &Regions, inboxes: &Inboxes, now_secs: u64) -> Value {
    let mut value = settings(source, now_secs);
    value["urls"] = urls(source, deployment).into();
    value["events"] = events_of(&source.id, inboxes).into();
    value
}

fn row(source: &IngestSource, now_secs: u64) -> Vec<String> {
    let api_keys: Vec<String> = source.api_keys.iter().filter_map(|key| described(key, now_secs)).collect();
    let keys: Vec<String> = source.signing_keys.iter().map(|key| format!("{}({})", key.kid, key.alg)).collect();
    let mut may = Vec::new();
    may.extend(source.allowed.disable.then_some("may disable"));
    may.extend(source.allowed.erase.then_some("may erase"));
    may.extend(source.legacy_get.as_ref().map(|_| "LEGACY GET"));
    vec![
        source.id.to_string(),
        source.kind.as_str().to_owned(),
        format!("company {}", source.company),
        format!("home {}", source.home),
        state(source).to_owned(),
        may.join(", "),
        format!("API keys {}", api_keys.join(" ")),
        if keys.is_empty() { "unsigned".to_owned() } else { format!("signing keys {}", keys.join(" ")) },
    ]
}

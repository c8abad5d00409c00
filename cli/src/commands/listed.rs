//! What the lists of documents have in common: regions that do not answer, and rows that hold no document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use umoja_schema::Region;

use crate::CliError;
use crate::deployment::{Answered, DeployedRegion, Document, Regions, Row, names};
use crate::output::{note, table};

/// The rows of the regions that answer.
pub(super) type Rows<'a, D> = Vec<(&'a DeployedRegion, Vec<Row<D>>)>;

/// The rows of the regions that answer. A region that does not is left out, with a note.
///
/// # Errors
/// If no region answers.
pub(super) async fn rows<D: Document>(deployment: &Regions) -> Result<Rows<'_, D>, CliError> {
    let Answered { regions, failed } = deployment.rows::<D>().await;
    for (position, (region, error)) in failed.into_iter().enumerate() {
        if regions.is_empty() && position == 0 {
            return Err(region.failed(error));
        }
        note(&format!("{} cannot be read: {error}", region.name()));
    }
    Ok(regions)
}

/// The members of a document for people, one a line.
pub(super) fn members(document: &Value) -> String {
    let member = |(name, value): (&String, &Value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        vec![name.clone(), text]
    };
    table(&document.as_object().into_iter().flatten().map(member).collect::<Vec<_>>()).trim_end().to_owned()
}

/// The keys of the rows that hold no document that Umoja wrote, and the regions that hold them.
pub(super) struct Unreadable<'a>(BTreeMap<&'a str, BTreeSet<&'a Region>>);

impl<'a> Unreadable<'a> {
    pub(super) fn of<D>(rows: &'a Rows<'_, D>) -> Self {
        let mut unreadable: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (region, rows) in rows {
            for row in rows.iter().filter(|row| row.document.is_none()) {
                unreadable.entry(row.key.as_str()).or_default().insert(region.name());
            }
        }
        Self(unreadable)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For programs.
    pub(super) fn values(&self) -> Vec<Value> {
        self.0.iter().map(|(key, regions)| json!({ "id": key, "regions": regions })).collect()
    }

    /// The rows of a table.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let row = |(key, regions): (&&str, &BTreeSet<&Region>)| {
            let regions = names(regions.iter().copied());
            vec![key.escape_debug().to_string(), format!("UNREADABLE in {regions}; see `umoja doctor`")]
        };
        self.0.iter().map(row).collect()
    }
}

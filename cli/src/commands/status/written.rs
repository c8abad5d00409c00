//! What operators wrote, as one region holds it: companies, sources and webhooks.

use serde::Serialize;
use umoja_schema::{Company, CompanyId, IngestSource, SourceId, Webhook};
use umoja_store::ports::StoreError;

use crate::commands::inbox::Standing;
use crate::deployment::{DeployedRegion, Document};
use crate::output::counted;

/// What operators wrote.
#[derive(Serialize)]
pub(super) struct Written {
    pub(super) companies: usize,
    /// Rows of the table of companies that hold no company.
    unreadable_companies: u64,
    pub(super) sources: usize,
    /// Settings that should hold a source and do not.
    unreadable_sources: u64,
    pub(super) webhooks: usize,
    /// Settings that should hold a webhook and do not.
    unreadable_webhooks: u64,
    #[serde(skip)]
    known: (Vec<Company>, Vec<IngestSource>, Vec<Webhook>),
}

impl Written {
    pub(super) async fn read(region: &DeployedRegion) -> Result<Self, StoreError> {
        let (companies, unreadable_companies) = documents::<Company>(region).await?;
        let (sources, unreadable_sources) = documents::<IngestSource>(region).await?;
        let (webhooks, unreadable_webhooks) = documents::<Webhook>(region).await?;
        Ok(Self {
            companies: companies.len(),
            unreadable_companies,
            sources: sources.iter().filter(|source| !source.is_ended()).count(),
            unreadable_sources,
            webhooks: webhooks.iter().filter(|webhook| !webhook.is_ended()).count(),
            unreadable_webhooks,
            known: (companies, sources, webhooks),
        })
    }

    /// What the region's documents say of a source.
    pub(super) fn standing(&self, id: &SourceId) -> Standing {
        let is_enabled = |id: &CompanyId| self.known.0.iter().all(|company| company.id != *id || company.enabled);
        Standing::of(self.known.1.iter().find(|source| source.id == *id), is_enabled)
    }

    /// The rows that cannot be read.
    pub(super) fn attention(&self) -> impl Iterator<Item = String> {
        let unreadable = [
            (self.unreadable_companies, "companies"),
            (self.unreadable_sources, "sources"),
            (self.unreadable_webhooks, "webhooks"),
        ];
        unreadable.into_iter().filter(|(unreadable, _)| *unreadable > 0).map(|(unreadable, what)| {
            let rows = counted(unreadable, "row");
            format!("{rows} of `{what}` cannot be read; see `umoja doctor`")
        })
    }
}

/// What differs between the regions.
pub(super) fn differences(written: &[&Written]) -> Vec<String> {
    let mut different = Vec::new();
    let differ = |same: fn(&Written, &Written) -> bool| written.windows(2).any(|pair| !same(pair[0], pair[1]));
    different.extend(differ(|one, other| one.known.0 == other.known.0).then_some("companies"));
    different.extend(differ(|one, other| one.known.1 == other.known.1).then_some("sources"));
    different.extend(differ(|one, other| one.known.2 == other.known.2).then_some("webhooks"));
    let line = |what| {
        format!(
            "the regions know different {what}; `umoja doctor` names them, and `umoja doctor --repair` brings the newest \
             to every region"
        )
    };
    different.into_iter().map(line).collect()
}

/// The documents that a region holds, and the number of rows that hold none.
async fn documents<D: Document>(region: &DeployedRegion) -> Result<(Vec<D>, u64), StoreError> {
    let rows = D::rows(&*region.home.registry).await?;
    let unreadable = rows.iter().filter(|row| row.document.is_none()).count() as u64;
    Ok((rows.into_iter().filter_map(|row| row.document).collect(), unreadable))
}

//! The inboxes of the regions: what cannot be read, waits for too long, is parked, or belongs to no source.

use std::collections::BTreeMap;

use umoja_schema::{Company, CompanyId, IngestSource, Region, SourceId};

use crate::commands::inbox::{self, Standing};
use crate::deployment::{Regions, newest_of};

/// The regions whose inbox cannot be read, with the reason, and what needs attention in the others.
pub(super) async fn look(regions: &Regions) -> (Vec<(Region, String)>, Vec<String>) {
    let answered = regions.rows::<IngestSource>().await;
    let newest: BTreeMap<&str, &IngestSource> = newest_of(answered.regions.iter().flat_map(|(_, rows)| rows));
    let companies = regions.rows::<Company>().await;
    let companies: BTreeMap<&str, &Company> = newest_of(companies.regions.iter().flat_map(|(_, rows)| rows));
    let is_enabled = |id: &CompanyId| companies.get(id.as_str()).is_none_or(|company| company.enabled);
    let standing = |id: &SourceId| Standing::of(newest.get(id.as_str()).copied(), is_enabled);
    let (mut unseen, mut attention) = (Vec::new(), Vec::new());
    for region in &regions.list {
        match inbox::count(region, regions.clock.now()).await {
            Ok(counted) => attention.extend(inbox::attention(&counted, standing, region.name().as_str())),
            Err(error) => unseen.push((region.name().clone(), format!("its inbox: {error}"))),
        }
    }
    (unseen, attention)
}

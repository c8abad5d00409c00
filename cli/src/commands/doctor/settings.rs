//! Settings that operators' commands write in every region. An interrupted command may leave them different.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use umoja_schema::names::setting;
use umoja_schema::{Company, CompanyId};
use umoja_store::ports::StoreError;

use crate::deployment::{DeployedRegion, Regions, names};

/// What one region holds.
struct Written {
    regions: Option<Value>,
    secrets: Option<Value>,
    companies: BTreeMap<CompanyId, Company>,
}

async fn read(region: &DeployedRegion) -> Result<Written, StoreError> {
    let registry = &region.home.registry;
    let companies = registry.companies().await?.into_iter().map(|company| (company.id.clone(), company));
    Ok(Written {
        regions: registry.setting(setting::REGIONS).await?,
        secrets: registry.setting(setting::SECRETS).await?,
        companies: companies.collect(),
    })
}

/// The differences between the regions that answer, each with the command that repairs it.
pub(super) async fn differences(regions: &Regions) -> Vec<String> {
    let mut held: Vec<(&DeployedRegion, Written)> = Vec::new();
    for region in &regions.list {
        // A region that does not answer is reported elsewhere.
        if let Ok(written) = read(region).await {
            held.push((region, written));
        }
    }
    let Some((first, others)) = held.split_first() else { return Vec::new() };
    let mut differences = Vec::new();
    let mut differ = |what: &str, advice: &str, other: &dyn Fn(&Written) -> bool| {
        let found: Vec<_> =
            others.iter().filter(|(_, written)| other(written)).map(|(region, _)| region.name()).collect();
        if !found.is_empty() {
            differences.push(format!("{what} in {} and {} differ; {advice}", first.0.name(), names(found)));
        }
    };
    differ("the lists of regions", "run the last `umoja init` or `umoja region` command again", &|written| {
        written.regions != first.1.regions
    });
    differ("the secrets", "run the last `umoja init` or `umoja rotate` command again", &|written| {
        written.secrets != first.1.secrets
    });
    let ids: BTreeSet<&CompanyId> = held.iter().flat_map(|(_, written)| written.companies.keys()).collect();
    for id in ids {
        let advice =
            format!("run the last `umoja company` command again, or `umoja company enable {id}` (or `disable`)");
        differ(&format!("the company {id}"), &advice, &|written| {
            written.companies.get(id) != first.1.companies.get(id)
        });
    }
    differences
}

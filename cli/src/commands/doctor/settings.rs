//! Settings that operators' commands write in every region. An interrupted command may leave them different.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use umoja_schema::names::setting;
use umoja_schema::{Company, CompanyId};
use umoja_store::ports::StoreError;

use crate::deployment::{DeployedRegion, Regions, names};

/// The settings that are proved, and that every region holds.
const PROVED: [&str; 2] = [setting::REGIONS, setting::AUDIT];

/// What one region holds.
struct Written {
    settings: BTreeMap<&'static str, Option<Value>>,
    companies: BTreeMap<CompanyId, Company>,
    /// Settings that do not verify.
    unverified: Vec<&'static str>,
    /// Companies that do not verify.
    unverified_companies: Vec<CompanyId>,
}

async fn read(region: &DeployedRegion) -> Result<Written, StoreError> {
    let registry = &region.home.registry;
    let companies = registry.companies().await?.into_iter().map(|company| (company.id.clone(), company)).collect();
    let unverified_companies = registry.unverified_companies().await?;
    let (mut settings, mut unverified) = (BTreeMap::new(), Vec::new());
    for name in [setting::SECRETS].into_iter().chain(PROVED) {
        match registry.setting(name).await {
            Ok(value) => drop(settings.insert(name, value)),
            Err(StoreError::Unreadable(_)) => unverified.push(name),
            Err(error) => return Err(error),
        }
    }
    Ok(Written { settings, companies, unverified, unverified_companies })
}

/// Replaces settings and companies that do not verify by those of a region where they do. Returns what was replaced.
pub(super) async fn repair(regions: &Regions) -> Vec<String> {
    let mut held: Vec<(&DeployedRegion, Written)> = Vec::new();
    for region in &regions.list {
        if let Ok(written) = read(region).await {
            held.push((region, written));
        }
    }
    let mut repaired = Vec::new();
    for (region, written) in &held {
        let (name, registry) = (region.name(), &region.home.registry);
        for setting in &written.unverified {
            let verified = held.iter().find_map(|(_, other)| other.settings.get(setting)?.as_ref());
            if let Some(value) = verified
                && registry.put_setting(setting, value).await.is_ok()
            {
                repaired.push(format!("{name}: the setting `{setting}` did not verify and was replaced"));
            }
        }
        for id in &written.unverified_companies {
            let verified = held.iter().find_map(|(_, other)| other.companies.get(id));
            if let Some(company) = verified
                && registry.put_company(company).await.is_ok()
            {
                repaired.push(format!("{name}: the company {id} did not verify and was replaced"));
            }
        }
    }
    repaired
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
    for (region, written) in &held {
        let name = region.name();
        for setting in &written.unverified {
            differences
                .push(format!("{name}: the setting `{setting}` was not written by Umoja; `--repair` replaces it"));
        }
        for id in &written.unverified_companies {
            differences.push(format!(
                "{name}: the company {id} was not written by Umoja, and is not accepted; `--repair` replaces it by that \
                 of another region, or delete it"
            ));
        }
    }
    let mut differ = |what: &str, advice: &str, other: &dyn Fn(&Written) -> bool| {
        let found: Vec<_> =
            others.iter().filter(|(_, written)| other(written)).map(|(region, _)| region.name()).collect();
        if !found.is_empty() {
            differences.push(format!("{what} in {} and {} differ; {advice}", first.0.name(), names(found)));
        }
    };
    differ("the lists of regions", "run the last `umoja init` or `umoja region` command again", &|written| {
        written.settings.get(setting::REGIONS) != first.1.settings.get(setting::REGIONS)
    });
    differ("the secrets", "run the last `umoja init` or `umoja rotate` command again", &|written| {
        written.settings.get(setting::SECRETS) != first.1.settings.get(setting::SECRETS)
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

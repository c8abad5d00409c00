//! `umoja init` in AWS: writes the settings that all regions share into each of them.

use std::collections::BTreeSet;

use serde::Serialize;
use umoja_schema::Region;
use umoja_store::keyring::MAX_WRAPPED_KEYS;
use umoja_store::{Infrastructure, RegionEntry, RegionState, RegionsDocument};

use super::restored::{again, restored, secrets};
use crate::commands::target::{connect, no_region};
use crate::deployment::{Cloud, names};
use crate::output::{Output, table};
use crate::{CliError, Config, DeploymentError};

#[derive(Serialize)]
struct Answer<'a> {
    prefix: &'a str,
    created: bool,
    /// Regions whose entry in the list of regions has changed.
    changed: Vec<Region>,
    /// Settings that a region had lost.
    restored: Vec<String>,
    env: &'a str,
    regions: Vec<&'a RegionEntry>,
}

pub(super) async fn run(
    prefix: &str,
    first: Option<Region>,
    wanted: Option<Vec<Region>>,
    env: Option<String>,
    output: Output,
) -> Result<(), CliError> {
    if let Some(wanted) = &wanted {
        let names: BTreeSet<&Region> = wanted.iter().collect();
        if names.is_empty() || names.len() != wanted.len() || names.len() > MAX_WRAPPED_KEYS {
            return Err(DeploymentError::Regions.into());
        }
    }
    if let Some(env) = &env {
        Config::check_env(env)?;
    }
    let cloud = connect(prefix).await?;
    let first = match (&wanted, first) {
        (Some(wanted), Some(first)) if !wanted.contains(&first) => wanted.first().cloned(),
        (Some(wanted), None) => wanted.first().cloned(),
        (_, first) => first,
    };
    let first = first.ok_or_else(no_region)?;
    let stored = cloud.list(wanted.as_deref().unwrap_or(std::slice::from_ref(&first))).await?;
    let mut document = match (&stored, wanted) {
        (Some(stored), wanted) => {
            reject_changes(prefix, stored, wanted.as_deref(), env.as_deref())?;
            stored.clone()
        }
        (None, None) => {
            // Fails with the advice for a deployment without a list of regions.
            cloud.open(&first).await?;
            return Err(no_region());
        }
        (None, Some(wanted)) => {
            let regions = infrastructure(&cloud, &wanted).await?;
            reject_some_of_all(&regions)?;
            RegionsDocument { revision: 0, regions, env: None }
        }
    };
    let rekeyed = refresh(&cloud, &mut document).await?;
    if document.env.is_none() {
        document.env = Some(env.unwrap_or_else(|| crate::deployment::cloud::DEFAULT_ENV.to_owned()));
    }
    let changed: Vec<Region> = match &stored {
        None => Vec::new(),
        Some(stored) => {
            let differs = |entry: &&RegionEntry| stored.get(entry.name()) != Some(*entry);
            document.regions.iter().filter(differs).map(|entry| entry.name().clone()).collect()
        }
    };
    if stored.as_ref() != Some(&document) {
        document.revision += 1;
    }
    let regions = cloud.regions(&document, &first);
    cloud.check_queues(&regions).await?;
    // The secrets first: a reader that finds the list of regions finds the secrets too.
    let old_keys = stored.iter().flat_map(|stored| &stored.regions).filter(|entry| rekeyed.contains(entry.name()));
    let old_keys = old_keys.map(|entry| {
        let name = entry.name();
        (name.clone(), cloud.keys(name, &entry.infrastructure.data_key))
    });
    let before = secrets(&regions).await?;
    let created = regions.ensure_secrets_rekeyed(&rekeyed, &old_keys.collect()).await?;
    regions.ensure_oidc_keys().await?;
    let lacked = cloud.store(&document, &regions.list).await?;

    let created = created || stored.is_none();
    // Secrets that another key has wrapped are other documents, and not restored.
    let mut lines = Vec::new();
    if !created && rekeyed.is_empty() {
        lines = restored(&regions, &before).await?;
        lines.extend(lacked.iter().map(|region| format!("{region}: the list of regions was missing")));
    }
    let (env, list) = (&*regions.env, document.regions.iter().collect());
    let answer = Answer { prefix, created, changed, restored: lines, env, regions: list };
    output.answer(&answer, || answer.text(&rekeyed, &first));
    Ok(())
}

/// The infrastructure of each region. The error names every region that cannot be used.
async fn infrastructure(cloud: &Cloud, regions: &[Region]) -> Result<Vec<RegionEntry>, CliError> {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for region in regions {
        match cloud.infrastructure(region).await {
            Ok(infrastructure) => entries.push(RegionEntry { infrastructure, state: RegionState::Serving }),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(CliError::Failed(problems.join("\n       "))) }
}

/// Rejects a deployment of only some of the regions that Terraform lists: the others may have one already, and two
/// under one prefix would have different secrets.
fn reject_some_of_all(regions: &[RegionEntry]) -> Result<(), CliError> {
    let named: BTreeSet<&Region> = regions.iter().map(RegionEntry::name).collect();
    for entry in regions {
        let listed = &entry.infrastructure.regions;
        if !listed.is_empty() && listed.iter().collect::<BTreeSet<_>>() != named {
            return Err(CliError::Failed(format!(
                "Terraform lists {} in {}: name all of them with --regions; if the others have a deployment already, \
                 add the new region with `umoja region add`",
                names(listed),
                entry.name()
            )));
        }
    }
    Ok(())
}

/// Takes over the changes of Terraform. Returns the regions that have another key now.
async fn refresh(cloud: &Cloud, document: &mut RegionsDocument) -> Result<BTreeSet<Region>, CliError> {
    let known: Vec<Region> = document.regions.iter().map(|entry| entry.name().clone()).collect();
    let found = infrastructure(cloud, &known).await?;
    let mut rekeyed = BTreeSet::new();
    for (entry, found) in document.regions.iter_mut().zip(found) {
        let Infrastructure { data_key, proof_key, .. } = &entry.infrastructure;
        if *data_key != found.infrastructure.data_key || *proof_key != found.infrastructure.proof_key {
            rekeyed.insert(entry.name().clone());
        }
        entry.infrastructure = Infrastructure { regions: Vec::new(), ..found.infrastructure };
    }
    Ok(rekeyed)
}

fn reject_changes(
    prefix: &str,
    stored: &RegionsDocument,
    wanted: Option<&[Region]>,
    env: Option<&str>,
) -> Result<(), CliError> {
    let new: Vec<&Region> = wanted.into_iter().flatten().filter(|region| stored.get(region).is_none()).collect();
    if let (Some(region), Some(first)) = (new.first(), stored.regions.first()) {
        return Err(CliError::Failed(format!(
            "the deployment {prefix} has the regions {}; a new one has to be backfilled before it serves: \
             umoja region add {region} --prefix {prefix} --region {}",
            names(stored.regions.iter().map(RegionEntry::name)),
            first.name()
        )));
    }
    match (env, &stored.env) {
        (Some(env), Some(stored)) if env != stored => Err(CliError::Failed(format!(
            "the deployment {prefix} is for `{stored}`, which is a part of the existing API keys and cannot change"
        ))),
        _ => Ok(()),
    }
}

impl Answer<'_> {
    fn text(&self, rekeyed: &BTreeSet<Region>, first: &Region) -> String {
        let prefix = self.prefix;
        let what = match (self.created, self.changed.is_empty()) {
            (true, _) => "is ready".to_owned(),
            (false, true) => again(&self.restored),
            (false, false) => {
                format!("exists already; the changes of Terraform in {} were taken over", names(&self.changed))
            }
        };
        let row = |entry: &&RegionEntry| vec![entry.name().to_string(), entry.infrastructure.base_url.clone()];
        let rows = table(&self.regions.iter().map(row).collect::<Vec<_>>());
        let keys = if rekeyed.is_empty() {
            String::new()
        } else {
            let regions = names(rekeyed);
            format!(
                "{regions} has another KMS key: data keys of users that the old key wrapped open with other regions' \
                 keys.\n"
            )
        };
        let next = format!("Next: umoja company add soko --prefix {prefix} --region {first} --out soko.json");
        format!("The deployment {prefix} ({}) {what}.\n{rows}{keys}{next}", self.env)
    }
}

//! What a second `umoja init` restores, and how it says so.

use serde_json::Value;
use umoja_schema::names::setting;
use umoja_store::ports::StoreError;

use crate::CliError;
use crate::commands::doctor::settings;
use crate::deployment::{DeployedRegion, Regions};

/// What each region holds as the deployment's secrets; null if it cannot be read.
pub(super) async fn secrets(regions: &Regions) -> Result<Vec<Option<Value>>, CliError> {
    let mut secrets = Vec::new();
    for region in &regions.list {
        secrets.push(match region.home.registry.setting(setting::SECRETS).await {
            Err(StoreError::Unreadable(_)) => Some(Value::Null),
            secrets => secrets.map_err(|source| region.failed(source))?,
        });
    }
    Ok(secrets)
}

/// The settings that were restored: secrets that are not as they were before, and what `umoja doctor` repairs.
pub(super) async fn restored(regions: &Regions, before: &[Option<Value>]) -> Result<Vec<String>, CliError> {
    let now = secrets(regions).await?;
    let changed = regions.list.iter().zip(before.iter().zip(&now)).filter(|(_, (before, now))| before != now);
    let line = |(region, (before, _)): (&DeployedRegion, (&Option<Value>, _))| {
        let how = if before.is_none() { "missing" } else { "not those of another region" };
        format!("{}: the secrets were {how}", region.name())
    };
    let mut restored: Vec<String> = changed.map(line).collect();
    restored.extend(settings::repair(regions).await);
    Ok(restored)
}

/// What a second run did.
pub(super) fn again(restored: &[String]) -> String {
    match restored {
        [] => "exists already; nothing changed".to_owned(),
        restored => format!("exists already; restored: {}", restored.join("; ")),
    }
}

//! Settings that operators' commands write in every region. An interrupted command may leave them different, and
//! something else may have written one, or put an older one back.

use std::collections::BTreeMap;

use serde_json::Value;
use umoja_schema::Region;
use umoja_schema::names::setting;
use umoja_store::ports::StoreError;

use crate::deployment::{DeployedRegion, Regions, names};

/// The settings that are proved, that every region holds, and that count their changes.
const PROVED: [(&str, &str); 4] = [
    (setting::REGIONS, "the list of regions"),
    (setting::AUDIT, "the audit retention"),
    (setting::EVENTS, "the retention of events"),
    (setting::RETIRED_KEYS, "the list of retired keys"),
];

/// What one region holds.
struct Written {
    settings: BTreeMap<&'static str, Option<Value>>,
    /// Settings that do not verify.
    unverified: Vec<&'static str>,
}

type Held<'a> = Vec<(&'a DeployedRegion, Written)>;

/// What the regions hold. A region that does not answer is reported elsewhere.
async fn held(regions: &Regions) -> Held<'_> {
    let mut held = Vec::new();
    for region in &regions.list {
        if let Ok(written) = read(region).await {
            held.push((region, written));
        }
    }
    held
}

async fn read(region: &DeployedRegion) -> Result<Written, StoreError> {
    let (mut settings, mut unverified) = (BTreeMap::new(), Vec::new());
    for name in [setting::SECRETS].into_iter().chain(PROVED.map(|(name, _)| name)) {
        match region.home.registry.setting(name).await {
            Ok(value) => drop(settings.insert(name, value)),
            Err(StoreError::Unreadable(_)) => unverified.push(name),
            // The region's own copy of the secrets is damaged; those of another region repair it first.
            Err(StoreError::Secrets(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Written { settings, unverified })
}

impl Written {
    fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)?.as_ref()
    }
}

/// How often a setting was changed.
fn revision(setting: &Value) -> u64 {
    setting.get("revision").and_then(Value::as_u64).unwrap_or(0)
}

/// The setting of any region that was changed most often; of two of the same revision the greater one as text.
fn newest<'a>(held: &'a Held<'_>, name: &str) -> Option<&'a Value> {
    let settings = held.iter().filter_map(|(_, written)| written.setting(name));
    settings.max_by_key(|setting| (revision(setting), setting.to_string()))
}

/// Replaces settings that do not verify, or that are older than those of another region, by the newest one. Returns
/// what was replaced.
pub(in crate::commands) async fn repair(regions: &Regions) -> Vec<String> {
    let mut repaired = Vec::new();
    let before = held(regions).await;
    let is_damaged = before.iter().any(|(_, written)| written.unverified.contains(&setting::SECRETS));
    if is_damaged || !differing(&before, setting::SECRETS).is_empty() {
        match regions.newest_secrets().await {
            Ok((_, true)) => repaired.push("the newest secrets were brought to every region".to_owned()),
            Ok((_, false)) => {}
            Err(error) => repaired.push(format!("the secrets differ: not repaired ({error})")),
        }
    }
    let held = held(regions).await;
    for (region, written) in &held {
        let (name, registry) = (region.name(), &region.home.registry);
        for (setting, _) in PROVED {
            let Some(newest) = newest(&held, setting) else { continue };
            let (is_replaced, why) = if written.unverified.contains(&setting) {
                (registry.put_setting(setting, newest).await.map(|()| true), "did not verify")
            } else if written.setting(setting).map(revision) < Some(revision(newest)) {
                let stored = written.setting(setting);
                let why = if stored.is_some() { "was older than that of another region" } else { "was missing" };
                (registry.replace_setting(setting, stored, newest).await, why)
            } else {
                continue;
            };
            match is_replaced {
                Ok(true) => repaired.push(format!("{name}: the setting `{setting}` {why} and was replaced")),
                Ok(false) => {}
                Err(error) => repaired.push(format!("{name}: the setting `{setting}` {why}: not repaired ({error})")),
            }
        }
    }
    repaired
}

/// The differences between the regions that answer, each with the command that repairs it.
pub(super) async fn differences(regions: &Regions) -> Vec<String> {
    let held = held(regions).await;
    let mut differences = Vec::new();
    for (region, written) in &held {
        let name = region.name();
        for setting in &written.unverified {
            let cure = if newest(&held, setting).is_some() {
                "`--repair` replaces it by that of another region"
            } else {
                "run the command again that sets it"
            };
            differences.push(format!("{name}: the setting `{setting}` was not written by Umoja; {cure}"));
        }
    }
    for (name, what) in PROVED.into_iter().chain([(setting::SECRETS, "the document of secrets")]) {
        let found = differing(&held, name);
        if !found.is_empty() {
            let found = names(found);
            differences.push(format!(
                "{what} differs in {found}; `--repair` brings the newest one, or run the last command that changed it \
                 again"
            ));
        }
    }
    differences
}

/// The regions that can read a setting, and hold another one than the first region that can.
fn differing<'a>(held: &'a Held<'_>, name: &str) -> Vec<&'a Region> {
    let mut read = held.iter().filter_map(|(region, written)| Some((region.name(), written.settings.get(name)?)));
    let Some((first, value)) = read.next() else { return Vec::new() };
    let others: Vec<_> = read.filter(|(_, other)| *other != value).map(|(region, _)| region).collect();
    if others.is_empty() { others } else { [&[first], &*others].concat() }
}

//! The settings that describe a deployment in the cloud. Every region stores the same list of regions, and its own
//! infrastructure.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use umoja_schema::Region;
use umoja_schema::names::setting;

use crate::ports::{Registry, StoreError};

/// How old, in seconds, the settings of an instance of a function may be; twice as old if it cannot read them.
pub const SETTINGS_RELOAD_SECS: u64 = 30;

/// How long an operator's command waits after a change of the settings before it relies on the change, in seconds. A
/// request may begin with settings that are twice [`SETTINGS_RELOAD_SECS`] old, and takes at most that time once more.
pub const SETTINGS_WAIT_SECS: u64 = 3 * SETTINGS_RELOAD_SECS;

/// The infrastructure of one region, as Terraform writes it to that region's settings ([`setting::INFRASTRUCTURE`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// The region.
    pub region: Region,
    /// The base URL of its API without a trailing slash: the `aud` of requests.
    pub base_url: String,
    /// The ARN of the KMS key that wraps data keys.
    pub data_key: String,
    /// The ARN of the KMS key that wraps the secret of proofs.
    pub proof_key: String,
    /// The URL of its queues without the last segment, which is the queue's name.
    pub queues: String,
    /// The URL to which sources post, without a trailing slash, if it is not the base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources_url: Option<String>,
    /// All regions of the deployment, as Terraform lists them. It has no meaning in the list of regions, and is omitted
    /// there.
    #[serde(default, skip_serializing)]
    pub regions: Vec<Region>,
}

/// The regions of a deployment ([`setting::REGIONS`]), the same in every region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionsDocument {
    /// Counts the changes. Of the copies in two regions, the one with more changes is newer.
    #[serde(default)]
    pub revision: u64,
    /// The regions, in the order in which they joined.
    pub regions: Vec<RegionEntry>,
    /// The purpose of the deployment, such as `live` or `test`: a part of each API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
}

/// One region of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionEntry {
    /// Its infrastructure.
    #[serde(flatten)]
    pub infrastructure: Infrastructure,
    /// Its state.
    pub state: RegionState,
}

/// The state of a region. If two operators change it at the same time, the later of these variants wins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionState {
    /// The region serves requests.
    #[default]
    Serving,
    /// The region is being backfilled: its peers send it everything they write, and it serves no requests.
    Joining,
    /// The region was frozen and is being compared with its peers in both directions: it sends again, and serves no
    /// requests.
    Thawing,
    /// The region will be removed: it sends its peers what they lack, and serves no requests.
    Leaving,
    /// The region serves no requests and sends no changes. Its peers send it everything they write.
    Frozen,
}

impl RegionState {
    /// True if the region's API answers, and clients get its URL.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Serving)
    }

    /// True if the region replicates its items to its peers.
    pub const fn sends(self) -> bool {
        !matches!(self, Self::Frozen)
    }

    /// Whether anti-entropy passes compare such a region with its peers. A region that is being backfilled lacks items
    /// that the backfill will bring. A frozen region is not read from.
    pub const fn is_compared(self) -> bool {
        !matches!(self, Self::Joining | Self::Frozen)
    }

    /// True if the region's feed makes events. While the region is backfilled or compared, it may lack the events that
    /// it has made.
    pub const fn makes_events(self) -> bool {
        matches!(self, Self::Serving | Self::Leaving)
    }

    /// The name of the state in settings and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Joining => "joining",
            Self::Thawing => "thawing",
            Self::Leaving => "leaving",
            Self::Frozen => "frozen",
        }
    }
}

impl RegionEntry {
    /// Its name.
    pub fn name(&self) -> &Region {
        &self.infrastructure.region
    }
}

impl RegionsDocument {
    /// The regions of the deployment from a region's settings; `None` before `umoja init`.
    ///
    /// # Errors
    /// If the settings are unreadable, or of a form that this version does not know.
    pub async fn load(registry: &dyn Registry) -> Result<Option<Self>, StoreError> {
        document(registry, setting::REGIONS).await
    }

    /// One region.
    pub fn get(&self, region: &Region) -> Option<&RegionEntry> {
        self.regions.iter().find(|entry| entry.name() == region)
    }

    /// Takes over another region's copy of the list if it is newer than this one, after an operator's command was
    /// interrupted between two regions. If two operators changed the same copy at the same time, both lists are merged.
    /// A region that does not serve in one of them does not serve.
    pub fn merge(&mut self, other: &Self) {
        match other.revision.cmp(&self.revision) {
            Ordering::Less => return,
            Ordering::Greater => return self.clone_from(other),
            Ordering::Equal => {}
        }
        for theirs in &other.regions {
            match self.regions.iter_mut().find(|own| own.name() == theirs.name()) {
                Some(own) => own.state = own.state.max(theirs.state),
                None => self.regions.push(theirs.clone()),
            }
        }
        if self.env.is_none() {
            self.env.clone_from(&other.env);
        }
    }
}

impl Infrastructure {
    /// A region's infrastructure; `None` before `terraform apply`.
    ///
    /// # Errors
    /// If the settings are unreadable, or of a form that this version does not know.
    pub async fn load(registry: &dyn Registry) -> Result<Option<Self>, StoreError> {
        document(registry, setting::INFRASTRUCTURE).await
    }
}

async fn document<T: for<'de> Deserialize<'de>>(registry: &dyn Registry, name: &str) -> Result<Option<T>, StoreError> {
    let stored = registry.setting(name).await?;
    let unreadable =
        |_| StoreError::Rejected(format!("the setting `{name}`, which is of no form that this version reads,"));
    stored.map(serde_json::from_value).transpose().map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(regions: &[(&str, RegionState)]) -> RegionsDocument {
        let entry = |(name, state): &(&str, RegionState)| {
            let [base_url, data_key, proof_key, queues] =
                ["https://x", "arn:k", "arn:p", "https://q"].map(str::to_owned);
            let region = name.parse().unwrap();
            let infrastructure = Infrastructure {
                region,
                base_url,
                data_key,
                proof_key,
                queues,
                sources_url: None,
                regions: Vec::new(),
            };
            RegionEntry { infrastructure, state: *state }
        };
        RegionsDocument { revision: 1, regions: regions.iter().map(entry).collect(), env: None }
    }

    #[test]
    fn the_copy_with_more_changes_wins() {
        use RegionState::{Joining, Serving};
        let older = list(&[("a", Serving), ("b", Serving), ("c", Serving)]);
        let newer = RegionsDocument { revision: 2, ..list(&[("a", Serving), ("b", Joining)]) };
        for (mut one, other) in [(older.clone(), newer.clone()), (newer.clone(), older)] {
            one.merge(&other);
            assert_eq!(one, newer);
        }
    }

    #[test]
    fn concurrently_changed_copies_are_merged() {
        use RegionState::{Joining, Serving};
        let one = list(&[("a", Serving), ("b", Joining)]);
        let other = list(&[("a", Serving), ("b", Serving), ("c", Joining)]);
        for (mut one, two) in [(one.clone(), other.clone()), (other, one)] {
            one.merge(&two);
            assert_eq!(one, list(&[("a", Serving), ("b", Joining), ("c", Joining)]));
        }
    }

    #[test]
    fn a_state_has_the_same_name_in_settings() {
        use RegionState::{Frozen, Joining, Leaving, Serving, Thawing};
        for state in [Serving, Joining, Thawing, Leaving, Frozen] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(state.serves(), state == Serving);
        }
    }

    #[test]
    fn a_list_without_revision_and_environment_is_read() {
        let read: RegionsDocument = serde_json::from_str(r#"{"regions":[]}"#).unwrap();
        assert_eq!(read, RegionsDocument { revision: 0, ..list(&[]) });
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"revision":0,"regions":[]}"#);
    }

    #[test]
    fn terraforms_setting_is_read_and_an_entry_is_flat() {
        let written = r#"{"region":"eu-west-1","base_url":"https://eu.example","data_key":"arn:k","proof_key":"arn:p","queues":"https://q/1"}"#;
        let infrastructure: Infrastructure = serde_json::from_str(written).unwrap();
        assert_eq!(infrastructure.regions, []);
        let entry = RegionEntry { infrastructure, state: RegionState::Joining };
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(text, written.replace('}', r#","state":"joining"}"#));
        assert_eq!(serde_json::from_str::<RegionEntry>(&text).unwrap(), entry);
    }
}

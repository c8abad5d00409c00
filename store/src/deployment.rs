//! The settings that say what a deployment in the cloud consists of. Every region holds the same list of regions, and
//! what its own infrastructure is.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use umoja_schema::Region;
use umoja_schema::names::setting;

use crate::ports::{Registry, StoreError};

/// How old the settings may be that an instance of a function works with, in seconds; twice as old if it cannot read
/// them.
pub const SETTINGS_RELOAD_SECS: u64 = 30;

/// How long who changes settings waits before relying on the change, in seconds: a request may begin with settings that
/// are twice [`SETTINGS_RELOAD_SECS`] old, and takes at most as long as that again.
pub const SETTINGS_WAIT_SECS: u64 = 3 * SETTINGS_RELOAD_SECS;

/// What the infrastructure of one region is, as Terraform says in that region's settings
/// ([`setting::INFRASTRUCTURE`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// The region.
    pub region: Region,
    /// The base URL of its API without a trailing slash: the `aud` of requests.
    pub base_url: String,
    /// The ARN of the KMS key that wraps data keys.
    pub data_key: String,
    /// The URL of its queues without the last segment, which is the queue's name.
    pub queues: String,
    /// All regions of the deployment, as Terraform lists them. In the list of regions it says nothing, and is left out.
    #[serde(default, skip_serializing)]
    pub regions: Vec<Region>,
}

/// The regions of a deployment ([`setting::REGIONS`]), the same in every region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionsDocument {
    /// Counts the changes: of two regions' copies, the one that was changed more often is ahead.
    #[serde(default)]
    pub revision: u64,
    /// The regions, in the order in which they came.
    pub regions: Vec<RegionEntry>,
    /// What the deployment is for, such as `live` or `test`: a part of each API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
}

/// One region of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionEntry {
    /// What it is.
    #[serde(flatten)]
    pub infrastructure: Infrastructure,
    /// What it does.
    pub state: RegionState,
}

/// What a region does. Of two operators' changes at the same time the later of these counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionState {
    /// It serves.
    #[default]
    Serving,
    /// It is being filled: its peers send it everything they write, and it serves nobody.
    Joining,
    /// It was frozen and is being compared with its peers, both ways: it sends again, and serves nobody.
    Thawing,
    /// It is to be removed: it sends what its peers have not got, and serves nobody.
    Leaving,
    /// It serves nobody and sends nothing. Its peers send it everything they write.
    Frozen,
}

impl RegionState {
    /// True if its API answers, and clients are told of it.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Serving)
    }

    /// True if it copies to its peers what it holds.
    pub const fn sends(self) -> bool {
        !matches!(self, Self::Frozen)
    }

    /// Whether sweeps compare such a region with its peers. One that is being filled lacks whatever was not copied yet:
    /// that is for the filling to bring. One that is frozen is not copied from.
    pub const fn is_swept(self) -> bool {
        !matches!(self, Self::Joining | Self::Frozen)
    }

    /// The word for it in settings and answers.
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
    /// The regions of the deployment, as a region's settings say; nothing before `umoja init`.
    ///
    /// # Errors
    /// If the settings cannot be read, or are of no form that this version reads.
    pub async fn load(registry: &dyn Registry) -> Result<Option<Self>, StoreError> {
        document(registry, setting::REGIONS).await
    }

    /// One region.
    pub fn get(&self, region: &Region) -> Option<&RegionEntry> {
        self.regions.iter().find(|entry| entry.name() == region)
    }

    /// Takes over another region's copy of the list if it is ahead of this one, after an operator's command was
    /// interrupted between two regions. Copies that two operators made of the same one at the same time are united; a
    /// region that does not serve in one of them does not serve.
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
    /// What a region's infrastructure is; nothing before `terraform apply`.
    ///
    /// # Errors
    /// If the settings cannot be read, or are of no form that this version reads.
    pub async fn load(registry: &dyn Registry) -> Result<Option<Self>, StoreError> {
        document(registry, setting::INFRASTRUCTURE).await
    }
}

async fn document<T: for<'de> Deserialize<'de>>(registry: &dyn Registry, name: &str) -> Result<Option<T>, StoreError> {
    let stored = registry.setting(name).await?;
    let unreadable =
        |_| StoreError::Refused(format!("the setting `{name}`, which is of no form that this version reads,"));
    stored.map(serde_json::from_value).transpose().map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(regions: &[(&str, RegionState)]) -> RegionsDocument {
        let entry = |(name, state): &(&str, RegionState)| {
            let [base_url, data_key, queues] = ["https://x", "arn:k", "https://q"].map(str::to_owned);
            let infrastructure =
                Infrastructure { region: name.parse().unwrap(), base_url, data_key, queues, regions: Vec::new() };
            RegionEntry { infrastructure, state: *state }
        };
        RegionsDocument { revision: 1, regions: regions.iter().map(entry).collect(), env: None }
    }

    #[test]
    fn of_two_copies_the_one_that_was_changed_more_often_counts() {
        use RegionState::{Joining, Serving};
        let older = list(&[("a", Serving), ("b", Serving), ("c", Serving)]);
        let newer = RegionsDocument { revision: 2, ..list(&[("a", Serving), ("b", Joining)]) };
        for (mut one, other) in [(older.clone(), newer.clone()), (newer.clone(), older)] {
            one.merge(&other);
            assert_eq!(one, newer);
        }
    }

    #[test]
    fn copies_that_were_changed_at_the_same_time_are_united() {
        use RegionState::{Joining, Serving};
        let one = list(&[("a", Serving), ("b", Joining)]);
        let other = list(&[("a", Serving), ("b", Serving), ("c", Joining)]);
        for (mut one, two) in [(one.clone(), other.clone()), (other, one)] {
            one.merge(&two);
            assert_eq!(one, list(&[("a", Serving), ("b", Joining), ("c", Joining)]));
        }
    }

    #[test]
    fn the_word_for_a_state_is_the_one_in_the_settings() {
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
    fn what_terraform_writes_is_read_and_an_entry_is_flat() {
        let written =
            r#"{"region":"eu-west-1","base_url":"https://eu.example","data_key":"arn:k","queues":"https://q/1"}"#;
        let infrastructure: Infrastructure = serde_json::from_str(written).unwrap();
        assert_eq!(infrastructure.regions, []);
        let entry = RegionEntry { infrastructure, state: RegionState::Joining };
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(text, written.replace('}', r#","state":"joining"}"#));
        assert_eq!(serde_json::from_str::<RegionEntry>(&text).unwrap(), entry);
    }
}

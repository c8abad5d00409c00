//! The public keys that have signed answers and sign none any more. They stay, so that what they signed can be verified
//! for ever. They are apart from the keys of today, so that no client takes a new answer that one of them has signed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use umoja_schema::names::setting;

use crate::ports::{Registry, StoreError};

/// The setting [`setting::RETIRED_KEYS`], the same in every region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetiredKeys {
    /// Counts the changes.
    #[serde(default)]
    pub revision: u64,
    /// The keys, in the order in which they were retired.
    #[serde(default)]
    pub keys: Vec<RetiredKey>,
}

/// A key that was retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetiredKey {
    /// The public key, as it was published (RFC 7517).
    pub jwk: Value,
    /// When it was retired, in seconds since the Unix epoch: what says that it was signed later is forged.
    pub retired_at: u64,
}

impl RetiredKey {
    /// Its id.
    pub fn kid(&self) -> Option<&str> {
        self.jwk.get("kid").and_then(Value::as_str)
    }
}

impl RetiredKeys {
    /// Reads the keys from a region's settings.
    ///
    /// # Errors
    /// If the settings are unreadable, or of a form that this version does not know.
    pub async fn load(registry: &dyn Registry) -> Result<Self, StoreError> {
        let name = setting::RETIRED_KEYS;
        let unreadable =
            |_| StoreError::Rejected(format!("the setting `{name}`, which is of no form that this version reads,"));
        let stored = registry.setting(name).await?;
        Ok(stored.map(serde_json::from_value).transpose().map_err(unreadable)?.unwrap_or_default())
    }

    /// Writes the keys to a region's settings.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn put(&self, registry: &dyn Registry) -> Result<(), StoreError> {
        let value = serde_json::to_value(self).unwrap_or_default();
        registry.put_setting(setting::RETIRED_KEYS, &value).await
    }

    /// The keys of two regions: a command that was stopped between the two has left a key out of one.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        for key in &other.keys {
            self.add(key.clone());
        }
        self.revision = self.revision.max(other.revision);
        self
    }

    /// Adds a key, in place of the same one.
    pub fn add(&mut self, key: RetiredKey) {
        match self.keys.iter_mut().find(|known| known.kid() == key.kid()) {
            Some(known) => known.retired_at = known.retired_at.max(key.retired_at),
            None => self.keys.push(key),
        }
        self.keys.sort_by_key(|key| key.retired_at);
    }

    /// The keys as a document for clients. `exp` says when each was retired (OpenID Federation 1.0 section 8.7.2).
    pub fn published(&self) -> Vec<Value> {
        let published = |key: &RetiredKey| {
            let mut jwk = key.jwk.clone();
            if let Value::Object(members) = &mut jwk {
                members.insert("exp".to_owned(), key.retired_at.into());
            }
            jwk
        };
        self.keys.iter().map(published).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(kid: &str, retired_at: u64) -> RetiredKey {
        RetiredKey { jwk: json!({ "kid": kid }), retired_at }
    }

    #[test]
    fn copies_of_two_regions_make_one_list_in_order() {
        let (mut one, mut other) = (RetiredKeys::default(), RetiredKeys::default());
        one.add(key("umoja-1", 5));
        other.add(key("umoja-2", 9));
        other.add(key("umoja-1", 6));
        let merged = one.clone().merged(&other);
        assert_eq!(merged.keys, [key("umoja-1", 6), key("umoja-2", 9)]);
        assert_eq!(other.merged(&one).keys, merged.keys);
        assert_eq!(merged.published()[0], json!({ "kid": "umoja-1", "exp": 6 }));
    }
}

//! The profile of a person, in the terms of OpenID Connect (OIDC Core 1.0 section 5.1).

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The most bytes of a profile as JSON. A request of 256 KiB contains at most 192 KiB of JSON (base64), so a profile of
/// this size can be sent as a whole, and the rest of the item has room in DynamoDB's 400 KB.
pub const MAX_PROFILE_BYTES: usize = 160 * 1024;

/// OIDC standard claims, and `custom` for anything else. OIDC's `sub` (as `id`), `email`, `email_verified`,
/// `phone_number`, `phone_number_verified` and `updated_at` are top-level members of the user and not of `profile`.
///
/// All of it is personal data: stored sealed, never printed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names are OIDC's and so are their meanings
pub struct Profile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(default, deserialize_with = "object", skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Any other data that a company keeps about a person.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub custom: Map<String, Value>,
}

/// OIDC Core 1.0 section 5.1.1.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Address {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

never_printed!(Profile, Address);

/// Reads a JSON object. Derived code would also take an array, as the members in their order.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let members = Option::<Map<String, Value>>::deserialize(deserializer)?;
    members.map(|members| serde_json::from_value(Value::Object(members)).map_err(D::Error::custom)).transpose()
}

/// Why a profile is rejected. Names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A field is unknown or of the wrong type.
    #[error(
        "the profile takes OIDC standard claims as strings, `address` as an object, and anything else under `custom`"
    )]
    Form,
    /// It is over [`MAX_PROFILE_BYTES`].
    #[error("the profile may take {MAX_PROFILE_BYTES} bytes as JSON")]
    TooLarge,
}

impl Profile {
    /// The profile after a JSON merge patch (RFC 7396): null removes a member, objects merge, any other value replaces.
    ///
    /// # Errors
    /// If the result is not a profile, or is too large.
    pub fn patched(&self, patch: &Value) -> Result<Self, ProfileError> {
        if patch.is_null() {
            return Ok(Self::default());
        }
        if !patch.is_object() {
            return Err(ProfileError::Form);
        }
        let mut value = serde_json::to_value(self).map_err(|_| ProfileError::Form)?;
        merge_patch(&mut value, patch);
        Self::from_value(value)
    }

    /// Reads a profile from JSON.
    ///
    /// # Errors
    /// As [`Profile::patched`].
    pub fn from_value(value: Value) -> Result<Self, ProfileError> {
        if !value.is_object() {
            return Err(ProfileError::Form);
        }
        let profile: Self = serde_json::from_value(value).map_err(|_| ProfileError::Form)?;
        let size = serde_json::to_vec(&profile).map_err(|_| ProfileError::Form)?.len();
        if size > MAX_PROFILE_BYTES { Err(ProfileError::TooLarge) } else { Ok(profile) }
    }

    /// This profile with the fields that it leaves blank taken from `other`.
    #[must_use]
    pub fn filled_from(&self, other: &Self) -> Self {
        let mut filled = serde_json::to_value(other).unwrap_or_default();
        if let Ok(own) = serde_json::to_value(self) {
            merge_patch(&mut filled, &own);
        }
        Self::from_value(filled).unwrap_or_else(|_| self.clone())
    }

    /// As [`Profile::filled_from`], with the names of the taken fields: `given_name`, or `address.country` and
    /// `custom.size` within objects that both profiles have. The result is only shown, so it has no limit of size.
    #[must_use]
    pub fn filled_with_names(&self, other: &Self) -> (Self, Vec<String>) {
        let mut names = Vec::new();
        if let (Ok(Value::Object(mut own)), Ok(Value::Object(other))) =
            (serde_json::to_value(self), serde_json::to_value(other))
        {
            fill(&mut own, &other, "", &mut names);
            if let Ok(filled) = serde_json::from_value(Value::Object(own)) {
                return (filled, names);
            }
        }
        (self.clone(), Vec::new())
    }

    /// The fields of this profile that are blank in `shown`.
    #[must_use]
    pub fn missing_in(&self, shown: &Self) -> Self {
        let (Ok(mut value), Ok(shown)) = (serde_json::to_value(self), serde_json::to_value(shown)) else {
            return Self::default();
        };
        subtract(&mut value, &shown);
        serde_json::from_value(value).unwrap_or_default()
    }

    /// The profile without the fields that a merge patch removes. Fields that the patch sets stay as they are.
    #[must_use]
    pub fn without(&self, patch: &Value) -> Self {
        if patch.is_null() {
            return Self::default();
        }
        let mut value = serde_json::to_value(self).unwrap_or_default();
        remove(&mut value, patch);
        serde_json::from_value(value).unwrap_or_else(|_| self.clone())
    }

    /// The top-level members that differ between this profile and `other`, by name.
    pub fn changed_fields(&self, other: &Self) -> Vec<String> {
        let members = |profile: &Self| match serde_json::to_value(profile) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let (own, other) = (members(self), members(other));
        let names = own.keys().chain(other.keys().filter(|name| !own.contains_key(*name)));
        names.filter(|name| own.get(*name) != other.get(*name)).cloned().collect()
    }
}

/// RFC 7396 section 2, `MergePatch`.
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge_patch(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

fn fill(own: &mut Map<String, Value>, other: &Map<String, Value>, prefix: &str, names: &mut Vec<String>) {
    for (name, value) in other {
        let path = format!("{prefix}{name}");
        match (own.get_mut(name), value) {
            (None, value) => {
                own.insert(name.clone(), value.clone());
                names.push(path);
            }
            (Some(Value::Object(own)), Value::Object(other)) => fill(own, other, &format!("{path}."), names),
            (Some(_), _) => {}
        }
    }
}

fn subtract(target: &mut Value, shown: &Value) {
    let (Value::Object(target), Value::Object(shown)) = (target, shown) else { return };
    for (name, value) in shown {
        match (target.get_mut(name), value) {
            (Some(own @ Value::Object(_)), Value::Object(_)) => subtract(own, value),
            _ => drop(target.remove(name)),
        }
    }
}

fn remove(target: &mut Value, patch: &Value) {
    let (Value::Object(target), Value::Object(patch)) = (target, patch) else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else if let Some(linked) = target.get_mut(name) {
            remove(linked, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merge_patch_follows_the_examples_of_rfc_7396_appendix_a() {
        for (original, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut target = original;
            merge_patch(&mut target, &patch);
            assert_eq!(target, result);
        }
    }

    #[test]
    fn unknown_claims_are_rejected_and_custom_takes_anything() {
        assert!(Profile::from_value(json!({"shoe_size": 42})).is_err());
        assert!(Profile::from_value(json!({"custom": {"shoe_size": 42}})).is_ok());
    }

    #[test]
    fn arrays_are_neither_profiles_nor_addresses() {
        assert_eq!(Profile::from_value(json!(["Ada"])), Err(ProfileError::Form));
        let array = json!({"address": ["1 Some Street", null, "Nairobi"]});
        assert_eq!(Profile::from_value(array.clone()), Err(ProfileError::Form));
        assert_eq!(Profile::default().patched(&array), Err(ProfileError::Form));
        assert_eq!(Profile::from_value(json!({"address": null})), Ok(Profile::default()));
        assert!(Profile::from_value(json!({"address": {"locality": "Nairobi"}})).is_ok());
        assert!(Profile::from_value(json!({"address": {"planet": "Earth"}})).is_err());
    }

    #[test]
    fn filling_changes_only_blank_fields() {
        let own = Profile::from_value(json!({"given_name": "Ada", "address": {"country": "KE"}})).unwrap();
        let other = Profile::from_value(
            json!({"given_name": "Eve", "family_name": "L", "address": {"locality": "Nairobi", "country": "NG"}}),
        )
        .unwrap();
        let filled = serde_json::to_value(own.filled_from(&other)).unwrap();
        assert_eq!(
            filled,
            json!({"given_name": "Ada", "family_name": "L", "address": {"locality": "Nairobi", "country": "KE"}})
        );
    }

    #[test]
    fn filled_fields_are_named_precisely() {
        let own = Profile::from_value(json!({"given_name": "Ada", "address": {"country": "KE"}})).unwrap();
        let other = json!({"given_name": "Eve", "address": {"locality": "Nairobi"}, "custom": {"a": 1, "b": {"c": 2}}});
        let other = Profile::from_value(other).unwrap();
        let (filled, names) = own.filled_with_names(&other);
        assert_eq!(filled, own.filled_from(&other));
        assert_eq!(names, ["address.locality", "custom"]);
        let third = Profile::from_value(json!({"custom": {"a": 3, "b": {"d": 4}, "e": 5}})).unwrap();
        assert_eq!(filled.filled_with_names(&third).1, ["custom.b.d", "custom.e"]);
    }

    #[test]
    fn a_field_in_another_profile_is_not_missing() {
        let own = json!({"given_name": "Ada", "nickname": "A", "address": {"country": "KE", "locality": "N"}, "custom": {"a": 1, "b": {}}});
        let shown = json!({"given_name": "Eve", "address": {"country": "NG"}, "custom": {"a": {"x": 1}, "b": 2}});
        let (own, shown) = (Profile::from_value(own).unwrap(), Profile::from_value(shown).unwrap());
        let missing = serde_json::to_value(own.missing_in(&shown)).unwrap();
        assert_eq!(missing, json!({"nickname": "A", "address": {"locality": "N"}}));
        assert_eq!(shown.filled_from(&own.missing_in(&shown)), shown.filled_from(&own));
        assert!(own.missing_in(&Profile::default()) == own);
    }

    #[test]
    fn only_the_removals_of_a_patch_are_applied() {
        let profile =
            json!({"nickname": "A", "address": {"country": "KE", "locality": "N"}, "custom": {"a": 1, "b": 2}});
        let profile = Profile::from_value(profile).unwrap();
        let patch = json!({"nickname": null, "name": "X", "address": {"country": null, "region": "Y"}, "custom": {"a": {"z": null}}});
        let left = serde_json::to_value(profile.without(&patch)).unwrap();
        assert_eq!(left, json!({"address": {"locality": "N"}, "custom": {"a": 1, "b": 2}}));
        assert_eq!(profile.without(&Value::Null), Profile::default());
    }

    #[test]
    fn a_profile_over_its_size_is_rejected() {
        let large = json!({"custom": {"x": "y".repeat(MAX_PROFILE_BYTES)}});
        assert_eq!(Profile::from_value(large), Err(ProfileError::TooLarge));
        assert_eq!(ProfileError::TooLarge.to_string(), "the profile may take 163840 bytes as JSON");
    }

    #[test]
    fn personal_data_is_not_in_debug_output() {
        let profile = Profile { name: Some("Ada".into()), ..Profile::default() };
        assert!(!format!("{profile:?}").contains("Ada"));
    }
}

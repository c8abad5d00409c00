//! The profile of a person, in the terms of OpenID Connect (OIDC Core 1.0 section 5.1).

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

mod fill;
mod patch;

pub use self::fill::Filled;
pub(crate) use self::patch::ProfilePatch;

/// The most bytes of a profile as JSON. A request of 256 KiB contains at most 192 KiB of JSON (base64), so a profile of
/// this size can be sent as a whole, and the rest of the item has room in DynamoDB's 400 KB.
pub const MAX_PROFILE_BYTES: usize = 160 * 1024;

/// The most levels of objects and arrays in a profile, of which the profile itself is the first. The messages of the
/// API take 32 levels in `body`, and an export has a profile at the fifth.
pub const MAX_PROFILE_DEPTH: usize = 24;

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
    /// It has more levels than [`MAX_PROFILE_DEPTH`].
    #[error("the profile may nest objects and arrays {MAX_PROFILE_DEPTH} levels deep, the profile included")]
    TooDeep,
}

impl Profile {
    /// The profile after a JSON merge patch (RFC 7396): null removes a member, objects merge, any other value replaces.
    ///
    /// # Errors
    /// If the result is not a profile, is too large or is nested too deeply.
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
        if depth(&value) > MAX_PROFILE_DEPTH {
            return Err(ProfileError::TooDeep);
        }
        let profile: Self = serde_json::from_value(value).map_err(|_| ProfileError::Form)?;
        if json_len(&profile) > MAX_PROFILE_BYTES { Err(ProfileError::TooLarge) } else { Ok(profile) }
    }

    /// The profile again, if it is within the limits. Profiles come unchecked from records that were read as a whole.
    ///
    /// # Errors
    /// As [`Profile::patched`].
    pub fn checked(&self) -> Result<Self, ProfileError> {
        Self::from_value(serde_json::to_value(self).map_err(|_| ProfileError::Form)?)
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

/// The levels of objects and arrays. Parsers limit them to 128, so the recursion ends.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The bytes of a value as JSON. Profiles and their values have text keys only, so writing them cannot fail.
fn json_len(value: &(impl Serialize + ?Sized)) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
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
    fn a_profile_over_its_size_is_rejected() {
        let large = json!({"custom": {"x": "y".repeat(MAX_PROFILE_BYTES)}});
        assert_eq!(Profile::from_value(large), Err(ProfileError::TooLarge));
        assert_eq!(ProfileError::TooLarge.to_string(), "the profile may take 163840 bytes as JSON");
    }

    #[test]
    fn a_profile_over_its_depth_is_rejected() {
        let nested = |levels: usize| {
            let value =
                (2..levels).fold(json!([]), |value, n| if n % 2 == 0 { json!({ "a": value }) } else { json!([value]) });
            json!({ "custom": { "x": value } })
        };
        assert_eq!(depth(&nested(10)), 11);
        let deepest = nested(MAX_PROFILE_DEPTH - 1);
        assert_eq!(depth(&deepest), MAX_PROFILE_DEPTH);
        let profile = Profile::from_value(deepest).unwrap();
        assert_eq!(profile.checked(), Ok(profile.clone()));
        let deeper = nested(MAX_PROFILE_DEPTH);
        assert_eq!(Profile::from_value(deeper.clone()), Err(ProfileError::TooDeep));
        assert_eq!(Profile::default().patched(&deeper), Err(ProfileError::TooDeep));
        let read: Profile = serde_json::from_value(deeper).unwrap();
        assert_eq!(read.checked(), Err(ProfileError::TooDeep));
    }

    #[test]
    fn personal_data_is_not_in_debug_output() {
        let profile = Profile { name: Some("Ada".into()), ..Profile::default() };
        assert!(!format!("{profile:?}").contains("Ada"));
    }
}

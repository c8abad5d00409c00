//! Strict JSON: no duplicate key in an object, no unlimited nesting.
//!
//! `serde_json::Value` keeps the last of two equal keys, other parsers keep the first. Two parties would then read the
//! same signed message differently.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::JwsError;

/// The most levels of nested arrays and objects in one claim.
pub const MAX_DEPTH: usize = 32;

/// Reads a struct from a JSON object. A derived `Deserialize` alone would also take an array of its fields.
pub(super) fn object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, JwsError> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(JwsError::Malformed);
    }
    serde_json::from_slice(json).map_err(|_| JwsError::Malformed)
}

/// A JSON value that was read strictly; `null` is a value, unlike in `Option<Value>`.
pub(super) struct Strict(pub(super) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Level(MAX_DEPTH).deserialize(deserializer).map(Self)
    }
}

/// For `#[serde(default, deserialize_with = "present")]`: absent is `None`, `null` is not.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Strict>, D::Error> {
    Strict::deserialize(deserializer).map(Some)
}

/// The number of levels that may still open.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn below<E: de::Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(below)?;
            if map.insert(key, value).is_some() {
                return Err(de::Error::custom("duplicate key in an object"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<Value> {
        serde_json::from_str::<Strict>(text).ok().map(|strict| strict.0)
    }

    #[test]
    fn duplicate_keys_are_rejected_at_any_level() {
        assert!(read(r#"{"a":1,"b":{"a":1}}"#).is_some());
        assert!(read(r#"{"a":1,"a":1}"#).is_none());
        assert!(read(r#"[{"b":{"a":1,"\u0061":2}}]"#).is_none());
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(MAX_DEPTH)).is_some());
        assert!(read(&nested(MAX_DEPTH + 1)).is_none());
        assert!(read(&nested(100_000)).is_none());
        assert!(read(&"{\"a\":".repeat(100_000)).is_none());
    }

    proptest! {
        #[test]
        fn accepted_json_equals_the_plain_parsers(text in "[\\[\\]{}:,\"a1.e-]{0,24}") {
            if let Some(value) = read(&text) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}

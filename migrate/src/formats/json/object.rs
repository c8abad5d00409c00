//! One JSON object, read strictly: a duplicate name is rejected, because readers disagree on which value counts.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use umoja_crypto::{numbers, surrogates};

use crate::Rejected;

/// Reads an object. Half a character (`\\ud83d` alone), as programs leave it that cut texts, becomes U+FFFD. A number
/// that would lose digits becomes a text. Nesting is limited as by serde_json (128).
pub(in crate::formats) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Rejected> {
    match value(bytes)? {
        Value::Object(members) => Ok(members),
        _ => Err(Rejected::Form("not an object")),
    }
}

/// Reads a value, as [`object`].
pub(in crate::formats) fn value(bytes: &[u8]) -> Result<Value, Rejected> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(Rejected::Form("not UTF-8"));
    }
    let bytes = surrogates::replaced(bytes);
    let bytes = &*numbers::with_others_as_texts(&bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|_| Rejected::Form("not JSON, or a duplicate name in an object"))
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Strict)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = items.next_key::<Name>()? {
            if members.insert(name.0, items.next_value_seed(Strict)?).is_some() {
                return Err(A::Error::custom("duplicate name"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[derive(Deserialize)]
struct Name(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let text = br#" {"a": [1, -2, 2.5, null, true, {"b": "\u00e9"}], "c": {}} "#;
        assert_eq!(Value::Object(object(text).unwrap()), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn ambiguous_json_is_rejected() {
        for bad in [
            &br#"{"a":1,"a":2}"#[..],
            br#"{"b":{"a":1,"a":1}}"#,
            br#"{"b":[{"a":1,"\u0061":1}]}"#,
            br#"{"a":1} {}"#,
            br#"[{"a":1}]"#,
            br#""a""#,
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\0\"}",
            b"",
        ] {
            assert!(matches!(object(bad), Err(Rejected::Form(_))), "{}", String::from_utf8_lossy(bad));
        }
        for malformed in [&br#"{"a":01}"#[..], br#"{"a":1.}"#, br#"{"a":1e999"#] {
            assert!(matches!(object(malformed), Err(Rejected::Form(_))), "{}", String::from_utf8_lossy(malformed));
        }
        assert_eq!(object(br#"{"a":1e999,"b":[18446744073709551616]}"#).unwrap()["a"], "1e999");
        let deep = [b"{\"a\":".repeat(200), b"1".to_vec(), b"}".repeat(200)].concat();
        assert!(object(&deep).is_err());
    }
}

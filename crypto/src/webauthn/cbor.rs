//! CBOR (RFC 8949) as authenticators write it: maps without a key that is there twice, nested a little.

use ciborium::Value;
use ciborium::de::from_reader_with_recursion_limit;

use super::WebauthnError;

/// The most members of a map. No map of an authenticator has as many, and each is compared with those before it.
const MAX_MEMBERS: usize = 64;
/// The most levels: CTAP2 allows four, and a statement of attestation is within a map.
const MAX_DEPTH: usize = 8;

/// The first value of some bytes, and what follows it.
pub(super) fn first(mut bytes: &[u8]) -> Result<(Value, &[u8]), WebauthnError> {
    let value = from_reader_with_recursion_limit(&mut bytes, MAX_DEPTH).map_err(|_| WebauthnError::Malformed)?;
    if is_ambiguous(&value) { Err(WebauthnError::Malformed) } else { Ok((value, bytes)) }
}

/// The value that all of some bytes are.
pub(super) fn whole(bytes: &[u8]) -> Result<Value, WebauthnError> {
    let (value, rest) = first(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(WebauthnError::Malformed) }
}

/// The member of a map with a text as its key.
pub(super) fn member<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    let found = map.as_map()?.iter().find(|(key, _)| key.as_text() == Some(name));
    found.map(|(_, value)| value)
}

/// The member of a map with a number as its key.
pub(super) fn numbered(map: &Value, number: i64) -> Option<&Value> {
    let is_it = |key: &Value| key.as_integer().is_some_and(|key| key == number.into());
    map.as_map()?.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
}

/// The bytes of a byte string.
pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    value.as_bytes().map(Vec::as_slice)
}

/// Whether a map has a key twice, or more members than are compared.
fn is_ambiguous(value: &Value) -> bool {
    match value {
        Value::Map(map) if map.len() > MAX_MEMBERS => true,
        Value::Map(map) => {
            let is_repeated =
                |(at, (key, _)): (usize, &(Value, Value))| map[..at].iter().any(|(other, _)| other == key);
            map.iter().enumerate().any(is_repeated)
                || map.iter().any(|(key, value)| is_ambiguous(key) || is_ambiguous(value))
        }
        Value::Array(array) => array.iter().any(is_ambiguous),
        Value::Tag(_, value) => is_ambiguous(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hex: &str) -> Result<Value, WebauthnError> {
        whole(&hex::decode(hex).unwrap())
    }

    #[test]
    fn a_map_with_a_key_twice_is_rejected_at_any_depth() {
        assert!(read("a201020304").is_ok());
        for hex in ["a201020103", "81a201020103", "a101a201020103", "c1a201020103"] {
            assert_eq!(read(hex), Err(WebauthnError::Malformed), "{hex}");
        }
    }

    #[test]
    fn a_map_with_more_members_than_an_authenticator_writes_is_rejected() {
        let map = |members: u8| hex::encode((0..members).flat_map(|n| [0x18, 100 + n, 0]).collect::<Vec<u8>>());
        assert!(read(&format!("b840{}", map(64))).is_ok());
        assert_eq!(read(&format!("b841{}", map(65))), Err(WebauthnError::Malformed));
    }

    #[test]
    fn what_is_cut_off_nested_deeply_or_followed_by_more_is_rejected() {
        for hex in ["", "a1", "a101", "5820", "0100", &"81".repeat(64), "5bffffffffffffffff", "9bffffffffffffffff"] {
            assert_eq!(read(hex), Err(WebauthnError::Malformed), "{hex}");
        }
    }
}

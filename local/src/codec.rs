//! Encodes items as bytes: [postcard](https://docs.rs/postcard) of [`Attributes`] after one format byte.
//!
//! All attribute types survive, and equal items have equal bytes (maps are sorted). The format depends on the order of
//! the variants of `Attribute`; a test pins it.

use umoja_schema::{Attributes, ItemError};
use umoja_store::ports::StoreError;

const FORMAT: u8 = 1;

/// The most bytes of one item: DynamoDB's limit, so that every item that fits here fits in the cloud.
const MAX_BYTES: usize = 400 * 1024;

pub(crate) fn encode(item: &Attributes) -> Result<Vec<u8>, StoreError> {
    let rejected = |why: &str| StoreError::Rejected(format!("an item that {why}"));
    let bytes = postcard::to_extend(item, vec![FORMAT]).map_err(|_| rejected("cannot be encoded"))?;
    if bytes.len() > MAX_BYTES { Err(rejected("is larger than 400 KB")) } else { Ok(bytes) }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Attributes, StoreError> {
    let [FORMAT, rest @ ..] = bytes else { return Err(unreadable()) };
    // Umoja never encodes more, and reading more could take any time.
    if bytes.len() > MAX_BYTES {
        return Err(unreadable());
    }
    postcard::from_bytes(rest).map_err(|_| unreadable())
}

fn unreadable() -> StoreError {
    ItemError::new("item").into()
}

/// A number in SQLite's type.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number read from SQLite.
pub(crate) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use umoja_schema::Attribute;

    use super::*;

    fn every_type() -> Attributes {
        Attributes::from([
            ("a".into(), Attribute::S("text".into())),
            ("b".into(), Attribute::N("1.5".into())),
            ("c".into(), Attribute::B(vec![0, 255])),
            ("d".into(), Attribute::Bool(true)),
            ("e".into(), Attribute::Null),
            ("f".into(), Attribute::M(Attributes::from([("x".into(), Attribute::Null)]))),
            ("g".into(), Attribute::L(vec![Attribute::Bool(false)])),
            ("h".into(), Attribute::Ss(vec!["s".into()])),
            ("i".into(), Attribute::Ns(vec!["2".into()])),
            ("j".into(), Attribute::Bs(vec![vec![7]])),
        ])
    }

    #[test]
    fn all_attribute_types_survive() {
        assert_eq!(decode(&encode(&every_type()).unwrap()), Ok(every_type()));
    }

    #[test]
    fn the_format_on_disk_is_stable() {
        let golden =
            b"\x01\x0a\x01a\x00\x04text\x01b\x01\x031.5\x01c\x02\x02\x00\xff\x01d\x03\x01\x01e\x04\x01f\x05\x01\
            \x01x\x04\x01g\x06\x01\x03\x00\x01h\x07\x01\x01s\x01i\x08\x01\x012\x01j\x09\x01\x01\x07";
        assert_eq!(encode(&every_type()).unwrap(), golden);
    }

    #[test]
    fn damaged_bytes_and_other_formats_are_unreadable() {
        let bytes = encode(&every_type()).unwrap();
        let long = [&bytes[..], &vec![0; MAX_BYTES]].concat();
        for wrong in [&b""[..], &[2], &bytes[1..], &bytes[..bytes.len() - 1], &long] {
            assert!(matches!(decode(wrong), Err(StoreError::Unreadable(_))));
        }
    }

    #[test]
    fn items_too_large_for_the_cloud_are_rejected() {
        let item = |bytes| Attributes::from([("a".into(), Attribute::B(vec![0; bytes]))]);
        assert!(encode(&item(400_000)).is_ok());
        assert!(matches!(encode(&item(410_000)), Err(StoreError::Rejected(_))));
    }
}

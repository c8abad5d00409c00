//! DynamoDB's data model, without its SDK: the attributes of every stored item, in the cloud and on one machine.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The attributes of an item, by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// One attribute value (Amazon DynamoDB API Reference, `AttributeValue`). All of its types are here, also those that
/// Umoja does not write: this version has to keep an attribute that a newer version wrote.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attribute {
    /// A string.
    S(String),
    /// A number, as the text that was sent.
    N(String),
    /// Bytes.
    B(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A boolean.
    Bool(bool),
    /// Null.
    Null,
    /// A map.
    M(Attributes),
    /// A list.
    L(Vec<Attribute>),
    /// A set of strings.
    Ss(Vec<String>),
    /// A set of numbers.
    Ns(Vec<String>),
    /// A set of byte strings.
    Bs(Vec<Vec<u8>>),
}

impl Attribute {
    /// Appends the canonical encoding of the value, which MACs and digests cover: its type, the number of its contents,
    /// and each content behind its length. Different values have different encodings.
    pub fn encode(&self, out: &mut Vec<u8>) {
        fn all<'a>(tag: u8, items: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
            out.push(tag);
            out.extend((items.len() as u64).to_be_bytes());
            for item in items {
                encode_bytes(item, out);
            }
        }
        match self {
            Self::S(text) => all(b'S', [text.as_bytes()].into_iter(), out),
            Self::N(number) => all(b'N', [number.as_bytes()].into_iter(), out),
            Self::B(bytes) => all(b'B', [&bytes[..]].into_iter(), out),
            Self::Bool(flag) => all(b'F', [&[u8::from(*flag)][..]].into_iter(), out),
            Self::Null => all(b'0', [].into_iter(), out),
            Self::Ss(texts) => all(b's', texts.iter().map(String::as_bytes), out),
            Self::Ns(numbers) => all(b'n', numbers.iter().map(String::as_bytes), out),
            Self::Bs(items) => all(b'b', items.iter().map(Vec::as_slice), out),
            Self::M(map) => encode_map(map.iter(), map.len(), out),
            Self::L(list) => {
                out.push(b'L');
                out.extend((list.len() as u64).to_be_bytes());
                for value in list {
                    value.encode(out);
                }
            }
        }
    }
}

/// Appends bytes behind their length.
pub(crate) fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend(bytes);
}

/// Appends the canonical encoding of a map of these attributes, which are `len` and sorted by name.
pub(crate) fn encode_map<'a>(
    attributes: impl Iterator<Item = (&'a String, &'a Attribute)>,
    len: usize,
    out: &mut Vec<u8>,
) {
    out.push(b'M');
    out.extend((len as u64).to_be_bytes());
    for (name, value) in attributes {
        encode_bytes(name.as_bytes(), out);
        value.encode(out);
    }
}

/// Shows names and types only: values may be wrapped keys or ciphertext, which must not get into logs.
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::M(map) => f.debug_set().entries(map.keys()).finish(),
            Self::L(list) => write!(f, "L({})", list.len()),
            Self::S(_) => f.write_str("S"),
            Self::N(_) => f.write_str("N"),
            Self::B(bytes) => write!(f, "B({})", bytes.len()),
            Self::Bool(_) => f.write_str("BOOL"),
            Self::Null => f.write_str("NULL"),
            Self::Ss(_) => f.write_str("SS"),
            Self::Ns(_) => f.write_str("NS"),
            Self::Bs(_) => f.write_str("BS"),
        }
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::S(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::S(text)
    }
}

impl From<u64> for Attribute {
    fn from(number: u64) -> Self {
        Self::N(number.to_string())
    }
}

impl From<bool> for Attribute {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<Vec<u8>> for Attribute {
    fn from(bytes: Vec<u8>) -> Self {
        Self::B(bytes)
    }
}

impl From<Attributes> for Attribute {
    fn from(map: Attributes) -> Self {
        Self::M(map)
    }
}

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

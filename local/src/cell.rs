//! Stored values whose type is not known: SQLite stores a value of any type in any column.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

/// A stored value of any type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Cell {
    /// Before every value that a column without an affinity can hold.
    pub(crate) const LEAST: Self = Self::Real(f64::NEG_INFINITY);

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes, if it is a blob of this length.
    pub(crate) fn bytes<const N: usize>(&self) -> Option<[u8; N]> {
        match self {
            Self::Blob(bytes) => bytes[..].try_into().ok(),
            _ => None,
        }
    }

    /// The value as a text without a slash.
    pub(crate) fn encode(&self) -> String {
        let (kind, bytes) = match self {
            Self::Null => ('n', Vec::new()),
            Self::Integer(number) => ('i', number.to_be_bytes().to_vec()),
            Self::Real(number) => ('r', number.to_be_bytes().to_vec()),
            Self::Text(text) => ('t', text.clone()),
            Self::Blob(bytes) => ('b', bytes.clone()),
        };
        format!("{kind}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a text of [`Cell::encode`].
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut rest = text.chars();
        let kind = rest.next()?;
        let bytes = URL_SAFE_NO_PAD.decode(rest.as_str()).ok()?;
        Some(match kind {
            'n' => Self::Null,
            'i' => Self::Integer(i64::from_be_bytes(bytes.try_into().ok()?)),
            'r' => Self::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
            't' => Self::Text(bytes),
            'b' => Self::Blob(bytes),
            _ => return None,
        })
    }
}

impl From<ValueRef<'_>> for Cell {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(text) => Self::Text(text.to_vec()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

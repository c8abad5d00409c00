//! Additional authenticated data: the context that a ciphertext is bound to.
//!
//! # Danger
//!
//! Two different lists of fields must never encode to the same bytes, or an attacker can move a blob to a place whose
//! fields *concatenate* alike. Every field is therefore written as kind, length, content, and an absent field has its
//! own kind.

use std::fmt;

const TEXT: u8 = 1;
const BYTES: u8 = 2;
const U64: u8 = 3;
const FLAG: u8 = 4;
const ABSENT: u8 = 5;
const COUNT: u8 = 6;

/// A canonical, append-only list of fields in a fixed order.
///
/// Each field is written as one byte of kind, its length as 64 bits big-endian, then its bytes; the encoding is
/// injective, so shifting a boundary between fields always changes it.
///
/// ```
/// # use umoja_crypto::Aad;
/// let aad = Aad::new().text("users").bytes(&[1, 2]).u64(7).flag(true).optional_text(None);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Aad(Vec<u8>);

impl Aad {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    fn field(mut self, kind: u8, content: &[u8]) -> Self {
        self.0.reserve(9 + content.len());
        self.0.push(kind);
        self.0.extend_from_slice(&(content.len() as u64).to_be_bytes());
        self.0.extend_from_slice(content);
        self
    }

    /// Appends UTF-8 text; differs from the same [`bytes`](Self::bytes).
    pub fn text(self, value: &str) -> Self {
        self.field(TEXT, value.as_bytes())
    }

    /// Appends bytes.
    pub fn bytes(self, value: &[u8]) -> Self {
        self.field(BYTES, value)
    }

    /// Appends a number.
    pub fn u64(self, value: u64) -> Self {
        self.field(U64, &value.to_be_bytes())
    }

    /// Appends a truth value.
    pub fn flag(self, value: bool) -> Self {
        self.field(FLAG, &[u8::from(value)])
    }

    /// Appends the mark of an absent field, which differs from every present value, the empty text included.
    pub fn absent(self) -> Self {
        self.field(ABSENT, &[])
    }

    /// Appends the text, or [`absent`](Self::absent).
    pub fn optional_text(self, value: Option<&str>) -> Self {
        match value {
            Some(text) => self.text(text),
            None => self.absent(),
        }
    }

    /// Appends the number of fields of the list that follows, so that adjacent lists cannot exchange elements.
    pub fn count(self, value: usize) -> Self {
        self.field(COUNT, &(value as u64).to_be_bytes())
    }

    /// The canonical bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Aad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content includes blind indexes and user ids: the length is enough for debugging.
        write!(f, "Aad({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Field {
        Text(String),
        Bytes(Vec<u8>),
        U64(u64),
        Flag(bool),
        Absent,
        Count(usize),
    }

    fn write(fields: &[Field]) -> Aad {
        fields.iter().fold(Aad::new(), |aad, field| match field {
            Field::Text(v) => aad.text(v),
            Field::Bytes(v) => aad.bytes(v),
            Field::U64(v) => aad.u64(*v),
            Field::Flag(v) => aad.flag(*v),
            Field::Absent => aad.absent(),
            Field::Count(v) => aad.count(*v),
        })
    }

    fn field() -> impl Strategy<Value = Field> {
        prop_oneof![
            "[ab]{0,3}".prop_map(Field::Text),
            prop::collection::vec(0u8..3, 0..4).prop_map(Field::Bytes),
            (0u64..3).prop_map(Field::U64),
            any::<bool>().prop_map(Field::Flag),
            Just(Field::Absent),
            (0usize..3).prop_map(Field::Count),
        ]
    }

    #[test]
    fn a_shifted_field_boundary_always_differs() {
        assert_ne!(Aad::new().text("ab").text("c"), Aad::new().text("a").text("bc"));
        assert_ne!(Aad::new().text("abc"), Aad::new().text("ab").text("c"));
        assert_ne!(Aad::new().text("").text("a"), Aad::new().text("a").text(""));
    }

    #[test]
    fn absent_and_empty_and_kinds_differ() {
        assert_ne!(Aad::new().optional_text(None), Aad::new().optional_text(Some("")));
        assert_ne!(Aad::new().text("a"), Aad::new().bytes(b"a"));
        assert_ne!(Aad::new().u64(1), Aad::new().count(1));
        assert_ne!(Aad::new().flag(false), Aad::new().flag(true));
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Aad::new().text("ada@example.org")), "Aad(24 bytes)");
    }

    proptest! {
        #[test]
        fn different_lists_have_different_bytes(
            a in prop::collection::vec(field(), 0..5), b in prop::collection::vec(field(), 0..5),
        ) {
            prop_assert_eq!(a == b, write(&a) == write(&b));
        }
    }
}

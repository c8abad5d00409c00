//! What the kinds of rows share: keys, fields and times of their items.

use crate::item::Reader;
use crate::names::attribute::{EXPIRES_AT, KEY};
use crate::replicated::ACCESS;
use crate::{Attribute, Attributes, ItemError, Millis, UserId, Version, VersionedItem};

pub(super) fn item(user: UserId, key: String, version: Version, fields: Attributes) -> VersionedItem {
    VersionedItem { table: &ACCESS, user, key, version, fields, unknown: Attributes::new() }
}

/// The fields of a live item, and the names behind the kind in its key.
pub(super) fn live<const N: usize>(item: &VersionedItem, kind: &str) -> Result<(Reader, [String; N]), ItemError> {
    let mut names = item.key.split('#');
    let is_kind = names.next() == Some(kind) && !item.version.erased;
    let names: Vec<String> = names.map(str::to_owned).collect();
    let names = <[String; N]>::try_from(names).ok().filter(|_| is_kind).ok_or(ItemError::new(KEY))?;
    Ok((Reader(item.fields.clone()), names))
}

pub(super) fn key(kind: &str, names: &[&str]) -> String {
    std::iter::once(kind).chain(names.iter().copied()).collect::<Vec<_>>().join("#")
}

/// When a row expires that always does.
pub(super) fn expires_at(item: &VersionedItem) -> Result<Millis, ItemError> {
    item.expires_at().ok_or(ItemError::new(EXPIRES_AT))
}

pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Attribute {
    Attribute::L(texts.into_iter().map(|text| text.clone().into()).collect())
}

pub(super) fn read_texts<T: FromIterator<String>>(fields: &mut Reader, name: &'static str) -> Result<T, ItemError> {
    let Some(Attribute::L(list)) = fields.0.remove(name) else { return Err(ItemError::new(name)) };
    let text = |one| match one {
        Attribute::S(text) => Ok(text),
        _ => Err(ItemError::new(name)),
    };
    list.into_iter().map(text).collect()
}

pub(super) fn optional(fields: &mut Reader, name: &'static str) -> Result<Option<String>, ItemError> {
    if fields.0.contains_key(name) { fields.text(name).map(Some) } else { Ok(None) }
}

/// A map that may be absent.
pub(super) fn optional_map(fields: &mut Reader, name: &'static str) -> Result<Attributes, ItemError> {
    if fields.0.contains_key(name) { fields.map(name) } else { Ok(Attributes::new()) }
}

/// A text of any characters as a part of a sort key, in which only letters, digits and `-` stand for themselves.
pub(super) fn escaped(text: &str) -> String {
    let byte = |b: u8| match b {
        b if b.is_ascii_alphanumeric() || b == b'-' => char::from(b).to_string(),
        b => format!("_{b:02x}"),
    };
    text.bytes().map(byte).collect()
}

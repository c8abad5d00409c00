//! The members of a record, by name and type.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};
use umoja_crypto::legacy::{Digest, ForeignHash, Step, TextEncoding};
use umoja_schema::{AccountStatus, Millis};

use super::{claims, times};
use crate::{LeftOut, Rejected, Row};

/// A JSON object as a record. A value that is null, absent or an empty text is `None`. A value of another type than the
/// expected one is left out and noted. It rejects the record only where a user without it would be another one: the
/// methods that return a `Result` are for hashes, for the status, and for what says that the record is a user at all.
///
/// It knows which members were read. [`finish`](Self::finish) notes the others, so no format can drop one in silence.
pub(super) struct Members {
    object: Map<String, Value>,
    rejections: RefCell<Vec<Rejected>>,
    left_out: RefCell<Vec<LeftOut>>,
    read: RefCell<BTreeSet<String>>,
    not_taken: RefCell<Vec<String>>,
}

pub(super) fn field(name: &str) -> Rejected {
    Rejected::Field(name.to_owned())
}

impl Members {
    pub(super) fn new(object: Map<String, Value>) -> Self {
        Self {
            object,
            rejections: RefCell::default(),
            left_out: RefCell::default(),
            read: RefCell::default(),
            not_taken: RefCell::default(),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.read.borrow_mut().insert(name.to_owned());
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// The member as it is, if there is one.
    pub(super) fn value(&self, name: &str) -> Value {
        self.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        self.object
    }

    /// The row, with what was left out, and with the names of the members that were not read.
    pub(super) fn finish(self, row: Row) -> Row {
        let (read, mut not_taken) = (self.read.into_inner(), self.not_taken.into_inner());
        let others = self.object.into_iter().filter(|(name, value)| !read.contains(name) && !claims::is_empty(value));
        not_taken.extend(others.map(|(name, _)| name));
        let (rejections, left_out) = (self.rejections.into_inner(), self.left_out.into_inner());
        Row { rejections, left_out, not_taken, ..row }
    }

    /// The value of what a user cannot be without, or a note that the row is rejected. The other members are still read,
    /// so that the row has every reason.
    pub(super) fn required<T>(&self, read: Result<Option<T>, Rejected>) -> Option<T> {
        read.unwrap_or_else(|rejected| {
            self.rejections.borrow_mut().push(rejected);
            None
        })
    }

    /// Notes something that has no place in a user.
    pub(super) fn not_taken(&self, name: String) {
        self.not_taken.borrow_mut().push(name);
    }

    /// Puts a value under `custom`, and notes what is not taken of it.
    pub(super) fn put(&self, custom: &mut Map<String, Value>, name: &str, value: Value) {
        self.not_taken.borrow_mut().extend(claims::put(custom, name, value));
    }

    /// Notes that a value cannot be used.
    pub(super) fn leave_out(&self, name: &str, value: Value) {
        self.left_out.borrow_mut().push(claims::left_out(name, value));
    }

    /// The value, or a note that it is left out.
    fn usable<T>(&self, name: &str, read: Result<Option<T>, Rejected>) -> Option<T> {
        read.unwrap_or_else(|_| {
            self.leave_out(name, self.value(name));
            None
        })
    }

    pub(super) fn exact_text(&self, name: &str) -> Result<Option<String>, Rejected> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(field(name)),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.usable(name, self.exact_text(name))
    }

    fn number_or_text(&self, name: &str) -> Result<Option<String>, Rejected> {
        match self.get(name) {
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            _ => self.exact_text(name),
        }
    }

    /// An id: a text or a whole number.
    pub(super) fn id(&self, name: &str) -> Option<String> {
        self.usable(name, self.number_or_text(name))
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, Rejected> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(field(name)),
        }
    }

    /// A flag, or the number or text of one: `true`, `false`, `1`, `0`, and PostgreSQL's `t` and `f`.
    pub(super) fn switch(&self, name: &str) -> Result<Option<bool>, Rejected> {
        match self.get(name) {
            Some(Value::String(_)) => match self.exact_text(name)?.as_deref() {
                None => Ok(None),
                Some("1" | "true" | "TRUE" | "True" | "t") => Ok(Some(true)),
                Some("0" | "false" | "FALSE" | "False" | "f") => Ok(Some(false)),
                Some(_) => Err(field(name)),
            },
            Some(Value::Number(number)) if number.as_u64().is_some_and(|number| number < 2) => {
                Ok(Some(number.as_u64() == Some(1)))
            }
            _ => self.flag(name),
        }
    }

    /// Whether the source has verified a value. What is not a flag does not say so.
    pub(super) fn verified(&self, name: &str) -> bool {
        self.usable(name, self.switch(name)).unwrap_or_default()
    }

    /// A flag that is disabled if true; active if the source says that it is not.
    pub(super) fn disabled(&self, name: &str) -> Result<Option<AccountStatus>, Rejected> {
        Ok(self.switch(name)?.map(|disabled| status(!disabled)))
    }

    /// A flag that is active if true.
    pub(super) fn active(&self, name: &str) -> Result<Option<AccountStatus>, Rejected> {
        Ok(self.switch(name)?.map(status))
    }

    pub(super) fn exact_object(&self, name: &str) -> Result<Option<Members>, Rejected> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Members::new(members.clone()))),
            Some(_) => Err(field(name)),
        }
    }

    pub(super) fn object(&self, name: &str) -> Option<Members> {
        self.usable(name, self.exact_object(name))
    }

    /// Objects in an array.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Members>, Rejected> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| field(name))?.iter();
        items.map(|item| item.as_object().cloned().map(Members::new).ok_or_else(|| field(name))).collect()
    }

    /// RFC 3339 and the forms of databases.
    pub(super) fn time(&self, name: &str) -> Option<Millis> {
        let read = self.exact_text(name).and_then(|text| match text {
            Some(text) => times::written(&text).map_err(|_| field(name)),
            None => Ok(None),
        });
        self.usable(name, read)
    }

    /// Units of time since the epoch, as a number or digits; each is this number of milliseconds.
    pub(super) fn since_epoch(&self, name: &str, millis: u64) -> Option<Millis> {
        let units = |text: String| text.parse::<u64>().ok()?.checked_mul(millis);
        let read = self.number_or_text(name).and_then(|text| match text {
            Some(text) => units(text).map(|at| Some(Millis(at))).ok_or_else(|| field(name)),
            None => Ok(None),
        });
        self.usable(name, read)
    }

    /// Whether the record has the member, with a value or null.
    pub(super) fn is_a_member(&self, name: &str) -> bool {
        self.read.borrow_mut().insert(name.to_owned());
        self.object.contains_key(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

pub(super) fn status(active: bool) -> AccountStatus {
    if active { AccountStatus::Active } else { AccountStatus::Disabled }
}

/// A hash that names its family; `None` for a text that says that there is none.
pub(super) fn parsed(text: &str) -> Result<Option<ForeignHash>, Rejected> {
    if ForeignHash::is_elsewhere(text) { Ok(None) } else { Ok(Some(ForeignHash::parse(text)?)) }
}

/// A hash that names its family, or a digest without salt in hexadecimal digits.
pub(super) fn parsed_or_bare(digest: Digest, text: &str) -> Result<Option<ForeignHash>, Rejected> {
    match bare_digest(digest, text)? {
        Some(bare) => Ok(Some(bare)),
        None => parsed(text),
    }
}

/// A digest without salt, in hexadecimal digits and of exactly that length.
fn bare_digest(digest: Digest, text: &str) -> Result<Option<ForeignHash>, Rejected> {
    match TextEncoding::Hex.decode(text) {
        Some(hash) if hash.len() == digest.len() => {
            Ok(Some(ForeignHash::chain(&[Step::plain(digest)], None, &[], &hash)?))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_with_a_value_that_no_format_read_are_named() {
        let object =
            json!({"id": "1", "name": "Ada", "groups": ["a"], "key": "", "none": null, "list": [], "flag": false});
        let user = Members::new(object.as_object().unwrap().clone());
        let row = Row { external_id: user.text("id"), username: user.text("name"), ..Row::default() };
        let mut custom = Map::new();
        user.put(&mut custom, "meta", json!({"totp": "x"}));
        let mut not_taken = user.finish(row).not_taken;
        not_taken.sort();
        assert_eq!(not_taken, ["flag", "groups", "meta.totp"]);
    }
}

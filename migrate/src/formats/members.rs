//! The members of a record, by name and type.

use serde_json::{Map, Value};
use umoja_crypto::legacy::{Digest, ForeignHash, Step, TextEncoding};
use umoja_schema::{AccountStatus, Millis};

use super::times;
use crate::Rejected;

/// A JSON object as a record. A value that is null, absent or an empty text is `None`. A value of another type than the
/// expected one rejects the record.
pub(super) struct Members(pub(super) Map<String, Value>);

pub(super) fn field(name: &str) -> Rejected {
    Rejected::Field(name.to_owned())
}

impl Members {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Rejected> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(field(name)),
        }
    }

    /// An id: a text or a whole number.
    pub(super) fn id(&self, name: &str) -> Result<Option<String>, Rejected> {
        match self.get(name) {
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            _ => self.text(name),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Rejected> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(field(name)),
        }
    }

    /// A flag, or the text of one: `true`, `false`, `1`, `0`, and PostgreSQL's `t` and `f`.
    pub(super) fn switch(&self, name: &str) -> Result<Option<bool>, Rejected> {
        match self.get(name) {
            Some(Value::String(_)) => match self.text(name)?.as_deref() {
                None => Ok(None),
                Some("1" | "true" | "TRUE" | "True" | "t") => Ok(Some(true)),
                Some("0" | "false" | "FALSE" | "False" | "f") => Ok(Some(false)),
                Some(_) => Err(field(name)),
            },
            _ => self.flag(name),
        }
    }

    /// A flag that is disabled if true; active if the source says that it is not.
    pub(super) fn disabled(&self, name: &str) -> Result<Option<AccountStatus>, Rejected> {
        Ok(self.flag(name)?.map(|disabled| status(!disabled)))
    }

    /// A flag that is active if true.
    pub(super) fn active(&self, name: &str) -> Result<Option<AccountStatus>, Rejected> {
        Ok(self.flag(name)?.map(status))
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Members>, Rejected> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Members(members.clone()))),
            Some(_) => Err(field(name)),
        }
    }

    /// Objects in an array.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Members>, Rejected> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| field(name))?.iter();
        items.map(|item| item.as_object().cloned().map(Members).ok_or_else(|| field(name))).collect()
    }

    /// RFC 3339 and the forms of databases.
    pub(super) fn time(&self, name: &str) -> Result<Option<Millis>, Rejected> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        times::written(&text).map_err(|_| field(name))
    }

    /// Milliseconds since the epoch, as a number or digits.
    pub(super) fn millis(&self, name: &str) -> Result<Option<Millis>, Rejected> {
        let Some(text) = self.id(name)? else { return Ok(None) };
        text.parse().map(|millis| Some(Millis(millis))).map_err(|_| field(name))
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

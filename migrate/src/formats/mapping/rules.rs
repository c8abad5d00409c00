//! The meaning of values: flags, instants, whether a user may log in.

use serde::Deserialize;
use serde_json::{Map, Value};
use umoja_schema::{AccountStatus, Millis, PhoneNumber};

use super::place::Place;
use crate::Rejected;
use crate::formats::times;

/// A flag: a constant, a member with a flag, a member with one of some words, or the presence of a member.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a flag is true, false, a place, {from, is} or {from, present}")]
pub(super) enum Switch {
    Always(bool),
    From(Place),
    Words(Words),
    Presence(Presence),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) from: Place,
    pub(super) is: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Presence {
    from: Place,
    present: bool,
}

impl Words {
    pub(super) fn is_one(&self, record: &Map<String, Value>) -> Result<bool, Rejected> {
        Ok(self.from.word(record)?.is_some_and(|word| self.is.contains(&word)))
    }
}

impl Switch {
    /// False if there is no value.
    pub(super) fn is_on(&self, record: &Map<String, Value>) -> Result<bool, Rejected> {
        match self {
            Self::Always(flag) => Ok(*flag),
            Self::From(place) => match place.word(record)?.map(|word| word.to_ascii_lowercase()).as_deref() {
                None | Some("false" | "f" | "0" | "no" | "n") => Ok(false),
                Some("true" | "t" | "1" | "yes" | "y") => Ok(true),
                Some(_) => Err(place.rejected()),
            },
            Self::Words(words) => words.is_one(record),
            Self::Presence(rule) => Ok(rule.from.value(record)?.is_some() == rule.present),
        }
    }

    pub(super) fn place(&self) -> Option<&Place> {
        match self {
            Self::Always(_) => None,
            Self::From(place)
            | Self::Words(Words { from: place, .. })
            | Self::Presence(Presence { from: place, .. }) => Some(place),
        }
    }
}

/// An instant.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "an instant is a place or {from, unit}: text, seconds or milliseconds")]
pub(super) enum Time {
    Text(Place),
    In(TimeIn),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeIn {
    from: Place,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// RFC 3339, or the forms of databases.
    Text,
    Seconds,
    Milliseconds,
}

impl Time {
    pub(super) fn place(&self) -> &Place {
        match self {
            Self::Text(from) | Self::In(TimeIn { from, .. }) => from,
        }
    }

    pub(super) fn read(&self, record: &Map<String, Value>) -> Result<Option<Millis>, Rejected> {
        let place = self.place();
        // Some programs write the number where others write the text.
        if let (Self::Text(_), Some(Value::Number(number))) = (self, place.value(record)?.as_deref()) {
            let number = number.to_string();
            return seconds_or_millis(&number).map(Some).ok_or_else(|| place.rejected());
        }
        let unit = match self {
            Self::Text(_) => Unit::Text,
            Self::In(rule) => rule.unit,
        };
        // Seconds with a fraction may also be a JSON number.
        if let (Unit::Seconds, Some(Value::Number(number))) = (unit, place.value(record)?.as_deref()) {
            let seconds = number.to_string();
            return seconds_of(&seconds).map(Some).ok_or_else(|| place.rejected());
        }
        let Some(text) = place.text(record)? else { return Ok(None) };
        let instant = match unit {
            Unit::Text => return times::written(&text).map_err(|_| place.rejected()),
            Unit::Seconds => seconds_of(&text),
            Unit::Milliseconds => text.parse().ok().map(Millis),
        };
        instant.map(Some).ok_or_else(|| place.rejected())
    }
}

/// Seconds with any number of digits after the point. Digits after the third are dropped.
fn seconds_of(text: &str) -> Option<Millis> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let millis: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(millis).map(Millis)
}

/// A number without a unit: seconds, or milliseconds if the seconds would be after the year 5000.
fn seconds_or_millis(text: &str) -> Option<Millis> {
    let read = seconds_of(text)?;
    if read.0 < 100_000_000_000_000 { Some(read) } else { Some(Millis(read.0 / 1000)) }
}

/// A phone number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a phone number is a place or {from, digits}: international")]
pub(super) enum Phone {
    Written(Place),
    Digits(PhoneDigits),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhoneDigits {
    from: Place,
    digits: Digits,
}

/// How a number without a plus sign is read.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Digits {
    /// It begins with the code of its country.
    International,
}

impl Phone {
    pub(super) fn place(&self) -> &Place {
        match self {
            Self::Written(from) | Self::Digits(PhoneDigits { from, .. }) => from,
        }
    }

    pub(super) fn read(&self, record: &Map<String, Value>) -> Result<Option<String>, Rejected> {
        let text = self.place().text(record)?;
        Ok(match self {
            Self::Written(_) => text,
            Self::Digits(PhoneDigits { digits: Digits::International, .. }) => {
                let Some(text) = text else { return Ok(None) };
                // No code of a country begins with zero.
                if !text.trim_start().starts_with(|first: char| matches!(first, '1'..='9')) {
                    return Ok(Some(text));
                }
                // What is no number is left out as the source has it, without a plus sign.
                let number = format!("+{}", text.trim_start());
                PhoneNumber::parse(&number, None).map_err(|_| self.place().rejected())?;
                Some(number)
            }
        })
    }
}

/// Whether a user may log in, or was deleted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    from: Place,
    #[serde(default)]
    active: Vec<String>,
    #[serde(default)]
    disabled: Vec<String>,
    #[serde(default)]
    deleted: Vec<String>,
}

impl Status {
    pub(super) fn place(&self) -> &Place {
        &self.from
    }

    /// A word that is on none of the lists is rejected.
    pub(super) fn read(&self, record: &Map<String, Value>) -> Result<Option<AccountStatus>, Rejected> {
        let Some(word) = self.from.word(record)? else { return Ok(None) };
        if self.deleted.contains(&word) {
            return Err(Rejected::Deleted);
        }
        match (self.active.contains(&word), self.disabled.contains(&word)) {
            (true, false) => Ok(Some(AccountStatus::Active)),
            (false, true) => Ok(Some(AccountStatus::Disabled)),
            _ => Err(Rejected::Status(self.from.name().to_owned())),
        }
    }
}

//! The places of events.

use std::fmt;
use std::str::FromStr;

use crate::names::attribute;
use crate::{ItemError, Millis, Region};

/// The place of an event among those of one company and one region. Within an epoch and a day, numbers have no gaps.
/// The order of places is the order of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The life of the region's feed, by the minute of its beginning. A feed that may have lost events begins another
    /// one, so that no number means two events.
    pub epoch: u32,
    /// The day, in days since 1970-01-01 UTC.
    pub day: u16,
    /// The number of the event in its epoch and day, from 0.
    pub number: u32,
}

/// How many numbers share one partition of the table.
pub const BLOCK: u32 = 256;

impl Place {
    /// The day of a time.
    pub fn day_of(at: Millis) -> u16 {
        u16::try_from(at.0 / Millis::DAY_MS).unwrap_or(u16::MAX)
    }

    /// The block of a place.
    pub const fn block(&self) -> u32 {
        self.number / BLOCK
    }

    /// True if no place of its block is after it.
    pub const fn is_last_of(&self, block: u32) -> bool {
        self.block() == block && self.number % BLOCK == BLOCK - 1
    }

    /// The next place of the same day; `None` if the day has no more.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Some(Self { number: self.number.checked_add(1)?, ..self })
    }

    /// The key of its row.
    pub fn key(&self, origin: &Region) -> String {
        format!("{origin}#{self}")
    }

    /// The origin and the place in a key; `None` for a key of another form.
    pub fn in_key(key: &str) -> Option<(Region, Self)> {
        let (origin, place) = key.split_once('#')?;
        Some((origin.parse().ok()?, place.parse().ok()?))
    }
}

/// 20 lower-case hexadecimal digits. The order of the texts is the order of the places.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:04x}{:08x}", self.epoch, self.day, self.number)
    }
}

impl FromStr for Place {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        let error = || ItemError::new(attribute::KEY);
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 20 || !text.bytes().all(digit) {
            return Err(error());
        }
        Ok(Self {
            epoch: u32::from_str_radix(&text[..8], 16).map_err(|_| error())?,
            day: u16::from_str_radix(&text[8..12], 16).map_err(|_| error())?,
            number: u32::from_str_radix(&text[12..], 16).map_err(|_| error())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_text_of_a_place_keeps_its_order(
            a: (u32, u16, u32), b: (u32, u16, u32)
        ) {
            let place = |(epoch, day, number)| Place { epoch, day, number };
            let (a, b) = (place(a), place(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            let origin: Region = "eu-west-1".parse().unwrap();
            prop_assert_eq!(Place::in_key(&a.key(&origin)), Some((origin, a)));
        }
    }
}

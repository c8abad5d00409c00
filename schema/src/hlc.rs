//! HLC timestamps: 48 bits of Unix milliseconds and a 16-bit counter in one number.
//!
//! Kulkarni et al., "Logical Physical Clocks" (2014), in the compact form: the counter overflows into the next
//! millisecond, which keeps the order and costs at most a few milliseconds of drift.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, as a clock read them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// A day, in milliseconds.
    pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    /// The day in UTC, such as `2026-01-31`. `None` after the year 9999.
    pub fn date(self) -> Option<String> {
        let time = time::OffsetDateTime::from_unix_timestamp(i64::try_from(self.secs()).ok()?).ok()?;
        Some(format!("{:04}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day()))
    }

    /// Whole seconds, as in JWTs and OIDC's `updated_at` (`NumericDate`, RFC 7519 section 2).
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// This instant and `ms` milliseconds more.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant; 0 if it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// True if this instant is less than `ms` milliseconds before `now`. False if it is later than `now`: then the clock
    /// went back, and the time since is unknown.
    pub const fn is_within(self, ms: u64, now: Self) -> bool {
        self.0 <= now.0 && now.0 - self.0 < ms
    }
}

/// How far ahead of the clock an HLC timestamp may be. A timestamp from further in the future is rejected in the region
/// that would make it, and quarantined in a region that receives it, so that one bad clock does not capture every
/// region.
pub const MAX_AHEAD_MS: u64 = 5 * 60 * 1000;

/// Why an HLC timestamp cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HlcError {
    /// The stored HLC timestamp is so far ahead of this clock that one of the two clocks is wrong.
    #[error("the stored HLC timestamp is more than five minutes ahead of this region's clock")]
    FarFuture,
}

/// A hybrid logical clock value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hlc(u64);

impl Hlc {
    /// The HLC timestamp of a local write: `max(now, stored + 1)`.
    ///
    /// # Errors
    /// [`HlcError::FarFuture`] if that is more than [`MAX_AHEAD_MS`] ahead of `now`.
    pub fn next(now: Millis, stored: Option<Self>) -> Result<Self, HlcError> {
        let clock = Self::at(now);
        let next = stored.map_or(clock, |stored| clock.max(Self(stored.0.saturating_add(1))));
        if next.is_far_ahead_of(now) { Err(HlcError::FarFuture) } else { Ok(next) }
    }

    /// The HLC timestamp right after this one, for a write that no caller or operator asked for. Such a write must not
    /// win over a write of a caller in another region at the same time.
    #[must_use]
    pub const fn successor(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The first HLC timestamp of a millisecond.
    pub const fn at(now: Millis) -> Self {
        Self((now.0 & 0xffff_ffff_ffff) << 16)
    }

    /// The Unix milliseconds of this HLC timestamp.
    pub const fn millis(self) -> Millis {
        Millis(self.0 >> 16)
    }

    /// True if this HLC timestamp is more than [`MAX_AHEAD_MS`] ahead of `now`.
    pub const fn is_far_ahead_of(self, now: Millis) -> bool {
        self.millis().since(now) > MAX_AHEAD_MS
    }

    /// The number itself, for binding into a MAC.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// 16 lower-case hexadecimal digits: byte order is HLC timestamp order.
impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Hlc {
    type Err = crate::ItemError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let canonical = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !canonical {
            return Err(crate::ItemError::new("hlc"));
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| crate::ItemError::new("hlc"))
    }
}

impl TryFrom<String> for Hlc {
    type Error = crate::ItemError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Hlc> for String {
    fn from(hlc: Hlc) -> Self {
        hlc.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_fresh_after_a_clock_went_back() {
        let at = Millis(1_000);
        for (now, fresh) in [(999, false), (1_000, true), (1_099, true), (1_100, false)] {
            assert_eq!(at.is_within(100, Millis(now)), fresh, "{now}");
        }
    }

    proptest! {
        #[test]
        fn a_local_write_is_newer_than_the_stored_one(now in 0u64..1 << 47, ahead in 0u64..1000) {
            let stored = Hlc::at(Millis(now + ahead));
            let next = Hlc::next(Millis(now), Some(stored)).unwrap();
            prop_assert!(next > stored);
            prop_assert!(next >= Hlc::at(Millis(now)));
        }

        #[test]
        fn the_text_of_a_timestamp_keeps_its_order(a: u64, b: u64) {
            prop_assert_eq!(Hlc(a).cmp(&Hlc(b)), Hlc(a).to_string().cmp(&Hlc(b).to_string()));
            prop_assert_eq!(Hlc(a).to_string().parse::<Hlc>().unwrap(), Hlc(a));
        }
    }

    #[test]
    fn a_timestamp_from_the_far_future_is_rejected() {
        let now = Millis(1_000_000_000_000);
        assert!(Hlc::next(now, Some(Hlc::at(now.plus(MAX_AHEAD_MS - 1)))).is_ok());
        assert_eq!(Hlc::next(now, Some(Hlc::at(now.plus(MAX_AHEAD_MS + 1)))), Err(HlcError::FarFuture));
    }
}

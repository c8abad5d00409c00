use async_trait::async_trait;
use umoja_schema::Millis;

use super::StoreError;

/// What is counted for a while in one region (table `attempts`): failed logins, devices that logged in, requests. Keys are
/// keyed hashes of whatever is counted. Expired items count as absent even before they are deleted; an adapter may round
/// an expiry up to the next second.
#[async_trait]
pub trait Attempts: Send + Sync {
    /// Counts one attempt, if the limit lets it through now. Of any number of callers at once no more are let through
    /// than if they had come one after the other.
    async fn count(&self, key: &[u8; 32], limit: &Limit, now: Millis) -> Result<Counted, StoreError>;

    /// Counts one attempt where the key was remembered, if fewer than `most` were counted since; else nothing. As exact
    /// as [`Attempts::count`].
    async fn count_known(&self, key: &[u8; 32], most: u32, now: Millis) -> Result<Option<Tally>, StoreError>;

    /// What was counted, without counting.
    async fn tally(&self, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, StoreError>;

    /// Takes an attempt back that was counted and not made. One that closed the way opens it again only if nothing was
    /// counted after it.
    async fn give_back(&self, key: &[u8; 32], counted: &Tally) -> Result<(), StoreError>;

    /// Forgets a key.
    async fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError>;

    /// Remembers a key until then, with nothing counted.
    async fn remember(&self, key: &[u8; 32], until: Millis) -> Result<(), StoreError>;

    /// Adds to a number that is forgotten then, and gives the sum. A key of its own for each time that is summed over: the
    /// first caller decides when it is forgotten.
    async fn add(&self, key: &[u8; 32], amount: u32, until: Millis) -> Result<u64, StoreError>;
}

/// How many attempts are let through, and how long the way is closed after more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many are let through at once; the last of them closes the way. At least 1.
    pub at_once: u32,
    /// For how long it is closed then, in milliseconds; after each further attempt twice as long.
    pub shortest_ms: u64,
    /// For how long it is closed at most.
    pub longest_ms: u64,
    /// After how long all is forgotten, in milliseconds: since the last attempt if `slides`, else since the first. Longer
    /// than `longest_ms`.
    pub window_ms: u64,
    /// See `window_ms`.
    pub slides: bool,
}

/// What was counted under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How many attempts.
    pub count: u32,
    /// Until when no further one is let through; 0 if it is.
    pub locked_until: Millis,
    /// When it is forgotten.
    pub expires_at: Millis,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It was counted, this one included, and may be made.
    Let(Tally),
    /// It was not counted, and must not be made before then.
    Locked(Millis),
}

impl Limit {
    /// What is stored once one more attempt is let through; nothing if it is not.
    pub fn next(&self, stored: Option<&Tally>, now: Millis) -> Option<Tally> {
        let live = stored.filter(|tally| tally.expires_at > now);
        if live.is_some_and(|tally| tally.locked_until > now) {
            return None;
        }
        let count = live.map_or(0, |tally| tally.count).saturating_add(1);
        let closed_ms = match count.checked_sub(self.at_once) {
            None => 0,
            Some(more) => 1_u64
                .checked_shl(more)
                .and_then(|factor| self.shortest_ms.checked_mul(factor))
                .map_or(self.longest_ms, |ms| ms.min(self.longest_ms)),
        };
        let locked_until = if closed_ms == 0 { Millis(0) } else { now.plus(closed_ms) };
        let expires_at = match live {
            Some(tally) if !self.slides => tally.expires_at.max(locked_until),
            _ => now.plus(self.window_ms),
        };
        Some(Tally { count, locked_until, expires_at })
    }

    /// True if an attempt over this many closes nothing.
    pub const fn is_free_after(&self, count: u32) -> bool {
        count.saturating_add(1) < self.at_once
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit =
        Limit { at_once: 3, shortest_ms: 2_000, longest_ms: 900_000, window_ms: 3_600_000, slides: true };

    /// How long each of many attempts closes the way, if each is made as soon as it may be.
    fn closed(limit: &Limit, attempts: usize) -> Vec<u64> {
        let (mut now, mut stored, mut closed) = (Millis(1_000_000), None, Vec::new());
        for _ in 0..attempts {
            let tally: Tally = limit.next(stored.as_ref(), now).expect("the way is open");
            closed.push(tally.locked_until.since(now));
            if tally.locked_until > now {
                let too_early = Millis(tally.locked_until.0 - 1);
                assert_eq!(limit.next(Some(&tally), too_early), None);
                now = tally.locked_until;
            }
            stored = Some(tally);
        }
        closed
    }

    #[test]
    fn the_way_is_closed_twice_as_long_each_time_up_to_the_longest() {
        let seconds: Vec<u64> = closed(&LIMIT, 14).into_iter().map(|ms| ms / 1000).collect();
        assert_eq!(seconds, [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    }

    #[test]
    fn a_hundred_attempts_overflow_nothing() {
        let long = Limit { longest_ms: 1, ..LIMIT };
        assert_eq!(closed(&long, 100).last(), Some(&1));
        let widest = Tally { count: u32::MAX, locked_until: Millis(0), expires_at: Millis(u64::MAX) };
        assert_eq!(LIMIT.next(Some(&widest), Millis(5)).map(|tally| tally.count), Some(u32::MAX));
    }

    #[test]
    fn a_window_slides_with_every_attempt_or_stays() {
        let first = |limit: &Limit| limit.next(None, Millis(0)).unwrap();
        let second = |limit: &Limit| limit.next(Some(&first(limit)), Millis(1_000)).unwrap();
        assert_eq!(second(&LIMIT).expires_at, Millis(3_601_000));
        let fixed = Limit { slides: false, ..LIMIT };
        assert_eq!(second(&fixed).expires_at, Millis(3_600_000));
        // Whoever is kept waiting at its end is not let off.
        let late = fixed.next(Some(&second(&fixed)), Millis(3_599_000)).unwrap();
        assert_eq!((late.locked_until, late.expires_at), (Millis(3_601_000), Millis(3_601_000)));
        assert_eq!(fixed.next(Some(&late), Millis(3_601_000)).unwrap().count, 1, "and then all is forgotten");
    }
}

use async_trait::async_trait;
use umoja_schema::Millis;

use super::StoreError;

/// Short-lived counters of one region (table `attempts`): failed logins, devices that logged in, requests. The keys are
/// keyed hashes of the counted value. An expired item counts as absent even before it is deleted. An adapter may round
/// an expiry up to the next second.
#[async_trait]
pub trait Attempts: Send + Sync {
    /// Counts one attempt if the limit allows it now. Concurrent callers are never allowed more attempts than callers
    /// in sequence.
    async fn count(&self, key: &[u8; 32], limit: &Limit, now: Millis) -> Result<Counted, StoreError>;

    /// Counts one attempt for a remembered key if fewer than `most` attempts were counted since; otherwise `None`. As
    /// exact as [`Attempts::count`].
    async fn count_known(&self, key: &[u8; 32], most: u32, now: Millis) -> Result<Option<Tally>, StoreError>;

    /// Reads the counter without counting.
    async fn tally(&self, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, StoreError>;

    /// Takes back an attempt that was counted but not made. If that attempt set a lock, the lock is lifted only if no
    /// other attempt was counted after it.
    async fn give_back(&self, key: &[u8; 32], counted: &Tally) -> Result<(), StoreError>;

    /// Deletes the counter of a key.
    async fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError>;

    /// Remembers a key until the given time with a count of zero.
    async fn remember(&self, key: &[u8; 32], until: Millis) -> Result<(), StoreError>;

    /// Adds to a sum that expires at `until`, and returns the sum. The first caller decides the expiry, so each period
    /// needs a key of its own.
    async fn add(&self, key: &[u8; 32], amount: u32, until: Millis) -> Result<u64, StoreError>;
}

/// How many attempts are allowed, and how long further ones are locked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Attempts before the first lock; the last of them sets it. At least 1.
    pub at_once: u32,
    /// The duration of the first lock in milliseconds. Each further attempt doubles it.
    pub shortest_ms: u64,
    /// The longest duration of a lock in milliseconds. No caller waits longer, whatever the clock does.
    pub longest_ms: u64,
    /// When the counter expires, in milliseconds: after the last attempt if `slides`, otherwise after the first. Longer
    /// than `longest_ms`.
    pub window_ms: u64,
    /// Whether every attempt extends the window; see `window_ms`.
    pub slides: bool,
}

/// The counter of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The number of attempts.
    pub count: u32,
    /// No attempt is allowed before this time; 0 if there is no lock.
    pub locked_until: Millis,
    /// When the counter expires.
    pub expires_at: Millis,
}

/// The result of counting an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The attempt was counted and may be made. The tally includes it.
    Let(Tally),
    /// The attempt was not counted, and must not be made before this time.
    Locked(Millis),
}

impl Limit {
    /// The counter after one more attempt; `None` if the attempt is not allowed.
    pub fn next(&self, stored: Option<&Tally>, now: Millis) -> Option<Tally> {
        let live = stored.filter(|tally| tally.expires_at > now);
        if live.is_some_and(|tally| self.locked_until(tally, now).is_some()) {
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
            // A later expiry was set by a clock that was ahead.
            Some(tally) if !self.slides => tally.expires_at.min(now.plus(self.window_ms)).max(locked_until),
            _ => now.plus(self.window_ms),
        };
        Some(Tally { count, locked_until, expires_at })
    }

    /// When the next attempt is allowed, if it is not allowed now: at most `longest_ms` from now.
    ///
    /// A lock that ends later was set by a clock that was ahead, and has ended: the attempt is counted, and sets a lock
    /// by the clock of now. A lock that was cut to `longest_ms` instead would last until the clock has caught up,
    /// because every reader would cut it again.
    pub fn locked_until(&self, tally: &Tally, now: Millis) -> Option<Millis> {
        let is_locked = now < tally.locked_until && tally.locked_until <= now.plus(self.longest_ms);
        is_locked.then_some(tally.locked_until)
    }

    /// True if an attempt after `count` others sets no lock.
    pub const fn is_free_after(&self, count: u32) -> bool {
        count.saturating_add(1) < self.at_once
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit =
        Limit { at_once: 3, shortest_ms: 2_000, longest_ms: 900_000, window_ms: 3_600_000, slides: true };

    /// The duration of each lock if every attempt is made as early as allowed.
    fn closed(limit: &Limit, attempts: usize) -> Vec<u64> {
        let (mut now, mut stored, mut closed) = (Millis(1_000_000), None, Vec::new());
        for _ in 0..attempts {
            let tally: Tally = limit.next(stored.as_ref(), now).expect("not locked");
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
    fn locks_double_up_to_the_longest() {
        let seconds: Vec<u64> = closed(&LIMIT, 14).into_iter().map(|ms| ms / 1000).collect();
        assert_eq!(seconds, [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    }

    #[test]
    fn a_hundred_attempts_do_not_overflow() {
        let long = Limit { longest_ms: 1, ..LIMIT };
        assert_eq!(closed(&long, 100).last(), Some(&1));
        let widest = Tally { count: u32::MAX, locked_until: Millis(0), expires_at: Millis(u64::MAX) };
        assert_eq!(LIMIT.next(Some(&widest), Millis(5)).map(|tally| tally.count), Some(u32::MAX));
    }

    #[test]
    fn a_window_slides_or_is_fixed() {
        let first = |limit: &Limit| limit.next(None, Millis(0)).unwrap();
        let second = |limit: &Limit| limit.next(Some(&first(limit)), Millis(1_000)).unwrap();
        assert_eq!(second(&LIMIT).expires_at, Millis(3_601_000));
        let fixed = Limit { slides: false, ..LIMIT };
        assert_eq!(second(&fixed).expires_at, Millis(3_600_000));
        // A lock that outlasts the window extends the counter's life.
        let late = fixed.next(Some(&second(&fixed)), Millis(3_599_000)).unwrap();
        assert_eq!((late.locked_until, late.expires_at), (Millis(3_601_000), Millis(3_601_000)));
        assert_eq!(fixed.next(Some(&late), Millis(3_601_000)).unwrap().count, 1, "the counter has expired");
    }

    #[test]
    fn no_wait_is_longer_than_the_longest_lock_whatever_the_clock_does() {
        for limit in [LIMIT, Limit { slides: false, ..LIMIT }] {
            let day = 24 * 3_600_000;
            for ahead in [0, 1, 2_000, 899_000, 900_000, 901_000, day, 400 * day] {
                // Ten attempts by a clock that is ahead, and then the clock is right.
                let (mut clock, mut stored) = (Millis(day + ahead), None);
                for _ in 0..10 {
                    let tally: Tally = limit.next(stored.as_ref(), clock).unwrap();
                    clock = clock.max(tally.locked_until);
                    stored = Some(tally);
                }
                let now = Millis(day);
                let waits = limit.locked_until(&stored.unwrap(), now).map_or(0, |until| until.since(now));
                assert!(waits <= limit.longest_ms, "{waits} after {ahead}");
                let next = limit.next(stored.as_ref(), now.plus(waits)).expect("no longer locked");
                assert!(next.locked_until.since(now.plus(waits)) <= limit.longest_ms);
                assert!(next.expires_at.since(now.plus(waits)) <= limit.window_ms);
                // The clock goes forward: the lock and the count end.
                assert_eq!(limit.next(stored.as_ref(), Millis(1000 * day)).unwrap().count, 1);
            }
        }
    }
}

//! When a failed call is repeated: after 5 seconds, 30 seconds, 2 and 10 minutes, 1 and 3 hours, and then each 6 hours, each
//! time with some more at random, so that calls that failed together are not repeated together.

use umoja_schema::Millis;
use umoja_store::ports::Entropy;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The waits after the first failures, in milliseconds. The last one repeats.
const WAITS: [u64; 7] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR];

/// For how long something is tried, in milliseconds: three days.
pub const TRIED_FOR_MS: u64 = 72 * HOUR;

/// How long a row belongs to who handles it, in milliseconds: longer than a call takes.
pub const LEASE_MS: u64 = 30 * SECOND;

/// The time of a row that waits for an operator: the year 9999.
pub const NEVER: Millis = Millis(253_402_300_799_000);

/// When a call is repeated that failed this number of times, at least one. `retry_after_secs` is the wait that the target asked for; it
/// counts if it is longer, up to six hours.
pub fn next(failures: u32, retry_after_secs: Option<u64>, now: Millis, entropy: &dyn Entropy) -> Millis {
    let position = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = WAITS.get(position).copied().unwrap_or(WAITS[WAITS.len() - 1]);
    let asked = retry_after_secs.map_or(0, |secs| secs.saturating_mul(SECOND)).min(WAITS[WAITS.len() - 1]);
    let wait = wait.max(asked);
    // A quarter more at most.
    now.plus(wait + u64::from_be_bytes(entropy.array()) % (wait / 4 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn waits_grow_to_six_hours_and_have_jitter() {
        for byte in 0..=255 {
            for (failures, least) in (1..).zip(WAITS.into_iter().chain([WAITS[6]; 20])) {
                let at = next(failures, None, Millis(1_000), &Fixed(byte)).0 - 1_000;
                assert!((least..=least + least / 4).contains(&at), "{failures}: {at}");
            }
        }
        assert_ne!(next(3, None, Millis(0), &Fixed(1)), next(3, None, Millis(0), &Fixed(2)));
    }

    #[test]
    fn a_longer_wait_that_the_target_asks_for_counts_within_a_limit() {
        let at = |failures, asked| next(failures, Some(asked), Millis(0), &Fixed(0)).0;
        assert_eq!((at(1, 1), at(1, 60), at(5, 60)), (5 * SECOND, MINUTE, HOUR));
        assert_eq!((at(1, u64::MAX), next(0, None, Millis(0), &Fixed(0)).0), (6 * HOUR, 5 * SECOND));
    }
}

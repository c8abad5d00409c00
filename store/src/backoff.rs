//! How long to wait before a retry: longer each time, with a random factor of up to two, so that callers that failed
//! together do not retry together.
//!
//! The durations come from `backon`. Only its durations are used, not its waiting: its randomness is seeded from an
//! [`Entropy`], and callers wait by tokio's clock.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

use crate::ports::Entropy;

/// How the waits grow.
#[derive(Debug, Clone, Copy)]
pub struct BackOff {
    waits: ExponentialBuilder,
}

impl BackOff {
    /// For a region that does not answer: 8 waits, starting at 2 seconds. With jitter they take 2.5 to 5 minutes in
    /// total.
    pub const REGION: Self = Self::new(Duration::from_secs(2), Duration::from_secs(32)).times(8);

    /// Waits that double from `first` to `longest`, without an end.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        let waits = ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest);
        Self { waits: waits.without_max_times().with_jitter() }
    }

    /// The same waits, limited to `times`.
    #[must_use]
    pub const fn times(self, times: usize) -> Self {
        Self { waits: self.waits.with_max_times(times) }
    }

    /// The waits after one failure and those that follow it.
    pub fn waits(self, entropy: &dyn Entropy) -> impl Iterator<Item = Duration> + Send + use<> {
        self.waits.with_jitter_seed(u64::from_be_bytes(entropy.array())).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Fixed;

    #[test]
    fn waits_double_to_the_longest_and_end() {
        for byte in 0..=255 {
            let waits: Vec<Duration> = BackOff::REGION.waits(&Fixed(byte)).collect();
            let least = [2, 4, 8, 16, 32, 32, 32, 32].map(Duration::from_secs);
            assert!(waits.len() == 8 && waits.iter().zip(least).all(|(wait, least)| (least..least * 2).contains(wait)));
        }
    }

    #[test]
    fn callers_that_fail_together_retry_apart() {
        let [one, other] = [1, 2].map(|byte| BackOff::REGION.waits(&Fixed(byte)).collect::<Vec<_>>());
        assert!(one.iter().zip(&other).all(|(one, other)| one != other));
    }
}

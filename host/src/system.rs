//! The machine's clock and randomness, as ports.

use std::time::{SystemTime, UNIX_EPOCH};

use umoja_schema::Millis;
use umoja_store::ports::{Clock, Entropy};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the port through which everything else reads the time")]
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's cryptographic randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    /// If the operating system has no randomness to give: nothing safe can be done without it.
    #[allow(clippy::disallowed_methods, reason = "this is the port through which everything else draws randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has no randomness to give");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_past_the_writing_of_this_test() {
        assert!(SystemClock.now() > Millis(1_700_000_000_000));
    }

    #[test]
    fn two_draws_differ() {
        let entropy: &dyn Entropy = &OsEntropy;
        assert_ne!(entropy.array::<32>(), entropy.array::<32>());
    }
}

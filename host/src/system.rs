//! The machine's clock and randomness, as ports.

use std::time::{SystemTime, UNIX_EPOCH};

use umoja_schema::Millis;
use umoja_store::ports::{Clock, Entropy};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the port through which all other code reads the time")]
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
    /// If the operating system provides no randomness: without it, no operation is safe.
    #[allow(clippy::disallowed_methods, reason = "this is the port through which all other code draws randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system provides no randomness");
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

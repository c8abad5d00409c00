use umoja_schema::Millis;

use super::StoreError;
use super::attempts::{Attempts, Counted, Limit, Tally};

/// Allows one comparison of a password with stored hashes: an [`Attempt`](super::Attempt) cannot be made without one.
/// Only counting the attempt gives a permit, and a permit cannot be copied. So no comparison can be left uncounted by
/// mistake.
#[derive(Debug)]
#[must_use = "an attempt that was counted and is not made has to be given back"]
pub struct Permit(());

/// The result of counting an attempt that is about to be made.
#[derive(Debug)]
pub enum Permitted {
    /// The attempt was counted and may be made. The tally includes it.
    Counted(Permit, Tally),
    /// The table did not answer. The attempt may be made all the same, because otherwise an outage of the table would
    /// lock all users out. The caller reports the error.
    Uncounted(Permit, StoreError),
    /// The attempt was not counted, and must not be made before this time.
    Locked(Millis),
    /// The table rejected the request because of its rate. The attempt must not be made, because otherwise a flood of
    /// requests would evade the count.
    Throttled,
}

impl Permit {
    /// Counts one attempt for a key with [`Attempts::count`].
    pub async fn count(attempts: &dyn Attempts, key: &[u8; 32], limit: &Limit, now: Millis) -> Permitted {
        match attempts.count(key, limit, now).await {
            Ok(Counted::Let(tally)) => Permitted::Counted(Self(()), tally),
            Ok(Counted::Locked(until)) => Permitted::Locked(until),
            Err(StoreError::Throttled(_)) => Permitted::Throttled,
            Err(error) => Permitted::Uncounted(Self(()), error),
        }
    }

    /// Counts one attempt for a remembered key with [`Attempts::count_known`]. `None` if the key is not remembered, or
    /// if all its attempts are used up.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn count_known(
        attempts: &dyn Attempts,
        key: &[u8; 32],
        most: u32,
        now: Millis,
    ) -> Result<Option<(Self, Tally)>, StoreError> {
        Ok(attempts.count_known(key, most, now).await?.map(|tally| (Self(()), tally)))
    }

    /// A permit without a count, for the tests of a hasher.
    #[cfg(feature = "testing")]
    pub const fn for_a_test() -> Self {
        Self(())
    }
}

//! Putting argon2id around fast hashes, on threads of its own.

use std::sync::Arc;

use umoja_crypto::Passwords;
use umoja_crypto::legacy::{ForeignHash, cost};

use super::error::{Failed, Reason, Stopped};
use super::report::HashReport;

/// Where hashes are made.
#[derive(Clone)]
pub enum Hashing {
    /// On the threads that the runtime keeps for blocking work: as many at once as those are.
    Threads(Arc<Passwords>),
    /// Where the row is: for tests, where threads would make runs differ.
    Inline(Arc<Passwords>),
}

impl Hashing {
    /// What is stored of an old hash. Slow ones cost nothing; fast ones a whole argon2id.
    pub(super) async fn to_stored(&self, hash: &ForeignHash, salt: [u8; 16]) -> Result<String, Failed> {
        let stored = match self {
            Self::Threads(passwords) if hash.is_raw_fast() => {
                let (passwords, hash) = (Arc::clone(passwords), hash.clone());
                let wrapped = tokio::task::spawn_blocking(move || hash.to_stored(&passwords, salt)).await;
                wrapped.map_err(|_| Failed::Stopped(Stopped::Thread))?
            }
            Self::Threads(passwords) | Self::Inline(passwords) => hash.to_stored(passwords, salt),
        };
        // What a login would not verify is no use to anybody.
        cost(&stored).map_err(Reason::from)?;
        Ok(stored)
    }

    /// What a report says about a hash.
    pub(super) fn report(&self, hash: &ForeignHash, stored: Option<&str>) -> HashReport {
        let wrapped = hash.is_raw_fast();
        let cost = match stored {
            Some(stored) => cost(stored).ok(),
            // Not worth a whole argon2id.
            None if wrapped => None,
            None => cost(&hash.to_stored(self.passwords(), [0; 16])).ok(),
        };
        HashReport { family: hash.family(), wrapped, cost }
    }

    /// What hashes.
    pub fn passwords(&self) -> &Passwords {
        match self {
            Self::Threads(passwords) | Self::Inline(passwords) => passwords,
        }
    }
}

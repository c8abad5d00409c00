//! Puts argon2id around fast hashes, on separate threads.

use std::sync::Arc;

use umoja_crypto::Passwords;
use umoja_crypto::legacy::{ForeignHash, cost};

use super::error::{Failed, Reason, Stopped};
use super::report::HashReport;

/// The place where hashes are computed.
#[derive(Clone)]
pub enum Hashing {
    /// On the runtime's threads for blocking work, one hash on each thread.
    Threads(Arc<Passwords>),
    /// On the thread of the row. This is for tests, because threads would make their runs differ.
    Inline(Arc<Passwords>),
}

impl Hashing {
    /// The stored form of a legacy hash. A slow hash is stored without further work, and a fast one costs an argon2id
    /// computation.
    pub(super) async fn to_stored(&self, hash: &ForeignHash, salt: [u8; 16]) -> Result<String, Failed> {
        let stored = match self {
            Self::Threads(passwords) if hash.is_raw_fast() => {
                let (passwords, hash) = (Arc::clone(passwords), hash.clone());
                let wrapped = tokio::task::spawn_blocking(move || hash.to_stored(&passwords, salt)).await;
                wrapped.map_err(|_| Failed::Stopped(Stopped::Thread))?
            }
            Self::Threads(passwords) | Self::Inline(passwords) => hash.to_stored(passwords, salt),
        };
        // A hash that a login would not verify is rejected.
        cost(&stored).map_err(Reason::from)?;
        Ok(stored)
    }

    /// The report about a hash.
    pub(super) fn report(&self, hash: &ForeignHash, stored: Option<&str>) -> HashReport {
        let wrapped = hash.is_raw_fast();
        let cost = match stored {
            Some(stored) => cost(stored).ok(),
            // The report is not worth an argon2id computation.
            None if wrapped => None,
            None => cost(&hash.to_stored(self.passwords(), [0; 16])).ok(),
        };
        HashReport { family: hash.family(), wrapped, cost }
    }

    /// The password hasher.
    pub fn passwords(&self) -> &Passwords {
        match self {
            Self::Threads(passwords) | Self::Inline(passwords) => passwords,
        }
    }
}

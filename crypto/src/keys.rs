//! The data key, and the only error of every decryption.

use std::fmt;

use zeroize::Zeroizing;

/// A sealed value did not open. The error never says why, on purpose.
///
/// A wrong key, another context, an edited byte and an unknown format give the same error, so that an attacker cannot
/// use the difference as an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be opened")]
pub struct Opaque;

/// A 256-bit key that seals exactly one [`Envelope`](crate::Envelope); wiped when dropped.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// Takes 32 bytes from a cryptographic source (KMS `GenerateDataKey`, or the local key ring).
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The raw key, for wrapping it; do not keep copies.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_data_key_is_redacted() {
        assert_eq!(format!("{:?}", DataKey::new([7; 32])), "DataKey([redacted])");
    }
}

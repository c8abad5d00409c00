//! The variants of argon2.

use argon2::{Algorithm, Version};

/// The algorithm and revision of argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
}

impl Variant {
    /// The variant of new hashes: argon2id, version 19 (RFC 9106).
    pub(super) const OURS: Self = Self { algorithm: Algorithm::Argon2id, version: Version::V0x13 };

    /// From a PHC string's identifier and version. A missing version means 16, as in the reference decoder.
    pub(super) fn of(ident: &str, version: Option<u32>) -> Option<Self> {
        let algorithm = match ident {
            "argon2d" => Algorithm::Argon2d,
            "argon2i" => Algorithm::Argon2i,
            "argon2id" => Algorithm::Argon2id,
            _ => return None,
        };
        let version = match version {
            None | Some(16) => Version::V0x10,
            Some(19) => Version::V0x13,
            Some(_) => return None,
        };
        Some(Self { algorithm, version })
    }
}

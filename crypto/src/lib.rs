//! Everything in Umoja that is cryptography: sealing records, wrapping keys, blind indexes, passwords, signatures.
//!
//! # Danger
//!
//! The ciphers, hashes and signatures come from published crates; the *composition* is ours, and compositions are
//! where systems break. Before changing anything here:
//!
//! - never decrypt before the commitment and the tag were checked, never answer with more than one error;
//! - never reuse a data key for two envelopes, nor pass an initialisation vector that could be predicted;
//! - never leave a stored value that means something out of the [`Aad`];
//! - never choose an algorithm because a message names it: keys carry theirs;
//! - never store a fast hash of a password, not even for a moment: [`legacy::import`] wraps it;
//! - never print a secret: types that hold one are wiped on drop and say `[redacted]` to `Debug`.
//!
//! The crate is pure: bytes in, bytes out. It neither reads a clock nor draws randomness (one stated exception:
//! [`SigningKey`] for ECDSA and RSA-PSS lets the library draw its nonce, because a caller's repeated nonce would
//! reveal the key). Published vectors are in `tests/vectors.rs`; the attacks of the threat table are tests beside the
//! code that resists them.

mod aad;
mod api_key;
mod blind_index;
#[doc(hidden)]
pub mod cbc_hmac;
mod envelope;
pub mod jws;
mod keys;
pub mod legacy;
mod mac;
pub mod password;
mod wrap;

pub use aad::Aad;
pub use api_key::{ApiKey, ApiKeyError};
pub use blind_index::IndexKey;
pub use envelope::{Envelope, FMT, SUITE_A256CBC_HS512, commits, open, seal};
pub use jws::{Algorithm, JwsError, KeyError, SigningKey, VerifyingKey};
pub use keys::{DataKey, Opaque};
pub use mac::MacKey;
pub use password::{
    EngineChoice, EngineError, Params, Password, PasswordKeys, Passwords, Pepper, PepperError, Policy, PolicyError,
    Verification, Weakness,
};
pub use wrap::WrappingKey;

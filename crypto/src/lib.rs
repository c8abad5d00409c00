//! All cryptography of Umoja: sealing records, wrapping keys, blind indexes, passwords, signatures.
//!
//! # Danger
//!
//! The ciphers, hashes and signatures come from published crates; the *composition* is ours, and mistakes in
//! compositions break systems. Before changing anything here:
//!
//! - never decrypt before the commitment and the tag are checked, never answer with more than one error;
//! - never reuse a data key for two envelopes, never pass a predictable initialisation vector;
//! - never leave a meaningful stored value out of the [`Aad`];
//! - never choose an algorithm because a message names it: each key carries its algorithm;
//! - never store a fast hash of a password, not even for a moment: [`legacy::import`] wraps it;
//! - never print a secret: types that hold one are wiped on drop and say `[redacted]` to `Debug`.
//!
//! The crate is pure: bytes in, bytes out. It reads no clock and draws no randomness, with two exceptions:
//! [`SigningKey`] for ECDSA and RSA-PSS lets the library draw the nonce, because a nonce that a caller repeats would
//! reveal the key, and [`SigningKey::generate`] lets it draw the key. Published vectors are in `tests/vectors.rs`; the attacks of the threat table are tests beside the
//! code that resists them.

mod aad;
mod api_key;
mod blind_index;
mod bound;
#[doc(hidden)]
pub mod cbc_hmac;
mod client_secret;
mod envelope;
pub mod hpke;
pub mod jws;
mod keys;
pub mod legacy;
mod mac;
pub mod numbers;
pub mod password;
pub mod surrogates;
pub mod totp;
pub mod webauthn;
mod webhook;
mod wrap;

pub use aad::Aad;
pub use api_key::{ApiKey, ApiKeyError, akh};
pub use blind_index::IndexKey;
pub use bound::Bound;
pub use client_secret::{ClientSecret, client_secret_hash, is_client_secret};
pub use envelope::{Envelope, FMT, SUITE_A256CBC_HS512, commits, open, seal};
pub use jws::{Algorithm, JwsError, KeyError, SigningKey, VerifyingKey};
pub use keys::{DataKey, Opaque};
pub use mac::MacKey;
pub use password::{
    EngineChoice, EngineError, Params, Password, PasswordKeys, Passwords, Pepper, PepperError, Policy, PolicyError,
    Verification, Weakness,
};
pub use webhook::WebhookSecret;
pub use wrap::WrappingKey;

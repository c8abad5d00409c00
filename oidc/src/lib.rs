//! Single sign-on: the rules of an OpenID Provider about what a client's back end sends and gets.
//!
//! | module | what it decides |
//! |---|---|
//! | [`form`] | the parameters of a request, each given once |
//! | [`presented`] | which client a request says that it is from, and by which method |
//! | [`assertion`] | whether a signed assertion is a client's (`private_key_jwt`) |
//! | [`dpop`] | whether a proof shows that the sender has a key (RFC 9449) |
//! | [`pkce`] | whether a verifier is that of a challenge (RFC 7636) |
//! | [`claims`] | what a client learns of a person, by scope |
//! | [`tokens`] | the claims of id tokens and access tokens, and the answer with them |
//! | [`user_code`] | the code that a person types for a device (RFC 8628) |
//! | [`conditional`] | the answer to who has a document already |
//! | [`refusal`] | the answer to a request that is refused (RFC 6749 section 5.2) |
//!
//! The crate takes the time and randomness as arguments, and stores nothing. Whoever accepts an assertion or a proof has to remember it:
//! [`Once`] says what, and until when.

pub mod assertion;
pub mod claims;
mod compact;
pub mod conditional;
pub mod dpop;
pub mod form;
mod once;
pub mod pkce;
pub mod presented;
pub mod refusal;
pub mod tokens;
pub mod user_code;

pub use compact::Fault;
pub use once::Once;

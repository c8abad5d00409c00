//! The relying party: persons sign in at another OpenID Provider, and Umoja takes its word (OpenID Connect Core section 3.1).
//!
//! | module | what it decides |
//! |---|---|
//! | [`metadata`] | whether metadata is that of an issuer, and where its endpoints are |
//! | [`learnt`] | the metadata and the keys of providers, as they were read some minutes ago |
//! | [`step`] | a sign-in on its way, which describes itself |
//! | [`id_token`] | whether an id token is an issuer's, for Umoja, and for this sign-in |
//! | [`subject`] | whether a token of an issuer says who its user is |
//! | `calls` | the calls of one browser, of which a provider that does not answer holds few |
//! | `exchange` | the calls that redeem a code |
//!
//! A provider and its callers may lie. The step names the provider, so an answer of another one is rejected (mix-up, RFC 9700 section 4.4);
//! it is bound to the browser; a code serves the browser alone that has its verifier (RFC 7636); an id token has to repeat the nonce.

pub mod calls;
mod exchange;
pub mod id_token;
pub mod learnt;
pub mod metadata;
pub mod step;
pub mod subject;

pub(crate) use exchange::{redeem, userinfo};

/// The path to which providers send browsers back.
pub const CALLBACK: &str = "/federation/callback";
/// The path at which a sign-in at a provider begins.
pub const START: &str = "/federation/start";
/// The method of a sign-in at another provider, beside the methods that the provider says.
pub const FEDERATED: &str = "fed";

/// Why a sign-in at a provider came to nothing. It names a rule and no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The provider does not answer with what it should.
    #[error("{0}")]
    Provider(&'static str),
    /// It cannot be reached now, or could not a moment ago.
    #[error("{0}")]
    Unreachable(&'static str),
    /// No key of the provider has the id that the token names. It may be new.
    #[error("no key has the id of the token")]
    UnknownKey,
    /// The id token is not to be trusted: the member that is wrong.
    #[error("the id token has a wrong {0}")]
    Token(&'static str),
}

//! A client of Umoja: it signs each request, verifies each answer, and continues in the next region if one does not answer.
//!
//! ```no_run
//! # async fn run() -> Result<(), umoja_client::Error> {
//! use umoja_client::{Client, Company, types::Lookup};
//!
//! let client = Client::connect(Company::read("soko.json")?, "https://eu-west-1.example.com").await?;
//! let found = client.lookup(&Lookup { email: Some("amina@example.com".into()), ..Lookup::default() }).await?;
//! println!("{} {:?}", found.user.id, found.request_id());
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - An [`Answer`] is signed by the region for exactly this request; a problem that is signed says so ([`Problem::token`]).
//! - Every attempt is a new token. All attempts of a call have one idempotency key, so that a change is made once.
//! - A clock that differs from the regions' is corrected by the time in signed answers.
//! - Nothing that is printed (`Debug`, `Display`) has a key, a password or data of a person.

mod client;
mod company;
mod error;
mod feed;
#[rustfmt::skip]
mod generated;
mod jws;
#[rustfmt::skip]
mod operations;
mod retry;
mod system;
#[cfg(test)]
mod tests;
mod transport;
pub mod webhooks;

pub use client::{Answer, Builder, Client};
pub use company::{Algorithm, Company, CompanyError, LocalSigner, Signer, SignerError};
pub use error::{Error, Problem};
pub use feed::Feed;
pub use generated::{ProblemCode, types};
pub use jws::{PublicKeys, Rejected, Request, Signed, Verified, request, verify};
pub use retry::Retry;
pub use transport::{Exchange, Raw, Transport, TransportError};

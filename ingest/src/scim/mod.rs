//! The SCIM 2.0 server (RFC 7643, RFC 7644): identity providers such as Okta and Entra write the users of one company.
//!
//! [`router`] answers requests. It reads and writes users by a [`Directory`].
//! Everything else is the protocol alone: [`Resource`] is a user as the client writes it, [`filter`], [`patch`] and
//! [`projection`] work on it.

mod directory;
mod discovery;
mod error;
pub mod filter;
mod list;
mod mapping;
#[cfg(test)]
mod memory;
pub mod patch;
pub mod path;
mod people;
pub mod projection;
mod represent;
mod resource;
mod router;
pub mod schema;
mod token;

pub use directory::{Client, Directory, Entry, Page};
pub use error::{SCIM_ERRORS, ScimError, ScimErrorKind};
pub use people::People;
pub use resource::{MAX_DEPTH, MAX_RESOURCE, MAX_USER_NAME, MAX_VALUES, Resource};
pub use router::{Scim, router};
pub use token::{Feeding, Sources};

//! Feeds: the events of identity providers and other systems become changes of users.
//!
//! [`providers`] reads events: bytes in, changes out, no store.

pub mod providers;
pub mod scim;

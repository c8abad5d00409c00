//! Feeds: the events of identity providers and other systems become changes of users.
//!
//! - [`providers`] reads what each kind of source posts: bytes in, changes out, no store.
//! - [`Acceptor`] accepts events ([`router`] has the routes): it checks who posts, and seals and stores each event in
//!   the inbox. It cannot open what it has stored.
//! - [`cognito`] is called by a user pool of Amazon Cognito when a person signs up or logs in.
//! - [`scim`] is the SCIM 2.0 server, which applies each request at once.
//! - [`Worker`] opens the events of the inbox and applies them by the rule of [`umoja_accounts::incoming`].
//!
//! An event is applied once for each source and event id, and what counts is the provider's own time. Events of a
//! source are applied in one region, its home; other regions accept them too and pass them on.

mod accept;
pub mod cognito;
mod feeder;
mod legacy;
mod marks;
mod outcome;
mod problem;
pub mod providers;
mod query;
mod routes;
pub mod scim;
mod source;
mod waiting;
mod worker;

pub use accept::{Acceptor, Receipt};
pub use problem::{PROBLEMS, ProblemKind, Rejection};
pub use routes::router;
pub use source::KnownSource;
pub use waiting::Waiting;
pub use worker::{IngestReport, Worker};

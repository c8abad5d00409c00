//! The central API: signed requests in, signed answers out. The same router runs in Lambda and on one machine.
//!
//! One file per operation in `operations`; what all of them go through is `handler` (limits, signature, rate, scope,
//! replay, idempotency) and `app` (reading, sealing and writing users).

mod app;
mod audit;
mod caller;
mod deciding;
mod discovery;
mod group;
mod handler;
mod idempotency;
mod identifiers;
mod lockout;
mod operations;
mod policy;
mod problem;
mod profiles;
mod rate;
mod receipt;
mod request_id;
mod reset_token;
mod user;

pub use app::{ApiConfig, App};
pub use handler::{closed, router, unavailable};
pub use problem::{PROBLEMS, ProblemKind};
pub use request_id::{REQUEST_ID, RequestId, identified};

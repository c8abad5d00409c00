//! The HTTP API: it takes signed requests and returns signed answers. The same router runs in Lambda and on one
//! machine.
//!
//! This crate is transport only; the rules are in [`umoja_accounts`]. Each file in `operations` declares one operation:
//! its path, its body, its answers and its rule. The router and the OpenAPI document are made from the table of
//! operations. The module `handler` has the steps of every operation (limits, signature, rate, scope, replay,
//! idempotency).

mod app;
mod caller;
mod companies;
#[cfg(feature = "testing")]
pub mod conformance;
mod discovery;
mod form;
mod handler;
mod idempotency;
mod kinds;
mod on_time;
pub mod openapi;
mod operation;
mod operations;
mod problem;
mod rate;
mod request_id;
mod respond;
mod router;

pub use app::{ApiConfig, App};
pub use kinds::{PROBLEMS, ProblemKind, Retry};
pub use operation::Described;
pub use operations::{described, parses};

pub use request_id::{REQUEST_ID, RequestId, identified, with_request_ids};
pub use respond::{Rejection, not_serving, unavailable};
pub use router::{closed, not_served, router};

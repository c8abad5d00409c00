//! The central API: signed requests in, signed answers out. The same router runs in Lambda and on one machine.
//!
//! It is transport and nothing else: the rules are in [`umoja_accounts`]. One file for each operation in `operations` says
//! where the operation is, what it takes and answers, and which rule is behind it; the router and the OpenAPI document are
//! made from their table. What all of them go through is `handler` (limits, signature, rate, scope, replay, idempotency).

mod app;
mod caller;
mod companies;
mod discovery;
mod form;
mod handler;
mod idempotency;
pub mod openapi;
mod operation;
mod operations;
mod problem;
mod rate;
mod request_id;
mod respond;
mod router;

pub use app::{ApiConfig, App};
pub use operation::Described;
pub use operations::{described, parses};
pub use problem::{PROBLEMS, ProblemKind};
pub use request_id::{REQUEST_ID, RequestId, identified};
pub use respond::unavailable;
pub use router::{closed, router};

//! The simulation: runs of a whole deployment, each in one thread and in virtual time, decided by a seed. The real API,
//! replicator and reconcilers over the real adapters; everything that can go wrong does.
//!
//! A run is a list of steps ([`plan`]), made from a seed or kept in a file. The steps are done one after the other
//! (`run`); then all faults end, messages stop (`heal`), and everything that was promised has to hold (`check`).
//! [`rules`] can leave out a rule of the design, to see that a run notices.

mod answered;
mod calls;
mod check;
pub mod coverage;
mod fleet;
mod heal;
mod history;
mod instance;
mod merged;
mod names;
mod operator;
mod people;
#[allow(missing_docs, reason = "the names of steps say what they are")]
pub mod plan;
pub mod regressions;
mod reload;
pub mod rules;
mod run;
pub mod shrink;
mod stream;
mod verified;

pub use coverage::Coverage;
pub use plan::Plan;
pub use rules::Rule;
pub use run::{Failure, Runner};

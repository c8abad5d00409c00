//! The simulation: runs of a whole deployment, each in one thread and in virtual time, determined by a seed. The real
//! API, replicator and reconcilers run over the real adapters, with faults of every kind.
//!
//! A run is a list of steps ([`plan`]), generated from a seed or read from a file. The steps are done one after the
//! other (`run`). Then all faults end, messages stop (`heal`), and all invariants must hold (`check`). [`rules`] can
//! disable a rule of the design, to prove that a run detects it.

mod answered;
mod calls;
mod check;
pub mod coverage;
mod delivered;
mod deliveries;
mod fed;
mod feeds;
mod fleet;
mod guesses;
mod harm;
mod heal;
mod history;
mod instance;
mod lacking;
mod listed;
mod listing;
mod merged;
mod names;
mod operator;
mod outcomes;
mod people;
#[allow(missing_docs, reason = "the names of steps explain them")]
pub mod plan;
mod pointers;
mod posts;
pub mod regressions;
mod reload;
mod remotes;
pub mod rules;
mod run;
mod sending;
mod short;
pub mod shrink;
mod signed;
mod signing;
mod stream;
mod tamper;
mod unwaiting;
mod verified;

pub use coverage::{Coverage, Signed};
pub use plan::Plan;
pub use rules::Rule;
pub use run::{Failure, Runner};

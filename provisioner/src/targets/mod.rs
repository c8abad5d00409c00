//! Targets: remote systems of companies that have accounts for users.
//!
//! The table `due` is a doorbell, and the users are the truth: a ring says which account has to be looked at, and what is
//! sent is made of the user as the region has it then.
//!
//! - [`Provisioner::feed`] rings for the accounts that a change concerns.
//! - [`Provisioner::run`] delivers what is due at a target. `deliver.rs` states the guarantees, and [`plan`] is its rule.
//! - [`Provisioner::survey`] and [`Provisioner::drift`] compare without changing anything.

mod asking;
mod brake;
mod client;
mod confirm;
mod deliver;
mod drift;
mod failure;
mod feed;
mod health;
mod known;
mod on_time;
mod operator;
mod outage;
mod plain;
pub mod plan;
mod posted;
mod provisioner;
mod removals;
mod rows;
mod scim;
mod survey;
mod waiting;

pub use deliver::Delivered;
pub use drift::{Drift, Drifted};
pub use failure::{Code, Failure, Then};
pub use feed::{Rung, ring, wake_due};
pub use known::{KnownTarget, TargetError, default_mapping};
pub use on_time::OnTime;
pub use outage::Outage;
pub use provisioner::{Provisioner, Run};
pub use survey::{Redriven, Survey};
pub use waiting::{Waits, waits};

//! Feeds foreign systems: posts the events of companies to their webhooks, brings the accounts of targets up to date, and informs the clients
//! of single sign-on which sessions have ended.
//!
//! What waits is in the table `due` ([`umoja_store::ports::Due`]): one row for each target and user, which names what is to be
//! done. [`retry`] says when a failed row is due again, and [`Breaker`] when a target that fails is called at all. [`Deliveries`] does both where several processes deliver.

pub mod breaker;
pub mod deliveries;
pub mod logouts;
pub mod retry;
pub mod targets;
mod turns;
pub mod webhooks;

pub use breaker::Breaker;
pub use deliveries::Deliveries;
pub use logouts::Logouts;
pub use targets::Provisioner;
pub use webhooks::Webhooks;

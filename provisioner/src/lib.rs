//! Feeds foreign systems: posts the events of companies to their webhooks, and brings the accounts of targets up to date.
//!
//! What waits is in the table `due` ([`umoja_store::ports::Due`]): one row for each target and user, which names what is to be
//! done. [`retry`] says when a failed row is due again, and [`Breaker`] when a target that fails is called at all.

pub mod breaker;
pub mod retry;
pub mod targets;
pub mod webhooks;

pub use breaker::Breaker;
pub use targets::Provisioner;
pub use webhooks::Webhooks;

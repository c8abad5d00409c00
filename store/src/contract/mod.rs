//! The contract of the ports: the behaviour of an adapter, as tests that every adapter runs, including races.
//!
//! An adapter's test binary has one line for each set of cases and gets one `#[tokio::test]` for each case. The name of
//! a case is the behaviour that it checks:
//!
//! ```ignore
//! async fn tables() -> umoja_store::contract::Tables { /* a new, empty region */ }
//! umoja_store::users_contract!(tables);
//! umoja_store::requests_contract!(#[ignore = "needs an emulator"] tables);
//! ```
//!
//! The function is called once for each test and must return an empty store each time. Time never passes by itself in a
//! case: the case advances it ([`Time`]) or passes it as an argument. Cases need the multi-threaded runtime, so that
//! races are real.
//!
//! A conflict may be spurious: an adapter may report [`Commit::Conflict`](crate::ports::Commit::Conflict) without any
//! change, because another write was at one of the items at that moment. A correct caller reads and plans again, as the
//! races here do.
#![allow(missing_docs, reason = "the name of a case says what it checks")]
#![allow(clippy::missing_panics_doc, reason = "a case that panics is a test that fails")]
#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(clippy::wildcard_imports, reason = "every case is made of the same samples")]

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;

use crate::change::Change;
use crate::ports::{Attempts, Checkpoints, Due, Inbox, Items, Keys, Logs, Queue, Registry, Requests, Users};

pub mod attempts;
pub mod checkpoints;
pub mod conditions;
pub mod derived;
pub mod due;
pub mod inbox;
pub mod items;
pub mod keys;
pub mod legacy_login;
pub mod linked_accounts;
pub mod logs;
pub mod mailer;
pub mod outbound;
pub mod ownerships;
pub mod queue;
pub mod races;
pub mod registry;
pub mod replaced;
pub mod requests;
pub mod sample;
pub mod streams;
pub mod users;
pub mod wrapped;

mod macros;

/// The empty tables of one new region.
pub struct Tables {
    /// Users and ownerships.
    pub users: Arc<dyn Users>,
    /// Append-only tables, of the same region as `users`.
    pub logs: Arc<dyn Logs>,
    /// Tables of versioned items, of the same region as `users`; [`sample::SAMPLE`] is one.
    pub items: Arc<dyn Items>,
    /// Events of sources.
    pub inbox: Arc<dyn Inbox>,
    /// Companies and settings.
    pub registry: Arc<dyn Registry>,
    /// Request ids and idempotency keys.
    pub requests: Arc<dyn Requests>,
    /// Failed logins and remembered devices.
    pub attempts: Arc<dyn Attempts>,
    /// The positions of anti-entropy passes.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// What waits to be sent to foreign systems.
    pub due: Arc<dyn Due>,
    /// A value that must live as long as the test, such as a temporary directory or a process; `Box::new(())` if there
    /// is none.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// The empty tables of one new region, and its stream.
pub struct Streamed {
    /// The tables.
    pub tables: Tables,
    /// Their stream.
    pub changes: Arc<dyn Changes>,
}

/// Reads a region's stream in a test.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Every change since the region was created, in an order that keeps the order of each item's changes.
    async fn all(&self) -> Vec<Change>;
}

/// The keys of two regions.
pub struct KeyPair {
    /// The key under test.
    pub own: Arc<dyn Keys>,
    /// Another region's key.
    pub other: Arc<dyn Keys>,
    /// Enables and disables `own`.
    pub switch: Arc<dyn KeySwitch>,
    /// A value that must live as long as the test.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// The actions of an operator on a key.
#[async_trait]
pub trait KeySwitch: Send + Sync {
    /// Enables or disables the key.
    async fn set_enabled(&self, enabled: bool);
}

/// One new, empty queue.
pub struct Queued {
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// How often a message can be received before it becomes a dead letter; at least 2.
    pub max_receives: u32,
    /// The time of the queue.
    pub time: Arc<dyn Time>,
    /// A value that must live as long as the test.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// Advances an adapter's time: by setting its clock, or by waiting if it has its own clock.
#[async_trait]
pub trait Time: Send + Sync {
    /// Advances the time by `secs` seconds.
    async fn advance(&self, secs: u32);
}

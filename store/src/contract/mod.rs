//! The contract of the ports: what an adapter must do, as tests that every adapter runs, races included.
//!
//! An adapter's test binary writes one line per group and gets one `#[tokio::test]` per case, named by the sentence
//! that it checks:
//!
//! ```ignore
//! async fn tables() -> umoja_store::contract::Tables { /* a new, empty region */ }
//! umoja_store::users_contract!(tables);
//! umoja_store::requests_contract!(#[ignore = "needs an emulator"] tables);
//! ```
//!
//! The function is called once per test and must give an empty store each time. Time never passes by itself in a case:
//! where it matters, the case says how much passes ([`Time`]) or passes it as an argument. Cases need the
//! multi-threaded runtime, because the races are meant to be races.
//!
//! A conflict may come early: an adapter may report [`Commit::Conflict`](crate::ports::Commit::Conflict) because
//! another write was at one of the items at that moment, with nothing changed yet. Whoever reads again and plans again
//! does the right thing, and the races here do that.
#![allow(missing_docs, reason = "the name of a case says what it checks")]
#![allow(clippy::missing_panics_doc, reason = "a case that panics is a test that fails")]
#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(clippy::wildcard_imports, reason = "every case is made of the same samples")]

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;

use crate::change::Change;
use crate::ports::{Attempts, Items, Keys, Logs, Queue, Registry, Requests, Sweeps, Users};

pub mod attempts;
pub mod claims;
pub mod conditions;
pub mod derived;
pub mod items;
pub mod keys;
pub mod logs;
pub mod members;
pub mod queue;
pub mod races;
pub mod registry;
pub mod requests;
pub mod sample;
pub mod streams;
pub mod sweeps;
pub mod users;
pub mod wrapped;

mod macros;

/// The empty tables of one new region.
pub struct Tables {
    /// Users and claims.
    pub users: Arc<dyn Users>,
    /// Append-only tables, of the same region as `users`.
    pub logs: Arc<dyn Logs>,
    /// Tables of versioned items, of the same region as `users`; [`sample::SAMPLE`] is one.
    pub items: Arc<dyn Items>,
    /// Companies and settings.
    pub registry: Arc<dyn Registry>,
    /// Request ids and idempotency keys.
    pub requests: Arc<dyn Requests>,
    /// Failed logins and remembered devices.
    pub attempts: Arc<dyn Attempts>,
    /// How far sweeps have come.
    pub sweeps: Arc<dyn Sweeps>,
    /// What has to live as long as the test: a temporary directory, a process. `Box::new(())` if nothing has to.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// The empty tables of one new region, and its stream.
pub struct Streamed {
    /// The tables.
    pub tables: Tables,
    /// Their stream.
    pub changes: Arc<dyn Changes>,
}

/// Reads a region's stream for a test.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Every change since the region was made, in the order in which its consumer would see the changes of one item.
    async fn all(&self) -> Vec<Change>;
}

/// The keys of two regions.
pub struct KeyPair {
    /// The key under test.
    pub own: Arc<dyn Keys>,
    /// Another region's key.
    pub other: Arc<dyn Keys>,
    /// Switches `own`.
    pub switch: Arc<dyn KeySwitch>,
    /// What has to live as long as the test.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// Does to a key what an operator can do.
#[async_trait]
pub trait KeySwitch: Send + Sync {
    /// Enables or disables the key.
    async fn set_enabled(&self, enabled: bool);
}

/// One new, empty queue.
pub struct Queued {
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// How often a message can be received before it goes to the dead letters; at least 2.
    pub max_receives: u32,
    /// The queue's time.
    pub time: Arc<dyn Time>,
    /// What has to live as long as the test.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// Lets time pass for an adapter: by setting its clock, or by waiting if it has a clock of its own.
#[async_trait]
pub trait Time: Send + Sync {
    /// Lets `secs` seconds pass.
    async fn advance(&self, secs: u32);
}

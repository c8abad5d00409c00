//! Storing users, independent of the store: the ports that an adapter implements, and the rules that every writer (API,
//! replicator, reconcilers, import) applies through them.

pub mod apply;
pub mod audit;
pub mod backoff;
pub mod change;
#[cfg(feature = "testing")]
pub mod contract;
pub mod cursor;
pub mod deployment;
pub mod derive;
pub mod digest;
pub mod events;
pub mod faulty;
pub mod identifiers;
pub mod inbox;
pub mod keyring;
pub mod oidc_keys;
pub mod ownerships;
pub mod person;
pub mod pointers;
pub mod ports;
pub mod previous_kms_key;
pub mod proof;
mod proof_keys;
pub mod queue_runs;
pub mod regions;
pub mod remembered;
pub mod repairs;
pub mod replicate;
pub mod retired_keys;
pub mod rotation;
pub mod seal;
pub mod secrets;
pub mod shared_secrets;

pub use change::Change;
pub use deployment::{Infrastructure, RegionEntry, RegionState, RegionsDocument};
pub use regions::{Home, Peer, RegionPorts};

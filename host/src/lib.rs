//! The machine's services for any process of Umoja, a server or a function: the clock, randomness, and threads that
//! hash passwords and check new ones against a list of breached passwords.

pub mod breached;
pub mod hashing;
pub mod system;

pub use breached::{BreachedError, BreachedList};
pub use hashing::{HashPool, InlineHasher, PoolSettings};
pub use system::{OsEntropy, SystemClock};

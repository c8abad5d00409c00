//! What the machine gives to any process of Umoja, a server or a function: the clock, randomness, and threads that
//! hash passwords and hold new ones against a list of breached ones.

pub mod breached;
pub mod hashing;
pub mod system;

pub use breached::{BreachedError, BreachedList};
pub use hashing::{HashPool, InlineHasher, PoolSettings};
pub use system::{OsEntropy, SystemClock};

//! What the machine gives to any process of Umoja, a server or a function: the clock, randomness, and threads that
//! hash passwords.

pub mod hashing;
pub mod system;

pub use hashing::{HashPool, InlineHasher, PoolSettings};
pub use system::{OsEntropy, SystemClock};

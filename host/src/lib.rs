//! The machine's services for any process of Umoja, a server or a function: the clock, randomness, and threads that
//! hash passwords and check new ones against a list of breached passwords, calls of foreign systems, the endpoints of
//! companies that verify passwords, and mail.

pub mod breached;
pub mod hashing;
#[cfg(feature = "smtp")]
pub mod mail;
pub mod old_endpoint;
pub mod outbound;
pub mod system;

pub use breached::{BreachedError, BreachedList};
pub use hashing::{HashPool, InlineHasher, PoolSettings};
#[cfg(feature = "smtp")]
pub use mail::{MailDirectory, SmtpMailer, SmtpServer};
pub use old_endpoint::OldEndpoint;
pub use outbound::HttpsOutbound;
pub use system::{OsEntropy, SystemClock};

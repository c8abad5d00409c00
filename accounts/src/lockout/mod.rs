//! The lock-out after too many failed password attempts. The counts are in the region's table `attempts`, under keyed
//! hashes. All instances of a region share them, and each region counts for itself.
//!
//! - The **identifier** of the request, whether or not it has an owner. It is counted before the password is checked,
//!   so that parallel attempts get no more answers than sequential ones.
//! - The **person** whom the identifier found, or a stand-in if it found no person. A failure is counted after the
//!   check, so that other identifiers of the same person do not evade the first count for long.
//! - The **client** of a company, by its address: failures over all identifiers.
//! - A **device** that has logged in as this person at this company has its own attempts, which no other client can use
//!   up.
//!
//! Codes of second factors are counted for the person too, apart from passwords ([`CodeAttempt`]).
//!
//! [`Entry::compare`] is the only place that compares a password, and each comparison needs an attempt that was counted
//! ([`Permit`](umoja_store::ports::Permit)).
//!
//! All companies share the counts of an identifier and of a person, because the user has one password: with a count
//! for each company, an attacker would have the guesses of every company's login page. So the failures at one company
//! make users wait at the others too, for up to 15 minutes after the last failure. A company that keeps failing keeps a
//! user waiting. The user's known devices, which are counted for each company, and a password reset do not wait. Each
//! company has its own counts of clients. Otherwise a company could lock out any address at all companies, because it
//! names the address itself.
//!
//! If the table does not answer, logins continue without it, and a metric counts them. Otherwise an attacker who makes
//! the table unavailable would lock all users out. If the table only throttles, the attempt is rejected and has to be
//! retried. Otherwise a flood of requests would evade the count.

mod codes;
mod counts;
mod entry;
mod keys;
mod limits;
mod resets;

pub use counts::FailedAttempts;
pub use keys::network;

pub(crate) use codes::CodeAttempt;
pub(crate) use counts::{failed_attempts, forget};
pub(crate) use entry::Entry;
pub use entry::Origin;
pub(crate) use keys::Target;
pub(crate) use resets::{forged_token, forgive};

//! Users of another system become users here: each row as `register` would make it, with the password's old hash.
//!
//! # What becomes of a row
//!
//! - **Whose it is.** The id of a new user is derived from the company and the row's external id (or its identifiers, if
//!   it has none), as `register` derives one from an idempotency key. So a row makes the same user whenever, wherever and
//!   however often it is imported; both parts are written in one transaction, never half of them.
//! - **Already there.** A user that an earlier import made, and one whom the company has registered under the row's
//!   external id, stays as it is: what was changed or removed since does not come back. One exception: if the user that an
//!   import made has no password of any kind, the row's is added (some systems export hashes in a file of their own).
//! - **Matched.** An identifier that trusted companies verified for both is the same person, by `register`'s rule: the user
//!   is linked and what it leaves blank is filled. While it has no password of ours, the old hash is added to those
//!   that it may log in with until it first does.
//! - **In conflict.** Any other identifier that somebody has is claimed nevertheless, as by a user whom replication brings
//!   from another region: look-ups go on finding whoever had it (a verified claim takes an unverified one over, as
//!   with `register`), the journal has the pair, and it is resolved like any other. A claim is made when it is imported, and
//!   after everybody's who is there: no source can date itself back to win.
//! - **Refused.** As a whole, with a reason that holds no value.
//!
//! Whoever is made or changed has a row in the audit trail, written with it.

mod create;
mod error;
mod hashing;
mod importer;
mod matched;
mod record;
mod report;
mod restore;
mod row;
mod user;

pub use self::error::{Failed, Reason, Stopped};
pub use self::hashing::Hashing;
pub use self::importer::Importer;
pub use self::record::{FORMAT, Header, HeldClaim, Record};
pub use self::report::{Costliest, Done, HashReport, Outcome, Report};
pub use self::restore::Restorer;
pub use self::row::{Refused, Row};
pub use self::user::NewUser;

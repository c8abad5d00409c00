//! Imports users of another system. Each row makes the user that `register` would make, with the legacy hash of its
//! password.
//!
//! # The outcomes of a row
//!
//! - **Created.** The id of a new user is derived from the company and the external id of the row (or its identifiers,
//!   if it has no external id), as `register` derives an id from an idempotency key. A row therefore makes the same
//!   user whenever, wherever and however often it is imported. Both parts are written in one transaction.
//! - **Already there.** A user that an earlier import made, or that the company has registered under the external id of
//!   the row, stays as it is: values that were changed or removed since do not come back. There is one exception: if a
//!   user that an import made has no password of any kind, the hash of the row is added, because some systems export
//!   hashes in a separate file. If the row has another e-mail address than the user, it is rejected instead.
//! - **Matched.** If trusted companies verified an identifier for both, and nothing contradicts it
//!   ([`crate::evidence`]), they are one person by the rule of `register`: the user is linked and its blanks are filled.
//!   While the user has no password of Umoja, the legacy hash is added to those that are accepted until the first
//!   login. So an e-mail address that differs contradicts a match here even if it is not verified.
//! - **In conflict.** Every other identifier that another user has is owned by both, as when replication brings a user
//!   from another region. Look-ups still find the earlier owner (but a verified ownership wins over an unverified one,
//!   as with `register`). The journal has the pair, and an operator resolves it like every other conflict. An ownership
//!   dates from the import and is later than those of all present owners, so that no source can win with an old date.
//! - **Rejected.** The whole row is rejected, with a reason that contains no value.
//!
//! A value that a user cannot have, such as a user name with a space, does not reject the row: it is left out or kept
//! under `custom`, and counted by its field. A row is rejected if no identifier is left.
//!
//! Every user that is made or changed gets a row in the audit trail in the same transaction.

mod bad_values;
mod create;
mod error;
mod factors;
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
pub use self::importer::{Importer, Streak};
pub use self::record::{FORMAT, Header, HeldOwnership, Record};
pub use self::report::{Costliest, Done, HashReport, Outcome, Report};
pub use self::restore::Restorer;
pub use self::row::{LeftOut, Rejected, Row, RowFactor};
pub use self::user::NewUser;

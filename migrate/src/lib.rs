//! Import of users from other systems, and export.
//!
//! [`formats`] reads the exports of other systems into one neutral form, [`Row`]. It uses no store: bytes in, rows out,
//! and the reason if a row is rejected. [`import`] makes users of rows. [`export`] returns all users in a form that the
//! import reads back.

pub mod export;
pub mod formats;
pub mod import;

pub use umoja_accounts::import::{LeftOut, Rejected, Row, RowFactor};

//! Bringing users in from other systems, and giving them back.
//!
//! [`formats`] reads what other systems export into one neutral form, [`Row`]. It knows no store: bytes in, rows out,
//! and what is wrong with a row that is refused. [`import`] makes users of rows, [`export`] gives all there is
//! of them in a form that it reads back.

pub mod export;
pub mod formats;
pub mod import;

pub use umoja_accounts::import::{Refused, Row};

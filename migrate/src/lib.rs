//! Bringing users in from other systems, and giving them back.
//!
//! [`formats`] reads what other systems export into one neutral form, [`Row`]. It knows no store: bytes in, rows out,
//! and what is wrong with a row that is refused.

pub mod formats;
mod row;

pub use self::row::{Refused, Row};

//! JSON objects, from an array anywhere in a document or one a line.

mod elements;
mod lines;
mod object;

pub(super) use self::elements::{Elements, Segment};
pub(super) use self::lines::Lines;
pub(super) use self::object::object;

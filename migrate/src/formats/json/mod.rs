//! JSON objects, from an array anywhere in a document or one a line.

mod elements;
mod lines;
mod look;
mod object;
mod objects;
mod scan;

pub(super) use self::elements::{Elements, Segment};
pub(super) use self::lines::Lines;
pub(super) use self::look::Look;
pub(super) use self::object::{object, value};
pub(super) use self::objects::Objects;

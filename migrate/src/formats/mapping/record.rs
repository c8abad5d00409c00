//! Reading the places of one record: a value that cannot be used is left out and noted.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::place::Place;
use crate::formats::claims;
use crate::{LeftOut, Rejected, Row};

pub(super) struct Reader<'a> {
    record: &'a Map<String, Value>,
    left_out: RefCell<Vec<LeftOut>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(record: &'a Map<String, Value>) -> Self {
        Self { record, left_out: RefCell::default() }
    }

    /// The value, or a note that it is left out.
    pub(super) fn usable<T>(&self, place: &Place, read: Result<Option<T>, Rejected>) -> Option<T> {
        read.unwrap_or_else(|_| {
            let value = place.value(self.record).ok().flatten().map_or(Value::Null, std::borrow::Cow::into_owned);
            self.left_out.borrow_mut().push(claims::left_out(place.name(), value));
            None
        })
    }

    pub(super) fn text(&self, place: Option<&Place>) -> Option<String> {
        place.and_then(|place| self.usable(place, place.text(self.record)))
    }

    pub(super) fn value(&self, place: &Place) -> Option<Value> {
        self.usable(place, place.value(self.record)).map(std::borrow::Cow::into_owned)
    }

    /// The row, with what was left out.
    pub(super) fn finish(self, row: Row) -> Row {
        Row { left_out: self.left_out.into_inner(), ..row }
    }
}

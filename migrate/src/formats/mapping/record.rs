//! Reading the places of one record: a value that cannot be used is left out and noted.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::place::Place;
use crate::formats::{claims, factors};
use crate::{LeftOut, Rejected, Row, RowFactor};

pub(super) struct Reader<'a> {
    record: &'a Map<String, Value>,
    rejections: RefCell<Vec<Rejected>>,
    left_out: RefCell<Vec<LeftOut>>,
    not_taken: RefCell<Vec<String>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(record: &'a Map<String, Value>) -> Self {
        Self { record, rejections: RefCell::default(), left_out: RefCell::default(), not_taken: RefCell::default() }
    }

    /// The value of what a user cannot be without, or a note that the row is rejected.
    pub(super) fn required<T>(&self, read: Result<Option<T>, Rejected>) -> Option<T> {
        read.unwrap_or_else(|rejected| {
            self.rejections.borrow_mut().push(rejected);
            None
        })
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

    /// The second factors of a place. Those that cannot be read are left out, without their values.
    pub(super) fn factors(&self, place: &Place) -> Vec<RowFactor> {
        let Some(value) = place.value(self.record).ok().flatten() else { return Vec::new() };
        let (factors, unread) = factors::written(&value);
        let left_out = LeftOut { field: place.name().to_owned(), value: Value::Null };
        self.left_out.borrow_mut().extend(std::iter::repeat_n(left_out, unread));
        factors
    }

    /// Puts a value under `custom`, and notes what is not taken of it.
    pub(super) fn put(&self, custom: &mut Map<String, Value>, name: &str, value: Value) {
        self.not_taken.borrow_mut().extend(claims::put(custom, name, value));
    }

    /// The row, with what was left out, and with the names of the members that are not among those of the mapping.
    pub(super) fn finish(self, row: Row, members: &BTreeSet<String>) -> Row {
        let mut not_taken = self.not_taken.into_inner();
        let others = self.record.iter().filter(|(name, value)| !members.contains(*name) && !claims::is_empty(value));
        not_taken.extend(others.map(|(name, _)| name.clone()));
        let (rejections, left_out) = (self.rejections.into_inner(), self.left_out.into_inner());
        Row { rejections, left_out, not_taken, ..row }
    }
}

//! The rule that applies what a source says, as the worker and the triggers of user pools use it.

use std::sync::Arc;

use umoja_accounts::People;
use umoja_accounts::import::{Hashing, Importer};
use umoja_accounts::incoming::Feeder;
use umoja_schema::Company;

use crate::marks::InboxMarks;
use crate::source::KnownSource;

/// The rule for the people of a region, with the marks in the region's inbox.
pub(crate) fn feeder(people: &People, hashing: &Hashing, known: &Arc<KnownSource>, company: Arc<Company>) -> Feeder {
    Feeder {
        importer: Importer::of_source(people.clone(), hashing.clone(), company),
        source: Arc::clone(&known.source),
        marks: Arc::new(InboxMarks::new(people.home.clone(), Arc::clone(known))),
    }
}

//! Single sign-on in a run: what happens, and what holds then.

mod acts;
mod check;
mod known;
mod rotation;

use umoja_schema::access::Subject;
use umoja_schema::names::table;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attribute, Part, UserId, VersionedItem};
use umoja_store::Change;
use umoja_store::ports::Clock as _;

use super::fleet::Fleet;
use super::signing::SKEW_MS;

impl Fleet {
    /// Adds the rows that the regions have written. None goes back, and an expired one is not copied.
    pub(super) fn note_rows(&self, changes: &[Vec<Change>]) {
        if !self.signing.is_on {
            return;
        }
        let (mut rows, mut subs) = (self.signing.rows.borrow_mut(), self.signing.subs.borrow_mut());
        for (at, changes) in changes.iter().enumerate() {
            let (name, now) = (&self.region(at).name, self.region(at).clock.now());
            for change in changes.iter().filter(|change| change.table == table::ACCESS) {
                let item = VersionedItem::from_item(&ACCESS, change.image.clone()).expect("a row can be read");
                if self.is_erased(at, item.user) {
                    continue;
                }
                let (user, key) = (item.user, item.key.clone());
                let known = rows.insert((at, user, key.clone()), item.version.clone());
                // What is proved again is written as it was.
                let is_same = known.as_ref() == Some(&item.version);
                let is_back = known.is_some_and(|known| known > item.version);
                assert!(!is_back, "sign-on: {key} of {user} came back in {name}");
                let is_old = item.expires_at().is_some_and(|ends| ends.plus(SKEW_MS) <= now);
                assert!(
                    !is_old || is_same || item.version.erased,
                    "sign-on: {key} of {user} was written to {name} after its end"
                );
                if key.starts_with(Subject::KIND)
                    && let Some(Attribute::S(sub)) = item.fields.get("sub")
                {
                    let known = subs.entry((user, key.clone())).or_insert_with(|| sub.clone());
                    assert_eq!(known, sub, "sign-on: {user} is called two things by {key}");
                }
            }
        }
    }

    fn is_erased(&self, at: usize, user: UserId) -> bool {
        self.history.borrow().stored(at, user, Part::Profile).is_some_and(|profile| profile.version.erased)
    }
}

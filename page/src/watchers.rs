//! Who waits for changes of whose accounts: a change wakes the pages of its user only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use umoja_schema::UserId;

/// The open pages of a region, by user.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<BTreeMap<UserId, watch::Sender<()>>>);

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<UserId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees every change of a user's accounts from now on.
    pub(crate) fn watch(&self, user: UserId) -> watch::Receiver<()> {
        self.lock().entry(user).or_default().subscribe()
    }

    /// Says that an account of a user has changed. Users whom no page watches any more are forgotten.
    pub fn changed(&self, user: UserId) {
        let mut all = self.lock();
        if let Some(sender) = all.get(&user)
            && sender.send(()).is_err()
        {
            all.remove(&user);
        }
    }

    /// True if no page is open. Then no change has to be looked for.
    pub fn is_empty(&self) -> bool {
        let mut all = self.lock();
        all.retain(|_, sender| sender.receiver_count() > 0);
        all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_wakes_the_pages_of_its_user_only() {
        let (watchers, [one, other]) = (Watchers::default(), [1, 2].map(|n| UserId::v8([n; 16])));
        assert!(watchers.is_empty());
        let (mut first, mut second) = (watchers.watch(one), watchers.watch(other));
        watchers.changed(one);
        assert!(first.has_changed().unwrap() && !second.has_changed().unwrap());
        drop(first.borrow_and_update());
        drop((first, second.borrow_and_update()));
        assert!(!watchers.is_empty());
        drop(second);
        assert!(watchers.is_empty());
    }
}

//! Who waits for changes of whose accounts: a change wakes the pages of its user only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use umoja_schema::UserId;

/// How many users are remembered before those are looked for whom no page watches any more.
const FEW: usize = 64;

/// The open pages of a region, by user.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<Watched>);

#[derive(Debug, Default)]
struct Watched {
    users: BTreeMap<UserId, watch::Sender<()>>,
    /// The users that were watched when the others were forgotten.
    left: usize,
}

impl Watched {
    fn forget_unwatched(&mut self) {
        self.users.retain(|_, sender| sender.receiver_count() > 0);
        self.left = self.users.len();
    }
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees every change of a user's accounts from now on.
    pub(crate) fn watch(&self, user: UserId) -> watch::Receiver<()> {
        let mut all = self.lock();
        if all.users.len() >= FEW.max(2 * all.left) {
            all.forget_unwatched();
        }
        all.users.entry(user).or_default().subscribe()
    }

    /// Says that an account of a user has changed.
    pub fn changed(&self, user: UserId) {
        let mut all = self.lock();
        if let Some(sender) = all.users.get(&user)
            && sender.send(()).is_err()
        {
            all.users.remove(&user);
        }
    }

    /// True if no page is open. Then no change has to be looked for. It is asked with every change of the region, so it does not
    /// look at each page.
    pub fn is_empty(&self) -> bool {
        let mut all = self.lock();
        let is_empty = !all.users.values().any(|sender| sender.receiver_count() > 0);
        if is_empty {
            all.forget_unwatched();
        }
        is_empty
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

    #[test]
    fn users_whom_no_page_watches_any_more_are_forgotten() {
        let (watchers, user) = (Watchers::default(), |n: usize| UserId::v8([u8::try_from(n).unwrap(); 16]));
        let first = watchers.watch(user(0));
        for n in 1..200 {
            drop(watchers.watch(user(n)));
            assert!(watchers.lock().users.len() <= FEW);
        }
        let open: Vec<_> = (0..100).map(|n| watchers.watch(user(n))).collect();
        assert_eq!(watchers.lock().users.len(), 100);
        assert!(!watchers.is_empty());
        drop((open, first));
        assert!(watchers.is_empty() && watchers.lock().users.is_empty());
    }
}

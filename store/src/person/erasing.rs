//! The users that are erased with a user, and in which order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use umoja_schema::UserId;

use super::{Known, Seen, State, look, seen};
use crate::ports::{Parts, StoreError, Users};

/// Reads the users that have to be erased with a user, in the order in which to erase them in small batches. For users
/// that are already erased, it reads the users that point at them. `with` are users that an earlier attempt erased
/// together with it. Pointers of `disbelieved` users are not followed.
///
/// The target of a pointer is the same person even if none of its parts has arrived here: its tombstone is written in
/// advance. All users are read at once, so memory and time limit their number.
///
/// # Errors
/// If the store fails.
pub async fn read_to_erase(
    users: &dyn Users,
    start: UserId,
    with: &BTreeSet<UserId>,
    disbelieved: &BTreeSet<UserId>,
) -> Result<Vec<(UserId, Parts)>, StoreError> {
    let (mut parts, mut known) = (BTreeMap::new(), Known::new());
    let mut wanted = vec![start];
    loop {
        for (id, stored, linked_accounts) in look(users, &wanted).await? {
            let mut user = Seen { linked_accounts, ..seen(stored.profile.as_ref()) };
            if let State::Live(pointer) = &mut user.state
                && disbelieved.contains(&id)
            {
                pointer.merged_into = None;
            }
            known.insert(id, user);
            parts.insert(id, stored);
        }
        match order(start, with, &known) {
            Err(missing) => wanted = missing,
            Ok(order) => {
                let stored = order.into_iter().filter_map(|id| Some((id, parts.remove(&id)?)));
                return Ok(stored.filter(|(_, parts)| !parts.is_erased()).collect());
            }
        }
    }
}

/// All users in order, or the users that have to be read first.
///
/// In this order `start` stays connected with the users that remain, so a repeated erasure completes one that stopped
/// half way. The users that point at others come first, then the path from the primary account down to `start`. Of the
/// users that were already erased, only the users that point at them remain.
pub(super) fn order(start: UserId, with: &BTreeSet<UserId>, known: &Known) -> Result<Vec<UserId>, Vec<UserId>> {
    let mut path = vec![start];
    let mut at = start;
    while let Some(next) = known.get(&at).ok_or_else(|| vec![at])?.live().and_then(|live| live.merged_into) {
        if path.contains(&next) {
            break;
        }
        let erased = known.get(&next).ok_or_else(|| vec![next])?.state == State::Erased;
        if erased {
            break;
        }
        path.push(next);
        at = next;
    }
    let before = with.iter().filter(|id| !path.contains(id));
    let before: Vec<_> = before.copied().collect();
    let unknown: Vec<_> = before.iter().filter(|id| !known.contains_key(id)).copied().collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let before = before.into_iter().filter(|id| known.get(id).is_some_and(|user| user.state == State::Erased));
    let seeds: Vec<_> = path.iter().copied().chain(before).collect();
    let found = pointing_at(&seeds, known)?;
    let others = found.into_iter().rev().filter(|id| !path.contains(id));
    Ok(others.chain(path.iter().rev().copied()).collect())
}

/// The seeds and all users whose pointers lead to one of them. The target of a pointer comes before its source.
fn pointing_at(seeds: &[UserId], known: &Known) -> Result<Vec<UserId>, Vec<UserId>> {
    let mut found: Vec<UserId> = seeds.to_vec();
    let mut all: BTreeSet<UserId> = seeds.iter().copied().collect();
    let (mut unknown, mut queue) = (BTreeSet::new(), seeds.iter().copied().collect::<VecDeque<_>>());
    while let Some(at) = queue.pop_front() {
        for linked in known.get(&at).map_or(&[][..], |user| &user.linked_accounts) {
            match known.get(linked) {
                None => {
                    unknown.insert(*linked);
                }
                Some(user) => {
                    if user.live().is_some_and(|live| live.merged_into == Some(at)) && all.insert(*linked) {
                        found.push(*linked);
                        queue.push_back(*linked);
                    }
                }
            }
        }
    }
    if unknown.is_empty() { Ok(found) } else { Err(unknown.into_iter().collect()) }
}

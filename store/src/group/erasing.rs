//! Who is erased with a user, and in which order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use umoja_schema::UserId;

use super::{Known, Seen, State, look, seen};
use crate::ports::{Parts, StoreError, Users};

/// Reads who has to be erased with a user, in the order in which to do it a few at a time; of those who are erased
/// already, who points at them. `with` are users that were erased together with it before. What the parts of
/// `disbelieved` users say about pointers is not followed.
///
/// Somebody at whom a user points is the same person although nothing of them has arrived here: the tombstone waits for
/// them. All of them are read at once, so memory and time are the limit to how many they are.
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
        for (id, stored, members) in look(users, &wanted).await? {
            let mut user = Seen { members, ..seen(stored.profile.as_ref()) };
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

/// Everybody, or who has to be looked at first.
///
/// The order is such that `start` is connected with whoever is left at each moment, so that an erasure that stopped half
/// way is completed by the same one again: those that point at the others come first, then the way from the root down to
/// `start`. Those that were erased before have nobody left but who points at them.
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

/// The seeds and everybody whose pointers lead to one of them: who points comes after who is pointed at.
fn pointing_at(seeds: &[UserId], known: &Known) -> Result<Vec<UserId>, Vec<UserId>> {
    let mut found: Vec<UserId> = seeds.to_vec();
    let mut all: BTreeSet<UserId> = seeds.iter().copied().collect();
    let (mut unknown, mut queue) = (BTreeSet::new(), seeds.iter().copied().collect::<VecDeque<_>>());
    while let Some(at) = queue.pop_front() {
        for member in known.get(&at).map_or(&[][..], |user| &user.members) {
            match known.get(member) {
                None => {
                    unknown.insert(*member);
                }
                Some(user) => {
                    if user.live().is_some_and(|live| live.merged_into == Some(at)) && all.insert(*member) {
                        found.push(*member);
                        queue.push_back(*member);
                    }
                }
            }
        }
    }
    if unknown.is_empty() { Ok(found) } else { Err(unknown.into_iter().collect()) }
}

//! Who is one person: the users that pointers (`merged_into`) connect, and which of them is the root.
//!
//! A user points at one other at most. Following the pointers ends at a user that points at nobody who is live, or runs
//! into a cycle (two regions merged the same users the other way round at once). The first is the root; of a cycle it is
//! the member with the least (created_at, id). Either way the root depends on the pointers alone, not on where one
//! starts, nor on the order in which they arrived.
//!
//! The rule ([`step`], [`arrange`]) is pure; [`read`] brings it what it asks for. The table `members` only says where to
//! look: a user belongs to a group because its own part points there, and that part is bound, so whoever acts on a group
//! opens the parts first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::future::{try_join, try_join_all};
use umoja_schema::{Millis, UserId};

use crate::ports::{Parts, StoreError, Users};

/// The most users that are one person. A merge stops well before ([`MAX_MERGED`]), so that merges in several regions at
/// once do not get here.
pub const MAX_USERS: usize = 100;

/// The most users that a merge may bring together.
pub const MAX_MERGED: usize = 50;

/// What decides about one user's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// When the user was registered.
    pub created_at: Millis,
    /// The user that it points at.
    pub merged_into: Option<UserId>,
}

/// One user as a region holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Nothing unless the user is live here.
    pub live: Option<Pointer>,
    /// Who may point at it.
    pub members: Vec<UserId>,
}

/// What is known by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These users have to be looked at first.
    Read(Vec<UserId>),
    /// The user is not live.
    Nobody,
    /// The whole group.
    Found(Group),
}

/// The users that are one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The one whose values, credentials and status count.
    pub root: UserId,
    /// The others, in order of (created_at, id).
    pub members: Vec<UserId>,
}

/// More users than [`MAX_USERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_USERS} users are merged into one")]
pub struct TooLarge;

/// Why a group could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are too many users.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

type Known = BTreeMap<UserId, Seen>;

/// Works out the group of `start` from what is known, or says what is missing.
///
/// # Errors
/// If the group has more than [`MAX_USERS`] users.
pub fn step(start: UserId, known: &Known) -> Result<Step, TooLarge> {
    let path = match upwards(start, known)? {
        Upwards::Unknown(id) => return Ok(Step::Read(vec![id])),
        Upwards::Path(path) => path,
    };
    let Some(root) = path.last().copied() else { return Ok(Step::Nobody) };
    Ok(match downwards(&path, known)? {
        Downwards::Unknown(ids) => Step::Read(ids),
        Downwards::Found(mut users) => {
            users.retain(|id| *id != root);
            users.sort_by_key(|id| (known.get(id).and_then(|seen| seen.live).map(|live| live.created_at), *id));
            Step::Found(Group { root, members: users })
        }
    })
}

/// The group of `start` among these users, taking all others for absent.
///
/// # Errors
/// As [`step`].
pub fn arrange(start: UserId, users: &BTreeMap<UserId, Pointer>) -> Result<Option<Group>, TooLarge> {
    let mut known = Known::new();
    for (id, pointer) in users {
        known.entry(*id).or_default().live = Some(*pointer);
        if let Some(target) = pointer.merged_into {
            known.entry(target).or_default().members.push(*id);
        }
    }
    known.entry(start).or_default();
    match step(start, &known)? {
        Step::Found(group) => Ok(Some(group)),
        Step::Nobody | Step::Read(_) => Ok(None),
    }
}

/// The users to erase with `start`, whether or not it is live, in an order in which `start` is connected with whoever is
/// left at each moment, so that an erasure that stopped half way is completed by the same one again. Those that point at
/// the others come first, then the way from the root down to `start`.
fn erasing_step(start: UserId, known: &Known) -> Result<Result<Vec<UserId>, Vec<UserId>>, TooLarge> {
    let mut path = match upwards(start, known)? {
        Upwards::Unknown(id) => return Ok(Err(vec![id])),
        Upwards::Path(path) => path,
    };
    if path.is_empty() {
        path.push(start);
    }
    Ok(match downwards(&path, known)? {
        Downwards::Unknown(ids) => Err(ids),
        Downwards::Found(users) => {
            let others = users.into_iter().rev().filter(|id| !path.contains(id));
            Ok(others.chain(path.iter().rev().copied()).collect())
        }
    })
}

enum Upwards {
    /// This user has to be looked at first.
    Unknown(UserId),
    /// From the start to the root; nothing if the start is not live.
    Path(Vec<UserId>),
}

fn upwards(start: UserId, known: &Known) -> Result<Upwards, TooLarge> {
    let mut path = Vec::new();
    let mut next = Some(start);
    while let Some(id) = next {
        let Some(seen) = known.get(&id) else { return Ok(Upwards::Unknown(id)) };
        let Some(live) = seen.live else { break };
        if let Some(from) = path.iter().position(|passed| *passed == id) {
            let age = |at: &usize| (known.get(&path[*at]).and_then(|seen| seen.live).map(|l| l.created_at), path[*at]);
            let root = (from..path.len()).min_by_key(age).unwrap_or(from);
            // What lies between the root and the end of the cycle points at others on the path, and is found from there.
            path.truncate(root + 1);
            break;
        }
        if path.len() == MAX_USERS {
            return Err(TooLarge);
        }
        path.push(id);
        next = live.merged_into;
    }
    Ok(Upwards::Path(path))
}

enum Downwards {
    /// These users have to be looked at first.
    Unknown(Vec<UserId>),
    /// Everybody whose pointers lead to one of the seeds, those included: who points comes after who is pointed at.
    Found(Vec<UserId>),
}

fn downwards(seeds: &[UserId], known: &Known) -> Result<Downwards, TooLarge> {
    let mut found: Vec<UserId> = seeds.to_vec();
    let (mut unknown, mut queue) = (BTreeSet::new(), seeds.iter().copied().collect::<VecDeque<_>>());
    while let Some(at) = queue.pop_front() {
        for member in known.get(&at).map_or(&[][..], |seen| &seen.members) {
            match known.get(member) {
                None => {
                    unknown.insert(*member);
                }
                Some(Seen { live: Some(live), .. }) if live.merged_into == Some(at) && !found.contains(member) => {
                    found.push(*member);
                    queue.push_back(*member);
                }
                Some(_) => {}
            }
        }
        // Members who do not point back are nobody's; somebody who writes that table must not make us read for ever.
        if found.len() > MAX_USERS || known.len() + unknown.len() > 2 * MAX_USERS {
            return Err(TooLarge);
        }
    }
    Ok(if unknown.is_empty() { Downwards::Found(found) } else { Downwards::Unknown(unknown.into_iter().collect()) })
}

/// The users of one person, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupParts {
    /// The user that was asked for.
    pub start: UserId,
    /// The root, live.
    pub root: Parts,
    /// The others, live, in order of (created_at, id).
    pub members: Vec<Parts>,
}

impl GroupParts {
    /// The root and then the others.
    pub fn users(&self) -> impl Iterator<Item = &Parts> {
        std::iter::once(&self.root).chain(&self.members)
    }

    /// One of the users.
    pub fn get(&self, id: UserId) -> Option<&Parts> {
        self.users().find(|parts| parts.id() == Some(id))
    }
}

/// Reads the group of a user; nothing if the user is not live here. For a user that is not merged with anybody these are
/// two reads at once.
///
/// # Errors
/// If the store fails, or the group has more than [`MAX_USERS`] users.
pub async fn read(users: &dyn Users, start: UserId) -> Result<Option<GroupParts>, GroupError> {
    let (mut parts, mut known) = (BTreeMap::new(), Known::new());
    let mut wanted = vec![start];
    loop {
        for (id, stored, members) in look(users, &wanted).await? {
            let live = pointer(&stored).filter(|_| stored.is_live());
            known.insert(id, Seen { live, members });
            parts.insert(id, stored);
        }
        match step(start, &known)? {
            Step::Read(ids) => wanted = ids,
            Step::Nobody => return Ok(None),
            Step::Found(Group { root, members }) => {
                let mut take = |id: &UserId| parts.remove(id).unwrap_or_default();
                return Ok(Some(GroupParts { start, root: take(&root), members: members.iter().map(take).collect() }));
            }
        }
    }
}

/// Reads who has to be erased with a user, in the order in which to do it one by one; users of whom nothing is stored or
/// left to erase are not in it. What the parts of `disbelieved` users say about pointers is not followed.
///
/// # Errors
/// As [`read`].
pub async fn read_to_erase(
    users: &dyn Users,
    start: UserId,
    disbelieved: &BTreeSet<UserId>,
) -> Result<Vec<(UserId, Parts)>, GroupError> {
    let (mut parts, mut known) = (BTreeMap::new(), Known::new());
    let mut wanted = vec![start];
    loop {
        for (id, stored, members) in look(users, &wanted).await? {
            let mut live = pointer(&stored);
            if let Some(live) = live.as_mut().filter(|_| disbelieved.contains(&id)) {
                live.merged_into = None;
            }
            known.insert(id, Seen { live, members });
            parts.insert(id, stored);
        }
        match erasing_step(start, &known)? {
            Err(ids) => wanted = ids,
            Ok(order) => {
                let stored = order.into_iter().filter_map(|id| Some((id, parts.remove(&id)?)));
                return Ok(stored.filter(|(_, parts)| parts.id().is_some() && !parts.is_erased()).collect());
            }
        }
    }
}

/// Where a user's profile part points, if that is live.
fn pointer(parts: &Parts) -> Option<Pointer> {
    let facts = parts.profile.as_ref()?.profile_facts()?;
    Some(Pointer { created_at: facts.created_at, merged_into: facts.merged_into })
}

async fn look(users: &dyn Users, ids: &[UserId]) -> Result<Vec<(UserId, Parts, Vec<UserId>)>, StoreError> {
    let one = |id: UserId| async move {
        let (parts, members) = try_join(users.parts(id), users.members(id)).await?;
        Ok((id, parts, members))
    };
    try_join_all(ids.iter().map(|id| one(*id))).await
}

#[cfg(test)]
mod tests;

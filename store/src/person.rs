//! The users that are one person: those connected by pointers (`merged_into`), and which of them is the primary
//! account.
//!
//! Each user points at no more than one other. A chain of pointers ends at a user that points at no live user, or in a
//! cycle (two regions merged the same users in opposite directions at the same time). In the first case that user is
//! the primary account; in a cycle it is the user with the least (created_at, id). Either way the primary account
//! depends only on the pointers, not on the start or on the order in which they arrived.
//!
//! The rule ([`step`], [`arrange`]) is pure; [`read`] supplies the users that it asks for. The table `linked_accounts`
//! only says where to look. A user belongs to a person because its own part points there, and that part is bound to its
//! ciphertext. So code that acts on a person opens the parts first, and reads again without the parts that do not open.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{Part, PartRecord, PersonVersion, ProfileFacts, UserId};

use crate::ports::{Parts, StoreError, Users};

/// The most users of one person that are read. Merges stop at a tenth of it ([`MAX_MERGED`]), so that concurrent merges
/// in several regions do not reach it. An erasure has no such limit: it reads as many users as time and memory of one
/// request allow. Undoing a merge of a larger person reads only the duplicate.
pub const MAX_USERS: usize = 500;

/// One user as a region holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The user's state.
    pub state: State,
    /// The users that may point at it.
    pub linked_accounts: Vec<UserId>,
}

/// The state of a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// No part has arrived.
    #[default]
    Absent,
    /// A tombstone.
    Erased,
    /// A live user.
    Live(Pointer),
}

impl Seen {
    fn live(&self) -> Option<Pointer> {
        match self.state {
            State::Live(pointer) => Some(pointer),
            State::Absent | State::Erased => None,
        }
    }
}

/// The result of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These users have to be read first.
    Read(Vec<UserId>),
    /// The user is not live.
    NotLive,
    /// The whole person.
    Found(PersonIds),
}

/// The users that are one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonIds {
    /// The user whose values, credentials and status count.
    pub primary: UserId,
    /// The other users, ordered by (created_at, id).
    pub linked_accounts: Vec<UserId>,
}

/// More users than [`MAX_USERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_USERS} users are merged into one")]
pub struct TooLarge;

/// Why a person could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are too many users.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

type Known = BTreeMap<UserId, Seen>;

/// How many users are read concurrently.
const CONCURRENT: usize = 32;

/// Computes the person of `start` from the known users, or returns the users that must be read first.
///
/// # Errors
/// If the person has more than [`MAX_USERS`] users.
pub fn step(start: UserId, known: &Known) -> Result<Step, TooLarge> {
    let path = match upwards(start, known)? {
        Upwards::Unknown(id) => return Ok(Step::Read(vec![id])),
        Upwards::Path(path) => path,
    };
    let Some(primary) = path.last().copied() else { return Ok(Step::NotLive) };
    Ok(match downwards(&path, known)? {
        Downwards::Unknown(ids) => Step::Read(ids),
        Downwards::Found(mut users) => {
            users.retain(|id| *id != primary);
            users.sort_by_key(|id| (known.get(id).and_then(Seen::live).map(|live| live.created_at), *id));
            Step::Found(PersonIds { primary, linked_accounts: users })
        }
    })
}

/// The person of `start` among these users. All other users count as absent.
///
/// # Errors
/// As [`step`].
pub fn arrange(start: UserId, users: &BTreeMap<UserId, Pointer>) -> Result<Option<PersonIds>, TooLarge> {
    let mut known = Known::new();
    for (id, pointer) in users {
        known.entry(*id).or_default().state = State::Live(*pointer);
        if let Some(target) = pointer.merged_into {
            known.entry(target).or_default().linked_accounts.push(*id);
        }
    }
    known.entry(start).or_default();
    match step(start, &known)? {
        Step::Found(person) => Ok(Some(person)),
        Step::NotLive | Step::Read(_) => Ok(None),
    }
}

enum Upwards {
    /// This user has to be read first.
    Unknown(UserId),
    /// The path from the start to the primary account; empty if the start is not live.
    Path(Vec<UserId>),
}

fn upwards(start: UserId, known: &Known) -> Result<Upwards, TooLarge> {
    let mut path = Vec::new();
    let mut next = Some(start);
    while let Some(id) = next {
        let Some(seen) = known.get(&id) else { return Ok(Upwards::Unknown(id)) };
        let Some(live) = seen.live() else { break };
        if let Some(from) = path.iter().position(|passed| *passed == id) {
            let age = |at: &usize| (known.get(&path[*at]).and_then(Seen::live).map(|l| l.created_at), path[*at]);
            let primary = (from..path.len()).min_by_key(age).unwrap_or(from);
            // The users between the primary account and the end of the cycle point at others on the path, and are found
            // from there.
            path.truncate(primary + 1);
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
    /// These users have to be read first.
    Unknown(Vec<UserId>),
    /// The seeds and all users whose pointers lead to one of them. The target of a pointer comes before its source.
    Found(Vec<UserId>),
}

fn downwards(seeds: &[UserId], known: &Known) -> Result<Downwards, TooLarge> {
    let mut found: Vec<UserId> = seeds.to_vec();
    let (mut unknown, mut queue) = (BTreeSet::new(), seeds.iter().copied().collect::<VecDeque<_>>());
    while let Some(at) = queue.pop_front() {
        for linked in known.get(&at).map_or(&[][..], |seen| &seen.linked_accounts) {
            match known.get(linked) {
                None => {
                    unknown.insert(*linked);
                }
                Some(Seen { state: State::Live(live), .. })
                    if live.merged_into == Some(at) && !found.contains(linked) =>
                {
                    found.push(*linked);
                    queue.push_back(*linked);
                }
                Some(_) => {}
            }
        }
        // A linked account that does not point back belongs to no person. The limit stops a forged table from causing
        // endless reads.
        if found.len() > MAX_USERS || known.len() + unknown.len() > 2 * MAX_USERS {
            return Err(TooLarge);
        }
    }
    Ok(if unknown.is_empty() { Downwards::Found(found) } else { Downwards::Unknown(unknown.into_iter().collect()) })
}

/// The users of one person, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonParts {
    /// The requested user.
    pub start: UserId,
    /// The primary account, which is live.
    pub primary: Parts,
    /// The other users, which are live, ordered by (created_at, id).
    pub linked_accounts: Vec<Parts>,
}

impl PersonParts {
    /// The primary account, followed by the others.
    pub fn users(&self) -> impl Iterator<Item = &Parts> {
        std::iter::once(&self.primary).chain(&self.linked_accounts)
    }

    /// The version over all users.
    pub fn version(&self) -> Option<PersonVersion> {
        let linked_accounts = self.linked_accounts.iter().map(Parts::version).collect::<Option<Vec<_>>>()?;
        Some(PersonVersion::of(self.primary.version()?, linked_accounts))
    }

    /// Replaces a part with the one that was written.
    pub fn set(&mut self, record: PartRecord) {
        let mut users = std::iter::once(&mut self.primary).chain(&mut self.linked_accounts);
        if let Some(parts) = users.find(|parts| parts.id() == Some(record.id)) {
            parts.set(record);
        }
    }

    /// The pointers of the users.
    pub fn pointers(&self) -> BTreeMap<UserId, Pointer> {
        let live = |parts: &Parts| Some((parts.id()?, seen(parts.profile.as_ref()).live()?));
        self.users().filter_map(live).collect()
    }

    /// One of the users.
    pub fn get(&self, id: UserId) -> Option<&Parts> {
        self.users().find(|parts| parts.id() == Some(id))
    }
}

/// Reads the person of a user; `None` if the user is not live here. The `unreadable` users, whose parts cannot be
/// trusted, count as absent. For an unmerged user this takes two concurrent reads.
///
/// # Errors
/// If the store fails, or the person has more than [`MAX_USERS`] users.
pub async fn read(
    users: &dyn Users,
    start: UserId,
    unreadable: &BTreeSet<UserId>,
) -> Result<Option<PersonParts>, PersonError> {
    let (mut parts, mut known) = (BTreeMap::new(), Known::new());
    let mut wanted = vec![start];
    loop {
        for (id, stored, linked_accounts) in look(users, &wanted).await? {
            let believed = stored.is_live() && !unreadable.contains(&id);
            let profile = stored.profile.as_ref().filter(|_| believed);
            known.insert(id, Seen { linked_accounts, ..seen(profile) });
            parts.insert(id, stored);
        }
        match step(start, &known)? {
            Step::Read(ids) => wanted = ids,
            Step::NotLive => return Ok(None),
            Step::Found(PersonIds { primary, linked_accounts }) => {
                let mut take = |id: &UserId| parts.remove(id).unwrap_or_default();
                return Ok(Some(PersonParts {
                    start,
                    primary: take(&primary),
                    linked_accounts: linked_accounts.iter().map(take).collect(),
                }));
            }
        }
    }
}

async fn look(users: &dyn Users, ids: &[UserId]) -> Result<Vec<(UserId, Parts, Vec<UserId>)>, StoreError> {
    let one = |id: UserId| async move {
        let (parts, linked_accounts) = users.user(id).await?;
        Ok((id, parts, linked_accounts))
    };
    let reads: Vec<_> = ids.iter().map(|id| one(*id)).collect();
    stream::iter(reads).buffered(CONCURRENT).try_collect().await
}

/// True if the pointers lead two users to the same primary account, as far as their profile parts are stored.
/// `incoming` is the part of one of them that is about to be stored. The parts are not opened, which is enough where no
/// access depends on the result.
/// # Errors
/// If the store fails.
pub async fn is_same_person(users: &dyn Users, incoming: &PartRecord, other: UserId) -> Result<bool, StoreError> {
    let mut known = Known::from([(incoming.id, seen(Some(incoming)))]);
    let (mut primaries, mut at) = (Vec::new(), incoming.id);
    loop {
        match upwards(at, &known) {
            Ok(Upwards::Unknown(id)) => {
                known.insert(id, seen(users.part(id, Part::Profile).await?.as_ref()));
            }
            Ok(Upwards::Path(path)) => {
                primaries.push(path.last().copied());
                if at == other {
                    return Ok(primaries[0].is_some() && primaries[0] == primaries[1]);
                }
                at = other;
            }
            Err(TooLarge) => return Ok(false),
        }
    }
}

fn seen(profile: Option<&PartRecord>) -> Seen {
    let pointer = |facts: &ProfileFacts| Pointer { created_at: facts.created_at, merged_into: facts.merged_into };
    let state = match profile {
        None => State::Absent,
        Some(part) => part.profile_facts().map_or(State::Erased, |facts| State::Live(pointer(facts))),
    };
    Seen { state, linked_accounts: Vec::new() }
}

mod erasing;
mod merging;
mod pointer;
#[cfg(test)]
mod tests;

pub use erasing::read_to_erase;
pub use merging::{MergeError, Merging, merging};
pub use pointer::{MAX_MERGED, Pointer};

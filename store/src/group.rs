//! Who is one person: the users that pointers (`merged_into`) connect, and which of them is the root.
//!
//! A user points at one other at most. Following the pointers ends at a user that points at nobody who is live, or runs
//! into a cycle (two regions merged the same users the other way round at once). The first is the root; of a cycle it is
//! the member with the least (created_at, id). Either way the root depends on the pointers alone, not on where one
//! starts, nor on the order in which they arrived.
//!
//! The rule ([`step`], [`arrange`]) is pure; [`read`] brings it what it asks for. The table `members` only says where to
//! look: a user belongs to a group because its own part points there, and that part is bound. So whoever acts on a group
//! opens the parts first, and reads again without those that do not open.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{Part, PartRecord, PersonVersion, ProfileFacts, UserId};

use crate::ports::{Parts, StoreError, Users};

/// The most users of one person that are read. Merges stop at a tenth of it ([`MAX_MERGED`]), so that merges in several
/// regions at once do not get here. An erasure reads as many as one request can, and so is limited by time and memory
/// only; undoing a merge looks at the duplicate alone then.
pub const MAX_USERS: usize = 500;

/// One user as a region holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What there is of it.
    pub state: State,
    /// Who may point at it.
    pub members: Vec<UserId>,
}

/// What there is of a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
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

/// How many users are read at the same time.
const CONCURRENT: usize = 32;

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
            users.sort_by_key(|id| (known.get(id).and_then(Seen::live).map(|live| live.created_at), *id));
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
        known.entry(*id).or_default().state = State::Live(*pointer);
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
        let Some(live) = seen.live() else { break };
        if let Some(from) = path.iter().position(|passed| *passed == id) {
            let age = |at: &usize| (known.get(&path[*at]).and_then(Seen::live).map(|l| l.created_at), path[*at]);
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
                Some(Seen { state: State::Live(live), .. })
                    if live.merged_into == Some(at) && !found.contains(member) =>
                {
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

    /// The version over everybody.
    pub fn version(&self) -> Option<PersonVersion> {
        let members = self.members.iter().map(Parts::version).collect::<Option<Vec<_>>>()?;
        Some(PersonVersion::of(self.root.version()?, members))
    }

    /// Puts a part that was written where it belongs.
    pub fn set(&mut self, record: PartRecord) {
        let mut users = std::iter::once(&mut self.root).chain(&mut self.members);
        if let Some(parts) = users.find(|parts| parts.id() == Some(record.id)) {
            parts.set(record);
        }
    }

    /// Who points at whom.
    pub fn pointers(&self) -> BTreeMap<UserId, Pointer> {
        let live = |parts: &Parts| Some((parts.id()?, seen(parts.profile.as_ref()).live()?));
        self.users().filter_map(live).collect()
    }

    /// One of the users.
    pub fn get(&self, id: UserId) -> Option<&Parts> {
        self.users().find(|parts| parts.id() == Some(id))
    }
}

/// Reads the group of a user; nothing if the user is not live here. `unreadable` users, whose parts say nothing that can
/// be believed, count as absent. For a user that is not merged with anybody these are two reads at once.
///
/// # Errors
/// If the store fails, or the group has more than [`MAX_USERS`] users.
pub async fn read(
    users: &dyn Users,
    start: UserId,
    unreadable: &BTreeSet<UserId>,
) -> Result<Option<GroupParts>, GroupError> {
    let (mut parts, mut known) = (BTreeMap::new(), Known::new());
    let mut wanted = vec![start];
    loop {
        for (id, stored, members) in look(users, &wanted).await? {
            let believed = stored.is_live() && !unreadable.contains(&id);
            let profile = stored.profile.as_ref().filter(|_| believed);
            known.insert(id, Seen { members, ..seen(profile) });
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

async fn look(users: &dyn Users, ids: &[UserId]) -> Result<Vec<(UserId, Parts, Vec<UserId>)>, StoreError> {
    let one = |id: UserId| async move {
        let (parts, members) = try_join(users.parts(id), users.members(id)).await?;
        Ok((id, parts, members))
    };
    let reads: Vec<_> = ids.iter().map(|id| one(*id)).collect();
    stream::iter(reads).buffered(CONCURRENT).try_collect().await
}

/// True if their pointers lead two users to one root, as far as their profile parts are stored. `incoming` is the part
/// of one of them that is about to be. Unopened parts say so: enough for what nobody's access depends on.
///
/// # Errors
/// If the store fails.
pub async fn is_same_person(users: &dyn Users, incoming: &PartRecord, other: UserId) -> Result<bool, StoreError> {
    let mut known = Known::from([(incoming.id, seen(Some(incoming)))]);
    let (mut roots, mut at) = (Vec::new(), incoming.id);
    loop {
        match upwards(at, &known) {
            Ok(Upwards::Unknown(id)) => {
                known.insert(id, seen(users.part(id, Part::Profile).await?.as_ref()));
            }
            Ok(Upwards::Path(path)) => {
                roots.push(path.last().copied());
                if at == other {
                    return Ok(roots[0].is_some() && roots[0] == roots[1]);
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
    Seen { state, members: Vec::new() }
}

mod erasing;
mod merging;
mod pointer;
#[cfg(test)]
mod tests;

pub use erasing::read_to_erase;
pub use merging::{MergeRefused, Merging, merging};
pub use pointer::{MAX_MERGED, Pointer};

//! The versions that the regions stored, read from their streams, with the call that wrote each and its predecessor.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::names::{attribute, table};
use umoja_schema::{
    AccountStatus, BlindIndex, Body, IdentifierKind, Ownership, Part, PartRecord, Region, UserId, Version,
};
use umoja_store::Change;

use super::pointers::{pointer, verified_winner};

/// A call that may have written, as far as its caller knows.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// The region.
    pub(super) at: usize,
    /// The user of the call. `None` for a registration.
    pub(super) id: Option<UserId>,
    /// The change of the credentials that the call would have written.
    pub(super) writes: Option<Secret>,
    /// The user whose pointer the call would have written, and the pointer.
    pub(super) points: Option<(UserId, Option<UserId>)>,
    /// The versions of the credentials in the answer, of each user of the person. Empty without an answer.
    pub(super) made: BTreeMap<UserId, Version>,
}

impl Attempt {
    /// True if a source is the caller.
    fn is_fed(&self) -> bool {
        self.writes == Some(Secret::Fed) || self.id.is_none() && self.writes == Some(Secret::Kept)
    }
}

/// The change of the credentials that a call writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Secret {
    /// The credentials of a new user.
    New(Option<String>),
    /// The credentials of a new user that a source has described.
    Fed,
    /// Another password.
    Changed(String),
    /// The same password under another status.
    Kept,
    /// The same under another data key.
    Reencrypted,
}

/// The possible passwords of users: exactly one each if every write was answered.
pub(super) type Passwords = BTreeSet<Option<String>>;

/// A version that was written once and replicated since.
struct Made {
    /// How many versions were written before it. Exact for those of one region.
    number: usize,
    mid: Option<Vec<u8>>,
    /// The version that it was written over.
    base: Option<Version>,
    passwords: Passwords,
}

/// All stored versions.
#[derive(Default)]
pub(super) struct History {
    pub(super) regions: Vec<Region>,
    stored: Vec<BTreeMap<(UserId, Part), PartRecord>>,
    made: BTreeMap<(UserId, Part, Version), Made>,
    /// Every identifier that was ever owned.
    pub(super) owned: BTreeSet<BlindIndex>,
    /// The users that ever owned each identifier, and whether a source gave it to them.
    owners: BTreeMap<BlindIndex, BTreeMap<UserId, bool>>,
    /// Every e-mail address that each user ever owned.
    emails: BTreeMap<UserId, BTreeSet<BlindIndex>>,
    /// The names of the identifiers of a run, by their indexes under every index key that existed.
    pub(super) aliases: BTreeMap<BlindIndex, BlindIndex>,
    /// The users of whom a region replaced a version by one that was not written over it: the later write counts.
    overtaken: BTreeSet<UserId>,
    /// Every pointer that was ever stored.
    pointers: BTreeSet<(UserId, UserId)>,
    /// The users that were not active in some region at some time.
    disabled: BTreeSet<UserId>,
    /// The users that each region itself has erased in the last step.
    erased: Vec<BTreeSet<UserId>>,
}

impl History {
    /// The history of regions without users.
    pub(super) fn new(regions: Vec<Region>) -> Self {
        let stored = regions.iter().map(|_| BTreeMap::new()).collect();
        let erased = regions.iter().map(|_| BTreeSet::new()).collect();
        Self { regions, stored, erased, ..Self::default() }
    }

    /// A part as a region stores it.
    pub(super) fn stored(&self, at: usize, id: UserId, part: Part) -> Option<&PartRecord> {
        self.stored[at].get(&(id, part))
    }

    /// The wrapped keys of a part in a region were damaged, so the next write of the part leaves them out.
    pub(super) fn wrapped_keys_were_damaged(&mut self, at: usize, id: UserId, part: Part) {
        if let Some(PartRecord { body: Body::Live(live), .. }) = self.stored[at].get_mut(&(id, part)) {
            live.keys.clear();
        }
    }

    /// The live profiles of a region.
    pub(super) fn profiles(&self, at: usize) -> impl Iterator<Item = &PartRecord> {
        self.stored[at].values().filter(|record| record.part == Part::Profile && record.live().is_some())
    }

    /// The identifiers that a profile owns, whatever the index keys of the ownerships.
    ///
    /// # Panics
    /// If the ownerships under two index keys differ.
    pub(super) fn ownerships(&self, profile: &PartRecord) -> BTreeMap<BlindIndex, Ownership> {
        let mut ownerships = BTreeMap::new();
        for (index, ownership) in profile.ownerships() {
            let ownership = Ownership { key_version: 0, ..ownership.clone() };
            let other = ownerships.insert(*self.aliases.get(index).unwrap_or(index), ownership.clone());
            assert!(
                other.is_none_or(|other| other == ownership),
                "8: {} has two ownerships of one identifier",
                profile.id
            );
        }
        ownerships
    }

    /// Every user that was ever stored anywhere.
    pub(super) fn users(&self) -> BTreeSet<UserId> {
        self.stored.iter().flat_map(BTreeMap::keys).map(|(id, _)| *id).collect()
    }

    /// Every pointer that was ever stored anywhere.
    pub(super) fn pointers(&self) -> impl Iterator<Item = (UserId, UserId)> {
        self.pointers.iter().copied()
    }

    /// True if the persons of two users ever had more than one e-mail address together.
    pub(super) fn have_had_emails(&self, at: usize, one: UserId, other: UserId) -> bool {
        let persons = [self.person(at, one), self.person(at, other)];
        let emails = persons.iter().flatten().filter_map(|id| self.emails.get(id)).flatten();
        emails.collect::<BTreeSet<_>>().len() > 1
    }

    /// True if a user of neither person ever owned an identifier that a user of the two owned.
    pub(super) fn had_a_third_owner(&self, at: usize, one: UserId, other: UserId) -> bool {
        let persons: BTreeSet<UserId> = [one, other].into_iter().flat_map(|id| self.person(at, id)).collect();
        let shared = |owners: &BTreeMap<UserId, bool>| owners.keys().any(|id| persons.contains(id));
        let has_third = |owners: &BTreeMap<UserId, bool>| owners.keys().any(|id| !persons.contains(id));
        self.owners.values().any(|owners| shared(owners) && has_third(owners))
    }

    /// The users that ever owned an identifier, and whether a source gave it to them.
    pub(super) fn owners(&self, index: &BlindIndex) -> impl Iterator<Item = (UserId, bool)> {
        self.owners.get(index).into_iter().flatten().map(|(id, is_fed)| (*id, *is_fed))
    }

    /// The profile part of a live user.
    pub(super) fn profile(&self, at: usize, id: UserId) -> Option<&PartRecord> {
        self.stored(at, id, Part::Profile).filter(|profile| profile.live().is_some())
    }

    /// True if a user was not active in some region at some time.
    pub(super) fn was_disabled(&self, id: UserId) -> bool {
        self.disabled.contains(&id)
    }

    /// True if some region wrote a part of a user before it had what another region wrote.
    pub(super) fn was_overtaken(&self, id: UserId) -> bool {
        self.overtaken.contains(&id)
    }

    /// True if a version was written over another one, directly or not.
    fn descends(&self, (id, part): (UserId, Part), version: &Version, from: &Version) -> bool {
        let base = |version: &Version| self.made.get(&(id, part, version.clone()))?.base.clone();
        std::iter::successors(Some(version.clone()), base).any(|version| version == *from)
    }

    /// True if one region wrote both parts, and the second one after the first. Timestamps do not say it: each part has its
    /// own, and a clock may stand still.
    pub(super) fn are_in_order(&self, first: &PartRecord, second: &PartRecord) -> bool {
        let number = |record: &PartRecord| {
            self.made.get(&(record.id, record.part, record.version.clone())).map(|made| made.number)
        };
        let is_earlier = number(first).zip(number(second)).is_some_and(|(first, second)| first < second);
        is_earlier && first.version.origin == second.version.origin
    }

    /// The users that a region itself has erased in the last step.
    pub(super) fn erased(&self, at: usize) -> &BTreeSet<UserId> {
        &self.erased[at]
    }

    /// The possible passwords that a region stores.
    pub(super) fn passwords(&self, at: usize, id: UserId) -> Option<&Passwords> {
        let version = self.stored(at, id, Part::Credentials)?.version.clone();
        Some(&self.made.get(&(id, Part::Credentials, version))?.passwords)
    }

    /// Adds the writes of each region in one step and the requests of the step.
    ///
    /// # Panics
    /// If a stored write violates an invariant.
    pub(super) fn advance(&mut self, changes: &[Vec<Change>], attempts: &[Attempt], newer: &[bool]) {
        let mut copies = Vec::new();
        self.erased.iter_mut().for_each(BTreeSet::clear);
        for (at, changes) in changes.iter().enumerate() {
            for change in changes.iter().filter(|change| change.table == table::USERS) {
                let mut record = PartRecord::from_item(change.image.clone()).expect("a stored item can be read");
                // Every write has a proof of its own.
                record.unknown.remove(umoja_schema::names::attribute::PROOF);
                let had = self.stored(at, record.id, record.part).map(|had| had.version.clone());
                self.take(at, &record, attempts, newer[at]);
                if record.version.origin != self.regions[at] {
                    copies.push((at, had, record));
                }
            }
        }
        for (at, had, copy) in copies {
            if had.is_some_and(|had| !self.descends((copy.id, copy.part), &copy.version, &had)) {
                self.overtaken.insert(copy.id);
            }
            let made = self.made.get(&(copy.id, copy.part, copy.version.clone()));
            let made = made.unwrap_or_else(|| panic!("1: {} has a version that no region wrote", self.regions[at]));
            assert_eq!(made.mid, mid(&copy), "1: two contents under one version of {} of {}", copy.part, copy.id);
        }
    }

    fn take(&mut self, at: usize, record: &PartRecord, attempts: &[Attempt], newer: bool) {
        let (id, part, name) = (record.id, record.part, &self.regions[at]);
        let base = self.stored[at].get(&(id, part)).cloned();
        let base = base.as_ref();
        self.owned.extend(record.ownerships().keys());
        let mut own = attempts.iter().filter(|attempt| attempt.at == at).peekable();
        let is_fed = own.peek().is_some() && own.all(Attempt::is_fed);
        for index in self.ownerships(record).into_keys() {
            self.owners.entry(index).or_default().entry(id).or_insert(is_fed);
        }
        let emails = self.ownerships(record).into_iter().filter(|(_, own)| own.kind == IdentifierKind::Email);
        self.emails.entry(id).or_default().extend(emails.map(|(index, _)| index));
        self.pointers.extend(pointer(record).map(|target| (id, target)));
        if record.status().is_some_and(|status| status != AccountStatus::Active) {
            self.disabled.insert(id);
        }
        let is_new = base.is_none_or(|base| base.version != record.version);
        if let Some(base) = base {
            assert!(record.version >= base.version, "2: {part} of {id} went backwards in {name}");
            if !is_new {
                assert_eq!(mid(base), mid(record), "2: {part} of {id} changed under its version in {name}");
                let (have, had) = (record.live().map(|live| &live.keys), base.live().map(|live| &live.keys));
                let grows = had.is_none_or(|had| had.keys().all(|key| have.is_some_and(|have| have.contains_key(key))));
                assert!(grows, "7: wrapped keys of {part} of {id} went away in {name}");
            }
        }
        if is_new && record.version.origin == *name {
            if part == Part::Profile {
                // A source makes the user of its provider even if others own its identifiers.
                if base.is_some() || !attempts.iter().any(|attempt| attempt.at == at && attempt.is_fed()) {
                    self.check_unique(at, record);
                }
                self.check_pointer(at, record, attempts);
            }
            if record.version.erased {
                self.erased[at].insert(id);
            }
            if !newer
                && let Some(base) = base.filter(|base| base.live().is_some())
                && record.live().is_some()
            {
                // What a write noticed is about that write alone.
                let kept = |record: &PartRecord| {
                    let mut unknown = record.unknown.clone();
                    unknown.remove(attribute::NOTICED);
                    unknown
                };
                assert_eq!(kept(record), kept(base), "{name} lost attributes of a newer version of {part} of {id}");
            }
            let passwords = match part {
                Part::Credentials if record.live().is_some() => self.written(at, record, base, attempts),
                _ => Passwords::new(),
            };
            let base = base.map(|base| base.version.clone());
            let made = Made { number: self.made.len(), mid: mid(record), base, passwords };
            let made = self.made.insert((id, part, record.version.clone()), made);
            assert!(made.is_none(), "2: {name} wrote one version of {part} of {id} twice");
        }
        self.stored[at].insert((id, part), record.clone());
    }

    /// The possible passwords after a write.
    fn written(&self, at: usize, record: &PartRecord, base: Option<&PartRecord>, attempts: &[Attempt]) -> Passwords {
        // A request about a user changes the user of the person that decides.
        let about = |attempt: &Attempt| attempt.id.is_none_or(|id| self.were_ever_one(id, record.id));
        let own = |attempt: &&Attempt| attempt.at == at && about(attempt);
        let kept = || base.and_then(|base| self.made.get(&(base.id, base.part, base.version.clone())));
        let effect = |secret: &Secret| match secret {
            Secret::New(password) if base.is_none() => Passwords::from([password.clone()]),
            Secret::New(_) => Passwords::new(),
            Secret::Fed => base.map_or_else(|| Passwords::from([None]), |_| Passwords::new()),
            Secret::Changed(password) => Passwords::from([Some(password.clone())]),
            Secret::Reencrypted if base.is_none_or(|base| base.version.hlc.successor() != record.version.hlc) => {
                Passwords::new()
            }
            Secret::Kept | Secret::Reencrypted => kept().map(|made| made.passwords.clone()).unwrap_or_default(),
        };
        let mut possible = Passwords::new();
        for attempt in attempts.iter().filter(own) {
            let Some(secret) = &attempt.writes else { continue };
            // A call that was answered with another version did not write this one.
            if attempt.made.is_empty() || attempt.made.get(&record.id) == Some(&record.version) {
                possible.extend(effect(secret));
            }
        }
        assert!(
            !possible.is_empty(),
            "3: credentials of {} were written in {} without a request",
            record.id,
            self.regions[at]
        );
        possible
    }

    /// Inside a region, an identifier with an owner does not get another one, unless only the new ownership is verified
    /// or the owners are one person.
    fn check_unique(&self, at: usize, record: &PartRecord) {
        let had = self.stored(at, record.id, Part::Profile).map(|had| self.ownerships(had));
        let person = self.person(at, record.id);
        let is_new = |index: &BlindIndex, ownership: &Ownership| {
            had.as_ref().and_then(|had| had.get(index)).is_none_or(|had| ownership.verified && !had.verified)
        };
        for (index, ownership) in self.ownerships(record).iter().filter(|(index, ownership)| is_new(index, ownership)) {
            for other in self.profiles(at).filter(|other| other.id != record.id && !person.contains(&other.id)) {
                let held = self.ownerships(other).remove(index);
                let taken = held.is_some_and(|held| held.verified || !ownership.verified);
                assert!(!taken, "4: {} accepted one identifier for two users", self.regions[at]);
            }
        }
    }

    /// A pointer is changed only on request, or set by a region that has two users with the same verified identifier,
    /// whose persons nothing contradicts to be one.
    fn check_pointer(&self, at: usize, record: &PartRecord, attempts: &[Attempt]) {
        let (id, has) = (record.id, pointer(record));
        let had = self.stored(at, id, Part::Profile).and_then(pointer);
        if record.live().is_none() || had == has {
            return;
        }
        let target = has.and_then(|target| self.stored(at, target, Part::Profile));
        let erased = target.is_some_and(|target| target.version.erased);
        assert!(!erased, "merge: {} merged {id} into {has:?}, which was erased before", self.regions[at]);
        let asked = attempts.iter().any(|attempt| attempt.at == at && attempt.points == Some((id, has)));
        let itself = has.and_then(|target| self.stored(at, target, Part::Profile)).is_some_and(|target| {
            let before = self.stored(at, id, Part::Profile);
            had.is_none() && before.is_some_and(|before| verified_winner(before, target) == Some(target.id))
        });
        let two = has.filter(|target| !asked && self.contradict(at, id, *target));
        assert_eq!(two, None, "merge: {} merged {id} with another person", self.regions[at]);
        assert!(asked || itself, "merge: {} merged {id} into {has:?} without a request", self.regions[at]);
    }
}

fn mid(record: &PartRecord) -> Option<Vec<u8>> {
    record.live().and_then(|live| live.data.mid()).map(<[u8]>::to_vec)
}

//! What the regions really stored, read from their streams: every version, who made it, and over what.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::names::table;
use umoja_schema::{AccountStatus, BlindIndex, Claim, Part, PartRecord, Region, UserId, Version};
use umoja_store::Change;

use super::verified::{pointer, verified_winner};

/// A call that may have written, as far as its caller knows.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// The region.
    pub(super) at: usize,
    /// The user that it is about; nothing of a registration.
    pub(super) id: Option<UserId>,
    /// What it would have written of the credentials.
    pub(super) writes: Option<Secret>,
    /// The user whose pointer it would have written, and the pointer.
    pub(super) points: Option<(UserId, Option<UserId>)>,
    /// The versions of the credentials that it was answered with, of each user of the person; none if it was not.
    pub(super) made: BTreeMap<UserId, Version>,
}

/// What a call writes of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Secret {
    /// A new user's.
    New(Option<String>),
    /// Another password.
    Changed(String),
    /// The same password under another status.
    Kept,
    /// The same under another data key.
    Rewrapped,
}

/// What users' passwords can be, by what is known: exactly one if every write was answered.
pub(super) type Passwords = BTreeSet<Option<String>>;

/// What was made once and copied since.
struct Made {
    mid: Option<Vec<u8>>,
    passwords: Passwords,
}

/// All that was ever stored.
#[derive(Default)]
pub(super) struct History {
    pub(super) regions: Vec<Region>,
    stored: Vec<BTreeMap<(UserId, Part), PartRecord>>,
    made: BTreeMap<(UserId, Part, Version), Made>,
    /// Every identifier that was ever claimed.
    pub(super) claimed: BTreeSet<BlindIndex>,
    /// The identifiers that a run talks about, by their indexes under every key that there was: what they are called.
    pub(super) aliases: BTreeMap<BlindIndex, BlindIndex>,
    /// Every pointer that was ever stored.
    pointers: BTreeSet<(UserId, UserId)>,
    /// Who was ever not active anywhere.
    disabled: BTreeSet<UserId>,
    /// Whom each region has erased itself in the last step.
    erased: Vec<BTreeSet<UserId>>,
}

impl History {
    /// Of regions without any users.
    pub(super) fn new(regions: Vec<Region>) -> Self {
        let stored = regions.iter().map(|_| BTreeMap::new()).collect();
        let erased = regions.iter().map(|_| BTreeSet::new()).collect();
        Self { regions, stored, erased, ..Self::default() }
    }

    /// A part as a region stores it.
    pub(super) fn stored(&self, at: usize, id: UserId, part: Part) -> Option<&PartRecord> {
        self.stored[at].get(&(id, part))
    }

    /// The live profiles of a region.
    pub(super) fn profiles(&self, at: usize) -> impl Iterator<Item = &PartRecord> {
        self.stored[at].values().filter(|record| record.part == Part::Profile && record.live().is_some())
    }

    /// What a profile claims, whichever keys made the claims.
    ///
    /// # Panics
    /// If it claims other things under one key than under another.
    pub(super) fn claims(&self, profile: &PartRecord) -> BTreeMap<BlindIndex, Claim> {
        let mut claims = BTreeMap::new();
        for (index, claim) in profile.claims() {
            let claim = Claim { key_version: 0, ..claim.clone() };
            let other = claims.insert(*self.aliases.get(index).unwrap_or(index), claim.clone());
            assert!(other.is_none_or(|other| other == claim), "8: {} has two claims on one identifier", profile.id);
        }
        claims
    }

    /// Every user that was ever stored anywhere.
    pub(super) fn users(&self) -> BTreeSet<UserId> {
        self.stored.iter().flat_map(BTreeMap::keys).map(|(id, _)| *id).collect()
    }

    /// Every pointer that was ever stored anywhere.
    pub(super) fn pointers(&self) -> impl Iterator<Item = (UserId, UserId)> {
        self.pointers.iter().copied()
    }

    /// True if a user was ever not active anywhere.
    pub(super) fn was_disabled(&self, id: UserId) -> bool {
        self.disabled.contains(&id)
    }

    /// Whom a region has erased itself in the last step.
    pub(super) fn erased(&self, at: usize) -> &BTreeSet<UserId> {
        &self.erased[at]
    }

    /// What the password can be that a region stores.
    pub(super) fn passwords(&self, at: usize, id: UserId) -> Option<&Passwords> {
        let version = self.stored(at, id, Part::Credentials)?.version.clone();
        Some(&self.made.get(&(id, Part::Credentials, version))?.passwords)
    }

    /// Takes in what each region wrote in one step, and what was asked in it.
    ///
    /// # Panics
    /// If something was stored that must not be.
    pub(super) fn advance(&mut self, changes: &[Vec<Change>], attempts: &[Attempt], newer: &[bool]) {
        let mut copies = Vec::new();
        self.erased.iter_mut().for_each(BTreeSet::clear);
        for (at, changes) in changes.iter().enumerate() {
            for change in changes.iter().filter(|change| change.table == table::USERS) {
                let record = PartRecord::from_item(change.image.clone()).expect("what is stored can be read");
                self.take(at, &record, attempts, newer[at]);
                if record.version.origin != self.regions[at] {
                    copies.push((at, record));
                }
            }
        }
        for (at, copy) in copies {
            let made = self.made.get(&(copy.id, copy.part, copy.version.clone()));
            let made = made.unwrap_or_else(|| panic!("1: {} has a version that nobody made", self.regions[at]));
            assert_eq!(made.mid, mid(&copy), "1: two contents under one version of {} of {}", copy.part, copy.id);
        }
    }

    fn take(&mut self, at: usize, record: &PartRecord, attempts: &[Attempt], newer: bool) {
        let (id, part, name) = (record.id, record.part, &self.regions[at]);
        let base = self.stored[at].get(&(id, part)).cloned();
        let base = base.as_ref();
        self.claimed.extend(record.claims().keys());
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
                self.check_unique(at, record);
                self.check_pointer(at, record, attempts);
            }
            if record.version.erased {
                self.erased[at].insert(id);
            }
            if !newer
                && let Some(base) = base.filter(|base| base.live().is_some())
                && record.live().is_some()
            {
                assert_eq!(record.unknown, base.unknown, "{name} lost what a newer version wrote of {part} of {id}");
            }
            let passwords = match part {
                Part::Credentials if record.live().is_some() => self.written(at, record, base, attempts),
                _ => Passwords::new(),
            };
            let made = self.made.insert((id, part, record.version.clone()), Made { mid: mid(record), passwords });
            assert!(made.is_none(), "2: {name} made one version of {part} of {id} twice");
        }
        self.stored[at].insert((id, part), record.clone());
    }

    /// What the passwords can be after a write.
    fn written(&self, at: usize, record: &PartRecord, base: Option<&PartRecord>, attempts: &[Attempt]) -> Passwords {
        // What is asked about a user is done to whoever of the person decides.
        let about = |attempt: &Attempt| attempt.id.is_none_or(|id| self.were_ever_one(id, record.id));
        let own = |attempt: &&Attempt| attempt.at == at && about(attempt);
        let kept = || base.and_then(|base| self.made.get(&(base.id, base.part, base.version.clone())));
        let effect = |secret: &Secret| match secret {
            Secret::New(password) if base.is_none() => Passwords::from([password.clone()]),
            Secret::New(_) => Passwords::new(),
            Secret::Changed(password) => Passwords::from([Some(password.clone())]),
            Secret::Rewrapped if base.is_none_or(|base| base.version.hlc.successor() != record.version.hlc) => {
                Passwords::new()
            }
            Secret::Kept | Secret::Rewrapped => kept().map(|made| made.passwords.clone()).unwrap_or_default(),
        };
        let mut possible = Passwords::new();
        for attempt in attempts.iter().filter(own) {
            let Some(secret) = &attempt.writes else { continue };
            // Who was answered with another version did not make this one.
            if attempt.made.is_empty() || attempt.made.get(&record.id) == Some(&record.version) {
                possible.extend(effect(secret));
            }
        }
        assert!(
            !possible.is_empty(),
            "3: credentials of {} were written in {} although nobody asked for that",
            record.id,
            self.regions[at]
        );
        possible
    }

    /// Inside a region, an identifier that somebody holds is refused to others, unless theirs is verified and nobody's
    /// before was, or they are one person.
    fn check_unique(&self, at: usize, record: &PartRecord) {
        let had = self.stored(at, record.id, Part::Profile).map(|had| self.claims(had));
        let person = self.person(at, record.id);
        let is_new = |index: &BlindIndex, claim: &Claim| {
            had.as_ref().and_then(|had| had.get(index)).is_none_or(|had| claim.verified && !had.verified)
        };
        for (index, claim) in self.claims(record).iter().filter(|(index, claim)| is_new(index, claim)) {
            for other in self.profiles(at).filter(|other| other.id != record.id && !person.contains(&other.id)) {
                let held = self.claims(other).remove(index);
                let taken = held.is_some_and(|held| held.verified || !claim.verified);
                assert!(!taken, "4: {} gave one identifier to two users", self.regions[at]);
            }
        }
    }

    /// A pointer is changed by who was asked to; or set by who holds two users with the same identifier, verified of both.
    fn check_pointer(&self, at: usize, record: &PartRecord, attempts: &[Attempt]) {
        let (id, has) = (record.id, pointer(record));
        let had = self.stored(at, id, Part::Profile).and_then(pointer);
        if record.live().is_none() || had == has {
            return;
        }
        let target = has.and_then(|target| self.stored(at, target, Part::Profile));
        let erased = target.is_some_and(|target| target.version.erased);
        assert!(!erased, "merge: {} made {id} point at {has:?}, who was erased before", self.regions[at]);
        let asked = attempts.iter().any(|attempt| attempt.at == at && attempt.points == Some((id, has)));
        let itself = has.and_then(|target| self.stored(at, target, Part::Profile)).is_some_and(|target| {
            let before = self.stored(at, id, Part::Profile);
            had.is_none() && before.is_some_and(|before| verified_winner(before, target) == Some(target.id))
        });
        assert!(
            asked || itself,
            "merge: {} made {id} point at {has:?} although nobody asked for that",
            self.regions[at]
        );
    }
}

fn mid(record: &PartRecord) -> Option<Vec<u8>> {
    record.live().and_then(|live| live.data.mid()).map(<[u8]>::to_vec)
}

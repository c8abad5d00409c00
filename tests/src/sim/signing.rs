//! Single sign-on in a run: what persons, clients and thieves have, as far as they know.

mod acts;
mod check;
mod keys;
mod lacking;
mod provider;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use umoja_accounts::People;
use umoja_schema::access::{Sector, Subject};
use umoja_schema::names::table;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attribute, Millis, UserId, Version, VersionedItem};
use umoja_store::Change;
use umoja_store::ports::Clock as _;

use self::keys::Signers;
use super::coverage::Signed;
use super::fleet::Fleet;
use super::plan::{Job, Plan, Step};
use super::rules::Rule;
use crate::world::World;

/// The difference of two clocks that a run has at most, and the rounding of times, in milliseconds.
const SKEW_MS: u64 = 11_000;

/// Single sign-on of a run.
pub(super) struct Signing {
    /// False in a run without it.
    pub(super) is_on: bool,
    /// The people of each region, as the provider there sees them.
    people: Vec<People>,
    sessions: RefCell<Vec<SessionOf>>,
    families: RefCell<Vec<FamilyOf>>,
    /// The users and clients of which a consent was withdrawn.
    withdrawn: RefCell<BTreeSet<(UserId, u8)>>,
    /// The answers of the step.
    told: RefCell<Vec<Told>>,
    /// The newest version of each row in each region.
    rows: RefCell<BTreeMap<(usize, UserId, String), Version>>,
    /// What each user is called in each sector, in any region.
    subs: RefCell<BTreeMap<(UserId, String), String>>,
    signers: Signers,
    counted: Cell<Signed>,
}

/// A session, and the code that its client got.
#[derive(Clone)]
pub(super) struct SessionOf {
    number: usize,
    user: UserId,
    id: String,
    client: u8,
    code: [u8; 32],
    /// The region in which it began, and which counts the uses of the code.
    at: usize,
    /// By the clock of that region.
    issued_at: Millis,
    expires_at: Millis,
    /// How often the code was presented, and how often it was answered with tokens.
    presented: u32,
    redeemed: u32,
    /// True once a second use of the code was answered.
    is_replayed: bool,
    /// The regions that have acknowledged its end.
    out: BTreeSet<usize>,
    /// True once somebody has tried to end it.
    may_be_out: bool,
}

/// A family of refresh tokens.
#[derive(Clone)]
pub(super) struct FamilyOf {
    session: usize,
    id: String,
    user: UserId,
    /// The generation of the token that its holder has.
    held: u64,
    /// When the holder first presented the token of each generation, and when it got the next one for it.
    tried: BTreeMap<u64, Millis>,
    used: BTreeMap<u64, Millis>,
    /// The credentials of its person in every region when it began.
    credentials: BTreeSet<(UserId, Version)>,
    /// True once something was done that may end it.
    may_be_over: bool,
    /// True once something that ends it was acknowledged.
    is_over: bool,
}

/// An answer to a client.
struct Told {
    at: usize,
    session: usize,
    family: Option<usize>,
    user: UserId,
    has_tokens: bool,
    /// True if the region had an end before.
    was_over: bool,
    /// True if the person was not active there before.
    was_barred: bool,
    /// True if it was no thief who asked, and in time.
    is_honest: bool,
}

impl Signing {
    pub(super) async fn new(plan: &Plan, world: &World, without: Option<Rule>) -> Self {
        let signs = |step: &Step| match step {
            Step::Run(tasks) => tasks.iter().any(|task| matches!(task.job, Job::Sign { .. })),
            _ => false,
        };
        let is_on = plan.steps.iter().any(signs);
        Self {
            is_on,
            people: world.regions.iter().map(|region| lacking::without(without, &region.people())).collect(),
            sessions: RefCell::default(),
            families: RefCell::default(),
            withdrawn: RefCell::default(),
            told: RefCell::default(),
            rows: RefCell::default(),
            subs: RefCell::default(),
            signers: Signers::new(world, is_on).await,
            counted: Cell::default(),
        }
    }

    fn count(&self, count: impl FnOnce(&mut Signed)) {
        let mut counted = self.counted.get();
        count(&mut counted);
        self.counted.set(counted);
    }

    pub(super) fn counted(&self) -> Signed {
        self.counted.get()
    }

    /// The session of a number of a user's, counted from the last one.
    fn session_of(&self, user: usize, number: u8) -> Option<SessionOf> {
        let sessions = self.sessions.borrow();
        let own: Vec<&SessionOf> = sessions.iter().rev().filter(|session| session.number == user).collect();
        own.get(usize::from(number) % own.len().max(1)).map(|session| (*session).clone())
    }

    /// The place of a session.
    fn place_of(&self, session: &SessionOf) -> usize {
        let sessions = self.sessions.borrow();
        sessions.iter().position(|other| other.id == session.id).unwrap_or_default()
    }

    /// The place of a family of a user's, counted from the last one.
    fn family_of(&self, user: usize, number: u8) -> Option<usize> {
        let (sessions, families) = (self.sessions.borrow(), self.families.borrow());
        let own = families.iter().enumerate().rev().filter(|(_, family)| sessions[family.session].number == user);
        let own: Vec<usize> = own.map(|(place, _)| place).collect();
        own.get(usize::from(number) % own.len().max(1)).copied()
    }
}

/// The id of a client.
fn client(number: u8) -> &'static str {
    ["web", "app", "till"][usize::from(number) % 3]
}

/// Who shares the subjects of a client: the first two have public ones.
fn sector(number: u8) -> Sector {
    if number % 3 == 2 { Sector::Pairwise("till.example".into()) } else { Sector::Public }
}

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
                let is_back = known.is_some_and(|known| known > item.version);
                assert!(!is_back, "sign-on: {key} of {user} came back in {name}");
                let is_old = item.expires_at().is_some_and(|ends| ends.plus(SKEW_MS) <= now);
                assert!(!is_old || item.version.erased, "sign-on: {key} of {user} was written to {name} after its end");
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
        use umoja_schema::Part;
        self.history.borrow().stored(at, user, Part::Profile).is_some_and(|profile| profile.version.erased)
    }
}

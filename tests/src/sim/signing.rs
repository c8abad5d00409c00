//! Single sign-on in a run: what persons, clients and thieves have, as far as they know.

mod acts;
mod check;
mod keys;
mod lacking;
mod provider;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use umoja_accounts::People;
use umoja_provisioner::Logouts;
use umoja_schema::access::{KEPT_USES, Sector, Subject};
use umoja_schema::names::table;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attribute, Millis, UserId, Version, VersionedItem};
use umoja_store::Change;
use umoja_store::ports::Clock as _;

use self::keys::Signers;
use self::provider::{Clients, ISSUER};
use super::coverage::Signed;
use super::fleet::Fleet;
use super::plan::{CLIENTS, Job, Plan, Step};
use super::rules::Rule;
use crate::deployment::Deployment;
use crate::world::WorldRegion;

/// The difference of two clocks that a run has at most, and the rounding of times, in milliseconds.
const SKEW_MS: u64 = 11_000;

/// Single sign-on of a run.
pub(super) struct Signing {
    /// False in a run without it.
    pub(super) is_on: bool,
    /// The people of each region, as the provider there sees them.
    people: Vec<People>,
    /// The routes of the provider in each region.
    routes: Vec<Router>,
    /// What informs clients of logouts in each region.
    logouts: Vec<Logouts>,
    clients: Arc<Clients>,
    sessions: RefCell<Vec<SessionOf>>,
    families: RefCell<Vec<FamilyOf>>,
    /// The users and clients of which a consent was withdrawn.
    withdrawn: RefCell<BTreeSet<(UserId, u8)>>,
    /// The answers of the step.
    noted: RefCell<Vec<Noted>>,
    /// The newest version of each row in each region.
    rows: RefCell<BTreeMap<(usize, UserId, String), Version>>,
    /// What each user is called in each sector, in any region.
    subs: RefCell<BTreeMap<(UserId, String), String>>,
    signers: Signers,
    /// How many processes inform clients of logouts, or were killed meanwhile.
    is_informing: Cell<usize>,
    /// True once a notice may have been sent twice.
    is_disturbed: Cell<bool>,
    counted: Cell<Signed>,
}

/// A session, and the code that its client got.
#[derive(Clone)]
pub(super) struct SessionOf {
    number: usize,
    user: UserId,
    id: String,
    client: u8,
    code: String,
    /// The family that the code begins.
    family: String,
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
    /// The regions in which a person has tried to end it.
    ends: BTreeSet<usize>,
    /// True once an end was acknowledged in a region that knew the client.
    is_to_be_informed: bool,
}

/// A family of refresh tokens.
#[derive(Clone)]
pub(super) struct FamilyOf {
    session: usize,
    id: String,
    user: UserId,
    /// The refresh tokens, of which the holder has the last one.
    texts: Vec<String>,
    /// The last access token and when it ends, and what the client calls the person.
    access: (String, Millis),
    sub: String,
    /// When the holder first presented the token of each generation, and when it got the next one for it.
    tried: BTreeMap<usize, Millis>,
    used: BTreeMap<usize, Millis>,
    /// The credentials of its person in every region when it began.
    credentials: BTreeSet<(UserId, Version)>,
    /// True once something was done that may end it.
    may_be_over: bool,
    /// True once something that ends it was acknowledged.
    is_over: bool,
    /// The generation that a second holder has surely used too late.
    stolen: Option<usize>,
}

impl FamilyOf {
    /// The generation of the token that its holder has.
    const fn held(&self) -> usize {
        self.texts.len() - 1
    }

    /// True if regions still remember when the generation that was stolen was used first.
    fn is_stolen(&self) -> bool {
        self.stolen.is_some_and(|generation| self.held() - generation < KEPT_USES)
    }
}

/// An answer to a client.
#[allow(clippy::struct_excessive_bools, reason = "each is compared by itself")]
struct Noted {
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
    pub(super) async fn new(plan: &Plan, deployment: &Deployment, without: Option<Rule>) -> Self {
        let signs = |step: &Step| match step {
            Step::Run(tasks) => tasks.iter().any(|task| matches!(task.job, Job::Sign { .. })),
            _ => false,
        };
        let (is_on, world) = (plan.steps.iter().any(signs), &deployment.world);
        let clients = Arc::new(Clients::default());
        let people: Vec<People> =
            world.regions.iter().map(|region| lacking::without(without, &region.people())).collect();
        let routes = |people: &People| provider::routes(people, &deployment.hasher, &clients);
        let logouts = |region: &WorldRegion| {
            Logouts::new(region.people(), Arc::<Clients>::clone(&clients) as _, ISSUER.to_owned())
        };
        if is_on {
            provider::put_clients(deployment).await;
        }
        Self {
            is_on,
            routes: people.iter().filter(|_| is_on).map(routes).collect(),
            logouts: world.regions.iter().filter(|_| is_on).map(logouts).collect(),
            clients,
            people,
            sessions: RefCell::default(),
            families: RefCell::default(),
            withdrawn: RefCell::default(),
            noted: RefCell::default(),
            rows: RefCell::default(),
            subs: RefCell::default(),
            signers: Signers::new(world, is_on).await,
            is_informing: Cell::default(),
            is_disturbed: Cell::default(),
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

/// Who shares the subjects of a client: the first two have public ones.
fn sector(number: u8) -> Sector {
    if number % CLIENTS == 2 { Sector::Pairwise(provider::SECTOR.into()) } else { Sector::Public }
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

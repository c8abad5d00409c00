//! Single sign-on in a run: what persons, clients and thieves have, as far as they know.

pub(super) mod keys;
mod lacking;
pub(super) mod provider;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use umoja_accounts::People;
use umoja_provisioner::Logouts;
use umoja_schema::access::{KEPT_USES, KnownEnds, Sector};
use umoja_schema::{Hlc, Millis, UserId, Version};

use self::keys::Signers;
use self::provider::{Clients, ISSUER};
use super::coverage::Signed;
use super::history::Passwords;
use super::plan::{CLIENTS, Job, Plan, Step};
use super::rules::Rule;
use crate::deployment::Deployment;
use crate::world::WorldRegion;

/// The difference of two clocks that a run has at most, and the rounding of times, in milliseconds.
pub(super) const SKEW_MS: u64 = 11_000;

/// Single sign-on of a run.
pub(super) struct Signing {
    /// False in a run without it.
    pub(super) is_on: bool,
    /// The people of each region, as the provider there sees them.
    pub(super) people: Vec<People>,
    /// The routes of the provider in each region.
    pub(super) routes: Vec<Router>,
    /// What informs clients of logouts in each region.
    pub(super) logouts: Vec<Logouts>,
    pub(super) clients: Arc<Clients>,
    pub(super) sessions: RefCell<Vec<SessionOf>>,
    pub(super) families: RefCell<Vec<FamilyOf>>,
    /// The users and clients of which a consent was withdrawn.
    pub(super) withdrawn: RefCell<BTreeSet<(UserId, u8)>>,
    /// The answers of the step.
    pub(super) noted: RefCell<Vec<Noted>>,
    /// The newest version of each row in each region.
    pub(super) rows: RefCell<BTreeMap<(usize, UserId, String), Version>>,
    /// What each user is called in each sector, in any region.
    pub(super) subs: RefCell<BTreeMap<(UserId, String), String>>,
    pub(super) signers: Signers,
    /// How many processes inform clients of logouts, or were killed meanwhile.
    pub(super) is_informing: Cell<usize>,
    /// True once a notice may have been sent twice.
    pub(super) is_disturbed: Cell<bool>,
    pub(super) counted: Cell<Signed>,
}

/// A session, and the code that its client got.
#[derive(Clone)]
pub(super) struct SessionOf {
    pub(super) number: usize,
    pub(super) user: UserId,
    pub(super) id: String,
    pub(super) client: u8,
    pub(super) code: String,
    /// The family that the code begins, and what it knows of ends and withdrawals.
    pub(super) family: String,
    pub(super) began_with: (KnownEnds, Option<Hlc>),
    /// By the clock of that region.
    pub(super) issued_at: Millis,
    pub(super) expires_at: Millis,
    /// How often the code was presented, and how often it was answered with tokens.
    pub(super) presented: u32,
    pub(super) redeemed: u32,
    /// True once a second use of the code was answered.
    pub(super) is_replayed: bool,
    /// The regions that have acknowledged its end.
    pub(super) out: BTreeSet<usize>,
    /// The regions in which a person has tried to end it.
    pub(super) ends: BTreeSet<usize>,
    /// True once an end was acknowledged in a region that knew the client.
    pub(super) is_to_be_informed: bool,
    /// The rows that end everything that the region had when it began.
    pub(super) known: BTreeMap<(UserId, String), Version>,
    /// The possible passwords of the person in the region when it began, if nothing else ran then.
    pub(super) passwords: Option<Passwords>,
    /// True once the end of everything was acknowledged in some region after it began.
    pub(super) is_over_with_all: bool,
}

/// A family of refresh tokens.
#[derive(Clone)]
pub(super) struct FamilyOf {
    pub(super) session: usize,
    pub(super) id: String,
    pub(super) user: UserId,
    /// The refresh tokens, of which the holder has the last one.
    pub(super) texts: Vec<String>,
    /// The last access token and when it ends, and what the client calls the person.
    pub(super) access: (String, Millis),
    pub(super) sub: String,
    /// When the holder first presented the token of each generation, and when it got the next one for it.
    pub(super) tried: BTreeMap<usize, Millis>,
    pub(super) used: BTreeMap<usize, Millis>,
    /// The credentials of its person in every region when it began.
    pub(super) credentials: BTreeSet<(UserId, Version)>,
    /// True once something was done that may end it.
    pub(super) may_be_over: bool,
    /// True once something that ends it was acknowledged.
    pub(super) is_over: bool,
    /// The generation that a second holder has surely used too late.
    pub(super) stolen: Option<usize>,
}

impl FamilyOf {
    /// The generation of the token that its holder has.
    pub(super) const fn held(&self) -> usize {
        self.texts.len() - 1
    }

    /// True if regions still remember when the generation that was stolen was used first.
    pub(super) fn is_stolen(&self) -> bool {
        self.stolen.is_some_and(|generation| self.held() - generation < KEPT_USES)
    }
}

/// An answer to a client.
#[allow(clippy::struct_excessive_bools, reason = "each is compared by itself")]
pub(super) struct Noted {
    pub(super) at: usize,
    pub(super) session: usize,
    pub(super) family: Option<usize>,
    pub(super) user: UserId,
    pub(super) has_tokens: bool,
    /// True if the region had an end before.
    pub(super) was_over: bool,
    /// True if the person was not active there before.
    pub(super) was_barred: bool,
    /// True if it was no thief who asked, and in time.
    pub(super) is_honest: bool,
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

    pub(super) fn count(&self, count: impl FnOnce(&mut Signed)) {
        let mut counted = self.counted.get();
        count(&mut counted);
        self.counted.set(counted);
    }

    pub(super) fn counted(&self) -> Signed {
        self.counted.get()
    }

    /// The session of a number of a user's, counted from the last one.
    pub(super) fn session_of(&self, user: usize, number: u8) -> Option<SessionOf> {
        let sessions = self.sessions.borrow();
        let own: Vec<&SessionOf> = sessions.iter().rev().filter(|session| session.number == user).collect();
        own.get(usize::from(number) % own.len().max(1)).map(|session| (*session).clone())
    }

    /// The place of a session.
    pub(super) fn place_of(&self, session: &SessionOf) -> usize {
        let sessions = self.sessions.borrow();
        sessions.iter().position(|other| other.id == session.id).unwrap_or_default()
    }

    /// The place of a family of a user's, counted from the last one.
    pub(super) fn family_of(&self, user: usize, number: u8) -> Option<usize> {
        let (sessions, families) = (self.sessions.borrow(), self.families.borrow());
        let own = families.iter().enumerate().rev().filter(|(_, family)| sessions[family.session].number == user);
        let own: Vec<usize> = own.map(|(place, _)| place).collect();
        own.get(usize::from(number) % own.len().max(1)).copied()
    }
}

/// Who shares the subjects of a client: the first two have public ones.
pub(super) fn sector(number: u8) -> Sector {
    if number % CLIENTS == 2 { Sector::Pairwise(provider::SECTOR.into()) } else { Sector::Public }
}

//! The deployment of a run: regions, companies, streams, and the known state of the users.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use umoja_local::LocalQueue;
use umoja_replicator::Replicator;
use umoja_schema::{Message, Millis, UserId, names};
use umoja_store::RegionPorts;
use umoja_store::faulty::{Fault, Faults};
use umoja_store::ports::{Queue as _, Users};

use super::coverage::Coverage;
use super::deliveries::Deliveries;
use super::feeds::Feeds;
use super::guesses::Guesses;
use super::harm::Harm;
use super::history::{Attempt, History};
use super::instance::Instances;
use super::listing::Listing;
use super::plan::{Call, Forgery, Plan, Service, Step, Trouble, USERS};
use super::rules::{Rule, Software, Written};
use super::signing::Signing;
use super::stream::Stream;
use crate::caller::Caller;
use crate::deployment::{CountingHasher, Deployment};
use crate::world::{Setup, TablesOn, World, WorldRegion};

/// The resources that all runs of a thread share, because creating them takes longer than a run.
#[derive(Default, Clone)]
pub(super) struct Shared {
    hasher: Arc<CountingHasher>,
}

/// A deployment in the middle of a run.
pub(super) struct Fleet {
    pub(super) deployment: Deployment,
    pub(super) instances: Instances,
    pub(super) software: Vec<Arc<Software>>,
    pub(super) replicators: Vec<Replicator>,
    pub(super) streams: Vec<Stream>,
    pub(super) people: RefCell<Vec<Person>>,
    pub(super) history: RefCell<History>,
    /// The users whose erasure was requested.
    pub(super) erasing: RefCell<BTreeSet<UserId>>,
    /// The number of erasures by an identifier of which it is not known whom they named.
    pub(super) unnamed: Cell<usize>,
    /// The users that the erasures by an identifier named, by region and idempotency key.
    pub(super) named: RefCell<BTreeMap<(usize, String), UserId>>,
    /// The remembered outcomes that an attacker changed, by region and idempotency key, and since when.
    pub(super) forged: RefCell<BTreeMap<(usize, String), Millis>>,
    /// True once a version of the secret of proofs was retired. What regions remember of requests from before does not
    /// verify from then on, for a day (docs/decisions/0072).
    pub(super) has_retired: Cell<bool>,
    /// The users whose erasure was acknowledged.
    pub(super) erased: RefCell<BTreeSet<UserId>>,
    /// The users that may have been registered under each idempotency key.
    pub(super) made: RefCell<BTreeMap<String, BTreeSet<UserId>>>,
    /// The calls of the step that may write.
    pub(super) attempts: RefCell<Vec<Attempt>>,
    /// The failed attempts at passwords.
    pub(super) guesses: RefCell<Guesses>,
    /// The answers of the step.
    pub(super) answers: RefCell<Vec<super::answered::Answered>>,
    pub(super) coverage: RefCell<Coverage>,
    /// Numbers the calls.
    pub(super) calls: Cell<u64>,
    /// The regions whose KMS key differs from the one that wrapped the keys of their parts.
    pub(super) replaced: RefCell<BTreeSet<usize>>,
    /// The items that an attacker changed and that may not be repaired yet.
    pub(super) harmed: RefCell<Vec<Harm>>,
    /// True if changes were lost that only anti-entropy can repair.
    pub(super) lost: Cell<bool>,
    /// True if the clock of some region was ahead.
    pub(super) was_ahead: Cell<bool>,
    /// The providers, and what they have posted.
    pub(super) feeds: Feeds,
    /// The feeds that make events, and the companies that list them.
    pub(super) listing: Listing,
    /// The targets and webhooks, and the processes that call them.
    pub(super) deliveries: Deliveries,
    /// Single sign-on.
    pub(super) signing: Signing,
    pub(super) without: Option<Rule>,
}

/// The known state of a user.
#[derive(Default)]
pub(super) struct Person {
    /// The id, once an answer named it.
    pub(super) id: Option<UserId>,
    /// The last version that an answer carried.
    pub(super) version: Option<String>,
    /// The last call with an idempotency key.
    pub(super) repeatable: Option<Repeatable>,
    /// The last password reset token, and the company that it was issued to.
    pub(super) token: Option<(usize, String)>,
    /// The last challenge of a code, with its user, the code, and the company that has it.
    pub(super) challenge: Option<Challenge>,
    /// The last ticket, and the company that it was issued to.
    pub(super) ticket: Option<(usize, String)>,
}

/// A code of a mail that is under way.
#[derive(Clone)]
pub(super) struct Challenge {
    pub(super) company: usize,
    pub(super) id: UserId,
    pub(super) text: String,
    pub(super) code: String,
}

/// A call that can be repeated.
#[derive(Clone)]
pub(super) struct Repeatable {
    pub(super) company: usize,
    /// The call of the first time.
    pub(super) call: Call,
    /// False if every request under the key so far was rejected, so that the key is unused.
    pub(super) is_open: bool,
    pub(super) operation: &'static str,
    pub(super) idk: String,
    pub(super) body: Value,
    pub(super) secret: Option<super::history::Secret>,
    /// That a region has answered that a password was set.
    pub(super) done: Option<super::answered::Done>,
}

impl Fleet {
    /// The deployment of a plan, before its first step.
    pub(super) async fn new(plan: &Plan, tables: TablesOn, without: Option<Rule>, shared: &Shared) -> Self {
        let count = usize::from(plan.regions);
        // Only the provider of single sign-on lacks this rule.
        let lacked = without.filter(|rule| *rule != Rule::ActivePerson);
        let software: Vec<Arc<Software>> = (0..count).map(|_| Software::new(lacked)).collect();
        let (next, given) = (Cell::new(0), software.clone());
        let around = move |ports: RegionPorts, raw: Arc<dyn Users>| {
            let software = Arc::clone(&given[next.replace(next.get() + 1)]);
            let ports = super::unwaiting::without(without, ports);
            RegionPorts { users: Arc::new(Written::new(ports.users, raw, ports.name.clone(), software)), ..ports }
        };
        let around_short = |short| super::short::without(without, short);
        let setup = Setup { regions: count, tables, around: &around, around_short: &around_short };
        let world = World::of(plan.seed, &setup).await;
        for (region, software) in world.regions.iter().zip(&software) {
            software.seal_with(&region.sealer);
        }
        let names = world.regions.iter().map(|region| region.name.clone()).collect();
        let replicators = world.regions.iter().map(|region| Replicator::new(region.home.clone())).collect();
        let listing = Listing::new(plan, &world);
        let streams = world.regions.iter().map(|_| Stream::default()).collect();
        let deployment = Deployment::hashing_with(world, Arc::clone(&shared.hasher)).await;
        deployment.put_target(super::names::TARGET, &deployment.shop).await;
        let signing = Signing::new(plan, &deployment, without).await;
        Self {
            instances: Instances::new(&deployment),
            feeds: Feeds::new(plan, &deployment, without).await,
            deliveries: Deliveries::new(plan, &deployment, without).await,
            signing,
            deployment,
            software,
            replicators,
            streams,
            listing,
            people: RefCell::new((0..USERS).map(|_| Person::default()).collect()),
            history: RefCell::new(History::new(names)),
            erasing: RefCell::default(),
            unnamed: Cell::default(),
            named: RefCell::default(),
            forged: RefCell::default(),
            has_retired: Cell::default(),
            erased: RefCell::default(),
            made: RefCell::default(),
            attempts: RefCell::default(),
            guesses: RefCell::default(),
            answers: RefCell::default(),
            coverage: RefCell::default(),
            calls: Cell::new(0),
            replaced: RefCell::default(),
            harmed: RefCell::default(),
            lost: Cell::new(false),
            was_ahead: Cell::new(false),
            without,
        }
    }

    /// The underlying world.
    pub(super) fn world(&self) -> &World {
        &self.deployment.world
    }

    /// The pairs of operation and fault so far.
    pub(super) fn coverage(&self) -> Coverage {
        let mut coverage = self.coverage.borrow().clone();
        coverage.events = self.feeds.posted.borrow().values().filter(|event| event.is_acknowledged).count() as u64;
        coverage.signed = self.signing.counted();
        coverage
    }

    /// The number of a region.
    pub(super) fn at(&self, number: u8) -> usize {
        usize::from(number) % self.world().regions.len()
    }

    pub(super) fn region(&self, at: usize) -> &WorldRegion {
        &self.world().regions[at]
    }

    /// The company of a number.
    pub(super) fn company(&self, number: usize) -> &Caller {
        [&self.deployment.shop, &self.deployment.food, &self.deployment.blog][number % 3]
    }

    /// The user of a number, or an id that was never registered if the number has no user yet.
    pub(super) fn id_of(&self, user: usize) -> UserId {
        let unregistered = UserId::v8([u8::try_from(user).expect("few users"); 16]);
        self.people.borrow()[user].id.unwrap_or(unregistered)
    }

    fn faults(&self, at: usize, service: Service) -> Vec<&Arc<Faults>> {
        let faults = &self.region(at).faults;
        match service {
            Service::Tables => vec![&faults.tables],
            Service::Kms => vec![&faults.kms],
            Service::Requests => vec![&faults.requests],
            Service::Repairs => vec![&faults.repairs],
            Service::Quarantined => vec![&faults.quarantined],
            Service::Retries => faults.retries.values().collect(),
            Service::Checkpoints => vec![&faults.checkpoints],
            Service::ProofKms => vec![&faults.proof_kms],
            Service::Ingest => vec![&faults.ingest],
            Service::Due => vec![&faults.due],
            Service::Links => faults.links.values().collect(),
            Service::KmsLinks => faults.kms_links.values().collect(),
        }
    }

    /// Every fault of a service, in all regions.
    pub(super) fn all_faults(&self, service: Service) -> impl Iterator<Item = &Arc<Faults>> {
        (0..self.world().regions.len()).flat_map(move |at| self.faults(at, service))
    }

    /// A step that is no task.
    pub(super) async fn disturb(&self, step: &Step) {
        match step {
            Step::Run(_) | Step::Round | Step::Forget { .. } => {
                unreachable!("a region's own work is no disturbance")
            }
            Step::Remote { .. } | Step::RemoteDown { .. } | Step::Foreign { .. } | Step::Move { .. } => {
                self.disturb_remote(step).await;
            }
            Step::Down { at, service, down } => {
                self.faults(self.at(*at), *service).iter().for_each(|faults| faults.set_down(*down));
            }
            Step::Next { at, service, trouble, calls } => {
                let fault = match trouble {
                    Trouble::RequestLost => Fault::RequestLost,
                    Trouble::AnswerLost => Fault::AnswerLost,
                    Trouble::Throttled => Fault::Throttled,
                };
                let coming = vec![fault; usize::from(*calls)];
                self.faults(self.at(*at), *service).iter().for_each(|faults| faults.then(coming.clone()));
            }
            Step::Cut { from, to, cut } => {
                let (from, to) = (self.at(*from), self.at(*to));
                if from != to {
                    self.world().set_cut(from, to, *cut);
                }
            }
            Step::Skew { at, secs } => {
                self.region(self.at(*at)).clock.set_skew(i64::from(*secs) * 1000);
                self.was_ahead.set(self.was_ahead.get() || *secs > 0);
                self.guesses.borrow_mut().forget(self.at(*at));
            }
            Step::Wait { ms } => self.world().clock.advance(u64::from(*ms)),
            Step::Purge { at, service } => {
                for queue in self.queues(self.at(*at), *service) {
                    let lost = self.purge(&queue).await;
                    // The inbox still has the events of lost messages.
                    self.lost.set(self.lost.get() || lost && *service != Service::Ingest);
                }
            }
            Step::Twice { at, service } => {
                for queue in self.queues(self.at(*at), *service) {
                    for delivery in queue.receive(10, 0).await.expect("a queue can be read") {
                        let message = Message::from_text(&delivery.text).expect("a message can be read");
                        queue.send(&message, 0).await.expect("a queue can be written");
                        queue.release(&delivery.receipt, 0).await.expect("a queue can be written");
                    }
                }
            }
            Step::Trim { at } => {
                if self.streams[self.at(*at)].trim() {
                    self.lost.set(true);
                }
            }
            Step::Replace { at } => self.replace_key(self.at(*at)),
            Step::Tamper { at, user, forgery } => {
                let user = usize::from(*user) % self.people.borrow().len();
                if *forgery == Forgery::Outcome {
                    return self.forge_outcome(self.at(*at), user).await;
                }
                self.tamper(self.at(*at), self.id_of(user), *forgery).await;
            }
            Step::Newer { at, newer } => self.software[self.at(*at)].set_newer(*newer),
        }
    }

    /// The queues of a service, if it has any.
    pub(super) fn queues(&self, at: usize, service: Service) -> Vec<LocalQueue> {
        let region = self.region(at);
        let names = match service {
            Service::Retries => {
                region.home.peers.iter().map(|peer| format!("{}-{}", names::queue::RETRY, peer.ports.name)).collect()
            }
            Service::Repairs => [names::queue::KEYS, names::queue::MERGES].map(str::to_owned).to_vec(),
            Service::Quarantined => vec![names::queue::QUARANTINED.to_owned()],
            Service::Ingest => vec![names::queue::INGEST.to_owned()],
            _ => Vec::new(),
        };
        names.iter().map(|name| region.store.queue(name)).collect()
    }

    /// Deletes all messages that a queue can deliver. True if there were any.
    pub(super) async fn purge(&self, queue: &LocalQueue) -> bool {
        let mut any = false;
        loop {
            let received = queue.receive(10, 60).await.expect("a queue can be read");
            if received.is_empty() {
                return any;
            }
            any = true;
            for delivery in received {
                queue.delete(&delivery.receipt).await.expect("a queue can be written");
            }
        }
    }
}

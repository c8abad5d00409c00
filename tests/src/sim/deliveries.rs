//! The targets and webhooks of a run, and the processes of each region that call them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use umoja_accounts::People;
use umoja_provisioner::targets::default_mapping;
use umoja_provisioner::{Provisioner, Webhooks};
use umoja_schema::webhook::{Orders, SecretSalt};
use umoja_schema::{Deprovisioning, Millis, Target, TargetKind, Webhook};
use umoja_store::Change;

use super::lacking;
use super::names::company;
use super::plan::{Job, Plan, REMOTES, Step, TARGETS};
use super::remotes::{Line, NAMES, Remotes};
use super::rules::Rule;
use super::stream::Stream;
use crate::deployment::Deployment;
use crate::hook::put_webhook;
use crate::scim_target::TOKEN;

/// The targets and webhooks of a run.
pub(super) struct Deliveries {
    /// False in a run without targets and webhooks.
    pub(super) is_on: bool,
    pub(super) remotes: Arc<Remotes>,
    /// What each region calls them with.
    pub(super) senders: Vec<Sender>,
    pub(super) targets: RefCell<Vec<Target>>,
    pub(super) hooks: RefCell<Vec<Webhook>>,
    /// The accounts that an administrator of a target has made by hand, with their target.
    pub(super) foreign: RefCell<Vec<(usize, Value)>>,
    /// The targets that were moved.
    pub(super) moved: RefCell<BTreeSet<usize>>,
    /// Those of them whose accounts could not be rung for yet.
    pub(super) unrung: RefCell<BTreeSet<usize>>,
    /// False if a clock is wrong, or a target is moved: then removals are not counted exactly.
    pub(super) is_counted: Cell<bool>,
}

/// The processes of a region.
pub(super) struct Sender {
    pub(super) stream: Stream,
    /// True while a batch is handled: the next one waits.
    pub(super) is_busy: Cell<bool>,
    pub(super) provisioner: RefCell<Arc<Provisioner>>,
    pub(super) webhooks: RefCell<Arc<Webhooks>>,
    people: People,
    pub(super) line: Arc<Line>,
    issuer: String,
}

impl Sender {
    fn new(deployment: &Deployment, at: usize, remotes: &Arc<Remotes>, without: Option<Rule>) -> Self {
        let region = &deployment.world.regions[at];
        let people = region.people();
        let people = People { home: lacking::without(without, &people.home), ..people };
        let line = Arc::new(Line { region: at, remotes: Arc::clone(remotes) });
        let issuer = deployment.endpoints[at].base_url.clone();
        Self {
            stream: Stream::default(),
            is_busy: Cell::new(false),
            provisioner: RefCell::new(provisioner(&people, &line)),
            webhooks: RefCell::new(webhooks(&people, &line, &issuer)),
            people,
            line,
            issuer,
        }
    }

    /// Another process, which knows nothing of the one before.
    pub(super) fn start_provisioner(&self) {
        *self.provisioner.borrow_mut() = provisioner(&self.people, &self.line);
    }

    /// The same for webhooks.
    pub(super) fn start_webhooks(&self) {
        *self.webhooks.borrow_mut() = webhooks(&self.people, &self.line, &self.issuer);
    }
}

pub(super) fn provisioner(people: &People, line: &Arc<Line>) -> Arc<Provisioner> {
    Arc::new(Provisioner::new(people.clone(), Arc::clone(line) as _))
}

fn webhooks(people: &People, line: &Arc<Line>, issuer: &str) -> Arc<Webhooks> {
    let (home, secrets) = (people.home.clone(), Arc::clone(&people.secrets));
    Arc::new(Webhooks::new(home, secrets, Arc::clone(line) as _, issuer.to_owned()))
}

impl Deliveries {
    /// The targets and webhooks of a plan: one of each for the first two companies. The seed decides what becomes of the
    /// accounts of who leaves.
    pub(super) async fn new(plan: &Plan, deployment: &Deployment, without: Option<Rule>) -> Self {
        let delivers = |step: &Step| match step {
            Step::Run(tasks) => tasks.iter().any(|task| matches!(task.job, Job::Ring { .. } | Job::Deliver { .. })),
            _ => false,
        };
        let inexact = |step: &Step| matches!(step, Step::Skew { .. } | Step::Move { .. });
        let world = &deployment.world;
        let remotes = Arc::new(Remotes::new(&world.clock, without));
        let sender = |at| Sender::new(deployment, at, &remotes, without);
        let deliveries = Self {
            is_on: plan.steps.iter().any(delivers),
            senders: (0..world.regions.len()).map(sender).collect(),
            remotes,
            targets: RefCell::default(),
            hooks: RefCell::default(),
            foreign: RefCell::default(),
            moved: RefCell::default(),
            unrung: RefCell::default(),
            is_counted: Cell::new(!plan.steps.iter().any(inexact)),
        };
        if deliveries.is_on {
            let rule = |number: usize| Deprovisioning::ALL[(usize::from(plan.seed.to_be_bytes()[7]) + number) % 3];
            let targets: Vec<_> = (0..usize::from(TARGETS)).map(|n| target(deployment, n, rule(n))).collect();
            for target in &targets {
                put_target(deployment, target).await;
            }
            let hooks: Vec<_> = (usize::from(TARGETS)..usize::from(REMOTES)).map(|n| hook(deployment, n)).collect();
            for hook in &hooks {
                put_webhook(world, hook).await;
            }
            deliveries.targets.replace(targets);
            deliveries.hooks.replace(hooks);
        }
        deliveries
    }

    /// Adds the writes of every region.
    pub(super) fn extend(&self, changes: &[Vec<Change>]) {
        for (sender, changes) in self.senders.iter().zip(changes).filter(|_| self.is_on) {
            sender.stream.extend(changes.clone());
        }
    }
}

/// The target of a number. At the second one no two users can have the same name.
fn target(deployment: &Deployment, number: usize, deprovisioning: Deprovisioning) -> Target {
    let region = &deployment.world.regions[0];
    let id = NAMES[number].parse().expect("an id");
    let mut mapping = default_mapping(TargetKind::Scim);
    if number > 0 {
        mapping["userName"] = json!("id");
    }
    Target {
        token: Some(region.secrets().seal_target_token(&id, TOKEN, &*region.home.entropy)),
        id,
        revision: 1,
        company: company(number),
        kind: TargetKind::Scim,
        url: format!("https://{}.example/v2", NAMES[number]),
        home: deployment.world.regions[number % deployment.world.regions.len()].name.clone(),
        epoch: 0,
        enabled: true,
        mapping,
        scope: None,
        deprovisioning,
        rate: 1000.try_into().expect("a rate"),
        removals_until: None,
        removed: None,
        unknown: Map::new(),
    }
}

fn hook(deployment: &Deployment, number: usize) -> Webhook {
    let of = number - usize::from(TARGETS);
    Webhook {
        id: NAMES[number].parse().expect("an id"),
        revision: 1,
        company: company(of),
        url: format!("https://{}.example/hook", NAMES[number]),
        home: deployment.world.regions[of % deployment.world.regions.len()].name.clone(),
        enabled: true,
        secrets: vec![SecretSalt { salt: "salt".to_owned(), ends_at: None }],
        from: Millis(0),
        orders: Orders::default(),
        unknown: Map::new(),
    }
}

/// Stores a target in every region.
pub(super) async fn put_target(deployment: &Deployment, target: &Target) {
    let document = serde_json::to_value(target).expect("a target is JSON");
    for region in &deployment.world.regions {
        let stored = region.tables.registry.put_setting(&Target::setting(&target.id), &document).await;
        stored.expect("settings can be written");
    }
}

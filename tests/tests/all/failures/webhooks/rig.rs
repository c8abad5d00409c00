//! A deployment with a webhook, and what the shop has to get.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use umoja_provisioner::Webhooks;
use umoja_provisioner::webhooks::{Backlog, backlog};
use umoja_schema::{CompanyId, Millis, Webhook};
use umoja_tests::deployment::Deployment;
use umoja_tests::hook::{Hook, Posted, put_webhook, webhook};

pub(super) const SECOND: u64 = 1_000;
pub(super) const HOUR: u64 = 3_600 * SECOND;
pub(super) const DAY: u64 = 24 * HOUR;

/// A deployment with a webhook of the shop.
pub(super) struct Rig {
    pub(super) d: Deployment,
    pub(super) hook: Arc<Hook>,
    pub(super) webhooks: Webhooks,
    pub(super) crm: Webhook,
}

pub(super) fn shop() -> CompanyId {
    "shop".parse().unwrap()
}

pub(super) fn webhooks(d: &Deployment, hook: &Arc<Hook>, at: usize) -> Webhooks {
    let region = &d.world.regions[at];
    let issuer = d.endpoints[at].base_url.clone();
    Webhooks::new(region.home.clone(), Arc::clone(region.secrets()), Arc::clone(hook) as _, issuer)
}

impl Rig {
    pub(super) async fn new(seed: u64) -> Self {
        let d = Deployment::new(seed).await;
        let (hook, crm) = (Arc::new(Hook::default()), webhook(&d.world, "crm", &shop()));
        put_webhook(&d.world, &crm).await;
        Self { webhooks: webhooks(&d, &hook, 0), d, hook, crm }
    }

    /// Registers users, and edits each as often.
    pub(super) async fn users(&self, count: usize, edits: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for n in 0..count {
            let reply = self.d.register(n % 2, &format!("user{n}@example.com"), "correct horse battery").await;
            ids.push(reply.ok(201).id());
        }
        self.settle().await;
        for edit in 0..edits {
            for id in &ids {
                let set = json!({ "profile": { "name": format!("name {edit}") } });
                self.d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
            }
        }
        self.settle().await;
        ids
    }

    pub(super) async fn settle(&self) {
        self.d.world.settle().await;
        self.d.world.feed().await;
        self.d.world.settle().await;
    }

    pub(super) fn now(&self) -> Millis {
        self.d.world.regions[0].home.clock.now()
    }

    /// Works until there is nothing more to do now.
    pub(super) async fn post(&self) {
        self.post_to(&self.crm).await;
    }

    pub(super) async fn post_to(&self, webhook: &Webhook) {
        while self.webhooks.step(&webhook.id).await.unwrap().is_some_and(|step| step.more) {}
    }

    /// Works for a time.
    pub(super) async fn post_for(&self, ms: u64, every: u64) {
        for _ in 0..ms.div_ceil(every) {
            self.post().await;
            self.d.world.clock.advance(every);
        }
        self.post().await;
    }

    pub(super) async fn change(&mut self, change: impl FnOnce(&mut Webhook)) {
        change(&mut self.crm);
        self.crm.revision += 1;
        put_webhook(&self.d.world, &self.crm).await;
        self.d.world.clock.advance(2 * SECOND);
    }

    pub(super) async fn backlog(&self) -> Backlog {
        backlog(&*self.d.world.regions[0].home.due, &self.crm.id).await.unwrap()
    }

    /// All events of the shop, as it lists them.
    pub(super) async fn events(&self) -> Vec<Value> {
        let reply = self.d.call(0, "events/list", json!({ "limit": 500 })).await;
        assert_eq!(reply.status, 200);
        reply.body["events"].as_array().unwrap().clone()
    }

    /// Checks that what was accepted is what the shop lists: nothing is missing, and of each user and region the events
    /// came in their order. Returns how many came more than once.
    pub(super) async fn check(&self, posted: &[Posted]) -> usize {
        let listed = self.events().await;
        let by_user = |events: Vec<Value>| {
            let mut all: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
            for event in events {
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                all.entry((text("subject"), text("source"))).or_default().push(text("id"));
            }
            all
        };
        let accepted: Vec<&Posted> = posted.iter().filter(|posted| posted.is_accepted).collect();
        let mut seen = BTreeSet::new();
        let first = accepted.iter().filter(|posted| seen.insert(posted.header("webhook-id").to_owned()));
        let first: Vec<Value> = first.map(|posted| posted.event()).collect();
        assert_eq!(by_user(first), by_user(listed));
        accepted.len() - seen.len()
    }
}

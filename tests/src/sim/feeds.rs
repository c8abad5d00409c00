//! The providers of a run, which post events to any region, and the regions that apply them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};
use umoja_ingest::Worker;
use umoja_schema::ingest::Allowed;
use umoja_schema::{IngestSource, Millis, SourceKind};

use super::fleet::Fleet;
use super::history::{Attempt, Secret};
use super::names::{COMPANIES, email, phone, subject};
use super::plan::{Event, Job, Plan, SOURCES, Says, Step, USERS};
use super::rules::Rule;
use crate::caller::Endpoint;
use crate::deployment::Deployment;
use crate::provider::Provider;

/// The provider's time 0: events are older than every clock of a run.
const TIME_0: Millis = Millis(1_799_900_000_000);
const MINUTE_MS: u64 = 60_000;

/// The providers, and what they have posted.
pub(super) struct Feeds {
    pub(super) sources: Vec<Feed>,
    /// The events by source and id.
    pub(super) posted: RefCell<BTreeMap<(usize, String), Posted>>,
}

/// A provider, and the number of its company.
pub(super) struct Feed {
    pub(super) provider: Provider,
    pub(super) company: usize,
}

/// An event that a provider has posted at least once.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub(super) user: u8,
    pub(super) event: Event,
    /// The time in the event.
    pub(super) at: Millis,
    is_acknowledged: bool,
}

impl Feeds {
    /// The sources of a plan: of the shop, which may disable and erase, and of another company, which may not. A plan
    /// without events has none.
    pub(super) async fn new(plan: &Plan, deployment: &Deployment, without: Option<Rule>) -> Self {
        let posts = |task: &super::plan::Task| matches!(task.job, Job::Post { .. });
        let is_fed = plan.steps.iter().any(|step| matches!(step, Step::Run(tasks) if tasks.iter().any(posts)));
        let mut sources = Vec::new();
        for company in (0..usize::from(SOURCES)).filter(|_| is_fed) {
            let home = company % usize::from(plan.regions);
            let mut provider = Provider::new(deployment, SourceKind::Generic, COMPANIES[company], home).await;
            provider.source.mapping = Some(mapping(COMPANIES[company]));
            provider.source.allowed = Allowed { disable: company == 0, erase: company == 0 };
            provider.store(deployment).await;
            if without == Some(Rule::SourceHome) {
                apply_everywhere(deployment, &provider.source).await;
            }
            sources.push(Feed { provider, company });
        }
        Self { sources, posted: RefCell::default() }
    }
}

/// Every region takes itself for the home of a source.
async fn apply_everywhere(deployment: &Deployment, source: &IngestSource) {
    for region in &deployment.world.regions {
        let own = IngestSource { home: region.name.clone(), ..source.clone() };
        let document = serde_json::to_value(&own).expect("a source is JSON");
        let name = IngestSource::setting(&source.id);
        region.tables.registry.put_setting(&name, &document).await.expect("settings can be written");
    }
}

/// The name of the profile member that only the source of a company sets.
pub(super) fn member(company: &str) -> String {
    format!("fed_{company}")
}

fn mapping(company: &str) -> Value {
    json!({
        "external_id": "user", "email": "email", "email_verified": "verified", "phone_number": "phone_number",
        "phone_number_verified": "verified", "profile": { "custom": { member(company): "id" } },
        "status": { "from": "status", "active": ["active"], "disabled": ["disabled"] },
        "events": {
            "id": "id", "time": { "from": "time", "unit": "milliseconds" }, "type": "type", "state": ["state"],
            "suspended": ["suspended"], "activated": ["activated"], "deleted": ["deleted"],
            "password_changed": ["password"],
        },
    })
}

fn id(user: u8, event: Event) -> String {
    serde_json::to_string(&(user, event)).expect("an event is JSON")
}

fn body(posted: &Posted) -> Value {
    let Posted { user, event, at, .. } = posted;
    let mut body = json!({ "id": id(*user, *event), "time": at.0, "user": subject(*user) });
    body["type"] = json!(match event.says {
        Says::State { .. } => "state",
        Says::Suspended => "suspended",
        Says::Activated => "activated",
        Says::Deleted => "deleted",
        Says::PasswordChanged => "password",
    });
    if let Says::State { email: email_no, phone: phone_no, verified, active } = event.says {
        body["verified"] = json!(verified);
        if let Some(number) = email_no {
            body["email"] = json!(email(number));
        }
        if let Some(number) = phone_no {
            body["phone_number"] = json!(phone(number));
        }
        if let Some(active) = active {
            body["status"] = json!(if active { "active" } else { "disabled" });
        }
    }
    body
}

impl Fleet {
    /// A provider posts an event to a region.
    pub(super) async fn post(&self, at: usize, source: u8, user: u8, event: Event) {
        let (source, user) = (usize::from(source % SOURCES), user % USERS);
        self.meet(source, user);
        let key = (source, id(user, event));
        let number = self.feeds.posted.borrow().len() as u64;
        // Without the rule, the order in which the events come counts.
        let time = if self.without == Some(Rule::EventOrder) { number } else { u64::from(event.time) };
        let new = Posted { user, event, at: TIME_0.plus(time * MINUTE_MS), is_acknowledged: false };
        self.feeds.posted.borrow_mut().entry(key.clone()).or_insert(new);
        self.send(at, &key).await;
    }

    async fn send(&self, at: usize, key: &(usize, String)) {
        let body = body(&self.feeds.posted.borrow()[key]);
        let answer = self.feeds.sources[key.0].provider.post(&self.deployment, at, &body).await;
        match answer.status {
            202 => self.feeds.posted.borrow_mut().entry(key.clone()).and_modify(|event| event.is_acknowledged = true),
            503 => return,
            status => panic!("feed: an event was answered {status} ({})", answer.body["code"]),
        };
    }

    /// The calls of a plan about a user that has none yet are about the one that the provider's events made.
    fn meet(&self, source: usize, user: u8) {
        let index = self.instances.subject(user, self.feeds.sources[source].company);
        let owner = self.history.borrow().owners(&index).next().map(|(id, _)| id);
        let person = &mut self.people.borrow_mut()[usize::from(user)];
        person.id = person.id.or(owner);
    }

    /// The worker of a region with the secrets that its instance has read last. It holds the instance, so that a
    /// rotation waits for it. `None` if the region cannot read its settings.
    async fn worker(&self, at: usize) -> Option<(Rc<Endpoint>, Worker)> {
        let endpoint = self.instance(at).await?;
        let secrets = self.instances.slots[at].borrow().secrets.clone()?;
        let region = self.region(at);
        Some((endpoint, region.worker(&region.home, Arc::clone(&secrets))))
    }

    /// A region applies the events in its queue.
    pub(super) async fn ingest(&self, at: usize) {
        if self.feeds.sources.is_empty() {
            return;
        }
        let Some((_endpoint, worker)) = self.worker(at).await else { return };
        let name = &self.region(at).name;
        let is_home = |feed: &&Feed| feed.provider.source.home == *name || self.without == Some(Rule::SourceHome);
        let disables = self.feeds.sources.iter().filter(is_home).any(|feed| feed.provider.source.allowed.disable);
        // Without a source that may disable accounts, no credentials of a known user are written.
        let written = [Some(Secret::Fed), disables.then_some(Secret::Kept)];
        for writes in written.into_iter().flatten() {
            let attempt = Attempt { at, id: None, writes: Some(writes), points: None, made: BTreeMap::new() };
            self.attempts.borrow_mut().push(attempt);
        }
        worker.run().await;
    }

    /// A provider posts every event again that was not acknowledged, when all services work.
    pub(super) async fn post_again(&self) {
        let all = self.feeds.posted.borrow().clone();
        let open = all.into_iter().filter(|(_, event)| !event.is_acknowledged).map(|(key, _)| key);
        for (number, key) in open.enumerate() {
            self.send(number % self.world().regions.len(), &key).await;
            assert!(self.feeds.posted.borrow()[&key].is_acknowledged, "feed: an event is not accepted without a fault");
        }
    }

    /// Every region rings again for the events that wait, and applies them.
    pub(super) async fn sweep_inboxes(&self) {
        if self.feeds.sources.is_empty() {
            return;
        }
        self.world().clock.advance(2 * MINUTE_MS);
        for at in (0..self.world().regions.len()).filter(|_| self.without != Some(Rule::Swept)) {
            let (_endpoint, worker) = self.worker(at).await.expect("all services work");
            worker.sweep().await.expect("all services work");
        }
        self.settle(true).await;
    }
}

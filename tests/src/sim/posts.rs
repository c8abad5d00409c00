//! What providers post in a run, and the workers that apply it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use umoja_ingest::Worker;

use super::feeds::{Feed, MINUTE_MS, Posted, TIME_0, body, id};
use super::fleet::Fleet;
use super::history::{Attempt, Secret};
use super::plan::{Event, SOURCES, USERS};
use super::rules::Rule;
use crate::caller::Endpoint;

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
    pub(super) async fn ring_again_in_all(&self) {
        if self.feeds.sources.is_empty() {
            return;
        }
        self.world().clock.advance(2 * MINUTE_MS);
        for at in (0..self.world().regions.len()).filter(|_| self.without != Some(Rule::RungAgain)) {
            let (_endpoint, worker) = self.worker(at).await.expect("all services work");
            worker.ring_again().await.expect("all services work");
        }
        self.settle(true).await;
    }
}

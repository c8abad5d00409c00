//! What the feeds of the regions make, and what the companies have read in the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use umoja_crypto::jws::sign_request;
use umoja_replicator::Feed;
use umoja_schema::events::{EVENT, made_key};
use umoja_schema::names::table;
use umoja_schema::{CompanyId, EventRow, Log, Noticed, Part, Place, Region, UserId, Version};
use umoja_store::events::{begin_epoch, block_of};
use umoja_store::ports::Clock as _;

use super::fleet::Fleet;
use super::listing::{Busy, COMPANIES};
use super::names::company;
use super::rules::Rule;

impl Fleet {
    /// A batch of each shard of a region's stream, as the feed gets it.
    pub(super) async fn feed(&self, at: usize, (take, again): (u8, u8), new: bool) {
        for shard in &self.listing.shards[at] {
            if shard.is_busy.replace(true) {
                continue;
            }
            let _busy = Busy(&shard.is_busy);
            if new {
                *shard.feed.borrow_mut() = Arc::new(Feed::new(self.region(at).home.clone()));
            }
            let feed = Arc::clone(&shard.feed.borrow());
            let mut batch = shard.stream.batch(take, again, 0);
            let outcome = feed.handle(&batch.changes).await;
            batch.handled_until(outcome.failed.as_ref());
        }
    }

    /// A page of a company's events.
    pub(super) async fn list(&self, at: usize, number: usize) -> usize {
        let Some(endpoint) = self.instance(at).await else { return 0 };
        let cursor = self.listing.consumers.borrow()[number].cursor.clone();
        let mut body = json!({ "limit": 3 });
        if let Some(cursor) = &cursor {
            body["cursor"] = json!(cursor);
        }
        let now = self.region(at).clock.now().secs();
        let caller = self.company(number);
        let claims = caller.claims(&endpoint, "events/list", now, None, body);
        let token = sign_request(&caller.key, &claims);
        let raw = caller.send(&endpoint, &claims.path, &token).await;
        if raw.headers["content-type"] == "application/problem+json" {
            assert_eq!(raw.status, 503, "listing: events/list was answered {}", raw.problem());
            return 0;
        }
        let reply =
            caller.verify(&self.published(&endpoint), &claims, &token, &raw, self.region(at).clock.now().secs());
        let consumer = &mut self.listing.consumers.borrow_mut()[number];
        // Another request of the company may have come first.
        if reply.status == 200 && consumer.cursor == cursor { consumer.apply(&reply) } else { 0 }
    }

    /// Makes the events of everything that was written, and replicates them.
    pub(super) async fn make_all_events(&self) {
        if !self.listing.is_on {
            return;
        }
        loop {
            self.note_changes();
            if self.listing.shards.iter().flatten().all(|shard| shard.stream.is_empty()) {
                return;
            }
            for at in 0..self.world().regions.len() {
                self.feed(at, (0, 0), false).await;
            }
            self.settle(true).await;
        }
    }

    /// A region loses its own events that no peer has, as if it had been restored from a backup, and its feed begins another
    /// epoch.
    pub(super) async fn forget_events(&self, at: usize) {
        let own = &self.region(at).name;
        let held = self.made_by(own, (0..self.world().regions.len()).filter(|other| *other != at)).await;
        let logs = &self.region(at).tables.logs;
        for ((company, place), event) in self.made_by(own, [at]).await {
            // What a peer has is brought back, and with it what was before.
            if held.keys().any(|(other, last)| *other == company && *last >= place) {
                continue;
            }
            logs.drop_row(Log::Events, block_of(&company, place), &place.key(own)).await.expect("a row can be dropped");
            let Some(event) = event else { continue };
            let kind = if event.version.erased { "erased" } else { event.part.as_str() };
            let change = format!("{kind}#{}", event.version.hlc);
            let made = made_key(own, &change, &company);
            logs.drop_row(Log::Events, event.changed, &made).await.expect("a row can be dropped");
            self.listing.lost.borrow_mut().insert((company, event.changed, event.part, event.version));
        }
        self.streams[at].drop_records(table::EVENTS);
        for shard in &self.listing.shards[at] {
            *shard.feed.borrow_mut() = Arc::new(Feed::new(self.region(at).home.clone()));
        }
        let region = self.region(at);
        if self.without != Some(Rule::Epoch) {
            begin_epoch(&*region.tables.checkpoints, region.clock.now(), 0).await.expect("an epoch begins");
        }
        self.lost.set(true);
    }

    /// The events of a region's feed in the tables of some regions, by company and place; `None` for the end of a day.
    async fn made_by(
        &self,
        origin: &Region,
        regions: impl IntoIterator<Item = usize>,
    ) -> BTreeMap<(CompanyId, Place), Option<EventRow>> {
        let mut found = BTreeMap::new();
        for at in regions {
            let page = self.region(at).tables.logs.scan_rows(Log::Events, None, 10_000).await;
            for row in page.expect("rows can be read").rows {
                let Some((of, place)) = Place::in_key(&row.key) else { continue };
                let company = (0..COMPANIES).map(company).find(|company| block_of(company, place) == row.user);
                if let Some(company) = company.filter(|_| of == *origin) {
                    found.insert(
                        (company, place),
                        (row.kind == EVENT).then(|| EventRow::from_row(&row).expect("an event")),
                    );
                }
            }
        }
        found
    }

    /// Every consumer ends with what the stores say of the users that its company is linked to.
    pub(super) async fn check_listed(&self) {
        if !self.listing.is_on {
            return;
        }
        let page = self.region(0).tables.users.scan(None, 10_000).await.expect("users can be read");
        let stored: BTreeMap<_, _> = page.records.iter().map(|record| ((record.id, record.part), record)).collect();
        for number in 0..COMPANIES {
            let at = number % self.world().regions.len();
            while self.list(at, number).await > 0 {}
            let (consumer, company) = (self.listing.consumers.borrow()[number].clone(), company(number));
            for ((id, part), version) in &consumer.versions {
                let record = stored.get(&(*id, *part));
                let is_newer = record.is_none_or(|record| *version > record.version);
                assert!(!is_newer, "listing: {company} knows a version of {id} that no region has");
                let is_erased = stored.get(&(*id, Part::Profile)).is_some_and(|record| record.version.erased);
                let knows = consumer.versions.get(&(*id, Part::Profile)).is_some_and(|version| version.erased);
                assert!(
                    !is_erased || knows || self.has_lost(&company, *id, None),
                    "listing: {company} did not learn that {id} was erased"
                );
            }
            for ((id, part), record) in &stored {
                let Some(profile) = stored.get(&(*id, Part::Profile)).filter(|profile| profile.live().is_some()) else {
                    continue;
                };
                // The region that wrote the credentials had this profile, or the company may have been linked there later.
                let had = *part == Part::Profile || self.history.borrow().are_in_order(profile, record);
                let is_linked = profile.profile_facts().is_some_and(|facts| facts.links.contains_key(&company));
                let noticed = Noticed::in_part(record);
                let concerns = noticed.notices().iter().any(|notice| notice.only().is_none_or(|only| *only == company));
                if had && is_linked && concerns && !self.has_lost(&company, *id, Some(&record.version)) {
                    let known = consumer.versions.get(&(*id, *part));
                    assert_eq!(known, Some(&record.version), "listing: {company} has not the newest {part} of {id}");
                }
            }
        }
    }

    /// Whether a region lost an event of a user for a company.
    fn has_lost(&self, company: &CompanyId, id: UserId, version: Option<&Version>) -> bool {
        let is_it = |lost: &(CompanyId, UserId, Part, Version)| {
            lost.0 == *company && lost.1 == id && version.is_none_or(|version| lost.3 == *version)
        };
        self.listing.lost.borrow().iter().any(is_it)
    }
}

//! A region as its services see it: its own ports, and the ports of its peers that they may use.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use umoja_schema::names::queue;
use umoja_schema::replicated::Rule;
use umoja_schema::{Body, Item, Key, Message, PartRecord, Region, Replicated};

use crate::keyring::KeyRing;
use crate::ports::{
    Attempts, Checkpoints, Clock, Due, Entropy, Inbox, ItemPage, Items, Keys, Logs, Page, Queue, Registry, Requests,
    RowPage, StoreError, Users,
};
use crate::proof::Proofs;

/// The ports that are available for any region, own or peer.
#[derive(Clone)]
pub struct RegionPorts {
    /// Its name.
    pub name: Region,
    /// Its users.
    pub users: Arc<dyn Users>,
    /// Its append-only tables.
    pub logs: Arc<dyn Logs>,
    /// Its tables of versioned items.
    pub items: Arc<dyn Items>,
    /// The events that it accepted from sources. Other regions put there what they accepted for a source whose home it
    /// is.
    pub inbox: Arc<dyn Inbox>,
    /// The queue of the keys of events that wait in its inbox.
    pub ingest: Arc<dyn Queue>,
    /// Its ids of requests and idempotency keys. Other regions spend there, once over all regions, what it has issued.
    pub requests: Arc<dyn Requests>,
    /// The replicated tables: [`umoja_schema::replicated::ALL`], in tests also additional ones.
    pub tables: &'static [&'static Replicated],
    /// Its KMS key that wraps the data keys of parts.
    pub keys: Arc<dyn Keys>,
    /// Its KMS key that wraps the secret of proofs. It opens no part.
    pub proof_keys: Arc<dyn Keys>,
}

impl RegionPorts {
    /// The replicated table with this name.
    pub fn table(&self, name: &str) -> Option<&'static Replicated> {
        self.tables.iter().find(|table| table.name == name).copied()
    }

    /// The item with this key.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn read(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        Ok(match key.table.rule {
            // A sort key that is not a part's has no item.
            Rule::Parts => match key.sort.parse() {
                Ok(part) => self.users.part(key.user, part).await?.map(Item::from),
                Err(_) => None,
            },
            Rule::PutIfAbsent(log) => self.logs.row(log, key.user, &key.sort).await?.map(|row| (log, row).into()),
            Rule::NewestWins => self.items.item(key.table, key.user, &key.sort).await?.map(Item::from),
        })
    }

    /// Items of a table in the order of the adapter, starting after `after`. The page reports unreadable items, and
    /// they do not hide the items after them.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn scan(
        &self,
        table: &'static Replicated,
        after: Option<String>,
        limit: usize,
    ) -> Result<ItemPage, StoreError> {
        match table.rule {
            Rule::Parts => {
                let Page { records, unreadable, next } = self.users.scan(after, limit).await?;
                Ok(ItemPage { items: records.into_iter().map(Item::from).collect(), unreadable, next })
            }
            Rule::PutIfAbsent(log) => {
                let RowPage { rows, unreadable, next } = self.logs.scan_rows(log, after, limit).await?;
                Ok(ItemPage { items: rows.into_iter().map(|row| (log, row).into()).collect(), unreadable, next })
            }
            Rule::NewestWins => self.items.scan_items(table, after, limit).await,
        }
    }
}

/// A peer, and the queue of items that it has not accepted yet.
#[derive(Clone)]
pub struct Peer {
    /// The peer's ports.
    pub ports: RegionPorts,
    /// Items to retry. Each peer has its own queue, so that an outage of one peer for a day does not dead-letter the
    /// items of another.
    pub retry: Arc<dyn Queue>,
}

/// The region in which a service runs.
#[derive(Clone)]
pub struct Home {
    /// The region's own ports.
    pub own: RegionPorts,
    /// Every other region of the deployment.
    pub peers: Vec<Peer>,
    /// Parts whose data key some region has not wrapped.
    pub repairs: Arc<dyn Queue>,
    /// Pairs of users that may be one person.
    pub merges: Arc<dyn Queue>,
    /// What wakes the function that delivers to foreign systems. `None` where a process looks all the time.
    pub deliveries: Option<Arc<dyn Queue>>,
    /// Stream records that cannot be processed.
    pub quarantined: Arc<dyn Queue>,
    /// Companies and settings.
    pub registry: Arc<dyn Registry>,
    /// What proves and verifies the items of streams; the ports do it themselves.
    pub proofs: Arc<Proofs>,
    /// Request ids and idempotency keys.
    pub requests: Arc<dyn Requests>,
    /// Failed logins and remembered devices.
    pub attempts: Arc<dyn Attempts>,
    /// The positions of the anti-entropy passes.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// What waits to be sent to foreign systems.
    pub due: Arc<dyn Due>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Home {
    /// The names of all regions, the own region first.
    pub fn region_names(&self) -> impl Iterator<Item = &Region> {
        std::iter::once(&self.own.name).chain(self.peers.iter().map(|peer| &peer.ports.name))
    }

    /// Every queue of the region with its name: first the retry queues, then the others.
    pub fn queues(&self) -> impl Iterator<Item = (String, &Arc<dyn Queue>)> {
        let retries = self.peers.iter().map(|peer| (queue::retry(&peer.ports.name), &peer.retry));
        let others = [
            (queue::KEYS, &self.repairs),
            (queue::MERGES, &self.merges),
            (queue::INGEST, &self.own.ingest),
            (queue::QUARANTINED, &self.quarantined),
        ];
        let deliveries = self.deliveries.iter().map(|queue| (queue::DELIVER, queue));
        retries.chain(others.into_iter().chain(deliveries).map(|(name, queue)| (name.to_owned(), queue)))
    }

    /// Wakes who delivers to a foreign system, named by its setting (`target/crm`), because something is due there. If
    /// that fails, it is delivered all the same, within a minute: a schedule looks for what is due.
    pub async fn wake(&self, system: &str) {
        self.wake_in(system, 0).await;
    }

    /// As [`Home::wake`], after this number of seconds: at most 900.
    pub async fn wake_in(&self, system: &str, delay_secs: u32) {
        let Some(queue) = &self.deliveries else { return };
        if let Err(error) = queue.send(&Message::Deliver { system: system.to_owned() }, delay_secs).await {
            tracing::warn!(system, %error, "what is due at a foreign system waits for the schedule");
        }
    }

    /// A part without the wrapped keys of regions that the deployment does not list. The keys of a removed region are
    /// dropped everywhere, and must not come back through replication. Within one version, the set of keys of listed
    /// regions only grows, and the set of others only shrinks.
    pub fn listed<'a>(&self, record: &'a PartRecord) -> Cow<'a, PartRecord> {
        let is_listed = |region: &Region| self.region_names().any(|name| name == region);
        if record.live().is_none_or(|live| live.keys.keys().all(is_listed)) {
            return Cow::Borrowed(record);
        }
        let mut record = record.clone();
        if let Body::Live(live) = &mut record.body {
            live.keys.retain(|region, _| is_listed(region));
        }
        Cow::Owned(record)
    }
}

impl KeyRing {
    /// The key ring of a region's services. With a budget of 0, a write makes no call to a peer, and all wraps by peers
    /// are left to the key repair.
    pub fn new(home: &Home, peer_wrap_budget_ms: u64) -> Self {
        let all = || std::iter::once(&home.own).chain(home.peers.iter().map(|peer| &peer.ports));
        let budget = Duration::from_millis(peer_wrap_budget_ms);
        let ring = |keys, proof| Self::of(home.own.name.clone(), keys, proof, budget, Arc::clone(&home.clock));
        let proof = ring(all().map(|ports| (ports.name.clone(), Arc::clone(&ports.proof_keys))).collect(), None);
        ring(all().map(|ports| (ports.name.clone(), Arc::clone(&ports.keys))).collect(), Some(proof))
    }
}

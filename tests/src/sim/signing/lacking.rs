//! The ports of single sign-on of a region that lacks a rule: see [`crate::sim::rules`].

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_accounts::People;
use umoja_schema::access::{EndOfAll, FamilyUses};
use umoja_schema::{Hlc, Millis, Replicated, UserId, VersionedItem};
use umoja_store::ports::{Clock, Due, DuePage, DueRow, Etag, ItemPage, Items, StoreError};
use umoja_store::{Home, Peer, RegionPorts};

use crate::sim::rules::{Rule, Software, Written};

/// More than the time within which a token may be used again in another region.
const LATE_MS: u64 = 41_000;

/// The people of a region whose provider lacks a rule.
pub(super) fn without(rule: Option<Rule>, people: &People) -> People {
    let home = &people.home;
    let home = match rule {
        Some(Rule::CodeHome) => {
            let requests = &home.own.requests;
            let alone = |peer: &Peer| Peer {
                ports: RegionPorts { requests: Arc::clone(requests), ..peer.ports.clone() },
                ..peer.clone()
            };
            Home { peers: home.peers.iter().map(alone).collect(), ..home.clone() }
        }
        Some(Rule::ActivePerson) => {
            let (users, software) = (Arc::clone(&home.own.users), Software::new(rule));
            let users = Written::new(Arc::clone(&users), users, home.own.name.clone(), software);
            Home { own: RegionPorts { users: Arc::new(users), ..home.own.clone() }, ..home.clone() }
        }
        Some(rule @ (Rule::RefreshGrace | Rule::RefreshOnce | Rule::EndsAll | Rule::EndsKnown)) => {
            let items = Seen { items: Arc::clone(&home.own.items), rule };
            Home { own: RegionPorts { items: Arc::new(items), ..home.own.clone() }, ..home.clone() }
        }
        Some(Rule::AnnouncedFirst) => {
            let due = Unannounced { due: Arc::clone(&home.due), clock: Arc::clone(&home.clock) };
            Home { due: Arc::new(due), ..home.clone() }
        }
        _ => home.clone(),
    };
    People { home, ..people.clone() }
}

/// Writes no notice before its time.
struct Unannounced {
    due: Arc<dyn Due>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Due for Unannounced {
    async fn due_row(&self, target: &str, user: UserId) -> Result<Option<DueRow>, StoreError> {
        self.due.due_row(target, user).await
    }

    async fn replace_due(
        &self,
        target: &str,
        user: UserId,
        stored: Option<&Etag>,
        row: Option<(Millis, &Map<String, Value>)>,
    ) -> Result<bool, StoreError> {
        if row.is_some_and(|(at, _)| at > self.clock.now()) {
            return Ok(true);
        }
        self.due.replace_due(target, user, stored, row).await
    }

    async fn due_page(
        &self,
        target: &str,
        until: Millis,
        after: Option<String>,
        limit: usize,
    ) -> Result<DuePage, StoreError> {
        self.due.due_page(target, until, after, limit).await
    }
}

/// Rows as a provider sees them that lacks a rule.
struct Seen {
    items: Arc<dyn Items>,
    rule: Rule,
}

impl Seen {
    fn seen(&self, item: VersionedItem) -> Option<VersionedItem> {
        let kind = item.key.split('#').next().unwrap_or_default().to_owned();
        match self.rule {
            Rule::EndsAll if kind == EndOfAll::KIND => None,
            Rule::EndsKnown if kind == EndOfAll::KIND => {
                let mut end = EndOfAll::from_item(&item).ok()?;
                end.credentials.hlc = Hlc::at(Millis(0));
                Some(end.to_item(item.version))
            }
            Rule::RefreshOnce if kind == FamilyUses::KIND => None,
            Rule::RefreshGrace if kind == FamilyUses::KIND => {
                let mut uses = FamilyUses::from_item(&item).ok()?;
                for at in uses.first_uses.values_mut() {
                    *at = Millis(at.0.saturating_sub(LATE_MS));
                }
                Some(uses.to_item(item.version))
            }
            _ => Some(item),
        }
    }
}

#[async_trait]
impl Items for Seen {
    async fn item(
        &self,
        table: &'static Replicated,
        user: UserId,
        key: &str,
    ) -> Result<Option<VersionedItem>, StoreError> {
        self.items.item(table, user, key).await
    }

    async fn items(&self, table: &'static Replicated, user: UserId) -> Result<Vec<VersionedItem>, StoreError> {
        let items = self.items.items(table, user).await?;
        Ok(items.into_iter().filter_map(|item| self.seen(item)).collect())
    }

    async fn items_under(
        &self,
        table: &'static Replicated,
        user: UserId,
        prefixes: &[String],
    ) -> Result<Vec<VersionedItem>, StoreError> {
        let items = self.items.items_under(table, user, prefixes).await?;
        Ok(items.into_iter().filter_map(|item| self.seen(item)).collect())
    }

    async fn drop_items(&self, table: &'static Replicated, user: UserId) -> Result<u64, StoreError> {
        self.items.drop_items(table, user).await
    }

    async fn drop_item(&self, item: &VersionedItem) -> Result<bool, StoreError> {
        self.items.drop_item(item).await
    }

    async fn scan_items(
        &self,
        table: &'static Replicated,
        after: Option<String>,
        limit: usize,
    ) -> Result<ItemPage, StoreError> {
        self.items.scan_items(table, after, limit).await
    }
}

//! Users in memory, for tests of the protocol.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use serde_json::Map;
use umoja_crypto::ApiKey;
use umoja_schema::ingest::{Allowed, InboxPublicKey};
use umoja_schema::{ApiKeyHash, Company, CompanyId, IngestSource, Millis, SourceKind, UserId};
use umoja_store::ports::{Clock, StoreError};

use super::directory::{Client, Directory, Entry, Page};
use super::error::ScimError;
use super::filter::Key;
use super::resource::Resource;
use super::token::{Feeding, Sources};

pub(super) const NOW: Millis = Millis(1_800_000_000_000);

pub(super) struct Now;

impl Clock for Now {
    fn now(&self) -> Millis {
        NOW
    }
}

/// The users of one company.
#[derive(Default)]
pub(super) struct Memory {
    users: Mutex<BTreeMap<UserId, (u64, Resource)>>,
    /// How often a write is overtaken by another one.
    pub(super) overtaken: Mutex<u32>,
    /// How many users were read by their ids.
    pub(super) opened: Mutex<usize>,
}

impl Memory {
    /// Adds users with a user name each.
    pub(super) fn fill(&self, count: u16) {
        for n in 0..count {
            let [high, low] = n.to_be_bytes();
            let user = Resource(Map::from_iter([("userName".to_owned(), n.to_string().into())]));
            self.users().insert(UserId::v7(NOW.0, [0, 0, 0, 0, 0, 0, 0, 0, high, low]), (1, user));
        }
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<UserId, (u64, Resource)>> {
        self.users.lock().unwrap()
    }
}

fn entry(id: UserId, (version, user): &(u64, Resource)) -> Entry {
    Entry { id, version: version.to_string(), created: NOW, modified: NOW, user: user.clone() }
}

fn folded(user: &Resource) -> Option<String> {
    user.text("userName").map(str::to_lowercase)
}

#[async_trait]
impl Directory for Memory {
    async fn create(&self, _: &Client, user: &Resource) -> Result<Entry, ScimError> {
        let mut users = self.users();
        if users.values().any(|(_, other)| folded(other) == folded(user)) {
            return Err(ScimError::uniqueness("Taken."));
        }
        let id = UserId::v7(NOW.0, [u8::try_from(users.len()).unwrap(); 10]);
        users.insert(id, (1, user.clone()));
        Ok(entry(id, &users[&id]))
    }

    async fn read(&self, _: &Client, id: UserId) -> Result<Option<Entry>, ScimError> {
        *self.opened.lock().unwrap() += 1;
        Ok(self.users().get(&id).map(|user| entry(id, user)))
    }

    async fn replace(&self, _: &Client, before: &Entry, user: &Resource) -> Result<Entry, ScimError> {
        let mut overtaken = self.overtaken.lock().unwrap();
        if *overtaken > 0 {
            *overtaken -= 1;
            return Err(ScimError::changed());
        }
        let version = before.version.parse::<u64>().unwrap() + 1;
        self.users().insert(before.id, (version, user.clone()));
        Ok(entry(before.id, &(version, user.clone())))
    }

    async fn delete(&self, _: &Client, before: &Entry) -> Result<(), ScimError> {
        self.users().remove(&before.id);
        Ok(())
    }

    async fn find(&self, _: &Client, key: &Key) -> Result<Vec<Entry>, ScimError> {
        let has = |id: &UserId, user: &Resource| match key {
            Key::Id(text) => id.to_string() == *text,
            Key::UserName(text) => folded(user) == Some(text.to_lowercase()),
            Key::Email(_) | Key::PhoneNumber(_) => true,
        };
        Ok(self.users().iter().filter(|(id, (_, user))| has(id, user)).map(|(id, user)| entry(*id, user)).collect())
    }

    async fn page(&self, _: &Client, after: Option<String>, limit: usize) -> Result<Page, ScimError> {
        let after = after.map(|after| after.parse().unwrap());
        let ids: Vec<_> = self.users().keys().filter(|id| after.is_none_or(|after| **id > after)).copied().collect();
        let next = ids.get(limit.wrapping_sub(1)).filter(|_| ids.len() > limit).map(UserId::to_string);
        Ok(Page { ids: ids.into_iter().take(limit).collect(), next })
    }
}

/// The key of a source of the company `acme`.
pub(super) fn key(n: u8) -> ApiKey {
    ApiKey::new("test", "acme-scim", [n; 32]).unwrap()
}

/// A company with two sources, each with two keys.
pub(super) struct Acme(pub(super) Company, pub(super) Vec<IngestSource>);

impl Acme {
    pub(super) fn new() -> Self {
        let company = serde_json::json!({
            "id": "acme", "name": "Acme", "enabled": true, "trusted": true, "scopes": [], "api_keys": [], "keys": [],
        });
        let hash = |n| {
            let key = key(n);
            ApiKeyHash { id: key.id().to_owned(), sha256: key.akh(), expires_at: (n == 2).then_some(NOW.secs() + 1) }
        };
        let source = |id: &str, kind, keys: [u8; 2]| IngestSource {
            id: id.parse().unwrap(),
            revision: 1,
            company: "acme".parse().unwrap(),
            kind,
            home: "eu-west-1".parse().unwrap(),
            enabled: true,
            api_keys: keys.map(hash).into(),
            signing_keys: Vec::new(),
            inbox_key: InboxPublicKey { version: 1, public_key: String::new() },
            hash_key: String::new(),
            allowed: Allowed::default(),
            mapping: None,
            pool: None,
            legacy_get: None,
            tokens: None,
            unknown: serde_json::Map::new(),
        };
        let sources =
            vec![source("acme-okta", SourceKind::Okta, [3, 4]), source("acme-scim", SourceKind::Scim, [1, 2])];
        Self(serde_json::from_value(company).unwrap(), sources)
    }
}

#[async_trait]
impl Sources for Acme {
    async fn of(&self, company: &CompanyId) -> Result<Option<Feeding>, StoreError> {
        Ok((*company == self.0.id).then(|| (Arc::new(self.0.clone()), self.1.clone())))
    }
}

//! Proving stored items again after the secret of proofs was rotated, without a new version of any item.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::names::setting;
use umoja_schema::{Client, IngestSource, Item, Key, LoginProvider, OidcKeySet, Replicated, Target, Webhook};
use umoja_store::Home;
use umoja_store::events::EPOCH_CHECKPOINT;
use umoja_store::ports::StoreError;

use crate::CONCURRENT;

/// How many items one step reads.
const PAGE: usize = 100;

/// How often an item is read again that changes while it is proved.
const ROUNDS: usize = 16;

/// What a pass has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ProvingReport {
    /// Items that were proved by the newest version of the secret.
    pub proved: u64,
    /// Items that changed each time they were read. Their writers prove them by the newest version.
    pub overtaken: u64,
    /// Items that cannot be read or verified, and are left as they are.
    pub unreadable: u64,
}

/// One pass over the replicated tables of a region. Proving an item twice changes nothing.
pub struct Proving<'a> {
    home: &'a Home,
    table: usize,
    after: Option<String>,
    report: ProvingReport,
}

impl<'a> Proving<'a> {
    /// A pass over the tables of the region of `home`.
    pub fn new(home: &'a Home) -> Self {
        Self { home, table: 0, after: None, report: ProvingReport::default() }
    }

    /// The report so far.
    pub const fn report(&self) -> &ProvingReport {
        &self.report
    }

    /// The table and the position in it; `None` at the end.
    pub(crate) fn place(&self) -> Option<(&'static str, Option<&str>)> {
        Some((self.current()?.name, self.after.as_deref()))
    }

    pub(crate) fn go_to(&mut self, table: &str, after: Option<String>) -> bool {
        let found = self.home.own.tables.iter().position(|listed| listed.name == table);
        if let Some(found) = found {
            (self.table, self.after) = (found, after);
        }
        found.is_some()
    }

    fn current(&self) -> Option<&'static Replicated> {
        self.home.own.tables.get(self.table).copied()
    }

    /// Proves the items of the next page. False if there was none left. After an error, the same page is read again.
    ///
    /// # Errors
    /// If the region fails.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        let Some(table) = self.current() else { return Ok(false) };
        let page = self.home.own.scan(table, self.after.clone(), PAGE).await?;
        let work: Vec<_> = page.items.iter().map(|item| self.prove(item.key())).collect();
        let proved: Vec<bool> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        let done = proved.iter().filter(|proved| **proved).count() as u64;
        self.report.proved += done;
        self.report.overtaken += proved.len() as u64 - done;
        self.report.unreadable += page.unreadable.len() as u64;
        self.after = page.next;
        if self.after.is_none() {
            self.table += 1;
        }
        Ok(self.current().is_some())
    }

    /// The entity tag is read before the item, so an item that changes in between is not replaced.
    async fn prove(&self, key: Key) -> Result<bool, StoreError> {
        for _ in 0..ROUNDS {
            let Some(etag) = self.home.own.users.etag(&key).await? else { return Ok(true) };
            let item: Option<Item> = match self.home.own.read(&key).await {
                Err(StoreError::Unreadable(_)) => None,
                read => read?,
            };
            let Some(item) = item else { return Ok(true) };
            if self.home.own.users.replace(&item, &etag).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Proves the companies, the settings, the inbox and what the checkpoints of a region hold for operators again. What is changed meanwhile is proved by that
/// change.
///
/// # Errors
/// If the region fails.
pub async fn prove_documents(home: &Home) -> Result<(), StoreError> {
    let registry = &*home.registry;
    for company in registry.companies().await? {
        registry.replace_company(Some(&company), &company).await?;
    }
    for name in [setting::REGIONS, setting::AUDIT, setting::EVENTS, setting::RETIRED_KEYS] {
        if let Some(value) = registry.setting(name).await? {
            registry.replace_setting(name, Some(&value), &value).await?;
        }
    }
    let prefixes =
        [IngestSource::SETTINGS, Target::SETTINGS, Client::SETTINGS, LoginProvider::SETTINGS, OidcKeySet::SETTINGS];
    for prefix in prefixes {
        for (name, value) in registry.settings(prefix).await? {
            registry.replace_setting(&name, Some(&value), &value).await?;
        }
    }
    for (name, value) in registry.settings(Webhook::SETTINGS).await? {
        registry.replace_setting(&name, Some(&value), &value).await?;
        // How far a webhook is stands under the same name.
        prove_checkpoint(home, &name).await?;
    }
    for (name, _) in registry.settings(Target::SETTINGS).await? {
        let Ok(id) = name.trim_start_matches(Target::SETTINGS).parse() else { continue };
        // Removals that are held stay so until an operator has looked.
        prove_checkpoint(home, &Target::removals(&id)).await?;
        prove_checkpoint(home, &Target::outage(&id)).await?;
    }
    prove_checkpoint(home, EPOCH_CHECKPOINT).await?;
    prove_inbox(home).await
}

/// Proves a checkpoint of which something would be lost. The others are places where a pass continues: without one it begins again.
async fn prove_checkpoint(home: &Home, name: &str) -> Result<(), StoreError> {
    if let Some(state) = home.checkpoints.checkpoint(name).await? {
        // What is written meanwhile is proved by that write.
        home.checkpoints.replace_checkpoint(name, Some(&state), &state).await?;
    }
    Ok(())
}

/// An event waits for longer than an operator may want to keep an old version of the secret.
async fn prove_inbox(home: &Home) -> Result<(), StoreError> {
    let (inbox, mut after) = (&*home.own.inbox, None);
    loop {
        let now = home.clock.now();
        let page = inbox.scan_inbox(after, PAGE, now).await?;
        let proofs = page.documents.iter().filter_map(|(key, read)| {
            let members = read.members.as_ref()?;
            Some(inbox.replace_inbox_document(key, Some(&read.etag), members, now, read.expires_at))
        });
        stream::iter(proofs).buffer_unordered(CONCURRENT).try_for_each(|_| async { Ok(()) }).await?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

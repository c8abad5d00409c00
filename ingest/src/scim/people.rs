//! The users of companies by the rules of `umoja-accounts`.
//!
//! A user is made, suspended and deleted by the rule for what sources say ([`Feeder`]). Its values are changed by the
//! rule for companies ([`Update`]), because a client of SCIM also removes values, and names the version that it changes.

mod errors;
mod known;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_accounts::import::{Hashing, Importer};
use umoja_accounts::incoming::{Applied, Change, Feeder, IncomingChange};
use umoja_accounts::{Accounts, Context, Error, Patch, Rule as _, Said, Update, may_move};
use umoja_schema::{Actor, IdentifierKind, Identity, LinkState, Part, UserId};
use umoja_store::ports::StoreError;

use self::errors::{FAILED, TAKEN, failed, rejected};
use self::known::Known;
use super::directory::{Client, Directory, Entry, Page};
use super::error::{CURSOR, ScimError};
use super::filter::Key;
use super::mapping;
use super::resource::Resource;
use crate::marks::NoMarks;

/// The users of companies in one region.
pub struct People {
    /// The rules, and the region.
    pub accounts: Accounts,
    /// The hasher of the importer. Users of SCIM have no hash.
    pub hashing: Hashing,
}

impl People {
    fn context(&self, client: &Client) -> Context {
        let (id, company) = (client.source.id.clone(), client.company.id.clone());
        let now = self.accounts.home.clock.now();
        Context { actor: Actor::Source { id, company }, company: Arc::clone(&client.company), now, request: None }
    }

    /// Applies a change of a user now, or just after the last change of its standing.
    async fn apply(
        &self,
        client: &Client,
        subject: &str,
        known: Option<&Known>,
        change: Change,
    ) -> Result<Applied, ScimError> {
        let importer =
            Importer::of_source(self.accounts.people.clone(), self.hashing.clone(), Arc::clone(&client.company));
        // A client waits for each answer, so no older event of its source is on its way.
        let feeder = Feeder { importer, source: Arc::clone(&client.source), marks: Arc::new(NoMarks) };
        let last = known.and_then(Known::feed).map(|feed| feed.status_at.plus(1));
        let now = self.accounts.home.clock.now();
        let at = last.map_or(now, |last| last.max(now));
        feeder.apply(&IncomingChange { subject: subject.to_owned(), at, change }).await.map_err(failed)
    }

    /// The state that the client describes, without identifiers that cannot be used: they are among its attributes.
    fn state(&self, client: &Client, user: &Resource) -> Change {
        let context = self.context(client);
        let mut row = mapping::row(user, &client.company.id);
        row.email = row.email.filter(|text| context.parse_new(IdentifierKind::Email, text).is_ok());
        row.phone_number = row.phone_number.filter(|text| context.parse_new(IdentifierKind::PhoneNumber, text).is_ok());
        Change::State { row: Box::new(row), logged_in: false }
    }

    /// The users that own an identifier, deleted or not, and that the company is linked to. While users are in conflict
    /// about it, which of them a look-up prefers makes no difference: that one may be another company's.
    async fn select(&self, client: &Client, kind: IdentifierKind, text: &str) -> Result<Vec<Known>, ScimError> {
        let owners = match self.accounts.owners(&self.context(client), kind, text).await {
            // A text that is no identifier of the kind finds no user.
            Err(Error::Invalid { .. }) => return Ok(Vec::new()),
            owners => owners.map_err(rejected)?,
        };
        let mut selected: Vec<Known> = Vec::new();
        for parts in owners.into_iter().filter(|parts| known::is_linked(parts, &client.company.id)) {
            let start = parts.start;
            let person = self.accounts.reader().open(parts).await.map_err(rejected)?;
            let known = person.and_then(|person| Known::any(person, start, client));
            selected.extend(known.filter(|known| selected.iter().all(|other| other.id != known.id)));
        }
        Ok(selected)
    }

    /// The user with a user name, deleted or not. A user that the client never wrote is found by what its user name is
    /// derived from.
    async fn named(&self, client: &Client, user_name: &str) -> Result<Option<Known>, ScimError> {
        let id = mapping::external_id(user_name)?;
        // The external id is the user name, or keeps another user from getting it.
        if let Some(known) = self.select(client, IdentifierKind::ExternalId, &id).await?.into_iter().next() {
            return Ok(Some(known));
        }
        for kind in [IdentifierKind::Email, IdentifierKind::Username, IdentifierKind::ExternalId] {
            let has_name = |known: &Known| mapping::external_id(&known.user_name()).as_ref() == Ok(&id);
            if let Some(known) = self.select(client, kind, user_name).await?.into_iter().find(has_name) {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    async fn known(&self, client: &Client, id: UserId) -> Result<Option<Known>, ScimError> {
        let person = self.accounts.reader().load(id).await.map_err(rejected)?;
        Ok(person.and_then(|person| Known::new(person, id, client)))
    }

    async fn entry(&self, client: &Client, id: UserId) -> Result<Entry, ScimError> {
        self.read(client, id).await?.ok_or(ScimError::not_found())
    }

    /// Makes a user whose external id cannot be its subject: the user of that subject was renamed, or was erased.
    async fn make_again(&self, client: &Client, user: &Resource, external_id: &str) -> Result<UserId, ScimError> {
        let home = &self.accounts.home;
        let subject = format!("scim-{}", UserId::v7(home.clock.now().0, home.entropy.array()));
        let applied = self.apply(client, &subject, None, self.state(client, user)).await?;
        let id = made(applied).ok_or(FAILED)?;
        let known = self.known(client, id).await?.ok_or(FAILED)?;
        let patch = self.patch(client, [(IdentifierKind::ExternalId, said(Some(external_id), None))], None)?;
        if let Err(error) = self.update(client, &known, patch).await {
            // Another request has taken the name since.
            self.apply(client, &subject, Some(&known), Change::Deleted).await?;
            return Err(error);
        }
        Ok(id)
    }

    fn patch<'a>(
        &self,
        client: &Client,
        identifiers: impl IntoIterator<Item = (IdentifierKind, Said<'a>)>,
        profile: Option<Value>,
    ) -> Result<Patch, ScimError> {
        Patch::new(&self.context(client), identifiers, profile).map_err(rejected)
    }

    async fn update(&self, client: &Client, known: &Known, patch: Patch) -> Result<(), ScimError> {
        let update = Update { id: known.id, patch, if_version: Some(known.person.version()) };
        update.run(&self.accounts, &self.context(client)).await.map(drop).map_err(rejected)
    }

    /// Suspends or activates a user.
    async fn stand(&self, client: &Client, known: &Known, change: Change) -> Result<(), ScimError> {
        let subject = known.external_id().ok_or(FAILED)?;
        self.apply(client, &subject, Some(known), change).await.map(drop)
    }

    /// Writes the attributes of a user, except for whether it is active.
    async fn write(&self, client: &Client, known: &Known, after: &Resource) -> Result<(), ScimError> {
        let (context, company, trusted) = (self.context(client), &client.company.id, client.company.trusted);
        let before = known.resource();
        let user_name = after.text("userName").unwrap_or_default();
        let external_id = mapping::external_id(user_name)?;
        let usable = |kind: IdentifierKind, text: &str| context.parse_new(kind, text).is_ok();
        let email = |user| mapping::email(user).filter(|(text, _)| usable(IdentifierKind::Email, text));
        let phone = |user| mapping::phone_number(user).filter(|text| usable(IdentifierKind::PhoneNumber, text));
        let mut identifiers = Vec::new();
        // As long as a user that the client never wrote keeps its user name, it keeps the external id of the company.
        let keeps_name = known.written().is_none_or(|written| written.text("userName").is_none())
            && known.external_id().is_some()
            && mapping::external_id(before.text("userName").unwrap_or_default()).as_ref() == Ok(&external_id)
            && email(&before) == email(after);
        let mut kept = mapping::kept(after);
        if keeps_name {
            kept.0.remove("userName");
        } else if known.external_id().as_ref() != Some(&external_id) {
            // A user that the client never wrote shows a name that the index does not have.
            if self.named(client, user_name).await?.is_some_and(|other| other.id != known.id) {
                return Err(TAKEN);
            }
            identifiers.push((IdentifierKind::ExternalId, said(Some(&external_id), None)));
        }
        if email(&before) != email(after) {
            match email(after) {
                // An address that other companies rely on stays; the client sees its own among its attributes.
                Some((_, stated))
                    if !may_move(&context, (&known.person, None), IdentifierKind::Email, trusted && stated) => {}
                Some((text, stated)) => {
                    identifiers.push((IdentifierKind::Email, said(Some(text), stated.then_some(true))));
                }
                None if known.is_ours("email") => identifiers.push((IdentifierKind::Email, said(None, None))),
                None => {}
            }
        }
        if phone(&before) != phone(after) {
            match phone(after) {
                Some(_) if !may_move(&context, (&known.person, None), IdentifierKind::PhoneNumber, false) => {}
                Some(text) => identifiers.push((IdentifierKind::PhoneNumber, said(Some(text), None))),
                None if known.is_ours("phone_number") => {
                    identifiers.push((IdentifierKind::PhoneNumber, said(None, None)));
                }
                None => {}
            }
        }
        let written = known.written();
        let claims = changed_claims(known, &mapping::claims(&before), &mapping::claims(after));
        if written.as_ref() == Some(&kept) && identifiers.is_empty() && claims.is_empty() {
            return Ok(());
        }
        let mut profile = mapping::rewritten(written.as_ref(), &kept, company);
        if let Value::Object(members) = &mut profile {
            members.extend(claims);
        }
        let patch = self.patch(client, identifiers, Some(profile))?;
        self.update(client, known, patch).await
    }
}

/// The claims that are set, and those of the company that are removed.
fn changed_claims(known: &Known, before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let set = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    let set = set.map(|(name, value)| (name.clone(), value.clone()));
    let removed = before.keys().filter(|name| !after.contains_key(*name) && known.is_ours(&format!("profile.{name}")));
    set.chain(removed.map(|name| (name.clone(), Value::Null))).collect()
}

const fn said(value: Option<&str>, verified: Option<bool>) -> Said<'_> {
    Said { value: Some(value), verified }
}

const fn made(applied: Applied) -> Option<UserId> {
    match applied {
        Applied::Created(id)
        | Applied::Matched(id)
        | Applied::Changed(id)
        | Applied::Unchanged(id)
        | Applied::Older(id) => Some(id),
        Applied::Erased(_) | Applied::KeptOut | Applied::Absent => None,
    }
}

#[async_trait]
impl Directory for People {
    async fn create(&self, client: &Client, user: &Resource) -> Result<Entry, ScimError> {
        let external_id = mapping::external_id(user.text("userName").unwrap_or_default())?;
        let known = self.named(client, user.text("userName").unwrap_or_default()).await?;
        if known.as_ref().is_some_and(|known| !known.is_deleted()) {
            return Err(TAKEN);
        }
        // A user that the company had before may have another external id.
        let subject = known.as_ref().and_then(Known::external_id).unwrap_or_else(|| external_id.clone());
        let applied = self.apply(client, &subject, known.as_ref(), self.state(client, user)).await?;
        let id = match made(applied) {
            Some(id) => id,
            None => self.make_again(client, user, &external_id).await?,
        };
        let entry = self.entry(client, id).await?;
        // The user that was matched or brought back had other values.
        if entry.user == *user { Ok(entry) } else { self.replace(client, &entry, user).await }
    }

    async fn read(&self, client: &Client, id: UserId) -> Result<Option<Entry>, ScimError> {
        let known = self.known(client, id).await?;
        Ok(known.filter(|known| !known.is_deleted()).map(|known| known.entry()))
    }

    async fn replace(&self, client: &Client, before: &Entry, user: &Resource) -> Result<Entry, ScimError> {
        let mut known = self.known(client, before.id).await?.ok_or(ScimError::not_found())?;
        if known.person.version().to_string() != before.version {
            return Err(ScimError::changed());
        }
        let changes = user.is_active() != before.user.is_active();
        // What cannot be written must not keep the user from being suspended.
        if changes && !user.is_active() && known.external_id().is_some() {
            self.stand(client, &known, Change::Suspended).await?;
            known = self.known(client, before.id).await?.ok_or(ScimError::not_found())?;
        }
        self.write(client, &known, user).await?;
        if changes {
            known = self.known(client, before.id).await?.ok_or(ScimError::not_found())?;
            let change = if user.is_active() { Change::Activated } else { Change::Suspended };
            self.stand(client, &known, change).await?;
        }
        self.entry(client, before.id).await
    }

    async fn delete(&self, client: &Client, before: &Entry) -> Result<(), ScimError> {
        let mut known = self.known(client, before.id).await?.ok_or(ScimError::not_found())?;
        if known.external_id().is_none() {
            self.write(client, &known, &before.user).await?;
            known = self.known(client, before.id).await?.ok_or(ScimError::not_found())?;
        }
        let subject = known.external_id().ok_or(FAILED)?;
        self.apply(client, &subject, Some(&known), Change::Deleted).await.map(drop)
    }

    async fn find(&self, client: &Client, key: &Key) -> Result<Vec<Entry>, ScimError> {
        let known: Vec<Known> = match key {
            Key::Id(text) => match text.parse() {
                Ok(id) => self.known(client, id).await?.into_iter().collect(),
                Err(_) => Vec::new(),
            },
            // A text that is no user name finds no user.
            Key::UserName(text) if mapping::external_id(text).is_err() => Vec::new(),
            Key::UserName(text) => self.named(client, text).await?.into_iter().collect(),
            Key::Email(text) => self.select(client, IdentifierKind::Email, text).await?,
            Key::PhoneNumber(text) => self.select(client, IdentifierKind::PhoneNumber, text).await?,
        };
        Ok(known.iter().filter(|known| !known.is_deleted()).map(Known::entry).collect())
    }

    async fn page(&self, client: &Client, after: Option<String>, limit: usize) -> Result<Page, ScimError> {
        let is_first = after.is_none();
        let page = self.accounts.home.own.users.scan(after, limit).await.map_err(|error| match error {
            // The position came from a cursor of the client.
            StoreError::Rejected(_) if !is_first => CURSOR,
            error => rejected(error.into()),
        })?;
        let mut ids = Vec::new();
        for record in page.records.iter().filter(|record| record.part == Part::Profile) {
            let link = record.profile_facts().and_then(|facts| facts.links.get(&client.company.id));
            match link.map(|link| link.state) {
                None => {}
                Some(LinkState::Active) => ids.push(record.id),
                // Only the sealed part says whether the client has suspended or deleted the user.
                Some(LinkState::Suspended) => {
                    let identity: Identity =
                        self.accounts.sealer.open(record).await.map_err(|error| rejected(error.into()))?;
                    if !identity.feeds.get(&client.source.id).is_some_and(|feed| feed.is_deleted) {
                        ids.push(record.id);
                    }
                }
            }
        }
        Ok(Page { ids, next: page.next })
    }
}

//! The export of all data that is held on a person, with its sources and without password hashes.
//!
//! Fifty users of the largest size and their audit trails are more than an answer can hold, so an export has pages. Each
//! shows the primary account, then rows and linked accounts in one fixed order, as far as they fit.

mod position;
mod sign_on;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::api::{
    AuditEntry, Exported, ExportedCredentials, ExportedLinkedAccount, ExportedSignOn, JournalEntry, Selector,
};
use umoja_schema::names::attribute;
use umoja_schema::{Actor, AuditEvent, Credentials, Log, LogRow, UserId};

pub use self::position::{Position, PositionError};
use self::position::{RowPosition, of};
use crate::person::Stored;
use crate::{Accounts, Context, Error, Field, People, Person, Rule};

/// Reads a page of all data that is held on a person, and records the export.
pub struct Export {
    /// Any user of the person.
    pub selector: Selector,
    /// Where the page begins. `None` for the first page.
    pub after: Option<Position>,
}

/// The number of users that are read at the same time.
const CONCURRENT: usize = 8;

/// The bytes of a page as JSON. Signed and in base64 it takes a third more, and AWS Lambda answers with at most 6 MB.
const PAGE_BYTES: usize = 3_000_000;

/// The room that is left after a user's record, so that at least one of its rows follows. A row takes about 200 bytes.
const ROOM_FOR_A_ROW: usize = 16_384;

impl Rule for Export {
    type Read = Option<Person>;
    type Done = Exported;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Option<Person>, Error> {
        match accounts.find(context, &self.selector).await? {
            Some(person) => accounts.reader().open(person).await,
            None => Ok(None),
        }
    }

    async fn act(self, accounts: &Accounts, context: &Context, person: Option<Person>) -> Result<Exported, Error> {
        let person = person.ok_or(Error::NotFound)?;
        accounts.export(&context.actor, &person, self.after).await
    }
}

impl People {
    /// A page of all data that is held on a person, from where it begins. It records the export.
    ///
    /// # Errors
    /// If the store fails, a part cannot be opened, or the person has changed since the page before.
    pub async fn export(&self, actor: &Actor, person: &Person, after: Option<Position>) -> Result<Exported, Error> {
        let people = self;
        let users: Vec<&Stored> = person.users().collect();
        let first = match &after {
            None => {
                record(people, actor, users.iter().map(|user| user.id()).collect()).await?;
                0
            }
            Some(after) => users.iter().position(|user| user.id() == after.user).ok_or_else(|| {
                let rule = "Begin again without `after`, because the users of the person have changed.";
                Error::invalid(Field::After, rule)
            })?,
        };
        let credentials = credentials(people, &person.primary).await?;
        let is_first = after.is_none();
        let sign_on = if is_first { Some(people.sign_on(person).await?) } else { None };
        let mut page = Page::new(person, credentials, sign_on);
        let mut after = after.as_ref().and_then(|after| after.row.clone());
        let mut shown = vec![person.primary.id()];
        let held: Vec<_> = users.into_iter().enumerate().skip(first).map(|user| held(people, user)).collect();
        let mut held = stream::iter(held).buffered(CONCURRENT);
        while let Some(user) = held.try_next().await? {
            let id = user.stored.id();
            if !page.add(user, after.take()) {
                break;
            }
            shown.push(id);
        }
        drop(held);
        if !is_first {
            record(people, actor, shown).await?;
        }
        Ok(page.exported)
    }
}

/// Records the export in the audit trail of each user that it shows.
async fn record(people: &People, actor: &Actor, mut users: Vec<UserId>) -> Result<(), Error> {
    users.sort_unstable();
    users.dedup();
    let recorder = people.recorder();
    let append = |user| recorder.append(actor, user, AuditEvent::Exported);
    let rows: Vec<_> = users.into_iter().map(append).collect();
    Ok(stream::iter(rows).buffered(CONCURRENT).try_collect().await?)
}

/// All that is held on one user.
struct Held<'a> {
    stored: &'a Stored,
    /// `None` for the primary account, whose credentials are on the page already.
    credentials: Option<ExportedCredentials>,
    /// The journal and the audit trail, in the order of an export.
    rows: Vec<(Log, LogRow)>,
}

async fn held<'a>(people: &People, (n, stored): (usize, &'a Stored)) -> Result<Held<'a>, Error> {
    let rows = async |log| Ok::<_, Error>(people.rows(log, stored.id()).await?.into_iter().map(move |row| (log, row)));
    let credentials = async { if n == 0 { Ok(None) } else { credentials(people, stored).await.map(Some) } };
    let (credentials, journal, audit) = tokio::try_join!(credentials, rows(Log::Journal), rows(Log::Audit))?;
    let mut rows: Vec<_> = journal.chain(audit).collect();
    rows.sort_by_cached_key(|(log, row)| of(*log, row));
    Ok(Held { stored, credentials, rows })
}

async fn credentials(people: &People, user: &Stored) -> Result<ExportedCredentials, Error> {
    let credentials: Credentials = people.sealer.open(&user.credentials).await?;
    Ok(ExportedCredentials {
        password: credentials.secret.is_some(),
        password_source: credentials.password_source,
        legacy_hashes_of: credentials.legacy_hashes.into_iter().map(|legacy| legacy.company).collect(),
        status_reason: credentials.status_reason,
        status_source: credentials.status_source,
    })
}

/// A page that is being filled.
struct Page {
    exported: Exported,
    /// The bytes of JSON that still fit.
    room: usize,
}

impl Page {
    /// A page with the primary account alone.
    fn new(person: &Person, credentials: ExportedCredentials, sign_on: Option<ExportedSignOn>) -> Self {
        let exported = Exported {
            user: person.view(),
            sources: person.primary.identity.sources.clone(),
            credentials,
            sign_on,
            journal: Vec::new(),
            audit: Vec::new(),
            linked_accounts: Vec::new(),
            next: None,
        };
        let room = PAGE_BYTES.saturating_sub(json_len(&exported));
        Self { exported, room: room.max(ROOM_FOR_A_ROW) }
    }

    /// Adds a user and its rows after `after`. False if the page is full, and `next` says where the next one begins.
    fn add(&mut self, held: Held<'_>, after: Option<RowPosition>) -> bool {
        let user = held.stored.id();
        if let Some(credentials) = held.credentials {
            let linked = ExportedLinkedAccount {
                user: held.stored.view(),
                merged_into: held.stored.facts.merged_into,
                sources: held.stored.identity.sources.clone(),
                credentials,
                journal: Vec::new(),
                audit: Vec::new(),
            };
            let room = self.room.saturating_sub(json_len(&linked));
            // A page that shows nothing else yet takes any user, so that an export always comes to its end.
            if room < ROOM_FOR_A_ROW && !self.is_empty() {
                return self.ends_at(user, after);
            }
            self.room = room.max(ROOM_FOR_A_ROW);
            self.exported.linked_accounts.push(linked);
        }
        let mut last = after;
        for (log, row) in held.rows {
            let position = of(log, &row);
            if last.as_ref().is_some_and(|last| position <= *last) {
                continue;
            }
            let (journal, audit) = match self.exported.linked_accounts.last_mut() {
                Some(linked) => (&mut linked.journal, &mut linked.audit),
                None => (&mut self.exported.journal, &mut self.exported.audit),
            };
            let is_added = match log {
                Log::Audit => push(&mut self.room, audit, AuditEntry::from(&row)),
                _ => push(&mut self.room, journal, journal_entry(row)),
            };
            if !is_added {
                return self.ends_at(user, last);
            }
            last = Some(position);
        }
        true
    }

    /// True if the page has the primary account's own record only.
    fn is_empty(&self) -> bool {
        let Exported { journal, audit, linked_accounts, .. } = &self.exported;
        journal.is_empty() && audit.is_empty() && linked_accounts.is_empty()
    }

    fn ends_at(&mut self, user: UserId, row: Option<RowPosition>) -> bool {
        self.exported.next = Some(Position { user, row }.to_string());
        false
    }
}

/// Adds an entry if it fits.
fn push<T: Serialize>(room: &mut usize, entries: &mut Vec<T>, entry: T) -> bool {
    let Some(left) = room.checked_sub(json_len(&entry) + 1) else { return false };
    *room = left;
    entries.push(entry);
    true
}

fn journal_entry(row: LogRow) -> JournalEntry {
    JournalEntry {
        at: row.at.millis().secs(),
        identifier: row.field(attribute::KIND).map(str::to_owned),
        kind: row.kind,
        region: row.origin,
    }
}

/// The bytes of a value as JSON.
fn json_len(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

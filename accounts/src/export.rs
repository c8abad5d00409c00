//! The export of all data that is held on a person, with its sources and without password hashes.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::{AuditEntry, Exported, ExportedCredentials, ExportedLinkedAccount, JournalEntry};
use umoja_schema::names::attribute;
use umoja_schema::{AuditEvent, Credentials, Log, UserId};

use crate::person::Stored;
use crate::{Accounts, Context, Error, People, Person, Rule};

/// Reads all data that is held on a person, and records the export.
pub struct Export {
    /// The user.
    pub id: UserId,
}

/// The number of users that are read at the same time.
const CONCURRENT: usize = 8;

impl Rule for Export {
    type Read = Option<Person>;
    type Done = Exported;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Option<Person>, Error> {
        accounts.reader().load(self.id).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, person: Option<Person>) -> Result<Exported, Error> {
        let person = person.ok_or(Error::NotFound)?;
        let held: Vec<_> = person.users().map(|user| held(accounts, context, user)).collect();
        let held: Vec<_> = stream::iter(held).buffered(CONCURRENT).try_collect().await?;
        let mut held = held.into_iter();
        let (credentials, journal, audit) = held.next().ok_or(Error::Broken("a person has a primary account"))?;
        let linked = |(linked, (credentials, journal, audit)): (&Stored, _)| ExportedLinkedAccount {
            user: linked.view(),
            merged_into: linked.facts.merged_into,
            sources: linked.identity.sources.clone(),
            credentials,
            journal,
            audit,
        };
        let linked_accounts = person.linked_accounts.iter().zip(held).map(linked).collect();
        let user = person.view();
        Ok(Exported { user, credentials, journal, audit, sources: person.primary.identity.sources, linked_accounts })
    }
}

type Held = (ExportedCredentials, Vec<JournalEntry>, Vec<AuditEntry>);

async fn held(people: &People, context: &Context, user: &Stored) -> Result<Held, Error> {
    tokio::try_join!(credentials(people, user), journal(people, user), audit(people, context, user))
}

/// Records the export, and reads the audit trail of the user.
async fn audit(people: &People, context: &Context, user: &Stored) -> Result<Vec<AuditEntry>, Error> {
    people.recorder().append(&context.actor, user.id(), AuditEvent::Exported).await?;
    let mut rows = people.rows(Log::Audit, user.id()).await?;
    rows.sort_by_key(|row| row.at);
    Ok(rows.iter().map(AuditEntry::from).collect())
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

async fn journal(people: &People, user: &Stored) -> Result<Vec<JournalEntry>, Error> {
    let rows = people.rows(Log::Journal, user.id()).await?.into_iter().map(|row| JournalEntry {
        at: row.at.millis().secs(),
        identifier: row.field(attribute::KIND).map(str::to_owned),
        kind: row.kind,
        region: row.origin,
    });
    Ok(rows.collect())
}

//! `export`: all that is held on a person, with where it came from. Never a hash.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::{self, AuditEntry, Exported, ExportedCredentials, ExportedMember, JournalEntry};
use umoja_schema::names::attribute;
use umoja_schema::{AuditEvent, Credentials, Log, Scope};

use crate::app::App;
use crate::caller::Caller;
use crate::group::Group;
use crate::handler::{Answer, Operation};
use crate::problem::{INTERNAL, NOT_FOUND, Refusal};
use crate::user::Stored;

pub(crate) struct Export;

/// How many users are read at the same time.
const CONCURRENT: usize = 8;

impl Operation for Export {
    const PATH: &'static str = "/v1/users/export";
    const SCOPE: Scope = Scope::Export;
    const CHANGES: bool = false;
    type Body = api::Export;
    type Read = Option<Group>;

    async fn read(app: &App, _: &Caller, body: &api::Export) -> Result<Option<Group>, Refusal> {
        app.load(body.id).await
    }

    async fn run(app: &App, caller: &Caller, _: api::Export, group: Option<Group>) -> Result<Answer, Refusal> {
        let group = group.ok_or(Refusal::from(&NOT_FOUND))?;
        let held: Vec<_> = group.users().map(|user| held(app, caller, user)).collect();
        let held: Vec<_> = stream::iter(held).buffered(CONCURRENT).try_collect().await?;
        let mut held = held.into_iter();
        let (credentials, journal, audit) = held.next().ok_or(Refusal::from(&INTERNAL))?;
        let member = |(member, (credentials, journal, audit)): (&Stored, _)| ExportedMember {
            user: member.view(),
            merged_into: member.facts.merged_into,
            sources: member.identity.sources.clone(),
            credentials,
            journal,
            audit,
        };
        let members = group.members.iter().zip(held).map(member).collect();
        let user = group.view();
        let exported = Exported { user, credentials, journal, audit, sources: group.root.identity.sources, members };
        Answer::new(200, &exported)
    }
}

type Held = (ExportedCredentials, Vec<JournalEntry>, Vec<AuditEntry>);

async fn held(app: &App, caller: &Caller, user: &Stored) -> Result<Held, Refusal> {
    tokio::try_join!(credentials(app, user), journal(app, user), audit(app, caller, user))
}

/// Records the export, and reads all that is recorded.
async fn audit(app: &App, caller: &Caller, user: &Stored) -> Result<Vec<AuditEntry>, Refusal> {
    app.recorder().append(&caller.actor(), user.id(), AuditEvent::Exported).await?;
    let mut rows = app.rows(Log::Audit, user.id()).await?;
    rows.sort_by_key(|row| row.at);
    Ok(rows.iter().map(AuditEntry::from).collect())
}

async fn credentials(app: &App, user: &Stored) -> Result<ExportedCredentials, Refusal> {
    let credentials: Credentials = app.sealer.open(&user.credentials).await?;
    Ok(ExportedCredentials {
        password: credentials.secret.is_some(),
        password_source: credentials.password_source,
        old_hashes_of: credentials.old_hashes.into_iter().map(|old| old.company).collect(),
        status_reason: credentials.status_reason,
        status_source: credentials.status_source,
    })
}

async fn journal(app: &App, user: &Stored) -> Result<Vec<JournalEntry>, Refusal> {
    let rows = app.rows(Log::Journal, user.id()).await?.into_iter().map(|row| JournalEntry {
        at: row.at.millis().secs(),
        identifier: row.field(attribute::KIND).map(str::to_owned),
        kind: row.kind,
        region: row.origin,
    });
    Ok(rows.collect())
}

//! `export`: all that is held on a person, with where it came from. Never a hash.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::{self, Exported, ExportedCredentials, ExportedMember, JournalEntry};
use umoja_schema::names::attribute;
use umoja_schema::{Credentials, Log, Scope};

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

    async fn run(app: &App, _: &Caller, _: api::Export, group: Option<Group>) -> Result<Answer, Refusal> {
        let group = group.ok_or(Refusal::from(&NOT_FOUND))?;
        let held: Vec<_> = group.users().map(|user| held(app, user)).collect();
        let held: Vec<_> = stream::iter(held).buffered(CONCURRENT).try_collect().await?;
        let mut held = held.into_iter();
        let (credentials, journal) = held.next().ok_or(Refusal::from(&INTERNAL))?;
        let member = |(member, (credentials, journal)): (&Stored, _)| ExportedMember {
            user: member.view(),
            merged_into: member.facts.merged_into,
            sources: member.identity.sources.clone(),
            credentials,
            journal,
        };
        let members = group.members.iter().zip(held).map(member).collect();
        let user = group.view();
        let exported = Exported { user, credentials, journal, sources: group.root.identity.sources, members };
        Answer::new(200, &exported)
    }
}

async fn held(app: &App, user: &Stored) -> Result<(ExportedCredentials, Vec<JournalEntry>), Refusal> {
    tokio::try_join!(credentials(app, user), journal(app, user))
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

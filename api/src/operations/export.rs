//! `export`: all that is held on a person, with where it came from. Never a hash.

use umoja_schema::api::{self, Exported, ExportedCredentials, JournalEntry};
use umoja_schema::names::attribute;
use umoja_schema::{Credentials, Log, Scope};

use crate::app::App;
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::{NOT_FOUND, Refusal};
use crate::user::Stored;

pub(crate) struct Export;

impl Operation for Export {
    const PATH: &'static str = "/v1/users/export";
    const SCOPE: Scope = Scope::Export;
    const CHANGES: bool = false;
    type Body = api::Export;
    type Read = Option<Stored>;

    async fn read(app: &App, _: &Caller, body: &api::Export) -> Result<Option<Stored>, Refusal> {
        app.load(body.id).await
    }

    async fn run(app: &App, _: &Caller, body: api::Export, stored: Option<Stored>) -> Result<Answer, Refusal> {
        let stored = stored.ok_or(Refusal::from(&NOT_FOUND))?;
        let credentials: Credentials = app.sealer.open(&stored.credentials).await?;
        let journal = app.rows(Log::Journal, body.id).await?.into_iter().map(|row| JournalEntry {
            at: row.at.millis().secs(),
            identifier: row.field(attribute::KIND).map(str::to_owned),
            kind: row.kind,
            region: row.origin,
        });
        let credentials = ExportedCredentials {
            password: credentials.secret.is_some(),
            password_source: credentials.password_source,
            old_hashes_of: credentials.old_hashes.into_iter().map(|old| old.company).collect(),
            status_reason: credentials.status_reason,
            status_source: credentials.status_source,
        };
        Answer::new(
            200,
            &Exported {
                user: stored.view(),
                sources: stored.identity.sources,
                credentials,
                journal: journal.collect(),
            },
        )
    }
}

//! `status`: disables and activates a user, for all companies. Of merged users the root's status counts.

use umoja_schema::api;
use umoja_schema::{AuditEvent, Credentials, Scope};

use super::{found, reason};
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::group::Group;
use crate::handler::{Answer, Operation};
use crate::problem::{NOT_FOUND, Refusal};
use crate::user::source;

pub(crate) struct Status;

impl Operation for Status {
    const PATH: &'static str = "/v1/users/status";
    const SCOPE: Scope = Scope::Status;
    const CHANGES: bool = true;
    type Body = api::SetStatus;
    type Read = (Option<String>, Option<Group>);

    async fn read(app: &App, _: &Caller, body: &api::SetStatus) -> Result<Self::Read, Refusal> {
        Ok((reason(body.reason.as_ref())?, app.load(body.id).await?))
    }

    async fn run(
        app: &App,
        caller: &Caller,
        body: api::SetStatus,
        (reason, first): Self::Read,
    ) -> Result<Answer, Refusal> {
        let mut first = Some(first);
        until_written!({
            let group = match first.take() {
                Some(read) => read,
                None => app.load(body.id).await?,
            };
            let mut group = group.ok_or(Refusal::from(&NOT_FOUND))?;
            let stored = &mut group.root;
            let credentials: Credentials = app.sealer.open(&stored.credentials).await?;
            if stored.status == body.status && credentials.status_reason == reason {
                return found(200, &group, body.id).map(Some);
            }
            let changed =
                Credentials { status_reason: reason.clone(), status_source: Some(source(caller)), ..credentials };
            let event = AuditEvent::StatusChanged(body.status);
            let written =
                app.write_credentials(&stored.credentials, &changed, body.status, Some((caller, event))).await?;
            let Some(written) = written else { return Ok(None) };
            stored.credentials = written;
            stored.status = body.status;
            found(200, &group, body.id).map(Some)
        })
    }
}

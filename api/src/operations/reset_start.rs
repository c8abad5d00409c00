//! `password/reset/start`: a token for the credentials that decide, and the stored addresses to send it to. Nothing is
//! written but that it was handed out.

use umoja_schema::api::{self, ResetStarted};
use umoja_schema::{AuditEvent, Scope};
use umoja_store::group::GroupParts;

use super::authenticate::is_active;
use super::lookup::{at_least, one_selector};
use crate::app::App;
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::{NOT_FOUND, Refusal, USER_DISABLED};
use crate::reset_token::ResetToken;

/// How long a token is good for, in seconds, if the caller does not say.
const LIFETIME_SECS: u64 = 15 * 60;

/// What a caller may say.
const LIFETIMES_SECS: std::ops::RangeInclusive<u64> = 60..=24 * 60 * 60;

pub(crate) struct ResetStart;

impl Operation for ResetStart {
    const PATH: &'static str = "/v1/users/password/reset/start";
    const SCOPE: Scope = Scope::Reset;
    const CHANGES: bool = false;
    type Body = api::ResetStart;
    type Read = (u64, Option<GroupParts>);

    async fn read(app: &App, caller: &Caller, body: &api::ResetStart) -> Result<Self::Read, Refusal> {
        let lifetime = body.lifetime_secs.unwrap_or(LIFETIME_SECS);
        if !LIFETIMES_SECS.contains(&lifetime) {
            return Err(Refusal::invalid("lifetime_secs", "A token lives for 60 to 86400 seconds."));
        }
        let selector = body.selector().ok_or_else(one_selector)?;
        at_least(app, body.min_version.as_ref()).await?;
        Ok((lifetime, app.find(caller, &selector).await?))
    }

    async fn run(
        app: &App,
        caller: &Caller,
        _: api::ResetStart,
        (lifetime, group): Self::Read,
    ) -> Result<Answer, Refusal> {
        let group = group.ok_or(Refusal::from(&NOT_FOUND))?;
        if !is_active(&group) {
            return Err(Refusal::from(&USER_DISABLED));
        }
        let (deciding, opened) = tokio::try_join!(app.deciding(&group), app.open(group.clone()))?;
        let group = opened.ok_or(Refusal::from(&NOT_FOUND))?;
        let user = deciding.record.and_then(|record| group.get(record.id)).ok_or(Refusal::from(&NOT_FOUND))?;
        let token = ResetToken { version: user.version(), expires_at: caller.now.secs() + lifetime };
        // Before it is handed out.
        app.recorder().append(&caller.actor(), user.id(), AuditEvent::ResetStarted).await?;
        let shown = group.view();
        Answer::new(
            200,
            &ResetStarted {
                token: token.seal(&app.secrets, &caller.company.id),
                expires_at: token.expires_at,
                id: shown.id,
                version: shown.version,
                email: shown.email,
                email_verified: shown.email_verified,
                phone_number: shown.phone_number,
                phone_number_verified: shown.phone_number_verified,
            },
        )
    }
}

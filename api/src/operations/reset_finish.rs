//! `password/reset/finish`: a new password for who brings a token, in any region that has caught up with it. What decides
//! is what `authenticate` goes by: the token is good as long as the credentials that it was made for do, unchanged.

use umoja_crypto::Password;
use umoja_schema::api::{self, PasswordReset};
use umoja_schema::{AuditEvent, PartRecord, PersonVersion, Scope, UserId};
use umoja_store::group::GroupParts;
use umoja_store::ports::Verdict;

use super::authenticate::{attempt, is_active};
use super::lookup::not_behind;
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::lockout;
use crate::problem::{INTERNAL, RESET_TOKEN, Refusal, USER_DISABLED};
use crate::reset_token::ResetToken;

pub(crate) struct ResetFinish;

impl Operation for ResetFinish {
    const PATH: &'static str = "/v1/users/password/reset/finish";
    const SCOPE: Scope = Scope::Reset;
    const CHANGES: bool = true;
    const HASHES: bool = true;
    type Body = api::ResetFinish;
    type Read = (ResetToken, Password, Option<GroupParts>);

    async fn read(app: &App, caller: &Caller, body: &api::ResetFinish) -> Result<Self::Read, Refusal> {
        let token = ResetToken::open(&app.secrets, &caller.company.id, &body.token);
        let token = token.ok_or_else(|| lockout::forged_token(caller))?;
        let password = Password::new(&body.new_password, app.config.min_password_chars);
        let password = password.map_err(|error| Refusal::password("new_password", error))?;
        let group = app.group(token.version.id).await?;
        Ok((token, password, group))
    }

    async fn run(
        app: &App,
        caller: &Caller,
        _: api::ResetFinish,
        (token, password, group): Self::Read,
    ) -> Result<Answer, Refusal> {
        let wanted = &token.version;
        let mut first = Some(group);
        let group = until_written!({
            let group = match first.take() {
                Some(read) => read,
                None => app.group(wanted.id).await?,
            };
            let Some(mut group) = group else { return Err(no_longer(app, &token).await) };
            if !is_active(&group) {
                return Err(Refusal::from(&USER_DISABLED));
            }
            let deciding = app.deciding(&group).await?;
            let is_meant = |record: &PartRecord| (record.id, &record.version) == (wanted.id, &wanted.credentials);
            if !deciding.record.as_ref().is_some_and(is_meant) {
                // A request that is repeated under its idempotency key meets its own effect.
                let is_done = caller.is_repeat
                    && app.hasher.verify(attempt(app, caller, password.clone(), &deciding.credentials)).await?
                        != Verdict::Wrong;
                return if is_done { Ok(Some(group)) } else { Err(no_longer(app, &token).await) };
            }
            if token.expires_at <= caller.now.secs() {
                return Err(Refusal::from(&RESET_TOKEN));
            }
            let written =
                app.set_password(caller, &group, deciding, password.clone(), AuditEvent::PasswordReset).await?;
            Ok(written.map(|written| {
                group.set(written);
                group
            }))
        })?;
        lockout::forgive(app, &group).await;
        let id = group.root.id().ok_or(Refusal::from(&INTERNAL))?;
        answer(id, group.version().map(|version| version.to_string()))
    }

    async fn again(_: &App, _: u16, id: UserId, version: Option<String>) -> Result<Answer, Refusal> {
        answer(id, version)
    }
}

/// Why a genuine token does nothing here: because this region has not heard of what it is for, or because that is over.
async fn no_longer(app: &App, token: &ResetToken) -> Refusal {
    match not_behind(app, &PersonVersion::of(token.version.clone(), [])).await {
        Ok(()) => Refusal::from(&RESET_TOKEN),
        Err(refusal) => refusal,
    }
}

fn answer(id: UserId, version: Option<String>) -> Result<Answer, Refusal> {
    let version = version.ok_or(Refusal::from(&INTERNAL))?;
    Ok(Answer::new(200, &PasswordReset { id, version: version.clone() })?.of(id, Some(version)))
}

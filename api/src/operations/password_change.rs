//! `password/change`: a new password for who knows the current one.

use umoja_crypto::Password;
use umoja_schema::api::{self, PasswordChanged};
use umoja_schema::{AccountStatus, Credentials, Scope, UserId};
use umoja_store::ports::{Parts, Verdict};

use super::authenticate::attempt;
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::{NOT_FOUND, Refusal};
use crate::user::{is_gone, source};

pub(crate) struct PasswordChange;

impl Operation for PasswordChange {
    const PATH: &'static str = "/v1/users/password/change";
    const SCOPE: Scope = Scope::Password;
    const CHANGES: bool = true;
    type Body = api::PasswordChange;
    type Read = (Password, Parts);

    async fn read(app: &App, _: &Caller, body: &api::PasswordChange) -> Result<Self::Read, Refusal> {
        let password = Password::new(&body.new_password, app.config.min_password_chars);
        let password = password.map_err(|error| Refusal::password("new_password", &error))?;
        Ok((password, app.home.own.users.parts(body.id).await?))
    }

    async fn run(
        app: &App,
        caller: &Caller,
        body: api::PasswordChange,
        (password, parts): Self::Read,
    ) -> Result<Answer, Refusal> {
        let mut parts = Some(parts);
        let changed = until_written!({
            let parts = match parts.take() {
                Some(read) => read,
                None => app.home.own.users.parts(body.id).await?,
            };
            if is_gone(&parts) {
                return Err(Refusal::from(&NOT_FOUND));
            }
            let Some(record) = &parts.credentials else { return Err(Refusal::from(&NOT_FOUND)) };
            let credentials: Credentials = app.sealer.open(record).await?;
            let given = Password::attempt(&body.current_password);
            let verdict = app.hasher.verify(attempt(app, given, &credentials)).await?;
            let active = record.status() == Some(AccountStatus::Active);
            if verdict == Verdict::Wrong && active && caller.is_repeat {
                // A request that is repeated under its idempotency key meets its own effect.
                let again = app.hasher.verify(attempt(app, password.clone(), &credentials)).await?;
                return Ok(Some((again != Verdict::Wrong).then_some(parts)));
            }
            if verdict == Verdict::Wrong || !active {
                return Ok(Some(None));
            }
            let secret = app.hasher.hash(password.clone(), app.home.entropy.array()).await?;
            let changed = Credentials {
                secret: Some(secret),
                old_hashes: Vec::new(),
                password_source: Some(source(caller)),
                ..credentials
            };
            let written = app.write_credentials(record, &changed, AccountStatus::Active).await?;
            Ok(written.map(|written| {
                let mut parts = parts;
                parts.set(written);
                Some(parts)
            }))
        })?;
        let version = changed.and_then(|parts| parts.version()).map(|version| version.to_string());
        answer(version.is_some(), body.id, version)
    }

    async fn again(_: &App, _: u16, id: UserId, version: Option<String>) -> Result<Answer, Refusal> {
        answer(true, id, version)
    }
}

/// Only a change is remembered: who mistyped may try again under the same key.
fn answer(changed: bool, id: UserId, version: Option<String>) -> Result<Answer, Refusal> {
    let answer = Answer::new(200, &PasswordChanged { changed, version: version.clone() })?;
    Ok(if changed { answer.of(id, version) } else { answer })
}

//! `password/change`: a new password for who knows the current one. Of merged users it is changed where that one is.

use umoja_crypto::Password;
use umoja_schema::api::{self, PasswordChanged};
use umoja_schema::{AuditEvent, Scope, UserId};
use umoja_store::group::GroupParts;
use umoja_store::ports::Verdict;

use super::authenticate::{attempt, is_active};
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::lockout::{Entry, Origin, Target};
use crate::problem::{NOT_FOUND, Refusal};

pub(crate) struct PasswordChange;

impl Operation for PasswordChange {
    const PATH: &'static str = "/v1/users/password/change";
    const SCOPE: Scope = Scope::Password;
    const CHANGES: bool = true;
    const HASHES: bool = true;
    type Body = api::PasswordChange;
    type Read = (Password, Option<GroupParts>);

    async fn read(app: &App, _: &Caller, body: &api::PasswordChange) -> Result<Self::Read, Refusal> {
        let password = Password::new(&body.new_password, app.config.min_password_chars);
        let password = password.map_err(|error| Refusal::password("new_password", error))?;
        Ok((password, app.group(body.id).await?))
    }

    async fn run(
        app: &App,
        caller: &Caller,
        body: api::PasswordChange,
        (password, group): Self::Read,
    ) -> Result<Answer, Refusal> {
        if group.is_none() {
            return Err(Refusal::from(&NOT_FOUND));
        }
        let target = Target::of_id(app, body.id);
        let entry = Entry::begin(app, caller, &target, group.as_ref(), &Origin::default()).await?;
        let changed = change(app, caller, &body, &password, group).await;
        // Whatever is an error: the current password was right, or nobody looked at it.
        entry.end(&changed).await;
        let version = changed?.and_then(|group| group.version()).map(|version| version.to_string());
        answer(version.is_some(), body.id, version)
    }

    async fn again(_: &App, _: u16, id: UserId, version: Option<String>) -> Result<Answer, Refusal> {
        answer(true, id, version)
    }
}

/// Whose password was changed; nothing if the current one is wrong.
async fn change(
    app: &App,
    caller: &Caller,
    body: &api::PasswordChange,
    password: &Password,
    group: Option<GroupParts>,
) -> Result<Option<GroupParts>, Refusal> {
    let mut first = Some(group);
    until_written!({
        let group = match first.take() {
            Some(read) => read,
            None => app.group(body.id).await?,
        };
        let mut group = group.ok_or(Refusal::from(&NOT_FOUND))?;
        let deciding = app.deciding(&group).await?;
        if deciding.record.is_none() {
            return Err(Refusal::from(&NOT_FOUND));
        }
        let given = Password::attempt(&body.current_password);
        let verdict = app.hasher.verify(attempt(app, caller, given, &deciding.credentials)).await?;
        let active = is_active(&group);
        if verdict == Verdict::Wrong && active && caller.is_repeat {
            // A request that is repeated under its idempotency key meets its own effect.
            let again = app.hasher.verify(attempt(app, caller, password.clone(), &deciding.credentials)).await?;
            return Ok(Some((again != Verdict::Wrong).then_some(group)));
        }
        if verdict == Verdict::Wrong || !active {
            return Ok(Some(None));
        }
        let written = app.set_password(caller, &group, deciding, password.clone(), AuditEvent::PasswordChanged).await?;
        Ok(written.map(|written| {
            group.set(written);
            Some(group)
        }))
    })
}

/// Only a change is remembered: who mistyped may try again under the same key.
fn answer(changed: bool, id: UserId, version: Option<String>) -> Result<Answer, Refusal> {
    let answer = Answer::new(200, &PasswordChanged { changed, version: version.clone() })?;
    Ok(if changed { answer.of(id, version) } else { answer })
}

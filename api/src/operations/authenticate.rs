//! `authenticate`: checks a password. The answer, and the number of hashes behind it, are the same for users that are
//! unknown, disabled, or given a wrong password.

use umoja_crypto::Password;
use umoja_schema::api::{self, Authenticated};
use umoja_schema::{AccountStatus, Credentials, Scope};
use umoja_store::ports::{Attempt, Parts, Verdict};

use super::lookup::one_selector;
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::Refusal;
use crate::user::{Stored, link};

pub(crate) struct Authenticate;

impl Operation for Authenticate {
    const PATH: &'static str = "/v1/users/authenticate";
    const SCOPE: Scope = Scope::Authenticate;
    const CHANGES: bool = false;
    type Body = api::Authenticate;
    type Read = Option<Parts>;

    async fn read(app: &App, caller: &Caller, body: &api::Authenticate) -> Result<Option<Parts>, Refusal> {
        let selector = body.selector().ok_or_else(one_selector)?;
        app.find(caller, &selector).await
    }

    async fn run(app: &App, caller: &Caller, body: api::Authenticate, parts: Option<Parts>) -> Result<Answer, Refusal> {
        let mut first = Some(parts);
        let user = until_written!({
            let parts = match first.take() {
                Some(read) => read,
                None => Self::read(app, caller, &body).await?,
            };
            login(app, caller, &body.password, parts).await
        })?;
        let user = user.map(|stored| stored.view());
        Answer::new(200, &Authenticated { authenticated: user.is_some(), user })
    }
}

/// One attempt: `Some(user)` if the password is right and the user may log in, `Some(None)` if not; nothing if the
/// credentials changed under it, and then it has to be made again.
async fn login(
    app: &App,
    caller: &Caller,
    password: &str,
    parts: Option<Parts>,
) -> Result<Option<Option<Stored>>, Refusal> {
    let record = parts.as_ref().and_then(|parts| parts.credentials.clone());
    let credentials = match &record {
        Some(record) => app.sealer.open(record).await?,
        None => Credentials::default(),
    };
    let verdict = app.hasher.verify(attempt(app, Password::attempt(password), &credentials)).await?;
    let (Some(record), Some(mut parts)) = (record, parts) else { return Ok(Some(None)) };
    if verdict == Verdict::Wrong || record.status() != Some(AccountStatus::Active) {
        return Ok(Some(None));
    }
    if let Verdict::Upgrade(secret) = verdict {
        let upgraded = Credentials { secret: Some(secret), old_hashes: Vec::new(), ..credentials };
        match app.write_credentials(&record, &upgraded, AccountStatus::Active).await {
            Ok(Some(written)) => parts.set(written),
            Ok(None) => return Ok(None),
            // The password is right all the same; the next login upgrades.
            Err(refusal) => tracing::warn!(code = refusal.kind.code, "a password hash was not upgraded"),
        }
    }
    let Some(stored) = app.open(parts).await? else { return Ok(Some(None)) };
    if stored.is_linked_to(&caller.company.id) {
        return Ok(Some(Some(stored)));
    }
    match linked(app, caller, &stored).await {
        Ok(linked) => Ok(linked.map(|linked| linked.filter(|stored| stored.status == AccountStatus::Active))),
        // As well: the next login links.
        Err(refusal) => {
            tracing::warn!(code = refusal.kind.code, "a user was not linked to the company that authenticated it");
            Ok(Some(Some(stored)))
        }
    }
}

/// The work of checking a password against what is stored.
pub(super) fn attempt(app: &App, password: Password, credentials: &Credentials) -> Attempt {
    Attempt {
        password,
        secret: credentials.secret.clone(),
        old_hashes: credentials.old_hashes.clone(),
        salt: app.home.entropy.array(),
    }
}

/// Links the calling company, which gives it the right to change the profile. Nothing if the credentials are not the
/// ones that were checked any more; `Some(None)` if the user was erased meanwhile.
async fn linked(app: &App, caller: &Caller, checked: &Stored) -> Result<Option<Option<Stored>>, Refusal> {
    until_written!({
        let Some(stored) = app.load(checked.profile.id).await? else { return Ok(Some(Some(None))) };
        if stored.credentials.version != checked.credentials.version {
            return Ok(Some(None));
        }
        let (mut identity, mut facts) = (stored.identity.clone(), stored.facts.clone());
        link(caller, &mut identity, &mut facts);
        if facts == stored.facts {
            return Ok(Some(Some(Some(stored))));
        }
        let written = app.write_profile(&stored.profile, &identity, facts, Vec::new()).await?;
        Ok(written.map(|profile| Some(stored.with_profile(profile, identity))))
    })
}

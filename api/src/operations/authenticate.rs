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
        let login = until_written!({
            let parts = match first.take() {
                Some(read) => read,
                None => Self::read(app, caller, &body).await?,
            };
            Ok(match login(app, caller, &body.password, parts).await? {
                Login::Overtaken => None,
                Login::Refused => Some(None),
                Login::Accepted(stored) => Some(Some(stored)),
            })
        })?;
        let user = login.map(|stored| stored.view());
        Answer::new(200, &Authenticated { authenticated: user.is_some(), user })
    }
}

/// What became of one attempt.
enum Login {
    /// The password is right, and the user may log in.
    Accepted(Box<Stored>),
    /// Anything else; nobody learns what.
    Refused,
    /// The credentials changed under the attempt: it has to be made again.
    Overtaken,
}

async fn login(app: &App, caller: &Caller, password: &str, parts: Option<Parts>) -> Result<Login, Refusal> {
    let record = parts.as_ref().and_then(|parts| parts.credentials.clone());
    let credentials = match &record {
        Some(record) => app.sealer.open(record).await?,
        None => Credentials::default(),
    };
    let verdict = app.hasher.verify(attempt(app, Password::attempt(password), &credentials)).await?;
    let (Some(record), Some(mut parts)) = (record, parts) else { return Ok(Login::Refused) };
    if verdict == Verdict::Wrong || record.status() != Some(AccountStatus::Active) {
        return Ok(Login::Refused);
    }
    if let Verdict::Upgrade(secret) = verdict {
        let upgraded = Credentials { secret: Some(secret), old_hashes: Vec::new(), ..credentials };
        match app.write_credentials(&record, &upgraded, AccountStatus::Active).await {
            Ok(Some(written)) => parts.set(written),
            Ok(None) => return Ok(Login::Overtaken),
            // The password is right all the same; the next login upgrades.
            Err(refusal) => tracing::warn!(code = refusal.kind.code, "a password hash was not upgraded"),
        }
    }
    let Some(stored) = app.open(parts).await? else { return Ok(Login::Refused) };
    if stored.is_linked_to(&caller.company.id) {
        return Ok(Login::Accepted(Box::new(stored)));
    }
    Ok(linked(app, caller, &stored).await.unwrap_or_else(|refusal| {
        // As well: the next login links.
        tracing::warn!(code = refusal.kind.code, "a user was not linked to the company that authenticated it");
        Login::Accepted(Box::new(stored))
    }))
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

/// Links the calling company to the user whose password was checked, which gives it the right to change the profile.
async fn linked(app: &App, caller: &Caller, checked: &Stored) -> Result<Login, Refusal> {
    until_written!({
        let Some(stored) = app.load(checked.profile.id).await? else { return Ok(Some(Login::Refused)) };
        if stored.credentials.version != checked.credentials.version {
            return Ok(Some(Login::Overtaken));
        }
        let (mut identity, mut facts) = (stored.identity.clone(), stored.facts.clone());
        link(caller, &mut identity, &mut facts);
        if facts == stored.facts {
            return Ok(Some(Login::Accepted(Box::new(stored))));
        }
        let written = app.write_profile(&stored.profile, &identity, facts, Vec::new()).await?;
        let linked = written.and_then(|profile| stored.with_profile(profile, identity));
        Ok(linked.map(|stored| Login::Accepted(Box::new(stored))))
    })
}

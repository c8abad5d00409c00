//! `authenticate`: checks a password. The answer, and the number of hashes behind it, are the same for users that are
//! unknown, disabled, or given a wrong password.

use umoja_crypto::Password;
use umoja_schema::api::{self, Authenticated};
use umoja_schema::{AccountStatus, Credentials, Part, PartRecord, Scope, UserId};
use umoja_store::ports::{Attempt, Parts, Verdict};

use super::lookup::one_selector;
use super::source;
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
        let record = parts.as_ref().and_then(|parts| parts.credentials.clone());
        let credentials = match &record {
            Some(record) => app.sealer.open(record).await?,
            None => Credentials::default(),
        };
        let verdict = app.hasher.verify(attempt(app, Password::attempt(&body.password), &credentials)).await?;
        let active = record.as_ref().and_then(PartRecord::status) == Some(AccountStatus::Active);
        let (Some(record), Some(parts), true) = (record, parts, active && verdict != Verdict::Wrong) else {
            return Answer::new(200, &Authenticated { authenticated: false, user: None });
        };
        let upgraded = match verdict {
            Verdict::Upgrade(secret) => upgrade(app, record, credentials, secret).await?,
            _ => None,
        };
        let stored = app.open(Parts { credentials: upgraded.or(parts.credentials), ..parts }).await?;
        let linked = match stored {
            Some(stored) if !stored.is_linked_to(&caller.company.id) => linked(app, caller, stored.profile.id).await?,
            stored => stored,
        };
        let user = linked.map(|stored| stored.view());
        Answer::new(200, &Authenticated { authenticated: user.is_some(), user })
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

/// Stores a better hash of the password that was just given, and drops the old ones. If somebody changed the
/// credentials meanwhile, theirs stay.
async fn upgrade(
    app: &App,
    record: PartRecord,
    mut credentials: Credentials,
    secret: String,
) -> Result<Option<PartRecord>, Refusal> {
    credentials.secret = Some(secret);
    credentials.old_hashes.clear();
    let written = app.write_credentials(&record, &credentials, AccountStatus::Active).await?;
    Ok(match written {
        Some(written) => Some(written),
        None => app.home.own.users.part(record.id, Part::Credentials).await?,
    })
}

/// Links the calling company, which gives it the right to change the profile. Nothing if the user was erased
/// meanwhile.
async fn linked(app: &App, caller: &Caller, id: UserId) -> Result<Option<Stored>, Refusal> {
    until_written!({
        let Some(stored) = app.load(id).await? else { return Ok(Some(None)) };
        let (mut identity, mut facts) = (stored.identity.clone(), stored.facts.clone());
        link(caller, &mut facts);
        if facts == stored.facts {
            return Ok(Some(Some(stored)));
        }
        identity.sources.insert(format!("accounts.{}", caller.company.id), source(caller));
        let written = app.write_profile(&stored.profile, &identity, facts, Vec::new()).await?;
        Ok(written.map(|profile| stored.with_profile(profile, identity)))
    })
}

//! `authenticate`: checks a password. The answer, and the work behind it, are the same for users that are unknown, disabled,
//! or given a wrong password. Of merged users the root's credentials and status decide. Who tries too often has to wait.

use umoja_crypto::Password;
use umoja_schema::api::{self, Authenticated};
use umoja_schema::{AccountStatus, Credentials, PartRecord, Scope};
use umoja_store::group::GroupParts;
use umoja_store::ports::{Attempt, Verdict};

use super::lookup::one_selector;
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::deciding::Deciding;
use crate::group::Group;
use crate::handler::{Answer, Operation};
use crate::lockout::{Entry, Origin, Target};
use crate::problem::Refusal;
use crate::profiles::{Change, Rules};
use crate::user::link;

pub(crate) struct Authenticate;

impl Operation for Authenticate {
    const PATH: &'static str = "/v1/users/authenticate";
    const SCOPE: Scope = Scope::Authenticate;
    const CHANGES: bool = false;
    const HASHES: bool = true;
    type Body = api::Authenticate;
    type Read = (Origin, Target, Option<GroupParts>);

    async fn read(app: &App, caller: &Caller, body: &api::Authenticate) -> Result<Self::Read, Refusal> {
        let selector = body.selector().ok_or_else(one_selector)?;
        let origin = Origin::read(app, caller, body.client.as_ref())?;
        let target = Target::of(app, caller, &selector)?;
        let group = app.find_or(caller, &selector, Some(target.nobody)).await?;
        Ok((origin, target, group))
    }

    async fn run(
        app: &App,
        caller: &Caller,
        body: api::Authenticate,
        (origin, target, group): Self::Read,
    ) -> Result<Answer, Refusal> {
        let entry = Entry::begin(app, caller, &target, group.as_ref(), &origin).await?;
        let login = logged_in(app, caller, &body, group).await;
        entry.end(&login).await;
        let user = login?.map(|group| group.view());
        Answer::new(200, &Authenticated { authenticated: user.is_some(), user })
    }
}

/// Whoever logs in; nothing if nobody may.
async fn logged_in(
    app: &App,
    caller: &Caller,
    body: &api::Authenticate,
    group: Option<GroupParts>,
) -> Result<Option<Box<Group>>, Refusal> {
    let mut first = Some(group);
    until_written!({
        let group = match first.take() {
            Some(read) => read,
            None => Authenticate::read(app, caller, body).await?.2,
        };
        Ok(match login(app, caller, &body.password, group).await? {
            Login::Overtaken => None,
            Login::Refused => Some(None),
            Login::Accepted(group) => Some(Some(group)),
        })
    })
}

/// What became of one attempt.
enum Login {
    /// The password is right, and the user may log in.
    Accepted(Box<Group>),
    /// Anything else; nobody learns what.
    Refused,
    /// The credentials changed under the attempt: it has to be made again.
    Overtaken,
}

async fn login(app: &App, caller: &Caller, password: &str, group: Option<GroupParts>) -> Result<Login, Refusal> {
    let deciding = match &group {
        Some(group) => app.deciding(group).await?,
        None => Deciding::nobody(),
    };
    let Deciding { record, credentials } = deciding;
    let verdict = app.hasher.verify(attempt(app, caller, Password::attempt(password), &credentials)).await?;
    let (Some(mut group), Some(record)) = (group, record) else { return Ok(Login::Refused) };
    let secret = match verdict {
        Verdict::Wrong => return Ok(Login::Refused),
        Verdict::Verified => None,
        Verdict::Upgrade(secret) => Some(secret),
    };
    if !is_active(&group) {
        return Ok(Login::Refused);
    }
    if secret.is_some() {
        let upgraded = Credentials { secret, old_hashes: Vec::new(), ..credentials };
        match app.write_credentials(&record, &upgraded, AccountStatus::Active, None).await {
            Ok(Some(written)) => group.set(written),
            Ok(None) => return Ok(Login::Overtaken),
            // The password is right all the same; the next login upgrades.
            Err(refusal) => tracing::warn!(code = refusal.kind.code, "a password hash was not upgraded"),
        }
    }
    let Some(group) = app.open(group).await? else { return Ok(Login::Refused) };
    if group.is_linked_to(&caller.company.id) {
        return Ok(Login::Accepted(Box::new(group)));
    }
    Ok(linked(app, caller, &group).await.unwrap_or_else(|refusal| {
        // As well: the next login links.
        tracing::warn!(code = refusal.kind.code, "a user was not linked to the company that authenticated it");
        Login::Accepted(Box::new(group))
    }))
}

/// True if the root may log in: its status counts.
pub(super) fn is_active(group: &GroupParts) -> bool {
    group.root.credentials.as_ref().and_then(PartRecord::status) == Some(AccountStatus::Active)
}

/// The work of checking a password against what is stored.
pub(super) fn attempt(app: &App, caller: &Caller, password: Password, credentials: &Credentials) -> Attempt {
    Attempt {
        company: caller.company.id.clone(),
        password,
        secret: credentials.secret.clone(),
        old_hashes: credentials.old_hashes.clone(),
        salt: app.home.entropy.array(),
        keys: app.secrets.password_keys(),
    }
}

/// Links the calling company to the user whose password was checked, which gives it the right to change the profile.
async fn linked(app: &App, caller: &Caller, checked: &Group) -> Result<Login, Refusal> {
    until_written!({
        let Some(group) = app.load(checked.root.id()).await? else { return Ok(Some(Login::Refused)) };
        let root = &group.root;
        let credentials =
            |group: &Group| group.users().map(|user| user.credentials.version.clone()).collect::<Vec<_>>();
        if root.id() != checked.root.id() || credentials(&group) != credentials(checked) {
            return Ok(Some(Login::Overtaken));
        }
        if group.is_linked_to(&caller.company.id) {
            return Ok(Some(Login::Accepted(Box::new(group))));
        }
        let (mut identity, mut facts) = (root.identity.clone(), root.facts.clone());
        link(caller, &mut identity, &mut facts);
        let change = Change { id: root.id(), identity, facts };
        let linked = app.write_profiles(&group, &[change], &Rules::of(caller), |_| Vec::new()).await?;
        Ok(linked.map(|group| Login::Accepted(Box::new(group))))
    })
}

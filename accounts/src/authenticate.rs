//! Checks a password. The answer, and the work behind it, are the same for users that are unknown, disabled, or given a
//! wrong password. Of merged users the root's credentials and status decide. Who tries too often has to wait.

use umoja_crypto::Password;
use umoja_schema::api::Selector;
use umoja_schema::{AccountStatus, Credentials, PartRecord};
use umoja_store::group::GroupParts;
use umoja_store::ports::{Attempt, Verdict};

use crate::accounts::until_written;
use crate::deciding::Deciding;
use crate::lockout::{Entry, Origin, Target};
use crate::person::Change;
use crate::profiles::Rules;
use crate::{Accounts, Context, Error, Person, Rule};

/// An attempt at a password.
pub struct Authenticate {
    /// Whose.
    pub selector: Selector,
    /// The password.
    pub password: Password,
    /// Where the attempt comes from.
    pub origin: Origin,
}

/// What an attempt is made at, and what was found there.
pub struct Found {
    target: Target,
    group: Option<GroupParts>,
}

impl Rule for Authenticate {
    type Read = Found;
    /// Who logs in; `None` if nobody may.
    type Done = Option<Box<Person>>;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Found, Error> {
        let target = Target::of(accounts, context, &self.selector)?;
        let group = accounts.find_or(context, &self.selector, Some(target.nobody)).await?;
        Ok(Found { target, group })
    }

    async fn act(self, accounts: &Accounts, context: &Context, found: Found) -> Result<Self::Done, Error> {
        let Found { target, group } = found;
        let entry = Entry::begin(accounts, context, &target, group.as_ref(), &self.origin).await?;
        let login = logged_in(accounts, context, &self, group).await;
        entry.end(&login).await;
        login
    }
}

/// Who logs in; `None` if nobody may.
async fn logged_in(
    accounts: &Accounts,
    context: &Context,
    attempted: &Authenticate,
    group: Option<GroupParts>,
) -> Result<Option<Box<Person>>, Error> {
    let mut first = Some(group);
    until_written!({
        let group = match first.take() {
            Some(read) => read,
            None => attempted.read(accounts, context).await?.group,
        };
        Ok(match login(accounts, context, &attempted.password, group).await? {
            Login::Overtaken => None,
            Login::Refused => Some(None),
            Login::Accepted(group) => Some(Some(group)),
        })
    })
}

/// What became of one attempt.
enum Login {
    /// The password is right, and the user may log in.
    Accepted(Box<Person>),
    /// Anything else; nobody learns what.
    Refused,
    /// The credentials changed under the attempt: it has to be made again.
    Overtaken,
}

async fn login(
    accounts: &Accounts,
    context: &Context,
    password: &Password,
    group: Option<GroupParts>,
) -> Result<Login, Error> {
    let deciding = match &group {
        Some(group) => accounts.deciding(group).await?,
        None => Deciding::nobody(),
    };
    let Deciding { record, credentials } = deciding;
    let verdict = accounts.hasher.verify(attempt(accounts, context, password.clone(), &credentials)).await?;
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
        match accounts.write_credentials(&record, &upgraded, AccountStatus::Active, None).await {
            Ok(Some(written)) => group.set(written),
            Ok(None) => return Ok(Login::Overtaken),
            // The password is right all the same; the next login upgrades.
            Err(error) => tracing::warn!(%error, "a password hash was not upgraded"),
        }
    }
    let Some(group) = accounts.reader().open(group).await? else { return Ok(Login::Refused) };
    if group.is_linked_to(&context.company.id) {
        return Ok(Login::Accepted(Box::new(group)));
    }
    Ok(linked(accounts, context, &group).await.unwrap_or_else(|error| {
        // As well: the next login links.
        tracing::warn!(%error, "a user was not linked to the company that authenticated it");
        Login::Accepted(Box::new(group))
    }))
}

/// True if the root may log in: its status counts.
pub(crate) fn is_active(group: &GroupParts) -> bool {
    group.root.credentials.as_ref().and_then(PartRecord::status) == Some(AccountStatus::Active)
}

/// The work of checking a password against what is stored.
pub(crate) fn attempt(
    accounts: &Accounts,
    context: &Context,
    password: Password,
    credentials: &Credentials,
) -> Attempt {
    Attempt {
        company: context.company.id.clone(),
        password,
        secret: credentials.secret.clone(),
        old_hashes: credentials.old_hashes.clone(),
        salt: accounts.home.entropy.array(),
        keys: accounts.secrets.password_keys(),
    }
}

/// Links the calling company to the user whose password was checked, which gives it the right to change the profile.
async fn linked(accounts: &Accounts, context: &Context, checked: &Person) -> Result<Login, Error> {
    until_written!({
        let Some(group) = accounts.reader().load(checked.root.id()).await? else { return Ok(Some(Login::Refused)) };
        let root = &group.root;
        let credentials =
            |group: &Person| group.users().map(|user| user.credentials.version.clone()).collect::<Vec<_>>();
        if root.id() != checked.root.id() || credentials(&group) != credentials(checked) {
            return Ok(Some(Login::Overtaken));
        }
        if group.is_linked_to(&context.company.id) {
            return Ok(Some(Login::Accepted(Box::new(group))));
        }
        let (mut identity, mut facts) = (root.identity.clone(), root.facts.clone());
        context.link(&mut identity, &mut facts);
        let change = Change { id: root.id(), identity, facts };
        let linked = accounts.write_profiles(&group, &[change], &Rules::of(&context.actor), |_| Vec::new()).await?;
        Ok(linked.map(|group| Login::Accepted(Box::new(group))))
    })
}

//! Checks a password. The answer and the work behind it are the same for an unknown user, a disabled user, a user that
//! the company has suspended and a wrong password. For merged users, the credentials and the status of the primary
//! account decide. Too many failures lock further attempts out for some time.

use umoja_crypto::Password;
use umoja_schema::api::Selector;
use umoja_schema::{AccountStatus, Credentials};
use umoja_store::person::PersonParts;
use umoja_store::ports::Verdict;

use crate::accounts::until_written;
use crate::deciding_credentials::{Deciding, has_any};
use crate::find::Aimed;
use crate::first_login::{Asked, Learnt};
use crate::links::may_log_in;
use crate::lockout::{Entry, Origin, Target};
use crate::person::Change;
use crate::profiles::Rules;
use crate::{Accounts, Context, Error, People, Person, Rule};

/// A login attempt.
pub struct Authenticate {
    /// The user.
    pub selector: Selector,
    /// The password.
    pub password: Password,
    /// The origin of the attempt.
    pub origin: Origin,
}

/// The target of an attempt, and the person that was found.
pub struct Found {
    target: Target,
    person: Aimed,
}

impl Rule for Authenticate {
    type Read = Found;
    /// The person who logs in. `None` if the attempt is rejected.
    type Done = Option<Box<Person>>;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Found, Error> {
        let target = Target::of(accounts, context, &self.selector)?;
        let person = accounts.find_target(&target).await?;
        Ok(Found { target, person })
    }

    async fn act(self, accounts: &Accounts, context: &Context, found: Found) -> Result<Self::Done, Error> {
        let Found { target, person } = found;
        let mut entry = Entry::begin(accounts, context, &target, person.found.as_ref(), &self.origin).await?;
        let login = logged_in(accounts, context, &self, &mut entry, person).await;
        entry.end(&login).await;
        login
    }
}

/// The person who logs in. `None` if the attempt is rejected.
async fn logged_in(
    accounts: &Accounts,
    context: &Context,
    attempted: &Authenticate,
    entry: &mut Entry<'_>,
    person: Aimed,
) -> Result<Option<Box<Person>>, Error> {
    let (mut first, mut asked) = (Some(person), Asked::default());
    until_written!({
        let person = match first.take() {
            Some(read) => read,
            None => attempted.read(accounts, context).await?.person,
        };
        Ok(match login(accounts, context, &attempted.password, entry, person, &mut asked).await? {
            Login::Overtaken => None,
            Login::Rejected => Some(None),
            Login::Accepted(person) => Some(Some(person)),
        })
    })
}

/// The result of one attempt.
enum Login {
    /// The password is right, and the user may log in.
    Accepted(Box<Person>),
    /// Every other case. The answer does not reveal which one.
    Rejected,
    /// The credentials changed during the attempt, which has to be repeated.
    Overtaken,
}

async fn login(
    accounts: &Accounts,
    context: &Context,
    password: &Password,
    entry: &mut Entry<'_>,
    Aimed { found: person, instead }: Aimed,
    asked: &mut Asked,
) -> Result<Login, Error> {
    let deciding = match (&person, &instead) {
        (Some(person), _) => accounts.deciding(person).await?,
        (None, Some(other)) => {
            // The credentials are opened as if they counted.
            let _ = Box::pin(accounts.deciding(other)).await;
            Deciding::absent()
        }
        (None, None) => Deciding::absent(),
    };
    let verdict = entry.compare(password, &deciding.credentials).await?;
    let Some(mut person) = person.filter(|_| deciding.record.is_some()) else { return Ok(Login::Rejected) };
    let secret = match verdict {
        Verdict::Wrong if has_any(&deciding.credentials) => return Ok(Login::Rejected),
        Verdict::Wrong => return first_login(accounts, context, password, (person, deciding), asked).await,
        Verdict::Verified => None,
        Verdict::Upgrade(secret) => Some(secret),
    };
    let Deciding { record: Some(record), credentials } = deciding else { return Ok(Login::Rejected) };
    if !may_log_in(&person, &context.company.id) {
        return Ok(Login::Rejected);
    }
    if secret.is_some() {
        let upgraded = Credentials { secret, legacy_hashes: Vec::new(), ..credentials };
        match accounts.write_credentials(&record, &upgraded, AccountStatus::Active, None, None).await {
            Ok(Some(written)) => person.set(written),
            Ok(None) => return Ok(Login::Overtaken),
            // The password is right anyway, and the next login tries the upgrade again.
            Err(error) => tracing::warn!(%error, "a password hash was not upgraded"),
        }
    }
    let Some(person) = accounts.reader().open(person).await? else { return Ok(Login::Rejected) };
    accepted(accounts, context, Box::new(person)).await
}

/// The login of a person of whom no password is stored: the company's old system may know it.
async fn first_login(
    accounts: &Accounts,
    context: &Context,
    password: &Password,
    (person, deciding): (PersonParts, Deciding),
    asked: &mut Asked,
) -> Result<Login, Error> {
    if !may_log_in(&person, &context.company.id) {
        return Ok(Login::Rejected);
    }
    match accounts.learnt(context, (person, deciding), password, asked).await? {
        Learnt::No => Ok(Login::Rejected),
        Learnt::Overtaken => Ok(Login::Overtaken),
        Learnt::Right(person) => accepted(accounts, context, person).await,
    }
}

/// The login of a person whose password is right.
async fn accepted(accounts: &Accounts, context: &Context, person: Box<Person>) -> Result<Login, Error> {
    if person.is_linked_to(&context.company.id) {
        return Ok(Login::Accepted(person));
    }
    Ok(linked(accounts, context, &person).await.unwrap_or_else(|error| {
        // The password is right anyway, and the next login tries to link again.
        tracing::warn!(%error, "a user was not linked to the company that authenticated it");
        Login::Accepted(person)
    }))
}

/// Links the calling company to the user whose password was checked, which gives it the right to change the profile.
async fn linked(accounts: &Accounts, context: &Context, checked: &Person) -> Result<Login, Error> {
    until_written!({
        let Some(person) = accounts.reader().load(checked.primary.id()).await? else {
            return Ok(Some(Login::Rejected));
        };
        let primary = &person.primary;
        let credentials =
            |person: &Person| person.users().map(|user| user.credentials.version.clone()).collect::<Vec<_>>();
        if primary.id() != checked.primary.id() || credentials(&person) != credentials(checked) {
            return Ok(Some(Login::Overtaken));
        }
        if person.is_linked_to(&context.company.id) {
            return Ok(Some(Login::Accepted(Box::new(person))));
        }
        let linked = accounts.link_primary(context, &person).await?;
        Ok(linked.map(|person| Login::Accepted(Box::new(person))))
    })
}

impl People {
    /// Links the company to the primary account of a person. `None` if another write got in between.
    pub(crate) async fn link_primary(&self, context: &Context, person: &Person) -> Result<Option<Person>, Error> {
        let primary = &person.primary;
        let (mut identity, mut facts) = (primary.identity.clone(), primary.facts.clone());
        context.link(&mut identity, &mut facts);
        let change = Change { id: primary.id(), identity, facts };
        self.write_profiles(person, &[change], &Rules::of(&context.actor), |_| Vec::new()).await
    }
}

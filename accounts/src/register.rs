//! Makes a new user, or matches the user that a trusted company registered under the same verified identifier, unless
//! they are two people ([`crate::evidence`]).

use std::collections::BTreeMap;

use umoja_crypto::Password;
use umoja_schema::{
    AccountStatus, Attributes, AuditEvent, Credentials, Facts, Identity, PartRecord, ProfileFacts, UserId,
};
use umoja_store::identifiers::{Known, known};
use umoja_store::ports::{ItemWrite, Parts};

use crate::access::NewLogin;
use crate::accounts::until_written;
use crate::deciding_credentials::Deciding;
use crate::evidence::Joins;
use crate::identifiers::reject_taken;
use crate::matching::Match;
use crate::noticed::of_new;
use crate::person::Stored;
use crate::policy::About;
use crate::profiles::Rules;
use crate::receipt::any_erased;
use crate::repeat::prove_set;
use crate::transaction::{OwnershipPlan, Recorded, Replacement, Transaction};
use crate::{Accounts, Context, Error, Patch, People, Person, Rule};

/// Registers a user.
pub struct Register {
    /// Its identifiers and its profile, as [`Patch::of_new`] gives it.
    pub patch: Patch,
    /// Its password, which is ignored if the user is known.
    pub password: Option<Password>,
}

/// The result of a registration.
pub struct Registered {
    /// True if the user is new. False if it was known, and is linked now.
    pub is_new: bool,
    /// The user that was made or matched.
    pub id: UserId,
    /// The person of the user.
    pub person: Person,
}

/// The user that a registration would make.
pub struct New {
    id: UserId,
    identity: Identity,
    facts: ProfileFacts,
    ownerships: OwnershipPlan,
}

impl New {
    /// True if a user has a verified identifier of this one, which is verified too.
    pub(crate) fn is_known(&self) -> bool {
        known(self.ownerships.writes(), self.id).is_some()
    }
}

impl Rule for Register {
    type Read = New;
    type Done = Registered;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<New, Error> {
        let id = match &context.request {
            Some(request) => accounts.secrets.user_id(&context.company.id, &request.key),
            None => UserId::v7(context.now.0, accounts.home.entropy.array()),
        };
        let blank = ProfileFacts {
            created_at: context.now,
            ownerships: BTreeMap::new(),
            links: BTreeMap::new(),
            merged_into: None,
        };
        let (mut identity, mut facts) = self.patch.apply(accounts, context, &Identity::default(), &blank)?;
        context.link(&mut identity, &mut facts);
        identity.registered_by = context.request.as_ref().map(|request| request.fingerprint.clone());
        let ownerships = OwnershipPlan::of_new(&*accounts.home.own.users, id, &facts.ownerships).await?;
        Ok(New { id, identity, facts, ownerships })
    }

    async fn act(self, accounts: &Accounts, context: &Context, new: New) -> Result<Registered, Error> {
        self.act_noting(accounts, context, new, None).await
    }
}

/// The result of a match.
enum Filled {
    /// The user is matched.
    Matched(Box<Registered>),
    /// The user no longer has the identifiers, or another write got in between.
    Overtaken,
    /// The identifiers belong to other people.
    OtherPeople,
}

impl Register {
    /// The rule, which notes the login by which the person has come in one transaction with the user that it makes or matches.
    ///
    /// # Errors
    /// As the rule itself.
    pub(crate) async fn act_noting(
        &self,
        accounts: &Accounts,
        context: &Context,
        mut new: New,
        login: Option<&NewLogin<'_>>,
    ) -> Result<Registered, Error> {
        let (id, mut sealed) = (new.id, None);
        let created = |person| Registered { is_new: true, id, person };
        let mut rounds = 0;
        until_written!({
            rounds += 1;
            // Without an idempotency key only an earlier round can have used the id.
            if (context.request.is_some() || rounds > 1)
                && let Some(own) = self.registered_before(accounts, context, id).await?
            {
                return Ok(Some(created(own)));
            }
            if rounds > 1 {
                new.ownerships = OwnershipPlan::of_new(&*accounts.home.own.users, id, &new.facts.ownerships).await?;
            }
            if let Some(known) = known(new.ownerships.writes(), id) {
                match self.fill(accounts, context, (&known, &new), login).await? {
                    Filled::Matched(registered) => return Ok(Some(*registered)),
                    Filled::Overtaken => return Ok(None),
                    Filled::OtherPeople => {}
                }
            }
            reject_taken(new.ownerships.writes(), id, |_| false, |_| false)?;
            let parts = match &sealed {
                Some(parts) => parts,
                None => sealed.insert(self.seal(accounts, context, &new).await?),
            };
            let events = [(id, AuditEvent::Registered)];
            let recorded = Recorded::of_new(accounts.recorder(), &context.actor, &events, rounds == 1).await?;
            let rows = accounts.row_of_login(id, login)?;
            Ok(create(accounts, &new, parts, (recorded, rows)).await?.map(created))
        })
    }

    /// The user that an earlier request with the same idempotency key made, in this region or another, or an earlier
    /// round of this one.
    async fn registered_before(
        &self,
        accounts: &Accounts,
        context: &Context,
        id: UserId,
    ) -> Result<Option<Person>, Error> {
        let parts = accounts.home.own.users.parts(id).await?;
        if parts == Parts::default() {
            // A user that this region has registered is missing from its table.
            return if context.is_done() { Err(Error::Behind) } else { Ok(None) };
        }
        if any_erased(&parts) {
            return Err(Error::Erased);
        }
        // A part of a user that another region registered has not arrived yet.
        let person = accounts.reader().load(id).await?.ok_or(Error::Behind)?;
        let Some(request) = &context.request else { return Ok(Some(person)) };
        let user = person.get(id).filter(|user| user.identity.registered_by.as_ref() == Some(&request.fingerprint));
        let user = user.ok_or(Error::KeyReused)?;
        if let Some(password) = &self.password {
            let credentials = accounts.sealer.open::<Credentials>(&user.credentials).await?;
            let own = Deciding { record: Some(user.credentials.clone()), credentials };
            prove_set(accounts, context, password, (&person.parts(), &own)).await?;
        }
        Ok(Some(person))
    }

    /// The known user that the registration matches, linked to the company; the login by which the person has come is noted with it. `None` if the registration would make a user, or if the
    /// identifiers belong to other people: then nothing is written.
    ///
    /// # Errors
    /// As the rule itself.
    pub(crate) async fn matched(
        &self,
        people: &People,
        context: &Context,
        mut new: New,
        login: Option<&NewLogin<'_>>,
    ) -> Result<Option<Registered>, Error> {
        let mut is_first = true;
        until_written!({
            if !is_first {
                new.ownerships = OwnershipPlan::of_new(&*people.home.own.users, new.id, &new.facts.ownerships).await?;
            }
            is_first = false;
            let Some(known) = known(new.ownerships.writes(), new.id) else { return Ok(Some(None)) };
            Ok(match self.fill(people, context, (&known, &new), login).await? {
                Filled::Matched(registered) => Some(Some(*registered)),
                Filled::Overtaken => None,
                Filled::OtherPeople => Some(None),
            })
        })
    }

    /// Links an existing user to the company and fills its blanks. The password is ignored.
    async fn fill(
        &self,
        people: &People,
        context: &Context,
        (known, new): (&Known, &New),
        login: Option<&NewLogin<'_>>,
    ) -> Result<Filled, Error> {
        // The password of a matched user is ignored.
        let (person, id) = match people.matching(known, &new.facts, Joins::Records).await? {
            Match::Person { person, owner } => (*person, owner),
            Match::Overtaken => return Ok(Filled::Overtaken),
            Match::OtherPeople => return Ok(Filled::OtherPeople),
        };
        let matched = |person| Filled::Matched(Box::new(Registered { is_new: false, id, person }));
        let Some(change) = people.filled(context, &person, &self.patch, &new.identity.profile)? else {
            return Ok(matched(person));
        };
        let items = people.row_of_login(change.id, login)?;
        let rules = Rules { reject_taken: true, items, ..Rules::of(&context.actor) };
        let written = people.write_profiles(&person, &[change], &rules, |_| Vec::new()).await?;
        Ok(written.map_or(Filled::Overtaken, matched))
    }

    /// Encrypts both parts, profile first.
    async fn seal(&self, accounts: &Accounts, context: &Context, new: &New) -> Result<[PartRecord; 2], Error> {
        let secret = match &self.password {
            Some(password) => Some(hash(accounts, context, new, password.clone()).await?),
            None => None,
        };
        let password_source = secret.is_some().then(|| context.source());
        let credentials = Credentials { secret, password_source, ..Credentials::default() };
        accounts.seal_new(new.id, (&new.identity, new.facts.clone()), (&credentials, AccountStatus::Active)).await
    }
}

/// The hash of the new user's password, if the policy allows the password.
async fn hash(accounts: &Accounts, context: &Context, new: &New, password: Password) -> Result<String, Error> {
    let Identity { email, phone_number, username, profile, .. } = &new.identity;
    let identifiers = [email.as_ref(), phone_number.as_ref(), username.as_ref()];
    accounts.hash(context, &About { identifiers, profile }, password).await?.map_err(Error::Weak)
}

impl People {
    /// Encrypts both parts of a new user under one version, profile first.
    pub(crate) async fn seal_new(
        &self,
        id: UserId,
        (identity, facts): (&Identity, ProfileFacts),
        (credentials, status): (&Credentials, AccountStatus),
    ) -> Result<[PartRecord; 2], Error> {
        let version = self.next_version(false, None)?;
        let status = Facts::Credentials { status };
        let (profile, credentials) = tokio::join!(
            self.sealer.seal(id, version.clone(), Facts::Profile(facts), identity, Attributes::new()),
            self.sealer.seal(id, version.clone(), status, credentials, Attributes::new()),
        );
        Ok([profile?, credentials?])
    }

    /// A transaction of both parts of a new user and all its ownerships.
    pub(crate) fn creation(
        &self,
        [profile, credentials]: &[PartRecord; 2],
        ownerships: OwnershipPlan,
        recorded: Recorded,
        same: impl Fn(UserId) -> bool,
    ) -> Transaction<'_> {
        let (of_profile, of_credentials) = of_new(profile, credentials);
        Transaction::new(&self.home, recorded)
            .profiles(&[Replacement::new(profile.clone(), &of_profile)], ownerships, same)
            .credentials(&Replacement::new(credentials.clone(), &of_credentials))
    }
}

/// Creates the user. `None` if another write got in between.
async fn create(
    people: &People,
    new: &New,
    parts: &[PartRecord; 2],
    (recorded, rows): (Recorded, Vec<ItemWrite>),
) -> Result<Option<Person>, Error> {
    if !people.creation(parts, new.ownerships.clone(), recorded, |_| false).items(rows).is_done().await? {
        return Ok(None);
    }
    let [profile, credentials] = parts;
    Ok(Stored::new(profile.clone(), credentials.clone(), new.identity.clone()).map(Person::of))
}

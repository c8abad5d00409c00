//! Logins at other providers ([`LoginProvider`](umoja_schema::LoginProvider)). What a provider calls a person is the person's external id of
//! the provider's company. So the rules of external ids say whose a login is: a merge joins them, an import and a source bring them, a
//! company suspends them, and an erasure takes them away.

use serde_json::{Map, Value};
use umoja_schema::api::Selector;
use umoja_schema::{IdentifierKind, UserId};

use crate::accounts::until_written;
use crate::identifiers::value_of;
use crate::links::may_log_in;
use crate::person::Change;
use crate::profiles::Rules;
use crate::{Accounts, Context, Error, Field, Patch, People, Person, Register, Registered, Rule, Said};

/// What a provider says of a person who has signed in there.
#[derive(Clone)]
pub struct Login {
    /// What it calls the person.
    pub subject: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider has verified that the address is the person's. It counts if the company of the provider is trusted.
    pub email_verified: bool,
    /// The names of the person, as members of a profile.
    pub names: Map<String, Value>,
}

/// Whose a login is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// This user's.
    User(UserId),
    /// It is not known. The person may connect it to its account.
    Unknown,
    /// The person may not log in.
    Rejected,
}

impl Accounts {
    /// Whose a login is, for the company of the provider. A login that is not known belongs to the person of the same address, if trusted
    /// companies verified both and nothing contradicts it ([`crate::evidence`]). Otherwise `registers` says whether it becomes a new user; one
    /// whose address its provider has not verified never does: the address may be another person's, and the answer is the same whether or
    /// not a user has it.
    ///
    /// # Errors
    /// If the store fails, or the subject can be no external id.
    pub async fn recognise(&self, context: &Context, login: &Login, registers: bool) -> Result<Recognised, Error> {
        let selector = Selector::Identifier(IdentifierKind::ExternalId, login.subject.clone());
        let registers = registers && (login.email.is_none() || login.email_verified);
        let (mut names, mut was_taken) = (Some(&login.names).filter(|names| !names.is_empty()), false);
        loop {
            if let Some(person) = self.find(context, &selector).await? {
                let user = person.primary.profile.as_ref().map(|profile| profile.id);
                let user = user.filter(|_| may_log_in(&person, &context.company.id));
                return Ok(user.map_or(Recognised::Rejected, Recognised::User));
            }
            let register = Register { patch: patch(context, login, names)?, password: None };
            let new = register.read(self, context).await;
            let made = match new {
                Ok(new) if registers => register.act(self, context, new).await.map(Some),
                Ok(new) => register.matched(self, context, new).await,
                Err(error) => Err(error),
            };
            match made {
                Ok(Some(Registered { id, person, .. })) => {
                    let may = may_log_in(&person.parts(), &context.company.id);
                    return Ok(if may { Recognised::User(id) } else { Recognised::Rejected });
                }
                // Another request has made the user meanwhile.
                Err(Error::Taken(IdentifierKind::ExternalId)) if !was_taken => was_taken = true,
                Ok(None) | Err(Error::Taken(_)) => return Ok(Recognised::Unknown),
                // Names that no profile may have keep no person out.
                Err(Error::Invalid { field: Field::Profile, .. }) if names.is_some() => names = None,
                Err(error) => return Err(error),
            }
        }
    }
}

impl People {
    /// Gives a person a login of the company's provider.
    ///
    /// # Errors
    /// [`Error::Taken`] if the login belongs to another person, or the person has another login there. [`Error::Disabled`] if the company
    /// has suspended the person.
    pub async fn connect(&self, context: &Context, user: UserId, subject: &str) -> Result<(), Error> {
        let kind = IdentifierKind::ExternalId;
        let said = Said { value: Some(Some(subject)), verified: None };
        let patch = Patch::new(context, [(kind, said)], None)?;
        let stored = context.parse_new(kind, subject)?.stored;
        until_written!({
            let person = self.reader().load(user).await?.ok_or(Error::NotFound)?;
            let had: Vec<_> = person.users().filter_map(|user| value_of(&user.identity, context, kind)).collect();
            if had.contains(&&stored) {
                return Ok(Some(()));
            }
            if !had.is_empty() {
                return Err(Error::Taken(kind));
            }
            if person.is_suspended_at(&context.company.id) {
                return Err(Error::Disabled);
            }
            let primary = &person.primary;
            let (mut identity, mut facts) = patch.apply(self, context, &primary.identity, &primary.facts)?;
            context.link(&mut identity, &mut facts);
            let change = Change { id: primary.id(), identity, facts };
            let rules = Rules { reject_taken: true, ..Rules::of(&context.actor) };
            Ok(self.write_profiles(&person, &[change], &rules, |_| Vec::new()).await?.map(drop))
        })
    }

    /// Lets a person who has proved who it is log in at the company, which is linked to it then, as a password does. `None` if the person
    /// may not log in there.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn admit(&self, context: &Context, user: UserId) -> Result<Option<Person>, Error> {
        until_written!({
            let Some(person) = self.reader().load(user).await? else { return Ok(Some(None)) };
            if !may_log_in(&person.parts(), &context.company.id) {
                return Ok(Some(None));
            }
            if person.is_linked_to(&context.company.id) {
                return Ok(Some(Some(person)));
            }
            Ok(self.link_primary(context, &person).await?.map(Some))
        })
    }
}

/// The user that a login would make.
fn patch(context: &Context, login: &Login, names: Option<&Map<String, Value>>) -> Result<Patch, Error> {
    let email = login.email.as_deref().filter(|email| context.parse_new(IdentifierKind::Email, email).is_ok());
    let said = [
        (IdentifierKind::ExternalId, Said { value: Some(Some(&*login.subject)), verified: None }),
        (IdentifierKind::Email, Said { value: email.map(Some), verified: email.map(|_| login.email_verified) }),
    ];
    Patch::of_new(context, said, names.map(|names| Value::Object(names.clone())))
}

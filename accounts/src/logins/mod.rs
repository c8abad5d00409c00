//! Logins at other providers ([`LoginProvider`](umoja_schema::LoginProvider)). What a provider calls a person is the person's external id of
//! the provider's company. So the rules of external ids say whose a login is: a merge joins them, an import and a source bring them, a
//! company suspends them, and an erasure takes them away.

mod connect;

use serde_json::{Map, Value};
use umoja_schema::api::Selector;
use umoja_schema::{IdentifierKind, LoginProviderId, UserId};

use crate::access::NewLogin;
use crate::links::may_log_in;
use crate::{Accounts, Context, Error, Field, Patch, Register, Registered, Rule, Said};

pub use connect::ToConnect;

/// The most characters of what a person sees of an account at a provider.
const MAX_SHOWN: usize = 64;

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

impl Login {
    /// What the person sees of the account: its address, of which one letter and the domain are enough to know it again, or else its name.
    pub fn shown(&self) -> Option<String> {
        let name = || Some(self.names.get("name")?.as_str()?.to_owned());
        let plain = |text: String| text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect::<String>();
        self.email.as_deref().and_then(masked).or_else(name).map(plain).filter(|text| !text.is_empty())
    }
}

/// An address of which only the first letter and the domain are left.
fn masked(email: &str) -> Option<String> {
    let (local, domain) = email.rsplit_once('@')?;
    Some(format!("{}***@{domain}", local.chars().next()?))
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
    pub async fn recognise(
        &self,
        context: &Context,
        provider: &LoginProviderId,
        login: &Login,
        registers: bool,
    ) -> Result<Recognised, Error> {
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
            let (stored, shown) =
                (context.parse_new(IdentifierKind::ExternalId, &login.subject)?.stored, login.shown());
            let company = &context.company.id;
            let noted = NewLogin { provider, company, external_id: &stored, name: shown.as_deref() };
            let made = match register.read(self, context).await {
                Ok(new) if registers => register.act_noting(self, context, new, Some(&noted)).await.map(Some),
                Ok(new) => register.matched(self, context, new, Some(&noted)).await,
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

/// The user that a login would make.
fn patch(context: &Context, login: &Login, names: Option<&Map<String, Value>>) -> Result<Patch, Error> {
    let email = login.email.as_deref().filter(|email| context.parse_new(IdentifierKind::Email, email).is_ok());
    let said = [
        (IdentifierKind::ExternalId, Said { value: Some(Some(&*login.subject)), verified: None }),
        (IdentifierKind::Email, Said { value: email.map(Some), verified: email.map(|_| login.email_verified) }),
    ];
    Patch::of_new(context, said, names.map(|names| Value::Object(names.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_sees_one_letter_and_the_domain_of_its_address_or_its_name() {
        let login = |email: Option<&str>, name: &str| {
            let names = Map::from_iter([("name".to_owned(), Value::from(name))]);
            let email = email.map(str::to_owned);
            Login { subject: "s".to_owned(), email, email_verified: true, names }.shown()
        };
        assert_eq!(login(Some("amina@example.com"), "Amina").as_deref(), Some("a***@example.com"));
        assert_eq!(login(Some("@example.com"), "A\nmina").as_deref(), Some("Amina"));
        assert_eq!(login(None, "\n"), None);
        assert_eq!(login(None, &"é".repeat(99)).map(|text| text.chars().count()), Some(MAX_SHOWN));
    }
}

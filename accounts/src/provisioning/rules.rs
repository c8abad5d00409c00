//! The rules behind the operations: whom a company may have provisioned, and what a ticket shows.

use umoja_schema::PersonVersion;
use umoja_schema::api::Selector;
use umoja_store::person::PersonParts;

use super::{AccountStatus, Subject, Ticket, accounts, is_pending, wait};
use crate::events::Waiting;
use crate::{Accounts, Context, Error, Lookup, Person, Rule};

/// Finds a user of the company, whom its targets are to have.
pub struct Provision {
    /// The user.
    pub subject: Subject,
    /// A version that the caller has seen. The result is not older.
    pub min_version: Option<PersonVersion>,
}

impl Rule for Provision {
    type Read = (Selector, Option<PersonParts>);
    type Done = Person;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Self::Read, Error> {
        let selector = self.subject.selector(&context.company.id).await?;
        let first = accounts.find(context, &selector).await?;
        Ok((selector, first))
    }

    async fn act(self, accounts: &Accounts, context: &Context, (selector, first): Self::Read) -> Result<Person, Error> {
        let min_version = self.min_version;
        let person = Lookup { selector, min_version }.act(accounts, context, first).await?;
        if person.is_linked_to(&context.company.id) { Ok(person) } else { Err(Error::NotLinked) }
    }
}

/// Follows the accounts of a ticket.
pub struct Follow {
    /// The ticket.
    pub ticket: Ticket,
    /// How long to wait for accounts that are pending, in milliseconds.
    pub wait_ms: u16,
    /// The requests that wait in this process.
    pub waiting: Waiting,
}

impl Rule for Follow {
    type Read = Vec<AccountStatus>;
    type Done = Vec<AccountStatus>;

    async fn read(&self, people: &Accounts, _: &Context) -> Result<Self::Read, Error> {
        accounts(people, &self.ticket).await
    }

    async fn act(self, people: &Accounts, _: &Context, now: Self::Read) -> Result<Self::Done, Error> {
        if self.wait_ms == 0 || !is_pending(&now) {
            return Ok(now);
        }
        wait(people, &self.ticket, self.wait_ms, &self.waiting).await
    }
}

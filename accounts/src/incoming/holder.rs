//! Who has a subject of a source, read without a change.

use umoja_schema::api::Selector;
use umoja_schema::{IdentifierKind, LinkState, UserId};

use super::feeder::{Feeder, Found};
use crate::import::{Failed, Reason, Row};
use crate::links::may_log_in;
use crate::person::Stored;
use crate::receipt::any_erased;

/// Who has a subject of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A user, who keeps the subject when it is merged into another one.
    User {
        /// The user, and not the primary account of its person.
        id: UserId,
        /// True if the person may log in at the company of the source.
        may_log_in: bool,
        /// True if the company has suspended the person.
        is_suspended: bool,
    },
    /// The user of the subject was erased.
    Erased,
    /// The company knows no such user.
    Unknown,
}

impl Feeder {
    /// The user that has a subject as external id.
    ///
    /// # Errors
    /// As [`Feeder::apply`].
    pub async fn holder(&self, subject: &str) -> Result<Holder, Failed> {
        let context = self.context();
        let subject = context.parse_new(IdentifierKind::ExternalId, subject).map_err(Reason::from)?.normalised;
        Ok(match self.find(&context, &subject).await? {
            Found::User(person, id) => Holder::User {
                id,
                may_log_in: may_log_in(&person.parts(), &context.company.id),
                is_suspended: person.is_suspended_at(&context.company.id),
            },
            Found::Erased => Holder::Erased,
            Found::Unknown => Holder::Unknown,
        })
    }

    /// True if a row describes a person who was erased, so that no state of this source makes that user.
    ///
    /// # Errors
    /// As [`Feeder::apply`]. [`Failed::Rejected`] also if the row makes no user.
    pub async fn is_erased(&self, row: &Row) -> Result<bool, Failed> {
        let new = self.importer.read(&self.context(), row)?;
        if any_erased(&self.people().home.own.users.parts(new.id).await?) {
            return Ok(true);
        }
        Ok(self.people().keeps_out(&self.importer.company.id, &new.identity, new.facts.created_at).await?)
    }

    /// A user by its id, if the company of the source is linked to its person.
    ///
    /// # Errors
    /// As [`Feeder::apply`].
    pub async fn linked(&self, id: UserId) -> Result<Holder, Failed> {
        let company = &self.importer.company.id;
        let Some(parts) = self.people().reader().person(id).await? else {
            let parts = self.people().home.own.users.parts(id).await?;
            return Ok(if any_erased(&parts) { Holder::Erased } else { Holder::Unknown });
        };
        let may_log_in = may_log_in(&parts, company);
        let person = self.people().reader().open(parts).await?;
        let person = person.filter(|person| person.holds(id) && person.is_linked_to(company));
        Ok(person.map_or(Holder::Unknown, |person| {
            let is_suspended = person.is_suspended_at(company);
            Holder::User { id, may_log_in, is_suspended }
        }))
    }

    /// The kind of an identifier of a new user that another user of this source has verified, if there is one: the
    /// person would have two users at one company. A user that the provider has deleted does not count.
    ///
    /// # Errors
    /// As [`Feeder::apply`]. [`Failed::Rejected`] also if the row makes no user.
    pub async fn taken(&self, row: &Row) -> Result<Option<IdentifierKind>, Failed> {
        let context = self.context();
        let new = self.importer.read(&context, row)?;
        let company = &context.company.id;
        let subject = new.identity.external_ids.get(company);
        for (kind, value) in
            [(IdentifierKind::Email, &new.identity.email), (IdentifierKind::PhoneNumber, &new.identity.phone_number)]
        {
            let Some(value) = value else { continue };
            let selector = Selector::Identifier(kind, value.clone());
            let Some(parts) = self.people().find(&context, &selector).await? else { continue };
            let Some(person) = self.people().reader().open(parts).await? else { continue };
            let has_it = |user: &Stored| {
                let owned = user.facts.ownerships.iter();
                let is_verified = owned
                    .filter(|(_, its)| its.kind == kind && its.verified)
                    .any(|(index, _)| new.facts.ownerships.contains_key(index));
                let is_other = user.identity.external_ids.get(company).is_some_and(|id| Some(id) != subject);
                let feed = user.identity.feeds.get(&self.source.id);
                let is_fed = feed.is_some_and(|feed| !feed.is_deleted);
                let link = user.facts.links.get(company).map(|link| link.state);
                is_verified && is_other && is_fed && link == Some(LinkState::Active)
            };
            if person.users().any(has_it) {
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }
}

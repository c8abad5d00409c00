//! Matching of a new user with a known person: if trusted companies verified the same identifier for both, and nothing
//! contradicts it ([`crate::evidence`]), they are one person. The rule links the matched user to the company and fills
//! its blanks, but replaces no value.

use umoja_schema::{BlindIndex, LinkState, Part, Profile, ProfileFacts, UserId};
use umoja_store::identifiers::Known;

use crate::evidence::{Evidence, Joins};
use crate::identifiers::value_of;
use crate::person::Change;
use crate::{Context, Error, Field, Patch, People, Person};

/// The result of matching identifiers.
pub(crate) enum Match {
    /// One person has all the identifiers.
    Person {
        /// The person.
        person: Box<Person>,
        /// The user of the person that has the first of the identifiers.
        owner: UserId,
    },
    /// The user no longer has the identifiers, or another write got in between.
    Overtaken,
    /// The identifiers belong to more than one person, or the new user is another person than their owner.
    OtherPeople,
}

impl People {
    /// The one person to whom known identifiers of a new user belong, if nothing contradicts that they are one. The
    /// ownerships were read before the users, and no MAC protects them, so each of them has to be in the user's own
    /// profile part.
    ///
    /// # Errors
    /// [`Error::Behind`] if a part of the user has not arrived.
    pub(crate) async fn matching(&self, known: &Known, new: &ProfileFacts, joins: Joins) -> Result<Match, Error> {
        let Some((owner, _)) = known.by.first() else { return Ok(Match::OtherPeople) };
        let Some(parts) = self.reader().person(*owner).await? else {
            // The user may have the identifiers while its other part, or a later version, has not arrived yet.
            let profile = self.home.own.users.part(*owner, Part::Profile).await?;
            let is_partial = profile.is_some_and(|profile| profile.live().is_some());
            return if is_partial { Err(Error::Behind) } else { Ok(Match::Overtaken) };
        };
        if known.by.iter().map(|(id, _)| id).chain(&known.others).any(|id| parts.get(*id).is_none()) {
            return Ok(Match::OtherPeople);
        }
        let Some(person) = self.reader().open(parts).await? else { return Ok(Match::Overtaken) };
        let has = |(id, index): &(UserId, BlindIndex)| {
            person
                .get(*id)
                .and_then(|user| user.facts.ownerships.get(index))
                .is_some_and(|ownership| ownership.verified)
        };
        if !known.by.iter().all(has) {
            return Ok(Match::Overtaken);
        }
        if !Evidence::of([new]).contradictions(&person.evidence(), joins).is_empty() {
            return Ok(Match::OtherPeople);
        }
        Ok(Match::Person { person: Box::new(person), owner: *owner })
    }

    /// The primary account, linked to the company and with the blanks of the person filled from the values of a new
    /// user. `None` if that changes no value.
    pub(crate) fn filled(
        &self,
        context: &Context,
        person: &Person,
        said: &Patch,
        profile: &Profile,
    ) -> Result<Option<Change>, Error> {
        let (primary, shown) = (&person.primary, person.view());
        let is_blank = |kind| person.users().all(|user| value_of(&user.identity, context, kind).is_none());
        let (mut identity, mut facts) =
            said.identifiers_where(is_blank).apply(self, context, &primary.identity, &primary.facts)?;
        let rejected =
            |error| Error::invalid(Field::Profile, format!("{error}, with the fields that the matched user has."));
        identity.profile =
            primary.identity.profile.filled_from(&profile.missing_in(&shown.profile)).map_err(rejected)?;
        for name in identity.profile.changed_fields(&primary.identity.profile) {
            identity.sources.insert(format!("profile.{name}"), context.source());
        }
        // An external id needs a company link of the same user. The link of a linked account is not enough.
        let company = &context.company.id;
        if !person.is_linked_to(company) || identity.external_ids.contains_key(company) {
            context.link(&mut identity, &mut facts);
        }
        // A further link to a company that has suspended the person does not end the suspension.
        if person.is_suspended_at(company)
            && let Some(link) = facts.links.get_mut(company)
        {
            link.state = LinkState::Suspended;
        }
        let is_new = facts != primary.facts || identity != primary.identity;
        Ok(is_new.then(|| Change { id: primary.id(), identity, facts }))
    }
}

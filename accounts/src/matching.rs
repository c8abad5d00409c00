//! Whom a new user may be: an identifier that trusted companies verified for both is the same person. Who is matched is
//! linked to the company, and what they leave blank is filled; nothing that is there is replaced.

use umoja_schema::{BlindIndex, Part, Profile, UserId};
use umoja_store::identifiers::Known;

use crate::identifiers::value_of;
use crate::person::Change;
use crate::{Context, Error, Patch, People, Person};

/// What became of looking at who has the identifiers.
pub(crate) enum Match {
    /// One person has them all.
    Person {
        /// Who it is.
        person: Box<Person>,
        /// The user of theirs that has the first of the identifiers.
        owner: UserId,
    },
    /// The user does not have the identifiers any more, or somebody wrote it in between.
    Overtaken,
    /// The identifiers belong to more than one person.
    SeveralPeople,
}

impl People {
    /// The one person to whom known identifiers belong. The claims were read before the users, and are under no MAC: what
    /// they say has to be in the users' own parts.
    ///
    /// # Errors
    /// [`Error::Behind`] if a part of the user has not arrived.
    pub(crate) async fn matching(&self, known: &Known) -> Result<Match, Error> {
        let Some((owner, _)) = known.by.first() else { return Ok(Match::SeveralPeople) };
        let Some(parts) = self.reader().group(*owner).await? else {
            // It may have the identifiers, and its other part or what became of it has not arrived yet.
            let profile = self.home.own.users.part(*owner, Part::Profile).await?;
            let is_partial = profile.is_some_and(|profile| profile.live().is_some());
            return if is_partial { Err(Error::Behind) } else { Ok(Match::Overtaken) };
        };
        if known.by.iter().map(|(id, _)| id).chain(&known.others).any(|id| parts.get(*id).is_none()) {
            return Ok(Match::SeveralPeople);
        }
        let Some(person) = self.reader().open(parts).await? else { return Ok(Match::Overtaken) };
        let has = |(id, index): &(UserId, BlindIndex)| {
            person.get(*id).and_then(|user| user.facts.claims.get(index)).is_some_and(|claim| claim.verified)
        };
        if !known.by.iter().all(has) {
            return Ok(Match::Overtaken);
        }
        Ok(Match::Person { person: Box::new(person), owner: *owner })
    }

    /// The root with the blanks of the person filled from what is said of a new user, and linked to the company; `None` if
    /// nothing of it is new.
    pub(crate) fn filled(
        &self,
        context: &Context,
        person: &Person,
        said: &Patch,
        profile: &Profile,
    ) -> Result<Option<Change>, Error> {
        let (root, shown) = (&person.root, person.view());
        let is_blank = |kind| person.users().all(|user| value_of(&user.identity, context, kind).is_none());
        let (mut identity, mut facts) =
            said.identifiers_where(is_blank).apply(self, context, &root.identity, &root.facts)?;
        identity.profile = root.identity.profile.filled_from(&profile.missing_in(&shown.profile));
        for name in identity.profile.changed_fields(&root.identity.profile) {
            identity.sources.insert(format!("profile.{name}"), context.source());
        }
        // An external id goes with a link of the same user: that of a member is not enough then.
        let company = &context.company.id;
        if !person.is_linked_to(company) || identity.external_ids.contains_key(company) {
            context.link(&mut identity, &mut facts);
        }
        let is_new = facts != root.facts || identity != root.identity;
        Ok(is_new.then(|| Change { id: root.id(), identity, facts }))
    }
}

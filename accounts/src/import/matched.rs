//! Matches a row with a user that other companies know: links the user, fills its blanks, and adds the legacy hash.

use umoja_schema::{AuditEvent, Credentials, UserId};
use umoja_store::identifiers::Known;

use super::error::Failed;
use super::importer::Importer;
use super::user::NewUser;
use super::user::legacy_hash;
use crate::audit::standings;
use crate::evidence::{Evidence, Joins};
use crate::matching::Match;
use crate::person::{Change, Person};
use crate::profiles::{NewCredentials, Rules};
use crate::{Context, Error};

/// The result of a match.
pub(super) enum Filled {
    /// The user is matched.
    Matched {
        /// Its user.
        id: UserId,
        /// True if the row had new data.
        written: bool,
    },
    /// The user no longer has the identifiers, or another write got in between.
    Overtaken,
    /// The identifiers belong to other people.
    OtherPeople,
}

impl Importer {
    pub(super) async fn fill(
        &self,
        context: &Context,
        user: &NewUser,
        known: &Known,
        hash: &mut Option<String>,
    ) -> Result<Filled, Failed> {
        let person = match self.people.matching(known, &user.facts, Joins::Passwords).await? {
            Match::Person { person, .. } => *person,
            Match::Overtaken => return Ok(Filled::Overtaken),
            Match::OtherPeople => return Ok(Filled::OtherPeople),
        };
        let mut change = self.people.filled(context, &person, &user.patch, &user.identity.profile)?;
        let id = person.primary.id();
        if let Some(fed) = &user.fed {
            let (identity, facts) = (person.primary.identity.clone(), person.primary.facts.clone());
            let change = change.get_or_insert(Change { id, identity, facts });
            context.link(&mut change.identity, &mut change.facts);
            fed.set(&self.company.id, &mut change.identity, &mut change.facts);
        }
        let credentials = self.added_hash(context, user, &person, hash).await?;
        if change.is_none() && credentials.is_none() || self.dry_run {
            return Ok(Filled::Matched { id, written: change.is_some() || credentials.is_some() });
        }
        let rules = Rules {
            reject_taken: true,
            // The match depends on all users of the person.
            all_as_read: true,
            events: Some(self.events(&person, change.as_ref(), credentials.as_deref())),
            credentials,
            ..Rules::of(&context.actor)
        };
        let changes: Vec<_> = change.into_iter().collect();
        match self.people.write_profiles(&person, &changes, &rules, |_| Vec::new()).await {
            Ok(Some(_)) => Ok(Filled::Matched { id, written: true }),
            // Another user took an identifier after it was found free.
            Ok(None) | Err(Error::Taken(_)) => Ok(Filled::Overtaken),
            Err(error) => Err(error.into()),
        }
    }

    /// The audit events of each user that is written.
    fn events(
        &self,
        person: &Person,
        change: Option<&Change>,
        credentials: Option<&NewCredentials>,
    ) -> Vec<(UserId, AuditEvent)> {
        let written = change.map(|change| change.id).into_iter().chain(credentials.map(|new| new.stored.id));
        let written: std::collections::BTreeSet<_> = written.collect();
        let mut events: Vec<_> = written.into_iter().map(|id| (id, AuditEvent::Imported)).collect();
        let company = &self.company.id;
        let is_linked_now = |change: &&Change| {
            let was = person.get(change.id).is_some_and(|user| user.is_linked_to(company));
            change.facts.links.contains_key(company) && !was
        };
        if let Some(change) = change.filter(is_linked_now) {
            events.push((change.id, AuditEvent::Linked(company.clone())));
        }
        if let Some((change, before)) = change.and_then(|change| Some((change, person.get(change.id)?))) {
            events.extend(standings(&before.facts, &change.facts).map(|event| (change.id, event)));
        }
        events
    }

    /// The credentials that decide with the legacy hash added, if they have no password of Umoja and no legacy hash of
    /// the company yet. An account with another e-mail address gets no hash, even if a merge made it the one that
    /// decides: after an unmerge it would have the password of another person.
    async fn added_hash(
        &self,
        context: &Context,
        user: &NewUser,
        person: &Person,
        hash: &mut Option<String>,
    ) -> Result<Option<Box<NewCredentials>>, Failed> {
        if user.hash.is_none() {
            return Ok(None);
        }
        let deciding = self.people.deciding(&person.parts()).await?;
        let Some(record) = deciding.record else { return Ok(None) };
        let account = person.get(record.id).map(|user| &user.facts);
        let contradictions = Evidence::of(account).contradictions(&Evidence::of([&user.facts]), Joins::Passwords);
        if !contradictions.is_empty() {
            return Ok(None);
        }
        let credentials = deciding.credentials;
        let has_ours = credentials.legacy_hashes.iter().any(|legacy| legacy.company == self.company.id);
        if credentials.secret.is_some() || has_ours {
            return Ok(None);
        }
        let mut changed = Credentials { password_source: Some(context.source()), ..credentials };
        if !self.dry_run {
            let stored = self.stored_hash(user, hash).await?;
            changed.legacy_hashes.extend(stored.map(|hash| legacy_hash(context, hash)));
        }
        let status = record.status().ok_or(Error::Broken("a live part has a status"))?;
        Ok(Some(Box::new(NewCredentials { stored: record, content: changed, status })))
    }
}

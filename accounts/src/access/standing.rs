//! What a person may do, by one read.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use umoja_schema::access::{AccessRow, EndOfAll, Family, FamilyUses, Grant, KnownEnds, Session, Subject};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{
    AccountStatus, CompanyId, Millis, Part, PartRecord, PersonVersion, RecordVersion, Region, UserId, Version,
};
use umoja_store::person::PersonParts;
use umoja_store::ports::Parts;

use super::described::{Described, DescribedSession};
use super::reuse::{Reuse, Use, is_reused};
use crate::links::may_log_in;
use crate::{Error, People, Person};

/// How long a session counts whose row has not arrived, in milliseconds.
const FRESH_MS: u64 = 60_000;

/// The users of a person, and their rows: read once, strongly consistent in the own region.
pub struct Standing {
    person: PersonParts,
    users: Vec<UserId>,
    pub(super) rows: Vec<Row>,
    ended: BTreeSet<String>,
}

/// A live row with its version.
pub(super) struct Row {
    pub(super) version: Version,
    pub(super) row: AccessRow,
}

/// Whether a session counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState<'a> {
    /// It does.
    Live(&'a Session),
    /// It began less than a minute ago in a region whose row has not arrived. It counts.
    Fresh,
    /// It has ended or expired, or the person may not sign in.
    Ended,
}

/// Whether what a token of a family stands for counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyState {
    /// It does.
    Live,
    /// The family began less than a minute ago in a region whose row has not arrived. It counts.
    Fresh,
    /// Rows have not arrived, and neither has an end: it is not known yet. Who ended has an ended row, so an absent row ends
    /// no token.
    Behind,
    /// The family has ended or expired, or the person may not use what it has.
    Ended,
}

impl Standing {
    /// Reads the person of a user. `None` if there is no live user with this id, or the region does not have it yet.
    ///
    /// # Errors
    /// If the store fails, or the user cannot be decrypted.
    pub async fn read(people: &People, user: UserId) -> Result<Option<Self>, Error> {
        let Some(person) = people.reader().person(user).await? else { return Ok(None) };
        let own = &people.home.own;
        let ids = person.users().filter_map(|parts| parts.get(Part::Profile).or(parts.get(Part::Credentials)));
        let users: Vec<UserId> = ids.map(|record| record.id).collect();
        let items = try_join_all(users.iter().map(|id| own.items.items(&ACCESS, *id))).await?;
        let (now, mut rows, mut ended) = (people.home.clock.now(), Vec::new(), BTreeSet::new());
        for item in items.into_iter().flatten().filter(|item| !item.is_expired(now)) {
            if item.version.erased {
                ended.insert(item.key);
                continue;
            }
            match AccessRow::from_item(&item) {
                Ok(Some(row)) => rows.push(Row { version: item.version, row }),
                Ok(None) => {}
                Err(error) => tracing::error!(user = %item.user, %error, "a row of access cannot be read"),
            }
        }
        Ok(Some(Self { person, users, rows, ended }))
    }

    /// The parts of the person, as they were read.
    pub(super) const fn parts(&self) -> &PersonParts {
        &self.person
    }

    /// The users of the person, the primary account first.
    pub fn users(&self) -> &[UserId] {
        &self.users
    }

    /// The version of a user of the person. `None` if it is none of them.
    pub fn version(&self, user: UserId) -> Option<RecordVersion> {
        self.person.get(user).and_then(Parts::version)
    }

    /// The version of the person over all its users. `None` if a user of it is not whole.
    pub fn person_version(&self) -> Option<PersonVersion> {
        self.person.version()
    }

    /// The person, opened as it was read. `None` if a part is not live any more.
    ///
    /// # Errors
    /// If a part cannot be opened.
    pub async fn person(&self, people: &People) -> Result<Option<Person>, Error> {
        people.reader().open(self.person.clone()).await
    }

    /// True if the person may use what it has: the primary account is active. Otherwise nothing is valid.
    pub fn is_active(&self) -> bool {
        self.person.primary.credentials.as_ref().and_then(PartRecord::status) == Some(AccountStatus::Active)
    }

    /// True if the person may sign in to clients of this company: it is active, and the company has not suspended it.
    pub fn may_sign_in(&self, company: &CompanyId) -> bool {
        may_log_in(&self.person, company)
    }

    /// Whether a session counts that a genuine cookie or code describes.
    pub fn session(&self, described: DescribedSession<'_>, now: Millis) -> SessionState<'_> {
        let DescribedSession { user, id, ends, begun_at } = described;
        if !self.is_active() || self.has_ended(id) || self.is_ended_by_all(user, ends) {
            return SessionState::Ended;
        }
        match self.stored_sessions().find(|session| session.id == id) {
            Some(session) => SessionState::Live(session),
            None if now.since(begun_at) < FRESH_MS => SessionState::Fresh,
            None => SessionState::Ended,
        }
    }

    /// The ends of everything that count as known for what begins now. One does not whose region had newer credentials of its user than
    /// this one has: what begins here may begin by the password that was replaced.
    pub fn known_ends(&self) -> KnownEnds {
        let mut known = KnownEnds::of(&self.users);
        for (version, end) in self.ends_of_all() {
            let credentials = self.person.get(end.user).and_then(|parts| parts.credentials.as_ref());
            if credentials.is_some_and(|stored| stored.version >= end.credentials) {
                known.note(end.user, &end.region, version.hlc);
            }
        }
        match self.users.first() {
            Some(owner) => known.for_owner(*owner),
            None => known,
        }
    }

    /// True if what a user of the person began, when these ends of everything were known, was ended by another one.
    pub fn is_ended_by_all(&self, owner: UserId, known: &KnownEnds) -> bool {
        self.ends_of_all().any(|(version, end)| known.is_ended_by(owner, (end.user, &end.region, version.hlc)))
    }

    fn ends_of_all(&self) -> impl Iterator<Item = (&Version, &EndOfAll)> {
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::All(end) => Some((&row.version, end)),
            _ => None,
        })
    }

    /// True if the session was ended before it expired.
    pub fn has_ended(&self, session: &str) -> bool {
        self.ended.contains(&Session::key(session))
    }

    /// The live sessions of the person.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.stored_sessions().filter(|session| !self.is_ended_by_all(session.user, &session.ends))
    }

    /// The sessions of the person that are not ended themselves.
    pub(super) fn stored_sessions(&self) -> impl Iterator<Item = &Session> {
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Session(session) => Some(session),
            _ => None,
        })
    }

    /// The clients that got tokens in a session, also in an ended one.
    pub fn clients_of(&self, session: &str) -> BTreeSet<String> {
        let clients = self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Seen(seen) if seen.session == session => Some(seen.client.clone()),
            _ => None,
        });
        clients.collect()
    }

    /// The scopes that the person has given to a client and not withdrawn.
    pub fn granted(&self, client: &str) -> BTreeSet<String> {
        self.scopes(client, true)
    }

    /// The scopes of a client of which the newest word is this one.
    pub(super) fn scopes(&self, client: &str, given: bool) -> BTreeSet<String> {
        let newest = self.newest_grants(client);
        newest.into_values().filter(|(_, grant)| grant.given == given).map(|(_, grant)| grant.scope.clone()).collect()
    }

    /// The newest word of the person about each scope of a client.
    pub(super) fn newest_grants(&self, client: &str) -> BTreeMap<&str, (&Version, &Grant)> {
        let mut newest: BTreeMap<&str, (&Version, &Grant)> = BTreeMap::new();
        for row in &self.rows {
            let AccessRow::Grant(grant) = &row.row else { continue };
            let is_older = |known: &(&Version, &Grant)| known.0 < &row.version;
            if grant.client == client && newest.get(grant.scope.as_str()).is_none_or(is_older) {
                newest.insert(&grant.scope, (&row.version, grant));
            }
        }
        newest
    }

    /// The clients to which the person has given a scope.
    pub fn clients(&self) -> BTreeSet<String> {
        let clients = self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Grant(grant) => Some(grant.client.clone()),
            _ => None,
        });
        clients.filter(|client| !self.granted(client).is_empty()).collect()
    }

    /// A family whose tokens are valid. `None` if it has ended or expired or has not arrived, its session has ended, one of
    /// its scopes is withdrawn, a token was used twice, or the person may not use what it has.
    pub fn family(&self, id: &str, reuse: Reuse) -> Option<&Family> {
        let family = self.families().find(|family| family.id == id)?;
        let withdrawn = self.scopes(&family.client, false);
        (!self.is_over(family, reuse) && family.scopes.is_disjoint(&withdrawn)).then_some(family)
    }

    /// Whether the family counts that a genuine token describes, also before its row has arrived. A scope that was withdrawn
    /// before the family began was given again since, in a region whose word has not arrived.
    pub fn state(&self, described: &Described, reuse: Reuse, now: Millis) -> FamilyState {
        let known = self.families().find(|family| family.id == described.family.id);
        let family = known.unwrap_or(&described.family);
        let newest = self.newest_grants(&family.client);
        let words = newest.values().filter(|(_, grant)| !grant.given && family.scopes.contains(&grant.scope));
        let withdrawn = words.map(|(_, grant)| grant.at).max();
        if self.is_over(family, reuse)
            || now >= described.family.expires_at
            || withdrawn.is_some_and(|at| at >= described.begun_at)
        {
            return FamilyState::Ended;
        }
        match known {
            _ if withdrawn.is_some() => FamilyState::Behind,
            Some(_) => FamilyState::Live,
            None if now.since(described.begun_at) < FRESH_MS => FamilyState::Fresh,
            None => FamilyState::Behind,
        }
    }

    /// True if the token of a generation of a family was used before, and too long ago for a retry at this time.
    pub fn is_spent(&self, family: &str, generation: u64, reuse: Reuse, here: (&Region, Millis)) -> bool {
        reuse.use_of(generation, here, &self.uses(family)) == Use::TooLate
    }

    /// Whether a family is over, apart from its scopes.
    fn is_over(&self, family: &Family, reuse: Reuse) -> bool {
        !self.is_active()
            || self.ended.contains(&Family::key(&family.id))
            || family.session.as_ref().is_some_and(|session| self.ended.contains(&Session::key(session)))
            || self.is_ended_by_all(family.user, &family.ends)
            || is_reused(&self.uses(&family.id), reuse)
    }

    /// The families of the person that are not ended themselves.
    pub fn families(&self) -> impl Iterator<Item = &Family> {
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Family(family) => Some(family),
            _ => None,
        })
    }

    /// What each region knows of the uses of a family.
    pub(super) fn uses(&self, family: &str) -> Vec<&FamilyUses> {
        let uses = self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Uses(uses) if uses.family == family => Some(uses),
            _ => None,
        });
        uses.collect()
    }

    /// The subjects of the person's users.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Subject(subject) => Some(subject),
            _ => None,
        })
    }
}

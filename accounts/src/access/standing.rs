//! What a person may do, by one read.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use umoja_schema::access::{
    AccessRow, ClientSeen, EndOfAll, Factor, Family, FamilyUses, Grant, KnownEnds, Session, Subject, Withdrawal,
};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{
    AccountStatus, CompanyId, Hlc, Millis, Part, PartRecord, PersonVersion, RecordVersion, Region, UserId, Version,
};
use umoja_store::person::PersonParts;
use umoja_store::ports::Parts;

use super::described::{Described, DescribedSession};
use super::reuse::{Reuse, Use, is_reused};
use crate::ends_all::{After, EndsAll};
use crate::links::{is_linked, may_log_in};
use crate::lookup::covers_person;
use crate::{Error, People, Person};

/// How long a session counts whose row has not arrived, in milliseconds.
const FRESH_MS: u64 = 60_000;

/// Which rows of a person a request needs, besides its subjects and the ends of everything. A person has as many rows as sign-ins and tokens of a year, and a request
/// is about few of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Needed<'a> {
    /// The session, with the clients that got tokens in it.
    pub session: Option<&'a str>,
    /// The client whose consents are needed; `None` for those of all.
    pub client: Option<&'a str>,
    /// The family, with its uses.
    pub family: Option<&'a str>,
    /// The factors, with the recovery codes that were used.
    pub factors: bool,
}

impl<'a> Needed<'a> {
    /// The rows that decide whether a family counts.
    pub fn of(described: &'a Described) -> Self {
        let Family { id, client, session, .. } = &described.family;
        Self { session: session.as_deref(), client: Some(client), family: Some(id), factors: false }
    }

    /// The beginnings of the sort keys of these rows.
    fn prefixes(&self) -> Vec<String> {
        let mut prefixes =
            vec![EndOfAll::of_all(), Subject::of_all(), self.client.map_or_else(Grant::of_all, Grant::of_client)];
        prefixes.push(self.client.map_or_else(Withdrawal::of_all, Withdrawal::key));
        if let Some(session) = self.session {
            prefixes.extend([Session::key(session), ClientSeen::of_session(session)]);
        }
        if let Some(family) = self.family {
            prefixes.extend([Family::key(family), FamilyUses::of_family(family)]);
        }
        if self.factors {
            prefixes.push(Factor::of_all());
        }
        prefixes
    }
}

/// The users of a person, and their rows: read once, strongly consistent in the own region.
pub struct Standing {
    /// The beginnings of the sort keys that were read; `None` for all.
    read: Option<Vec<String>>,
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
        Self::read_under(people, user, None).await
    }

    /// As [`Standing::read`], of some rows only. What the answer says of other rows is not to be asked.
    ///
    /// # Errors
    /// As [`Standing::read`].
    pub async fn read_needed(people: &People, user: UserId, needed: &Needed<'_>) -> Result<Option<Self>, Error> {
        Self::read_under(people, user, Some(needed.prefixes())).await
    }

    async fn read_under(people: &People, user: UserId, read: Option<Vec<String>>) -> Result<Option<Self>, Error> {
        let Some(person) = people.reader().person(user).await? else { return Ok(None) };
        Self::of(people, person, read).await.map(Some)
    }

    /// As [`Standing::read`], of a person that was read before, and of the rows with these beginnings of their sort keys, or all.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn of(people: &People, person: PersonParts, read: Option<Vec<String>>) -> Result<Self, Error> {
        let own = &people.home.own;
        let ids = person.users().filter_map(|parts| parts.get(Part::Profile).or(parts.get(Part::Credentials)));
        let users: Vec<UserId> = ids.map(|record| record.id).collect();
        let items = try_join_all(users.iter().map(|id| match &read {
            None => own.items.items(&ACCESS, *id),
            Some(prefixes) => own.items.items_under(&ACCESS, *id, prefixes),
        }));
        let items = items.await?;
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
        Ok(Self { read, person, users, rows, ended })
    }

    /// True if the rows with this beginning of their sort key were read.
    pub(super) fn has_read(&self, beginning: &str) -> bool {
        self.read.as_ref().is_none_or(|prefixes| prefixes.iter().any(|prefix| beginning.starts_with(prefix)))
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

    /// True if the person was read at least as this version says.
    pub fn covers(&self, wanted: &PersonVersion) -> bool {
        covers_person(&self.person, wanted)
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

    /// True if the company is linked to the person, also if it has suspended it.
    pub fn is_linked_to(&self, company: &CompanyId) -> bool {
        is_linked(&self.person, company)
    }

    /// Whether a session counts that a genuine cookie or code describes.
    pub fn session(&self, described: DescribedSession<'_>, now: Millis) -> SessionState<'_> {
        let DescribedSession { user, id, ends, begun_at } = described;
        if !self.is_active() || self.has_ended(id) || self.is_ended_by_all(user, Some(id), ends) {
            return SessionState::Ended;
        }
        match self.session_rows().find(|session| session.id == id) {
            Some(session) => SessionState::Live(session),
            None if now.since(begun_at) < FRESH_MS => SessionState::Fresh,
            None => SessionState::Ended,
        }
    }

    /// The ends of everything that count as known for what begins now. One does not whose region had newer credentials or other factors of
    /// its user than this one has: what begins here may begin by the password that was replaced, or without the factor that was added.
    pub fn known_ends(&self) -> KnownEnds {
        let mut known = KnownEnds::of(&self.users);
        for (version, end) in self.ends_of_all() {
            let credentials = self.person.get(end.user).and_then(|parts| parts.credentials.as_ref());
            if credentials.is_some_and(|stored| stored.version >= end.credentials) && self.has_factors_of(end) {
                known.note(end.user, &end.region, version.hlc);
            }
        }
        match self.users.first() {
            Some(owner) => known.for_owner(*owner),
            None => known,
        }
    }

    /// True if what a user of the person began in a session, when these ends of everything were known, was ended by another one. `None` stands
    /// for what outlives its session.
    pub fn is_ended_by_all(&self, owner: UserId, session: Option<&str>, known: &KnownEnds) -> bool {
        self.ends_of_all().any(|(version, end)| end.ends(version.hlc, (owner, session, known)))
    }

    /// The ends of everything that a session knows: those that were known when it began, and those that have spared it.
    pub fn ends_known_in(&self, session: DescribedSession<'_>) -> KnownEnds {
        let spared = self.ends_of_all().filter(|(_, end)| end.keeps(Some(session.id)));
        spared.fold(session.ends.clone(), |known, (version, end)| {
            known.spared_by(session.user, (end.user, &end.region, version.hlc))
        })
    }

    pub(super) fn is_over_with_all(&self, session: &Session) -> bool {
        self.is_ended_by_all(session.user, Some(&session.id), &session.ends)
    }

    /// True if what an end says of the factors of its user has arrived.
    fn has_factors_of(&self, end: &EndOfAll) -> bool {
        end.factors.iter().all(|(id, ends)| {
            let has_ended = self.ended.contains(&Factor::key(id));
            has_ended || (!ends && self.factors().any(|factor| factor.user == end.user && factor.id == *id))
        })
    }

    /// The users of the person, with what the region has of each, for an end of everything.
    pub(super) fn ends_all(&self) -> EndsAll {
        EndsAll::from(&self.person).with_factors(self.factors().map(|factor| (factor, false)))
    }

    /// The same, if no other end of this region comes between: for a write that was decided by what was read.
    pub(crate) fn ends_all_as_read(&self, region: &Region) -> EndsAll {
        let mut all = self.ends_all();
        for one in &mut all.users {
            let known = self.ends_of_all().find(|(_, end)| end.user == one.user && end.region == *region);
            one.after = After::Read(known.map(|(version, _)| version.clone()));
        }
        all
    }

    fn ends_of_all(&self) -> impl Iterator<Item = (&Version, &EndOfAll)> {
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::All(end) => Some((&row.version, end)),
            _ => None,
        })
    }

    /// True if the session was ended before it expired.
    pub fn has_ended(&self, session: &str) -> bool {
        debug_assert!(self.has_read(&Session::key(session)), "the rows of the session were not read");
        self.ended.contains(&Session::key(session))
    }

    /// The live sessions of the person.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        debug_assert!(self.read.is_none(), "not all sessions were read");
        self.session_rows().filter(|session| !self.is_over_with_all(session))
    }

    /// The sessions that have ended with everything and not by themselves, each with its user: another region began them before it heard of
    /// the end, or who ended everything was stopped.
    pub fn ended_with_all(&self) -> Vec<(UserId, String)> {
        debug_assert!(self.read.is_none(), "not all sessions were read");
        let over = self.session_rows().filter(|session| self.is_over_with_all(session));
        over.map(|session| (session.user, session.id.clone())).collect()
    }

    /// The sessions of the person that were read and are not ended themselves.
    pub(super) fn session_rows(&self) -> impl Iterator<Item = &Session> {
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Session(session) => Some(session),
            _ => None,
        })
    }

    /// The clients that got tokens in a session, also in an ended one.
    pub fn clients_of(&self, session: &str) -> BTreeSet<String> {
        debug_assert!(self.has_read(&ClientSeen::of_session(session)), "the clients of the session were not read");
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
        debug_assert!(self.has_read(&Grant::of_client(client)), "the consents of the client were not read");
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
        debug_assert!(self.has_read(&Grant::of_all()), "not all consents were read");
        let clients = self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Grant(grant) => Some(grant.client.clone()),
            _ => None,
        });
        clients.filter(|client| !self.granted(client).is_empty()).collect()
    }

    /// A family whose tokens are valid. `None` if it has ended or expired or has not arrived, its session has ended, one of
    /// its scopes is withdrawn, a token was used twice, or the person may not use what it has.
    pub fn family(&self, id: &str, reuse: Reuse) -> Option<&Family> {
        let family = self.family_row(id)?;
        let withdrawn = self.scopes(&family.client, false);
        (!self.is_over(family, reuse) && family.scopes.is_disjoint(&withdrawn)).then_some(family)
    }

    /// Whether the family counts that a genuine token describes, also before its row, or that of the session with which it ends, has
    /// arrived. A scope that was withdrawn before the family began was given again since, in a region whose word has not arrived.
    pub fn state(&self, described: &Described, reuse: Reuse, now: Millis) -> FamilyState {
        let known = self.family_row(&described.family.id);
        let family = known.unwrap_or(&described.family);
        let has_arrived = match &family.session {
            Some(id) => self.session_rows().any(|session| session.id == *id),
            None => known.is_some(),
        };
        let newest = self.newest_grants(&family.client);
        let words = newest.values().filter(|(_, grant)| !grant.given && family.scopes.contains(&grant.scope));
        let withdrawn = words.map(|(_, grant)| grant.at).max();
        if self.is_over(family, reuse)
            || now >= described.family.expires_at
            || self.withdrawal(family.user, &family.client) > described.withdrawal
            || withdrawn.is_some_and(|at| at >= described.begun_at)
        {
            return FamilyState::Ended;
        }
        match has_arrived {
            _ if withdrawn.is_some() => FamilyState::Behind,
            true => FamilyState::Live,
            false if now.since(described.begun_at) < FRESH_MS => FamilyState::Fresh,
            false => FamilyState::Behind,
        }
    }

    /// When a user last withdrew what a client had.
    pub fn withdrawal(&self, user: UserId, client: &str) -> Option<Hlc> {
        debug_assert!(self.has_read(&Withdrawal::key(client)), "the withdrawals of the client were not read");
        let of_client = self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Withdrawal(one) if one.user == user && one.client == client => Some(row.version.hlc),
            _ => None,
        });
        of_client.max()
    }

    /// True if the token of a generation of a family was used before, and too long ago for a retry at this time.
    pub fn is_spent(&self, family: &str, generation: u64, reuse: Reuse, here: (&Region, Millis)) -> bool {
        reuse.use_of(generation, here, &self.uses(family)) == Use::TooLate
    }

    /// Whether a family is over, apart from its scopes.
    fn is_over(&self, family: &Family, reuse: Reuse) -> bool {
        !self.is_active()
            || self.ended.contains(&Family::key(&family.id))
            || family.session.as_ref().is_some_and(|session| self.has_ended(session))
            || self.is_ended_by_all(family.user, family.session.as_deref(), &family.ends)
            || is_reused(&self.uses(&family.id), reuse)
    }

    /// The families of the person that are not ended themselves.
    pub fn families(&self) -> impl Iterator<Item = &Family> {
        debug_assert!(self.read.is_none(), "not all families were read");
        self.family_rows()
    }

    /// A family that is not ended itself.
    pub(super) fn family_row(&self, id: &str) -> Option<&Family> {
        debug_assert!(self.has_read(&Family::key(id)), "the family was not read");
        self.family_rows().find(|family| family.id == id)
    }

    fn family_rows(&self) -> impl Iterator<Item = &Family> {
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

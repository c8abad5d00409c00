//! Why a person can or cannot log in, for support: states, counts and kinds, and no value of the person.

use std::collections::{BTreeMap, BTreeSet};

use umoja_crypto::legacy;
use umoja_schema::api::Selector;
use umoja_schema::{
    AccountStatus, CompanyId, Credentials, IdentifierKind, Link, LinkState, Log, LogRow, Source, UserId,
};
use umoja_store::person::PersonParts;
use umoja_store::ports::StoreError;

use crate::access::Standing;
use crate::conflicts::{State, look, rivals};
use crate::hold::Held;
use crate::links::state;
use crate::lockout::{FailedAttempts, failed_attempts};
use crate::person::Stored;
use crate::receipt::any_erased;
use crate::{Accounts, Context, Error, People, Person, Rule};

/// The most rivals of a person whose conflicts are looked at.
const MOST_RIVALS: usize = 64;

/// Which kind of password a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordKind {
    /// One of Umoja: `argon2id`, also of an import that has hashed it so.
    Own,
    /// Hashes of other systems that are kept until the first login, by family, such as `bcrypt`; `unsupported` for one that
    /// would not be verified.
    Legacy(BTreeSet<String>),
    /// None: the person has none, or the old system of a company verifies it.
    None,
}

/// What one company has of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyHolds {
    /// Whether the company serves the person.
    pub state: LinkState,
    /// When the company was linked first.
    pub since: umoja_schema::Millis,
    /// The day of the last login, in days since 1970-01-01 UTC, if it was recorded.
    pub last_login_day: Option<u32>,
    /// The names of the values that the company has stated last: `email`, `profile.given_name`, ...
    pub stated: BTreeSet<String>,
}

/// Why a person can or cannot log in, as one region knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The primary account.
    pub id: UserId,
    /// Its status.
    pub status: AccountStatus,
    /// Who set the status last, and when.
    pub status_source: Option<Source>,
    /// The password of the primary account.
    pub password: PasswordKind,
    /// Who set it, and when.
    pub password_source: Option<Source>,
    /// Each kind of identifier that the person has, with whether it is verified.
    pub identifiers: Vec<(IdentifierKind, Option<CompanyId>, bool)>,
    /// The users that are merged into the primary account, each with the one that it was merged into.
    pub merged: Vec<(UserId, Option<UserId>)>,
    /// What companies hold.
    pub companies: BTreeMap<CompanyId, CompanyHolds>,
    /// The users with which one of the person's users is in an open conflict over an identifier.
    pub conflicts: BTreeSet<UserId>,
    /// The number of factors of each kind.
    pub factors: BTreeMap<String, usize>,
    /// The number of sessions.
    pub sessions: usize,
    /// The failed attempts that this region counts.
    pub failed: Vec<FailedAttempts>,
    /// The hold that ends last.
    pub held: Option<Held>,
    /// The last event of each kind in the audit trail, the newest first: those that arrived here.
    pub events: Vec<LogRow>,
}

impl Why {
    /// Until when no attempt at a password is made in this region by one of the counts. `None` if one may be made now.
    pub fn locked_until(&self) -> Option<umoja_schema::Millis> {
        self.failed.iter().filter(|failed| failed.by != "codes").filter_map(|failed| failed.locked_until).max()
    }
}

/// Reads why a person can or cannot log in at a company.
pub struct WhyAt {
    /// Any user of the person.
    pub selector: Selector,
}

impl Rule for WhyAt {
    type Read = Option<PersonParts>;
    type Done = Why;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Self::Read, Error> {
        accounts.find(context, &self.selector).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, person: Self::Read) -> Result<Why, Error> {
        let person = person.ok_or(Error::NotFound)?;
        let company = &context.company.id;
        let facts = person.users().filter_map(|parts| parts.profile.as_ref()?.profile_facts());
        state(facts.filter_map(|facts| facts.links.get(company))).ok_or(Error::NotLinked)?;
        let mut why = accounts.why_of(&person).await?;
        // What concerns other companies is theirs.
        let is_theirs = |of: &Option<CompanyId>| of.as_ref().is_some_and(|of| of != company);
        why.companies.retain(|of, _| of == company);
        why.identifiers.retain(|(_, of, _)| !is_theirs(of));
        why.failed.retain(|failed| !is_theirs(&failed.company));
        for source in [&mut why.status_source, &mut why.password_source] {
            source.take_if(|source| source.company != *company);
        }
        Ok(why)
    }
}

impl People {
    /// Why a person can or cannot log in, by any user of it. `None` if the region has no live user of this id.
    ///
    /// # Errors
    /// [`Error::Erased`] if the user was erased. If the store fails, or a part cannot be opened.
    pub async fn why(&self, user: UserId) -> Result<Option<Why>, Error> {
        let Some(person) = self.reader().person(user).await? else {
            let parts = self.home.own.users.parts(user).await?;
            return if any_erased(&parts) { Err(Error::Erased) } else { Ok(None) };
        };
        self.why_of(&person).await.map(Some)
    }

    async fn why_of(&self, parts: &PersonParts) -> Result<Why, Error> {
        let person = self.reader().open(parts.clone()).await?.ok_or(Error::NotFound)?;
        let id = person.primary.id();
        let users: Vec<UserId> = person.users().map(Stored::id).collect();
        let (credentials, standing, failed, holds, conflicts) = tokio::try_join!(
            async { Ok(self.sealer.open::<Credentials>(&person.primary.credentials).await?) },
            Standing::read(self, id),
            failed_attempts(self, parts),
            self.holds(&users),
            self.conflicts_of(&person),
        )?;
        let mut factors = BTreeMap::<String, usize>::new();
        for factor in standing.iter().flat_map(Standing::factors) {
            *factors.entry(factor.kind.name().to_owned()).or_default() += 1;
        }
        let mut events = BTreeMap::<String, LogRow>::new();
        for user in &users {
            for row in self.rows(Log::Audit, *user).await? {
                let known = events.entry(row.kind.clone()).or_insert_with(|| row.clone());
                if known.at < row.at {
                    *known = row;
                }
            }
        }
        let mut events: Vec<_> = events.into_values().collect();
        events.sort_by(|one, other| (other.at, &other.key).cmp(&(one.at, &one.key)));
        Ok(Why {
            id,
            status: person.primary.status,
            status_source: credentials.status_source.clone(),
            password: password(&credentials),
            password_source: credentials.password_source,
            identifiers: identifiers(&person),
            merged: person.linked_accounts.iter().map(|user| (user.id(), user.facts.merged_into)).collect(),
            companies: companies(&person),
            conflicts,
            factors,
            sessions: standing.iter().map(|standing| standing.sessions().count()).sum(),
            failed,
            held: holds.into_iter().max_by_key(|held| held.until),
            events,
        })
    }

    async fn conflicts_of(&self, person: &Person) -> Result<BTreeSet<UserId>, Error> {
        let mut open = BTreeSet::new();
        for user in person.users() {
            for other in rivals(&self.home.own, user.id()).await?.into_keys().take(MOST_RIVALS) {
                if person.holds(other) {
                    continue;
                }
                match look(&self.home.own, user.id(), other).await {
                    Ok(conflict) if conflict.state == State::Open => drop(open.insert(other)),
                    // A damaged rival says nothing about this person.
                    Ok(_) | Err(StoreError::Unreadable(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(open)
    }
}

fn password(credentials: &Credentials) -> PasswordKind {
    if credentials.secret.is_some() {
        return PasswordKind::Own;
    }
    let family = |hash: &str| legacy::family(hash).unwrap_or("unsupported").to_owned();
    let families: BTreeSet<_> = credentials.legacy_hashes.iter().map(|legacy| family(&legacy.hash)).collect();
    if families.is_empty() { PasswordKind::None } else { PasswordKind::Legacy(families) }
}

fn identifiers(person: &Person) -> Vec<(IdentifierKind, Option<CompanyId>, bool)> {
    let mut found = BTreeMap::new();
    for ownership in person.users().flat_map(|user| user.facts.ownerships.values()) {
        let verified = found.entry((ownership.kind, ownership.company.clone())).or_insert(false);
        *verified |= ownership.verified;
    }
    found.into_iter().map(|((kind, company), verified)| (kind, company, verified)).collect()
}

fn companies(person: &Person) -> BTreeMap<CompanyId, CompanyHolds> {
    let mut companies = BTreeMap::new();
    let names: BTreeSet<&CompanyId> = person.users().flat_map(|user| user.facts.links.keys()).collect();
    for company in names {
        let links: Vec<&Link> = person.users().filter_map(|user| user.facts.links.get(company)).collect();
        let Some(state) = state(links.iter().copied()) else { continue };
        let Some(since) = links.iter().map(|link| link.since).min() else { continue };
        let last_login_day = links.iter().filter_map(|link| link.last_login_day).max();
        let sources = person.users().flat_map(|user| &user.identity.sources);
        let stated = sources.filter(|(_, source)| source.company == *company).map(|(name, _)| name.clone()).collect();
        companies.insert(company.clone(), CompanyHolds { state, since, last_login_day, stated });
    }
    companies
}

//! What a record of the stream says about a user, and whom it concerns.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::events::MADE;
use umoja_schema::names::{attribute, table};
use umoja_schema::replica::Image;
use umoja_schema::{
    Attribute, CompanyId, Item, Log, LogRow, Notice, Noticed, Part, PartRecord, RecordVersion, UserId, Version,
};
use umoja_store::person::{PersonError, PersonParts, read};
use umoja_store::ports::StoreError;
use umoja_store::{Change, Home};

use crate::batch::{self, Unfit};

/// A write of the own region that events are made of.
pub(super) struct Written {
    /// The position of its record.
    pub(super) sequence: String,
    pub(super) user: UserId,
    /// Names the change among all of the user.
    pub(super) change: String,
    pub(super) part: Part,
    pub(super) version: Version,
    notices: Vec<Notice>,
    whom: Whom,
}

/// Whom a write concerns.
enum Whom {
    /// The companies that the user is linked to, as the write left it, and those of the person.
    Linked(BTreeSet<CompanyId>),
    /// The user was erased, and the receipt may not name a company that was linked to the person here before: whom this
    /// region has informed of the user.
    Informed,
}

impl Written {
    /// The write of a record; `None` if there is nothing to tell about it.
    ///
    /// # Errors
    /// If the item cannot be verified now. One that is not genuine is left to the replicator, which quarantines it. One that
    /// was written while the clock was ahead has its event now: it is replicated once an operator redrives it.
    pub(super) async fn read(home: &Home, change: &Change) -> Result<Option<Self>, StoreError> {
        let is_erased = change.table == table::USERS && Image(&change.image).is_erased();
        let may_tell = match change.table.as_str() {
            table::USERS => is_erased || change.image.contains_key(attribute::NOTICED),
            table::RECEIPTS => change.image.get(attribute::KIND) == Some(&LogRow::ERASE.into()),
            _ => false,
        };
        if !may_tell {
            return Ok(None);
        }
        let item = if is_erased { batch::verified(home, change).await } else { batch::own(home, change).await };
        let item = match item {
            Ok(item) => item,
            Err(Unfit::Unknown(error)) => return Err(error),
            Err(Unfit::Echo | Unfit::Poison(_)) => return Ok(None),
        };
        let sequence = change.sequence.clone();
        Ok(match item {
            Item::Part(record) if is_erased => Self::erased(sequence, &record),
            Item::Part(record) => Self::part(sequence, &record),
            Item::Row(Log::Receipts, row) => Self::erasure(sequence, &row),
            Item::Row(..) | Item::Versioned(_) => None,
        })
    }

    fn erased(sequence: String, record: &PartRecord) -> Option<Self> {
        (record.part == Part::Profile).then(|| Self {
            sequence,
            user: record.id,
            change: erased(&record.version),
            part: Part::Profile,
            version: record.version.clone(),
            notices: vec![Notice::Erased],
            whom: Whom::Informed,
        })
    }

    /// True if whom it concerns depends on the events of the changes before it.
    pub(super) const fn follows_events(&self) -> bool {
        matches!(self.whom, Whom::Informed)
    }

    fn part(sequence: String, record: &PartRecord) -> Option<Self> {
        let notices = Noticed::in_part(record).notices().to_vec();
        let links = record.profile_facts().map(|facts| facts.links.keys().cloned().collect());
        (!notices.is_empty()).then(|| Self {
            sequence,
            user: record.id,
            change: format!("{}#{}", record.part, record.version.hlc),
            part: record.part,
            version: record.version.clone(),
            notices,
            whom: Whom::Linked(links.unwrap_or_default()),
        })
    }

    fn erasure(sequence: String, row: &LogRow) -> Option<Self> {
        let companies = reported_by(row);
        if companies.is_empty() {
            return None;
        }
        let version: Version = row.key.strip_prefix(LogRow::ERASE)?.strip_prefix('#')?.parse().ok()?;
        Some(Self {
            sequence,
            user: row.user,
            change: erased(&version),
            part: Part::Profile,
            version,
            notices: vec![Notice::Erased],
            whom: Whom::Linked(companies),
        })
    }

    /// Whom the write concerns: the companies that are linked to any user of the person, as the region holds it now, and
    /// those that the write names. A merge and an unmerge concern both persons.
    pub(super) async fn found(&self, home: &Home) -> Result<Found<'_>, StoreError> {
        let linked = match &self.whom {
            Whom::Linked(companies) => companies.clone(),
            Whom::Informed => informed(home, self.user).await?,
        };
        let mut users = BTreeMap::from([(self.user, linked)]);
        let mut min_version = None;
        let others = self.notices.iter().filter_map(Notice::other);
        for id in std::iter::once(self.user).chain(others) {
            if self.version.erased {
                break;
            }
            for parts in person(home, id).await?.iter().flat_map(PersonParts::users) {
                let facts = parts.profile.as_ref().and_then(|profile| Some((profile.id, profile.profile_facts()?)));
                let Some((user, facts)) = facts else { continue };
                users.entry(user).or_default().extend(facts.links.keys().cloned());
                if user == self.user {
                    min_version = parts.version().map(|version| self.at_least(version));
                }
            }
        }
        let left = |notice: &Notice| match notice {
            Notice::Unlinked(company) => Some(company.clone()),
            _ => None,
        };
        let mut left: BTreeSet<CompanyId> = self.notices.iter().filter_map(left).collect();
        left.retain(|company| !users.values().any(|linked| linked.contains(company)));
        Ok(Found { written: self, users, left, min_version })
    }

    /// The version of the whole user, which is not older than the write.
    fn at_least(&self, version: RecordVersion) -> String {
        match self.part {
            Part::Profile => RecordVersion { profile: version.profile.max(self.version.clone()), ..version },
            Part::Credentials => {
                RecordVersion { credentials: version.credentials.max(self.version.clone()), ..version }
            }
        }
        .to_string()
    }
}

/// The name of an erasure among the changes of a user.
fn erased(version: &Version) -> String {
    format!("erased#{}", version.hlc)
}

/// The companies that the receipt of an erasure names.
fn reported_by(row: &LogRow) -> BTreeSet<CompanyId> {
    let Some(Attribute::L(companies)) = row.fields.get(attribute::COMPANIES) else { return BTreeSet::new() };
    let company = |company: &Attribute| match company {
        Attribute::S(id) => id.parse().ok(),
        _ => None,
    };
    companies.iter().filter_map(company).collect()
}

/// The companies that this region has informed of a user, without those that the receipt of the erasure names: the region that
/// erased the user informs them. If the receipt has not arrived yet, a company is informed twice, with the same version.
async fn informed(home: &Home, user: UserId) -> Result<BTreeSet<CompanyId>, StoreError> {
    let rows = home.own.logs.rows(Log::Events, user).await?;
    let own = rows.iter().filter(|row| row.kind == MADE && row.origin == home.own.name);
    let mut informed: BTreeSet<CompanyId> = own.filter_map(|row| row.key.rsplit_once('#')?.1.parse().ok()).collect();
    if !informed.is_empty() {
        let receipts = home.own.logs.rows(Log::Receipts, user).await?;
        for receipt in receipts.iter().filter(|row| row.kind == LogRow::ERASE) {
            informed = &informed - &reported_by(receipt);
        }
    }
    Ok(informed)
}

/// The person of a user. Of a person that is too large, only the companies that the write itself names are known.
async fn person(home: &Home, id: UserId) -> Result<Option<PersonParts>, StoreError> {
    match read(&*home.own.users, id, &BTreeSet::new()).await {
        Ok(person) => Ok(person),
        Err(PersonError::TooLarge(error)) => {
            tracing::warn!(user = %id, %error, "the event of a person that is too large is for the companies of the user alone");
            Ok(None)
        }
        // The write itself was verified. What else cannot be read now says nothing about companies.
        Err(PersonError::Store(StoreError::Unreadable(error))) => {
            tracing::error!(user = %id, %error, "a user of a person cannot be read, and its companies get no event");
            Ok(None)
        }
        Err(PersonError::Store(error)) => Err(error),
    }
}

/// A write, and whom it concerns.
pub(super) struct Found<'a> {
    written: &'a Written,
    /// The companies of each user of the person.
    users: BTreeMap<UserId, BTreeSet<CompanyId>>,
    /// The companies that the write has unlinked from the person. They learn of that, and of nothing else.
    left: BTreeSet<CompanyId>,
    min_version: Option<String>,
}

/// What one company learns of a write.
pub(super) struct Reported<'a> {
    pub(super) written: &'a Written,
    pub(super) company: CompanyId,
    /// The user that the company is linked to: the one that changed, if it is linked to that.
    pub(super) user: UserId,
    pub(super) min_version: Option<String>,
    pub(super) notices: Vec<Notice>,
}

impl<'a> Found<'a> {
    pub(super) fn reported(self) -> Vec<Reported<'a>> {
        let Self { written, users, left, min_version } = self;
        let companies: BTreeSet<&CompanyId> = users.values().flatten().chain(&left).collect();
        let reported = |company: &CompanyId| {
            let is_linked = |id: &UserId| users.get(id).is_some_and(|companies| companies.contains(company));
            let has_left = left.contains(company);
            let user = match users.keys().find(|id| is_linked(id)) {
                Some(other) if !is_linked(&written.user) => *other,
                None if !has_left => return None,
                _ => written.user,
            };
            let concerns = |notice: &&Notice| notice.only().map_or(!has_left, |only| only == company);
            let notices: Vec<Notice> = written.notices.iter().filter(concerns).cloned().collect();
            let min_version = min_version.clone();
            (!notices.is_empty()).then(|| Reported { written, company: company.clone(), user, min_version, notices })
        };
        companies.into_iter().filter_map(reported).collect()
    }
}

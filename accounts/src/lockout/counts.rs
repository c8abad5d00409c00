//! What is counted of a person, for support: read, and taken away.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use umoja_schema::{CompanyId, Millis};
use umoja_store::person::PersonParts;
use umoja_store::ports::Limit;

use super::keys::{Target, of_codes, of_index, of_person};
use super::limits::{IDENTIFIER, PERSON};
use crate::{Error, People};

/// The failed attempts in one region that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailedAttempts {
    /// By what the attempts named the person: `email`, `phone_number`, `username`, `external_id` or `id`; `any` for all of
    /// these together, and `codes` for codes of second factors.
    pub by: &'static str,
    /// The company of an external id.
    pub company: Option<CompanyId>,
    /// The number of attempts.
    pub count: u32,
    /// Until when no further attempt is made; `None` if one may be made now.
    pub locked_until: Option<Millis>,
}

/// Keys of counts, and what they count.
type Keys = BTreeMap<[u8; 32], (&'static str, Option<CompanyId>, &'static Limit)>;

fn keys(people: &People, person: &PersonParts) -> Keys {
    let mut keys = Keys::new();
    for profile in person.users().filter_map(|parts| parts.profile.as_ref()) {
        for (index, ownership) in profile.ownerships() {
            let of = (ownership.kind.as_str(), ownership.company.clone(), &IDENTIFIER);
            keys.insert(of_index(people, &index.to_string()), of);
        }
        keys.insert(*Target::of_id(people, profile.id).identifier(), ("id", None, &IDENTIFIER));
    }
    if let Some(id) = person.primary.id() {
        keys.insert(of_person(people, id), ("any", None, &PERSON));
        keys.insert(of_codes(people, id), ("codes", None, &IDENTIFIER));
    }
    keys
}

/// The failed attempts that the region counts of a person.
///
/// # Errors
/// If the table does not answer.
pub(crate) async fn failed_attempts(people: &People, person: &PersonParts) -> Result<Vec<FailedAttempts>, Error> {
    let now = people.home.clock.now();
    let read = keys(people, person).into_iter().map(async |(key, (by, company, limit))| {
        let tally = people.home.attempts.tally(&key, now).await?;
        let counted = tally.filter(|tally| tally.count > 0).map(|tally| {
            let locked_until = limit.locked_until(&tally, now);
            FailedAttempts { by, company, count: tally.count, locked_until }
        });
        Ok::<_, Error>(counted)
    });
    let mut counted: Vec<_> = try_join_all(read).await?.into_iter().flatten().collect();
    counted.sort();
    Ok(counted)
}

/// Takes the counts of a person away, and with them every lock-out. The counts of a client's address and of remembered
/// devices stay: they are not about this person alone.
///
/// # Errors
/// If the table does not answer.
pub(crate) async fn forget(people: &People, person: &PersonParts) -> Result<(), Error> {
    let keys = keys(people, person);
    try_join_all(keys.keys().map(|key| people.home.attempts.forget(key))).await?;
    Ok(())
}

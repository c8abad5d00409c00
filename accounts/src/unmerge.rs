//! Makes a duplicate a separate person again, together with the users that point at it. A merge moves no data and no
//! identifiers, so an unmerge only removes the pointer, and leaves each identifier that both persons own to one of
//! them.

use std::collections::BTreeMap;

use umoja_schema::{BlindIndex, IdentifierItem, Ownership, PartRecord, PersonVersion, UserId};
use umoja_store::pointers::{UNMERGED, pointer_rows};

use crate::accounts::{company_field, until_written};
use crate::identifiers::drop_identifier;
use crate::person::{Change, Stored};
use crate::profiles::Rules;
use crate::receipt::any_erased;
use crate::{Accounts, Context, Error, People, Person, Rule};

/// Undoes a merge.
pub struct Unmerge {
    /// The duplicate.
    pub id: UserId,
    /// The version that has to have arrived in the region.
    pub min_version: Option<PersonVersion>,
}

impl Rule for Unmerge {
    type Read = Option<Read>;
    /// The person of the duplicate after the unmerge.
    type Done = Person;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Option<Read>, Error> {
        accounts.at_least(self.min_version.as_ref()).await?;
        person_or_alone(accounts, self.id).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, first: Option<Read>) -> Result<Person, Error> {
        let mut first = Some(first);
        until_written!({
            let read = match first.take() {
                Some(read) => read,
                None => person_or_alone(accounts, self.id).await?,
            };
            let Read { person, is_whole } = read.ok_or(Error::NotFound)?;
            let user = person.get(self.id).ok_or(Error::Broken("a user belongs to its person"))?;
            // A user that is not merged is in the wanted state already: a retry meets its own effect.
            let Some(primary) = user.facts.merged_into else { return Ok(Some(())) };
            if is_whole && !person.holds(primary) && !is_erased(accounts, primary).await? {
                return Ok(None);
            }
            let rules = Rules { all_as_read: true, ..Rules::of(&context.actor) };
            let rows = |part: &PartRecord| {
                let why = company_field(context);
                let rows = || pointer_rows(&accounts.home.own.name, UNMERGED, &part.version, primary, self.id, &why);
                if part.id == self.id { rows() } else { Vec::new() }
            };
            Ok(accounts.write_profiles(&person, &unmerged_changes(&person, self.id)?, &rules, rows).await?.map(|_| ()))
        })?;
        accounts.reader().load(self.id).await?.ok_or(Error::NotFound)
    }
}

/// The first read of an unmerge.
pub struct Read {
    person: Person,
    /// False if the person has become too large to be read. Only the duplicate is read then, so that an unmerge can
    /// make the person smaller.
    is_whole: bool,
}

async fn person_or_alone(people: &People, id: UserId) -> Result<Option<Read>, Error> {
    match people.reader().load(id).await {
        Err(Error::TooLarge(_)) => {
            let user = people.reader().open_user(people.home.own.users.parts(id).await?).await?;
            Ok(user.map(|user| Read { person: Person::of(user), is_whole: false }))
        }
        read => Ok(read?.map(|person| Read { person, is_whole: true })),
    }
}

/// True if the user that a duplicate points at, and that is not in its person, was erased. False if it has just
/// arrived.
///
/// Each identifier that both own has to be left to one of them, because an automatic merge would join two users with
/// one verified identifier again. An unmerge therefore waits for a user that has not arrived, and fails while its part
/// cannot be decrypted.
async fn is_erased(people: &People, target: UserId) -> Result<bool, Error> {
    let parts = people.home.own.users.parts(target).await?;
    if any_erased(&parts) {
        return Ok(true);
    }
    let (Some(profile), Some(_)) = (&parts.profile, &parts.credentials) else { return Err(Error::Behind) };
    let unreadable = people.reader().unreadable(vec![profile], None).await?;
    if unreadable.is_empty() { Ok(false) } else { Err(Error::Unreadable) }
}

/// The person that keeps the identifiers that both own.
#[derive(Clone, Copy)]
enum Keeps {
    /// For each identifier, the person whose ownership wins.
    Winner,
    /// One of the two persons, for all identifiers.
    Side(usize),
}

/// The changes of the users of a person when one of them is unmerged: first the identifiers that both persons own, and
/// last the pointer of the user.
///
/// The loser of an identifier, by the order of ownerships, gives it up. Look-ups would not find the loser by it anyway,
/// and an automatic merge does not join the two again. But neither person may be left without an identifier.
fn unmerged_changes(person: &Person, id: UserId) -> Result<Vec<Change>, Error> {
    let own = person.pointed(None, id, None)?.ok_or(Error::Broken("a user belongs to its person"))?;
    let (ours, rest): (Vec<_>, Vec<_>) = person.users().partition(|user| own.holds(user.id()));
    let pointer = person.pointing(id, None)?;
    if rest.is_empty() {
        return Ok(vec![pointer]);
    }
    let sides = [ours, rest];
    let shared = shared(&sides);
    for keeps in [Keeps::Winner, Keeps::Side(0), Keeps::Side(1)] {
        let mut changes: Vec<Change> = Vec::new();
        let mut all_have_some = true;
        for (n, side) in sides.iter().enumerate() {
            let loses = |index: &BlindIndex| match (keeps, shared.get(index)) {
                (_, None) => false,
                (Keeps::Winner, Some(winner)) => *winner != n,
                (Keeps::Side(keeper), Some(_)) => keeper != n,
            };
            let left: Vec<_> = side.iter().map(|user| without(user, loses)).collect();
            all_have_some &= left.iter().any(|change| !change.facts.ownerships.is_empty());
            let losing = side.iter().zip(left).filter(|(user, left)| user.facts != left.facts);
            changes.extend(losing.map(|(_, left)| left));
        }
        if all_have_some {
            let mut last = changes.extract_if(.., |change| change.id == id).next().unwrap_or(pointer);
            last.facts.merged_into = None;
            changes.push(last);
            return Ok(changes);
        }
    }
    Err(Error::NoIdentifierLeft)
}

/// The identifiers that both sides own, and the side whose ownership wins.
fn shared(sides: &[Vec<&Stored>; 2]) -> BTreeMap<BlindIndex, usize> {
    let mut ownerships: BTreeMap<BlindIndex, [BTreeMap<UserId, Ownership>; 2]> = BTreeMap::new();
    for (n, side) in sides.iter().enumerate() {
        for user in side {
            for (index, ownership) in &user.facts.ownerships {
                ownerships.entry(*index).or_default()[n].insert(user.id(), ownership.clone());
            }
        }
    }
    let winner = |index, [ours, rest]: [BTreeMap<UserId, Ownership>; 2]| {
        let both = !ours.is_empty() && !rest.is_empty();
        let owners = ours.iter().chain(&rest).map(|(id, ownership)| (*id, ownership.clone())).collect();
        let (winner, _) = IdentifierItem { index, owners }.winner().filter(|_| both)?;
        Some((index, usize::from(rest.contains_key(&winner))))
    };
    ownerships.into_iter().filter_map(|(index, owners)| winner(index, owners)).collect()
}

/// A user without the identifiers that it loses.
fn without(user: &Stored, loses: impl Fn(&BlindIndex) -> bool) -> Change {
    let (mut identity, mut facts) = (user.identity.clone(), user.facts.clone());
    for (_, ownership) in user.facts.ownerships.iter().filter(|(index, _)| loses(index)) {
        drop_identifier(&mut identity, &mut facts, &(ownership.kind, ownership.company.clone()));
    }
    Change { id: user.id(), identity, facts }
}

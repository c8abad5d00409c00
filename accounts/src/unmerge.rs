//! A duplicate is a person of its own again, with those that point at it. Its data and identifiers never went anywhere, so
//! its pointer is removed; what both persons would claim then is left to one of them.

use std::collections::BTreeMap;

use umoja_schema::{BlindIndex, Claim, ClaimItem, PartRecord, PersonVersion, UserId};
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
    /// Only where the region has heard of this version.
    pub min_version: Option<PersonVersion>,
}

impl Rule for Unmerge {
    type Read = Option<Read>;
    /// Whose person the duplicate is then.
    type Done = Person;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Option<Read>, Error> {
        accounts.at_least(self.min_version.as_ref()).await?;
        group_or_alone(accounts, self.id).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, first: Option<Read>) -> Result<Person, Error> {
        let mut first = Some(first);
        until_written!({
            let read = match first.take() {
                Some(read) => read,
                None => group_or_alone(accounts, self.id).await?,
            };
            let Read { group, is_whole } = read.ok_or(Error::NotFound)?;
            let user = group.get(self.id).ok_or(Error::Broken("a user is one of its person"))?;
            // Who is not merged is as the caller wants them: a retry meets its own effect.
            let Some(root) = user.facts.merged_into else { return Ok(Some(())) };
            if is_whole && !group.holds(root) && !is_erased(accounts, root).await? {
                return Ok(None);
            }
            let rules = Rules { all_as_read: true, ..Rules::of(&context.actor) };
            let rows = |part: &PartRecord| {
                let why = company_field(context);
                let rows = || pointer_rows(&accounts.home.own.name, UNMERGED, &part.version, root, self.id, &why);
                if part.id == self.id { rows() } else { Vec::new() }
            };
            Ok(accounts.write_profiles(&group, &parted(&group, self.id)?, &rules, rows).await?.map(|_| ()))
        })?;
        accounts.reader().load(self.id).await?.ok_or(Error::NotFound)
    }
}

/// What an unmerge read.
pub struct Read {
    group: Person,
    /// False of a person that has become too large to be read: the duplicate alone, so that it can be made smaller.
    is_whole: bool,
}

async fn group_or_alone(people: &People, id: UserId) -> Result<Option<Read>, Error> {
    match people.reader().load(id).await {
        Err(Error::TooLarge(_)) => {
            let user = people.reader().open_user(people.home.own.users.parts(id).await?).await?;
            Ok(user.map(|user| Read { group: Person::of(user), is_whole: false }))
        }
        read => Ok(read?.map(|group| Read { group, is_whole: true })),
    }
}

/// Whether somebody whom a duplicate points at, and who is not among its person, was erased. What both claim has to be left
/// to one of them, so an unmerge waits for who has not arrived, and fails while their part does not open: two users
/// with one verified identifier would be merged again by themselves. False if they have just come.
async fn is_erased(people: &People, target: UserId) -> Result<bool, Error> {
    let parts = people.home.own.users.parts(target).await?;
    if any_erased(&parts) {
        return Ok(true);
    }
    let (Some(profile), Some(_)) = (&parts.profile, &parts.credentials) else { return Err(Error::Behind) };
    let unreadable = people.reader().unreadable(vec![profile], None).await?;
    if unreadable.is_empty() { Ok(false) } else { Err(Error::Unreadable) }
}

/// Who keeps what two persons both claim.
#[derive(Clone, Copy)]
enum Keeps {
    /// Whose claim wins, for each identifier.
    Winner,
    /// One of the two, all of it.
    Side(usize),
}

/// What becomes of the users of a person once one of them points at nobody: its own pointer, last, and the identifiers
/// that the two persons both claim.
///
/// The loser of an identifier, by the order of claims, gives it up: look-ups would not find it by that anyway, and nobody
/// would merge the two by themselves again. But neither may be left without any.
fn parted(group: &Person, id: UserId) -> Result<Vec<Change>, Error> {
    let own = group.pointed(None, id, None)?.ok_or(Error::Broken("a user is one of its person"))?;
    let (ours, rest): (Vec<_>, Vec<_>) = group.users().partition(|user| own.holds(user.id()));
    let pointer = group.pointing(id, None)?;
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
            all_have_some &= left.iter().any(|change| !change.facts.claims.is_empty());
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

/// The identifiers that both sides claim, and the side whose claim wins.
fn shared(sides: &[Vec<&Stored>; 2]) -> BTreeMap<BlindIndex, usize> {
    let mut claims: BTreeMap<BlindIndex, [BTreeMap<UserId, Claim>; 2]> = BTreeMap::new();
    for (n, side) in sides.iter().enumerate() {
        for user in side {
            for (index, claim) in &user.facts.claims {
                claims.entry(*index).or_default()[n].insert(user.id(), claim.clone());
            }
        }
    }
    let winner = |index, [ours, rest]: [BTreeMap<UserId, Claim>; 2]| {
        let both = !ours.is_empty() && !rest.is_empty();
        let claimants = ours.iter().chain(&rest).map(|(id, claim)| (*id, claim.clone())).collect();
        let (winner, _) = ClaimItem { index, claimants }.winner().filter(|_| both)?;
        Some((index, usize::from(rest.contains_key(&winner))))
    };
    claims.into_iter().filter_map(|(index, claimants)| winner(index, claimants)).collect()
}

/// A user without the identifiers that it loses.
fn without(user: &Stored, loses: impl Fn(&BlindIndex) -> bool) -> Change {
    let (mut identity, mut facts) = (user.identity.clone(), user.facts.clone());
    for (_, claim) in user.facts.claims.iter().filter(|(index, _)| loses(index)) {
        drop_identifier(&mut identity, &mut facts, &(claim.kind, claim.company.clone()));
    }
    Change { id: user.id(), identity, facts }
}

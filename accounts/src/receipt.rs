//! Receipts of erasures, read from the append-only rows: the company that requested the erasure, the time, and the
//! regions that have confirmed it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::{Confirmation, Receipt};
use umoja_schema::names::attribute;
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{
    Attribute, Attributes, Hlc, Log, LogRow, Millis, Part, TargetAccount, TargetId, TargetRequest, UserId,
    VersionedItem,
};
use umoja_store::person::read_to_erase;
use umoja_store::ports::Parts;
use umoja_store::replicate::{confirmation_key, operator_confirmation_key, target_confirmation_key};

use crate::accounts::SEALED_REASON;
use crate::{Accounts, Context, Error, People, Rule};

const MALFORMED: Error = Error::Broken("a receipt names its company and its time");

/// Reads the receipt of an erasure.
pub struct Erasure {
    /// The user that was erased.
    pub id: UserId,
}

impl Rule for Erasure {
    type Read = Receipt;
    type Done = Receipt;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Receipt, Error> {
        receipt(accounts, self.id).await
    }

    async fn act(self, _: &Accounts, _: &Context, receipt: Receipt) -> Result<Receipt, Error> {
        Ok(receipt)
    }
}

impl People {
    /// The receipt of a user's erasure, with each region's confirmation so far.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no erasure was requested; [`Error::Behind`] if the receipt has not arrived in the region. If the
    /// store fails.
    pub async fn receipt(&self, id: UserId) -> Result<Receipt, Error> {
        receipt(self, id).await
    }
}

/// The receipt of a user's erasure, with each region's confirmation so far. If the erasure was requested more than
/// once, it is the receipt of the first request.
///
/// # Errors
/// [`Error::NotFound`] if no erasure was requested. [`Error::Behind`] if the user was erased and the receipt has not
/// arrived, because tombstones and rows replicate separately.
pub(crate) async fn receipt(people: &People, id: UserId) -> Result<Receipt, Error> {
    let all = all_rows(people, id).await?;
    let erasures = all.get(&id).into_iter().flatten().filter(|row| row.kind == LogRow::ERASE);
    let Some(erase) = erasures.min_by_key(|row| (row.at, row.origin.clone())) else {
        let parts = people.home.own.users.parts(id).await?;
        return Err(if any_erased(&parts) { Error::Behind } else { Error::NotFound });
    };
    let company = erase.field(attribute::COMPANY).and_then(|text| text.parse().ok()).ok_or(MALFORMED)?;
    let requested_at = match erase.fields.get(attribute::AT) {
        Some(Attribute::N(millis)) => Millis(millis.parse().map_err(|_| MALFORMED)?),
        _ => erase.at.millis(),
    };
    let reason = match erase.fields.get(SEALED_REASON) {
        Some(Attribute::B(sealed)) => people.secrets.open_text(erase, sealed),
        _ => None,
    };
    let mut regions: BTreeMap<_, _> =
        people.home.region_names().map(|region| (region.clone(), confirmed(&all, region))).collect();
    // A row says that the region held the tombstones. What it holds now counts more.
    if !are_erased(people, all.keys().copied()).await? {
        regions.insert(
            people.home.own.name.clone(),
            Confirmation { confirmed: false, confirmed_at: None, operator_reason: None },
        );
    }
    let left = left(people, id, all.keys().copied().collect()).await?;
    let targets = targets(people, &all).await?;
    Ok(Receipt {
        id,
        requested_by: company,
        requested_at: requested_at.secs(),
        reason,
        complete: left == 0 && regions.values().chain(targets.values()).all(|confirmation| confirmation.confirmed),
        left,
        erased_with: all.keys().filter(|other| **other != id).copied().collect(),
        regions,
        targets,
    })
}

/// The user and all users that were erased together with it, according to the receipts.
pub(crate) async fn erased_together(people: &People, id: UserId) -> Result<BTreeSet<UserId>, Error> {
    Ok(all_rows(people, id).await?.into_keys().collect())
}

/// True if the user was erased.
pub(crate) fn any_erased(parts: &Parts) -> bool {
    Part::ALL.into_iter().filter_map(|part| parts.get(part)).any(|record| record.version.erased)
}

/// The number of users that belong to the person of the erased users and were not erased, because they were merged in a
/// region that did not know of the erasure yet. This count erases no user, so the parts are not opened, and a part that
/// cannot be decrypted counts too.
async fn left(people: &People, id: UserId, erased: BTreeSet<UserId>) -> Result<usize, Error> {
    let users = read_to_erase(&*people.home.own.users, id, &erased, &BTreeSet::new()).await?;
    Ok(users.iter().filter(|(id, _)| !erased.contains(id)).count())
}

/// Whether this region holds the tombstones of these users.
async fn are_erased(people: &People, ids: impl Iterator<Item = UserId>) -> Result<bool, Error> {
    let reads: Vec<_> = ids.map(|id| people.home.own.users.parts(id)).collect();
    let parts: Vec<Parts> = stream::iter(reads).buffered(CONCURRENT).try_collect().await?;
    Ok(parts.iter().all(Parts::is_erased))
}

/// The kind of the row by which a target confirms that it has no account of an erased user any more.
pub const CONFIRM_TARGET: &str = "confirm_target";

/// The kind of the row in which an operator says why a target does not confirm.
const OPERATOR_CONFIRMS: &str = "operator_confirms";

const NOT_CONFIRMED: Confirmation = Confirmation { confirmed: false, confirmed_at: None, operator_reason: None };

/// Says in the receipt of an erasure why a target never confirms that it has no account of the user. What an operator has
/// said before stays.
///
/// # Errors
/// If the rows cannot be read or written. [`Error::NotFound`] if the user was not erased.
pub async fn confirm_by_operator(people: &People, user: UserId, target: &TargetId, reason: &str) -> Result<(), Error> {
    let (home, key) = (&people.home, operator_confirmation_key(target));
    if !people.rows(Log::Receipts, user).await?.iter().any(|row| row.kind == LogRow::ERASE) {
        return Err(Error::NotFound);
    }
    let mut row = LogRow {
        user,
        key,
        at: Hlc::at(home.clock.now()),
        origin: home.own.name.clone(),
        kind: OPERATOR_CONFIRMS.to_owned(),
        fields: Attributes::new(),
        unknown: Attributes::new(),
    };
    let sealed = people.secrets.seal_text(&row, reason, &*home.entropy);
    row.fields.insert(SEALED_REASON.into(), Attribute::B(sealed));
    home.own.logs.append(Log::Receipts, &row).await?;
    Ok(())
}

/// Whether an operator has said why a target does not confirm the erasure of a user.
///
/// # Errors
/// If the row cannot be read.
pub async fn operator_confirms(people: &People, user: UserId, target: &TargetId) -> Result<bool, Error> {
    let row = people.home.own.logs.row(Log::Receipts, user, &operator_confirmation_key(target)).await?;
    Ok(row.is_some())
}

/// The users of an erasure whose receipts a target has not confirmed.
///
/// # Errors
/// If the rows cannot be read.
pub async fn not_confirmed(people: &People, id: UserId, target: &TargetId) -> Result<BTreeSet<UserId>, Error> {
    let mut users = BTreeSet::new();
    for (user, rows) in all_rows(people, id).await? {
        if !rows.iter().any(|row| row.kind == LogRow::ERASE) {
            continue;
        }
        let all = BTreeMap::from([(user, rows)]);
        let known = targets(people, &all).await?.remove(target);
        users.extend(known.filter(|known| !known.confirmed).map(|_| user));
    }
    Ok(users)
}

/// What the rows of a user say of a target: its own confirmation, or else an operator's.
fn confirmation_of(people: &People, rows: &[LogRow], target: &TargetId) -> Option<Confirmation> {
    let row = |key: String| rows.iter().find(|row| row.key == key);
    let at = |row: &LogRow| Some(row.at.millis().secs());
    if let Some(row) = row(target_confirmation_key(target)) {
        return Some(Confirmation { confirmed: true, confirmed_at: at(row), operator_reason: None });
    }
    let row = row(operator_confirmation_key(target))?;
    let reason = match row.fields.get(SEALED_REASON) {
        Some(Attribute::B(sealed)) => people.secrets.open_text(row, sealed),
        _ => None,
    };
    Some(Confirmation { confirmed: true, confirmed_at: at(row), operator_reason: reason })
}

/// The confirmation of two users by one target.
fn both(one: Confirmation, other: Confirmation) -> Confirmation {
    if !one.confirmed || !other.confirmed {
        return NOT_CONFIRMED;
    }
    let (confirmed_at, operator_reason) =
        (one.confirmed_at.max(other.confirmed_at), one.operator_reason.or(other.operator_reason));
    Confirmation { confirmed: true, confirmed_at, operator_reason }
}

/// The targets that have an account of a user by the rows of this region, or may have one, and those about which a company
/// has said something that is kept. A row that cannot be read counts: it may be of an account.
pub(crate) async fn target_accounts(people: &People, id: UserId) -> Result<BTreeSet<TargetId>, Error> {
    let rows = people.home.own.items.items(&TARGET_ACCOUNTS, id).await?;
    let target = |row: &VersionedItem| match TargetRequest::from_item(row) {
        Ok(request) => request.params.map(|_| request.target),
        Err(_) if TargetAccount::from_item(row).map_or(true, |row| row.may_exist()) => row.key.parse().ok(),
        Err(_) => None,
    };
    Ok(rows.iter().filter_map(target).collect())
}

/// The targets of the erased users: those that the receipts and the confirmations name, and those that have an account
/// now, whatever they have confirmed.
async fn targets(
    people: &People,
    all: &BTreeMap<UserId, Vec<LogRow>>,
) -> Result<BTreeMap<TargetId, Confirmation>, Error> {
    let mut targets: BTreeMap<TargetId, Confirmation> = BTreeMap::new();
    for (id, rows) in all {
        let now = target_accounts(people, *id).await?;
        let named = rows.iter().filter(|row| row.kind == LogRow::ERASE).flat_map(|row| texts(row, attribute::TARGETS));
        // The region of the erasure may not have known of an account.
        let confirmed = rows.iter().filter(|row| row.kind == CONFIRM_TARGET || row.kind == OPERATOR_CONFIRMS);
        let confirmed = confirmed.filter_map(|row| row.key.rsplit('#').next());
        let named = named.chain(confirmed).filter_map(|text| text.parse().ok());
        for target in named.chain(now.iter().cloned()) {
            let known = confirmation_of(people, rows, &target).filter(|_| !now.contains(&target));
            let known = known.unwrap_or(NOT_CONFIRMED);
            let before = targets.remove(&target);
            targets.insert(target, before.map_or_else(|| known.clone(), |before| both(before, known.clone())));
        }
    }
    Ok(targets)
}

/// The texts of a list in a row.
fn texts<'a>(row: &'a LogRow, field: &str) -> impl Iterator<Item = &'a str> {
    let list = match row.fields.get(field) {
        Some(Attribute::L(list)) => &list[..],
        _ => &[],
    };
    list.iter().filter_map(|item| match item {
        Attribute::S(text) => Some(text.as_str()),
        _ => None,
    })
}

/// The number of users whose rows are read at the same time.
const CONCURRENT: usize = 16;

/// The rows of a user, of all users that these rows name as erased together with it, and so on. A large person is
/// erased in several transactions, and a user that was merged meanwhile is named only by a later one.
async fn all_rows(people: &People, id: UserId) -> Result<BTreeMap<UserId, Vec<LogRow>>, Error> {
    let mut all = BTreeMap::new();
    let mut wanted = BTreeSet::from([id]);
    while !wanted.is_empty() {
        let read: Vec<_> = wanted.iter().map(|id| people.rows(Log::Receipts, *id)).collect();
        let read: Vec<_> = stream::iter(read).buffered(CONCURRENT).try_collect().await?;
        all.extend(wanted.into_iter().zip(read));
        let named = all.values().flatten().filter(|row| row.kind == LogRow::ERASE).flat_map(together);
        wanted = named.filter(|id| !all.contains_key(id)).collect();
    }
    Ok(all)
}

/// The users that one request erased.
pub(crate) fn together(erase: &LogRow) -> impl Iterator<Item = UserId> {
    texts(erase, attribute::TOGETHER).filter_map(|id| id.parse().ok())
}

/// The confirmation of a region, which is complete once the region has the tombstones of both parts of every erased
/// user. `all` are the rows of these users.
fn confirmed(all: &BTreeMap<UserId, Vec<LogRow>>, region: &umoja_schema::Region) -> Confirmation {
    let of_part =
        |rows: &[LogRow], part| rows.iter().find(|row| row.key == confirmation_key(region, part)).map(|row| row.at);
    let timestamps = all.values().flat_map(|rows| Part::ALL.map(|part| of_part(rows, part)));
    let at = timestamps.collect::<Option<Vec<_>>>().and_then(|at| at.into_iter().max());
    Confirmation { confirmed: at.is_some(), confirmed_at: at.map(|at| at.millis().secs()), operator_reason: None }
}

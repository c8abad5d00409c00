//! The items of `target_accounts` about a user: rows of accounts, and requests.

use std::collections::BTreeMap;

use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{Attributes, ItemError, TargetAccount, TargetId, TargetRequest, UserId, Version, VersionedItem};
use umoja_store::ports::StoreError;

use super::Params;
use crate::{Error, People};

/// What is stored of the accounts of a user.
#[derive(Default)]
pub(super) struct Items {
    pub(super) rows: BTreeMap<TargetId, TargetAccount>,
    pub(super) requests: BTreeMap<TargetId, (TargetRequest, Version)>,
}

/// All rows and requests of a user. One that cannot be read is left out, as if there were none: it is replaced on the
/// condition that there is none, which fails.
pub(super) async fn items(people: &People, user: UserId) -> Result<Items, StoreError> {
    let mut all = Items::default();
    for item in people.home.own.items.items(&TARGET_ACCOUNTS, user).await? {
        if let Ok(row) = TargetAccount::from_item(&item) {
            all.rows.insert(row.target.clone(), row);
        } else if let Ok(request) = TargetRequest::from_item(&item) {
            all.requests.insert(request.target.clone(), (request, item.version));
        }
    }
    Ok(all)
}

/// The request about a user's account at a target, with its version.
///
/// # Errors
/// If the store fails, or the request cannot be read.
pub async fn request(
    people: &People,
    user: UserId,
    target: &TargetId,
) -> Result<Option<(TargetRequest, Version)>, StoreError> {
    let item = people.home.own.items.item(&TARGET_ACCOUNTS, user, &TargetRequest::key(target)).await?;
    let read = |item: VersionedItem| Ok::<_, ItemError>((TargetRequest::from_item(&item)?, item.version));
    Ok(item.map(read).transpose()?)
}

/// The targets about whose accounts there is a request for a user.
///
/// # Errors
/// If the store fails.
pub fn requests(items: &[VersionedItem]) -> impl Iterator<Item = TargetId> {
    items.iter().filter_map(|item| TargetRequest::target_of(&item.key))
}

/// Replaces an item of this region by its next version, if it is still as it was read. The version that it got; `None` if
/// another write came between.
///
/// # Errors
/// If the store fails, or it is not known whether it was replaced.
pub async fn replace(
    people: &People,
    stored: Option<&Version>,
    item: impl FnOnce(Version) -> VersionedItem,
) -> Result<Option<Version>, Error> {
    let version = people.next_version(false, stored)?;
    let is_done = crate::items::replace(people, stored, item(version.clone())).await?;
    Ok(is_done.then_some(version))
}

impl People {
    /// The parameters of a request. `None` if it has none, or they do not open.
    pub fn params(&self, request: &TargetRequest) -> Option<Params> {
        let opened = self.secrets.open_params((request.user, &request.target), request.params.as_deref()?)?;
        Params::from_bytes(&opened)
    }

    /// Notes that there is nothing to keep about an erased user's account at a target. False if another write came between.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget_params(&self, user: UserId, target: &TargetId) -> Result<bool, Error> {
        match request(self, user, target).await? {
            Some((request, version)) if request.params.is_some() => {
                let without = TargetRequest { params: None, unknown: Attributes::new(), ..request };
                Ok(replace(self, Some(&version), |version| without.to_item(version)).await?.is_some())
            }
            _ => Ok(true),
        }
    }
}

//! Requests to bring an account at a target up to date now, and what the company has said about the account.
//!
//! A request is an item of the table `target_accounts` beside the row of the account, because the two have different
//! writers: any region takes a request, and only the home of the target writes the row. So neither write undoes the
//! other. A request reaches the home as every replicated item does, and rings there.

use crate::item::Reader;
use crate::replicated::TARGET_ACCOUNTS;
use crate::target_account::bytes;
use crate::{Attribute, Attributes, ItemError, TargetId, UserId, Version, VersionedItem};

const PARAMS: &str = "params";

/// The last request about the account of a user at a target. Its version says when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRequest {
    /// The user.
    pub user: UserId,
    /// The target.
    pub target: TargetId,
    /// The parameters of the newest request that had some, sealed.
    pub params: Option<Vec<u8>>,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl TargetRequest {
    /// The beginning of the sort keys of requests. No id of a target has this character.
    pub const PREFIX: &'static str = "request#";

    /// The sort key of the request about a target.
    pub fn key(target: &TargetId) -> String {
        format!("{}{target}", Self::PREFIX)
    }

    /// The target of a sort key; `None` if it is the key of a row of an account.
    pub fn target_of(key: &str) -> Option<TargetId> {
        key.strip_prefix(Self::PREFIX)?.parse().ok()
    }

    /// The item of this request in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend(self.params.clone().map(|params| (PARAMS.to_owned(), Attribute::B(params))));
        let (user, key) = (self.user, Self::key(&self.target));
        VersionedItem { table: &TARGET_ACCOUNTS, user, key, version, fields, unknown: Attributes::new() }
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is malformed, or the item is no request.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let mut fields = Reader(item.fields.clone());
        let target = Self::target_of(&item.key).ok_or(ItemError::new(crate::names::attribute::TARGET))?;
        Ok(Self { user: item.user, target, params: bytes(&mut fields, PARAMS)?, unknown: fields.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hlc, Millis, TargetAccount};

    #[test]
    fn a_request_round_trips_through_its_item_and_is_no_row_of_an_account() {
        let (user, target) = (UserId::v8([1; 16]), "shop-crm".parse::<TargetId>().unwrap());
        let version = Version { erased: false, hlc: Hlc::at(Millis(7)), origin: "eu-west-1".parse().unwrap() };
        for params in [None, Some(vec![1, 2])] {
            let request = TargetRequest { user, target: target.clone(), params, unknown: Attributes::new() };
            let item = request.to_item(version.clone());
            assert_eq!(TargetRequest::from_item(&item), Ok(request));
            assert!(TargetAccount::from_item(&item).is_err());
        }
        let row = TargetAccount::new(user, target).to_item(version);
        assert!(TargetRequest::from_item(&row).is_err());
    }
}

//! Targets: the remote systems into which users are provisioned.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::company::is_newer;
use crate::{CompanyId, ItemError, Millis, Region, TargetId};

/// What a target speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// SCIM 2.0 (RFC 7644).
    Scim,
    /// Requests with a JSON body, one address for each user.
    Http,
    /// Signed messages (Standard Webhooks) with the whole account, to one address.
    Webhook,
}

impl TargetKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Scim, Self::Http, Self::Webhook];

    /// The name on the command line and in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Http => "http",
            Self::Webhook => "webhook",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What becomes of the account of a user whom the target is no longer to have. An erasure always deletes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deprovisioning {
    /// It is set to inactive.
    Disable,
    /// It is deleted.
    Delete,
    /// It stays as it is.
    Leave,
}

impl Deprovisioning {
    /// All rules.
    pub const ALL: [Self; 3] = [Self::Disable, Self::Delete, Self::Leave];

    /// The name on the command line and in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Leave => "leave",
        }
    }

    /// The rule of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }
}

/// A target: one remote system that has accounts for users of one company. Operators write it, the same in every region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// How often the target was changed. Of two genuine documents of one target, the one with more changes is newer.
    pub revision: u64,
    /// The company whose users it has.
    pub company: CompanyId,
    /// What it speaks.
    pub kind: TargetKind,
    /// Its base URL without a trailing slash.
    pub url: String,
    /// The region that delivers to it.
    pub home: Region,
    /// How often the home was moved. A row that another epoch wrote is delivered again.
    #[serde(default)]
    pub epoch: u64,
    /// If false, changes wait.
    pub enabled: bool,
    /// The bearer token, or of the kind `webhook` the secrets that sign, sealed under the deployment's secrets (unpadded base64url); none for a target that wants none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The template of an account.
    pub mapping: Value,
    /// Which users of the company it has; all without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Value>,
    /// What becomes of the account of a user who left the scope, or was merged into another one.
    pub deprovisioning: Deprovisioning,
    /// The most calls in a second.
    pub rate: NonZeroU32,
    /// Until when removals may exceed the limit of an hour, because an operator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removals_until: Option<Millis>,
    /// What becomes of all accounts of a target that an operator has removed. The document stays: so that no older one can
    /// take its place, and because an erasure still reaches an account that was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Deprovisioning>,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Target {
    /// The rate of a target whose operator sets none: calls in a second.
    pub const DEFAULT_RATE: NonZeroU32 = NonZeroU32::new(20).unwrap();

    /// The prefix of the names of the settings that hold targets.
    pub const SETTINGS: &'static str = "target/";

    /// True if an operator has removed the target: no user is to have an account any more.
    pub const fn is_ended(&self) -> bool {
        self.removed.is_some()
    }

    /// Removes the target. Its home continues to deliver to it: what becomes of the accounts, and erasures.
    pub const fn end(&mut self, accounts: Deprovisioning) {
        self.enabled = true;
        self.removed = Some(accounts);
    }

    /// What becomes of an account that the target is no longer to have.
    pub fn rule(&self) -> Deprovisioning {
        self.removed.unwrap_or(self.deprovisioning)
    }

    /// Whether this document replaces another one of the target, as [`Company::is_newer_than`](crate::Company) says.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_newer((self.revision, self), (other.revision, other))
    }

    /// The name of the setting that holds the target with this id.
    pub fn setting(id: &TargetId) -> String {
        format!("{}{id}", Self::SETTINGS)
    }

    /// The name of the checkpoint in which the home of the target with this id counts what it removes, and holds removals.
    pub fn removals(id: &TargetId) -> String {
        format!("removals/{id}")
    }

    /// The name of the checkpoint in which the home of the target with this id keeps that it is out.
    pub fn outage(id: &TargetId) -> String {
        format!("outage/{id}")
    }

    /// The target of a setting: `id` is what stands after [`Self::SETTINGS`] in its name.
    ///
    /// # Errors
    /// If the document is no target, or is that of another one.
    pub fn read(id: &str, document: Value) -> Result<Self, ItemError> {
        let target = serde_json::from_value::<Self>(document).ok().filter(|target| target.id.as_str() == id);
        target.ok_or(ItemError::new("a target"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_rules_have_their_names() {
        for kind in TargetKind::ALL {
            assert_eq!(TargetKind::from_name(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for rule in Deprovisioning::ALL {
            assert_eq!(Deprovisioning::from_name(rule.as_str()), Some(rule));
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
        }
    }

    #[test]
    fn a_setting_names_its_target_and_holds_no_other() {
        let id: TargetId = "shop-crm".parse().unwrap();
        assert_eq!(Target::setting(&id), format!("{}/shop-crm", crate::names::setting::TARGET));
        let document = serde_json::json!({
            "id": "shop-crm", "revision": 1, "company": "shop", "kind": "scim", "url": "https://crm.example/scim/v2",
            "home": "eu-west-1", "enabled": true, "mapping": {}, "deprovisioning": "disable", "rate": 20,
        });
        let target = Target::read("shop-crm", document.clone()).unwrap();
        assert_eq!((target.epoch, target.removals_until, target.removed), (0, None, None));
        let mut removed = Target { enabled: false, ..target.clone() };
        removed.end(Deprovisioning::Delete);
        assert_eq!((target.is_ended(), target.rule()), (false, Deprovisioning::Disable));
        assert_eq!((removed.is_ended(), removed.enabled, removed.rule()), (true, true, Deprovisioning::Delete));
        assert!(Target::read("shop-erp", document).is_err());
        assert!(Target::read("shop-crm", Value::Null).is_err());
    }
}

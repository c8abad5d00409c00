//! Webhooks: where a company gets its events by a call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::company::is_newer;
use crate::names::setting;
use crate::{CompanyId, ItemError, Millis, Region, WebhookId};

/// A webhook: a URL that gets the events of one company. Operators write it, the same in every region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// How often the webhook was changed. Of two genuine documents of one webhook, the one with more changes is newer.
    pub revision: u64,
    /// The company whose events it gets.
    pub company: CompanyId,
    /// Where they are posted: [`location`](crate::foreign_url::location).
    pub url: String,
    /// The region that posts them.
    pub home: Region,
    /// If false, events wait.
    pub enabled: bool,
    /// The salts of its secrets, the newest last; more than one while a secret is rotated. Without any, an operator has
    /// removed the webhook.
    pub secrets: Vec<SecretSalt>,
    /// Events from before this time are left out.
    pub from: Millis,
    /// What operators have asked for.
    #[serde(default)]
    pub orders: Orders,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// What makes a secret of a webhook together with a secret of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSalt {
    /// 24 random bytes, unpadded base64url.
    pub salt: String,
    /// When the secret ends, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<u64>,
}

impl SecretSalt {
    /// True if the secret has not ended.
    pub fn is_live(&self, now_secs: u64) -> bool {
        self.ends_at.is_none_or(|at| now_secs < at)
    }
}

/// What operators have asked of the home of a webhook. Each number counts the orders of a kind. The home carries out an
/// order when it sees a number that is greater than the last one that it carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// To post again after an answer 410.
    #[serde(default)]
    pub resumed: u64,
    /// To try again what has failed.
    #[serde(default)]
    pub redriven: u64,
    /// To post the events from a time on again.
    #[serde(default)]
    pub replayed: u64,
    /// The time of the last such order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_from: Option<Millis>,
}

impl Webhook {
    /// The prefix of the names of the settings that hold webhooks.
    pub const SETTINGS: &'static str = "webhook/";

    /// The name of the setting that holds the webhook with this id. It is also the name of the target in the table `due`.
    pub fn setting(id: &WebhookId) -> String {
        format!("{}/{id}", setting::WEBHOOK)
    }

    /// The webhook of a setting: `id` is what stands after [`Self::SETTINGS`] in its name.
    ///
    /// # Errors
    /// If the document is no webhook, or is that of another one.
    pub fn read(id: &str, document: Value) -> Result<Self, ItemError> {
        let webhook = serde_json::from_value::<Self>(document).ok().filter(|webhook| webhook.id.as_str() == id);
        webhook.ok_or(ItemError::new("a webhook"))
    }

    /// Whether this document replaces another one of the webhook, as [`Company::is_newer_than`](crate::Company) says.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_newer((self.revision, self), (other.revision, other))
    }

    /// True if an operator removed the webhook. Its document stays, so that no older one can take its place.
    pub fn is_ended(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Removes the webhook: without a secret nothing is posted.
    pub fn end(&mut self) {
        self.enabled = false;
        self.secrets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> Webhook {
        Webhook {
            id: "crm".parse().unwrap(),
            revision: 1,
            company: "soko".parse().unwrap(),
            url: "https://crm.example/hook".into(),
            home: "eu-west-1".parse().unwrap(),
            enabled: true,
            secrets: vec![SecretSalt { salt: "c2FsdA".into(), ends_at: None }],
            from: Millis(7),
            orders: Orders::default(),
            unknown: Map::new(),
        }
    }

    #[test]
    fn a_document_under_another_id_is_no_webhook() {
        let document = serde_json::to_value(webhook()).unwrap();
        assert_eq!(Webhook::read("crm", document.clone()), Ok(webhook()));
        assert!(Webhook::read("shop", document).is_err());
        assert!(Webhook::read("crm", Value::Null).is_err());
        assert_eq!(Webhook::setting(&webhook().id), format!("{}crm", Webhook::SETTINGS));
    }

    #[test]
    fn a_removed_webhook_has_no_secret() {
        let mut webhook = webhook();
        webhook.end();
        assert!(webhook.is_ended() && !webhook.enabled);
    }

    #[test]
    fn a_secret_ends_at_its_time() {
        let salt = SecretSalt { salt: String::new(), ends_at: Some(10) };
        assert!(salt.is_live(9) && !salt.is_live(10));
        assert!(SecretSalt { ends_at: None, ..salt }.is_live(u64::MAX));
    }
}

//! What is posted to a webhook.

use umoja_crypto::SigningKey;
use umoja_crypto::jws::{EventClaims, body_hash, sign_event};
use umoja_schema::api::Event;
use umoja_schema::{EventRow, Millis, Webhook};
use umoja_store::ports::{Answered, Call, Method, Outbound, OutboundError};
use umoja_store::secrets::Secrets;

/// The type of the event that `umoja webhook test` posts.
const TEST: &str = "umoja.webhook.test";

/// A message for a webhook.
pub struct Message {
    id: String,
    body: Vec<u8>,
}

/// Who posts.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    /// The secrets of the deployment.
    pub secrets: &'a Secrets,
    /// The base URL of the region.
    pub issuer: &'a str,
}

impl Message {
    /// The messages of an event, one for each change. `None` if its time is none.
    pub(super) fn of(webhook: &Webhook, row: &EventRow) -> Option<Vec<Self>> {
        let message = |event: Event| {
            // Neither a region nor a sequence has a dot, which ends the id in what is signed.
            let id = format!("evt_{}_{}", row.origin, event.id);
            Some(Self { id, body: serde_json::to_vec(&event).ok()? })
        };
        Event::of(&webhook.company, row)?.into_iter().map(message).collect()
    }

    /// A message that says nothing but that the webhook is tried.
    pub fn test(webhook: &Webhook, random: &str, time: &str) -> Self {
        let body = serde_json::json!({
            "specversion": "1.0",
            "id": random,
            "source": format!("urn:umoja:{}:{}", webhook.home, webhook.company),
            "type": TEST,
            "time": time,
            "datacontenttype": "application/json",
            "data": { "webhook": webhook.id },
        });
        Self { id: format!("evt_test_{random}"), body: body.to_string().into_bytes() }
    }

    /// Posts the message, signed with every live secret of the webhook, the newest first, and by the region.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post(
        &self,
        webhook: &Webhook,
        sender: Sender<'_>,
        outbound: &dyn Outbound,
        now: Millis,
    ) -> Result<Answered, OutboundError> {
        let at = now.secs();
        let live = webhook.secrets.iter().rev().filter(|salt| salt.is_live(at));
        let signatures = live.map(|salt| {
            let secret = sender.secrets.webhook_secret(&webhook.id, &salt.salt);
            secret.sign(&self.id, at, &self.body)
        });
        let (signatures, at_text) = (signatures.collect::<Vec<_>>().join(" "), at.to_string());
        let signed = self.signed(webhook, sender.secrets.signing_key(), sender.issuer, at);
        let headers = [
            ("content-type", "application/cloudevents+json"),
            ("user-agent", "umoja-webhooks/1"),
            ("webhook-id", &self.id),
            ("webhook-timestamp", &at_text),
            ("webhook-signature", &signatures),
            ("umoja-signature", &signed),
        ];
        outbound.call(&Call { method: Method::Post, url: &webhook.url, headers: &headers, body: &self.body }).await
    }

    fn signed(&self, webhook: &Webhook, key: &SigningKey, issuer: &str, at_secs: u64) -> String {
        let claims = EventClaims {
            iss: issuer.to_owned(),
            aud: webhook.company.to_string(),
            iat: at_secs,
            jti: self.id.clone(),
            sha256: body_hash(&self.body),
        };
        sign_event(key, &claims)
    }
}

/// Why a webhook did not accept a message, for an operator; `None` if it did.
pub fn fault(answered: &Result<Answered, OutboundError>) -> Option<String> {
    match answered {
        Ok(answered) if answered.is_success() => None,
        Ok(answered) => Some(format!("status {}", answered.status)),
        Err(error) => Some(error.fault().to_owned()),
    }
}

//! Targets of the kind `webhook`: what becomes of an account is posted to one URL as a message of Standard Webhooks, with the
//! whole account. An answer of success says that the receiver has it. Nothing can be asked of such a target, so an account
//! that may exist counts as one that does: to post it once more changes nothing.

use serde_json::{Map, Value, json};
use umoja_schema::UserId;
use umoja_store::ports::{Call, Method};
use zeroize::Zeroizing;

use crate::targets::client::{Account, Client};
use crate::targets::failure::{Code, Failure};

/// The account is to be as the data say.
const CHANGED: &str = "umoja.account.changed";
/// The account is to be inactive, and otherwise as it is.
const DISABLED: &str = "umoja.account.disabled";
/// There is to be no account.
const DELETED: &str = "umoja.account.deleted";

/// The account of a user, which is known by the user's id alone.
pub(crate) fn account(user: UserId) -> Account {
    Account { id: user.to_string(), etag: None }
}

pub(crate) async fn put(client: &Client<'_>, user: UserId, document: &Map<String, Value>) -> Result<Account, Failure> {
    post(client, user, CHANGED, Value::Object(document.clone())).await?;
    Ok(account(user))
}

pub(crate) async fn disable(client: &Client<'_>, user: UserId) -> Result<(), Failure> {
    post(client, user, DISABLED, json!({ "id": user, "active": false })).await
}

pub(crate) async fn delete(client: &Client<'_>, user: UserId) -> Result<(), Failure> {
    post(client, user, DELETED, json!({ "id": user })).await
}

async fn post(client: &Client<'_>, user: UserId, kind: &str, data: Value) -> Result<(), Failure> {
    if client.secrets.is_empty() {
        // Without a signature any caller could have posted it.
        return Err(Code::Credentials.into());
    }
    let body = Zeroizing::new(json!({ "type": kind, "data": data }).to_string().into_bytes());
    // A message that is posted again has another id: it has the state of that time.
    let (id, at) = (format!("acc_{user}_{}", client.now.0), client.now.secs());
    let signatures = client.secrets.iter().map(|secret| secret.sign(&id, at, &body)).collect::<Vec<_>>().join(" ");
    let at = at.to_string();
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "umoja-targets/1"),
        ("webhook-id", &id),
        ("webhook-timestamp", &at),
        ("webhook-signature", &signatures),
    ];
    let call = Call { method: Method::Post, url: client.url, headers: &headers, body: &body };
    let answer = client.outbound.call(&call).await?;
    if answer.is_success() { Ok(()) } else { Err(Failure::of(&answer)) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use umoja_crypto::WebhookSecret;
    use umoja_schema::{Millis, TargetKind};
    use umoja_store::ports::{Answered, Outbound, OutboundError};

    use super::*;
    use crate::targets::client::{Changed, Created};

    /// The headers of a message, and its body.
    type Posted = (Vec<(String, String)>, Value);

    /// Notes what is posted.
    #[derive(Default)]
    struct Receiver {
        posted: Mutex<Vec<Posted>>,
        status: u16,
    }

    #[async_trait]
    impl Outbound for Receiver {
        async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
            assert_eq!((call.method, call.url), (Method::Post, "https://crm.example/hook"));
            let headers = call.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            self.posted.lock().unwrap().push((headers, serde_json::from_slice(call.body).unwrap()));
            Ok(Answered { status: self.status, headers: Vec::new(), body: Vec::new() })
        }
    }

    fn secrets() -> [WebhookSecret; 2] {
        [WebhookSecret::new([1; 32]), WebhookSecret::new([2; 32])]
    }

    fn client<'a>(receiver: &'a Receiver, token: Option<&str>) -> Client<'a> {
        Client::new(receiver, TargetKind::Webhook, "https://crm.example/hook", token).at(Millis(7_500))
    }

    #[tokio::test]
    async fn every_change_is_posted_as_a_whole_signed_with_each_secret() {
        let (receiver, user) = (Receiver { status: 204, ..Receiver::default() }, UserId::v8([1; 16]));
        let both = secrets().map(|secret| secret.expose().to_string()).join("\n");
        let client = client(&receiver, Some(&both));
        let document = json!({ "email": "a@example.com", "active": true }).as_object().unwrap().clone();
        let account = account(user);
        assert!(client.find(user).await == Ok(Some(account.clone())));
        assert!(client.create(user, &document).await == Ok(Created::Made(account.clone())));
        assert!(client.update(user, &account, &document).await == Ok(Changed::Done(account.clone())));
        assert!(client.disable(user, &account).await == Ok(Changed::Done(account.clone())));
        assert_eq!(client.delete(user, &account).await, Ok(()));
        assert!(client.read(user, &account).await.is_err());
        let posted = receiver.posted.lock().unwrap();
        let bodies: Vec<_> = posted.iter().map(|(_, body)| body.clone()).collect();
        let changed = json!({ "type": CHANGED, "data": document });
        let disabled = json!({ "type": DISABLED, "data": { "id": user, "active": false } });
        assert_eq!(bodies, [changed.clone(), changed, disabled, json!({ "type": DELETED, "data": { "id": user } })]);
        let header = |name: &str| posted[0].0.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let signed = |secret: &WebhookSecret| secret.sign(&header("webhook-id"), 7, bodies[0].to_string().as_bytes());
        assert_eq!(header("webhook-signature"), secrets().each_ref().map(signed).join(" "));
        assert!(posted.iter().all(|(headers, _)| headers.iter().all(|(name, _)| name != "authorization")));
    }

    #[tokio::test]
    async fn nothing_is_posted_without_a_secret_and_a_rejection_is_one() {
        let (receiver, user) = (Receiver { status: 400, ..Receiver::default() }, UserId::v8([1; 16]));
        for token in [None, Some("a bearer token"), Some("whsec_short")] {
            assert_eq!(client(&receiver, token).delete(user, &account(user)).await, Err(Code::Credentials.into()));
        }
        assert!(receiver.posted.lock().unwrap().is_empty());
        let secret = secrets()[0].expose();
        let rejected = client(&receiver, Some(&secret)).delete(user, &account(user)).await;
        assert_eq!(rejected, Err(Code::Rejected.into()));
    }
}

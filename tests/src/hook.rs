//! A company's endpoint that webhooks are posted to, in this process.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_schema::webhook::{Orders, SecretSalt};
use umoja_schema::{CompanyId, Millis, Webhook};
use umoja_store::ports::{Answered, Call, Outbound, OutboundError};

use crate::world::World;

/// What an endpoint does with a message.
pub type Answer = Box<dyn Fn(&Posted) -> Result<Answered, OutboundError> + Send + Sync>;

/// A message as an endpoint received it.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// Where it was posted.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// True if it was accepted.
    pub is_accepted: bool,
}

impl Posted {
    /// A header.
    ///
    /// # Panics
    /// If there is none.
    pub fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| known == name).expect("a header").1
    }

    /// The event.
    ///
    /// # Panics
    /// If the body is no JSON.
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an event")
    }
}

/// An endpoint of webhooks.
pub struct Hook {
    answer: Mutex<Answer>,
    received: Mutex<Vec<Posted>>,
    hangs: Mutex<Option<String>>,
}

impl Default for Hook {
    fn default() -> Self {
        Self { answer: Mutex::new(Box::new(|_| Ok(status(200)))), received: Mutex::default(), hangs: Mutex::default() }
    }
}

/// An answer without a body.
pub fn status(status: u16) -> Answered {
    Answered { status, headers: Vec::new(), body: Vec::new() }
}

impl Hook {
    /// Answers in this way from now on.
    pub fn answer(&self, answer: impl Fn(&Posted) -> Result<Answered, OutboundError> + Send + Sync + 'static) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(answer);
    }

    /// Never answers at this URL from now on.
    pub fn hang(&self, url: &str) {
        *self.hangs.lock().unwrap_or_else(PoisonError::into_inner) = Some(url.to_owned());
    }

    /// What it received since the last call.
    pub fn take(&self) -> Vec<Posted> {
        std::mem::take(&mut self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Outbound for Hook {
    async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
        // A caller may be dropped before and after a call.
        tokio::task::yield_now().await;
        let hangs = self.hangs.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(call.url);
        if hangs {
            std::future::pending::<()>().await;
        }
        let headers = call.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut posted = Posted { url: call.url.to_owned(), headers, body: call.body.to_vec(), is_accepted: false };
        let answered = (self.answer.lock().unwrap_or_else(PoisonError::into_inner))(&posted);
        posted.is_accepted = answered.as_ref().is_ok_and(Answered::is_success);
        self.received.lock().unwrap_or_else(PoisonError::into_inner).push(posted);
        tokio::task::yield_now().await;
        answered
    }
}

/// A webhook of a company that begins with all events, and whose home is the first region.
///
/// # Panics
/// If the id is none.
pub fn webhook(world: &World, id: &str, company: &CompanyId) -> Webhook {
    Webhook {
        id: id.parse().expect("an id"),
        revision: 1,
        company: company.clone(),
        url: format!("https://{id}.example/hook"),
        home: world.name(0).clone(),
        enabled: true,
        secrets: vec![SecretSalt { salt: format!("salt of {id}"), ends_at: None }],
        from: Millis(0),
        orders: Orders::default(),
        unknown: Map::new(),
    }
}

/// Stores a webhook in every region.
///
/// # Panics
/// If a region does not store it.
pub async fn put_webhook(world: &World, webhook: &Webhook) {
    let document = serde_json::to_value(webhook).expect("a document");
    for region in &world.regions {
        let stored = region.tables.registry.put_setting(&Webhook::setting(&webhook.id), &document).await;
        stored.expect("settings can be written");
    }
}

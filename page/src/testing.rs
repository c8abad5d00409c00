//! Regions that hold what a test sets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_accounts::Error;
use umoja_accounts::provisioning::Ticket;
use umoja_schema::api::ProvisioningState as State;
use umoja_schema::{Company, CompanyId, Millis, UserId};
use umoja_store::ports::{Clock, StoreError};

use crate::page::{Events, Page};
use crate::routes::router;
use crate::statuses::{Account, Statuses};

/// When every ticket of the tests ends.
pub(crate) const EXPIRES: Millis = Millis(1_900_000);

/// A region. Its tickets are `NAME.N`, of user N; all with the targets of the region.
pub(crate) struct World {
    pub(crate) company: Mutex<Company>,
    pub(crate) rows: Mutex<BTreeMap<String, (State, u64)>>,
    pub(crate) now: AtomicU64,
    pub(crate) is_out: AtomicBool,
}

impl World {
    pub(crate) fn new(targets: &[&str]) -> Arc<Self> {
        let company = json!({
            "id": "soko", "name": "Soko Ltd", "enabled": true, "trusted": false, "scopes": [], "api_keys": [], "keys": [],
            "status_page": { "name": "Soko", "colour": "#ffcc00", "return_urls": { "shop": "https://soko.example/account" } },
        });
        Arc::new(Self {
            company: Mutex::new(serde_json::from_value(company).unwrap()),
            rows: Mutex::new(targets.iter().map(|id| ((*id).to_owned(), (State::Pending, 0))).collect()),
            now: AtomicU64::new(1_000_000),
            is_out: AtomicBool::new(false),
        })
    }

    pub(crate) fn set(&self, target: &str, state: State, sequence: u64) {
        self.rows.lock().unwrap().insert(target.to_owned(), (state, sequence));
    }

    pub(crate) fn page(self: &Arc<Self>, base_url: &str, events: Events) -> Arc<Page> {
        Arc::new(Page::new(Arc::clone(self) as _, Arc::clone(self) as _, base_url, events))
    }

    pub(crate) fn router(self: &Arc<Self>, events: Events) -> Router {
        router(self.page("http://127.0.0.1:7300", events))
    }
}

pub(crate) fn user(n: u8) -> UserId {
    UserId::v8([n; 16])
}

impl Clock for World {
    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Statuses for World {
    fn open(&self, ticket: &str, now: Millis) -> Option<Ticket> {
        let (name, number) = ticket.split_once('.')?;
        let user = user(number.parse().ok()?);
        let company = "soko".parse().unwrap();
        let is_genuine = name == "ticket" && now < EXPIRES;
        is_genuine.then(|| Ticket {
            company,
            user,
            version: String::new(),
            targets: Vec::new(),
            expires_at: EXPIRES.secs(),
            return_url: Some("shop".parse().unwrap()),
        })
    }

    async fn company(&self, _: &CompanyId) -> Result<Option<Company>, Error> {
        Ok(Some(self.company.lock().unwrap().clone()))
    }

    async fn accounts(&self, _: &Ticket) -> Result<Vec<Account>, Error> {
        if self.is_out.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("out".to_owned()).into());
        }
        let rows = self.rows.lock().unwrap();
        let account = |(target, (state, sequence)): (&String, &(State, u64))| Account {
            target: target.parse().unwrap(),
            state: *state,
            code: None,
            sequence: *sequence,
        };
        Ok(rows.iter().map(account).collect())
    }
}

pub(crate) async fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

pub(crate) async fn begin(router: &Router, body: &Value, headers: &[(&str, &str)]) -> Response<Body> {
    let request = Request::post("/s/session");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap()
}

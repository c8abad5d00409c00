//! Identity providers that write the users of a company by SCIM.

mod companies;
mod tools;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_accounts::{Accounts, PasswordRules};
use umoja_ingest::scim::{People, Scim, router};
use umoja_schema::SourceKind;
use umoja_store::ports::Hasher;
use umoja_tests::caller::Caller;
use umoja_tests::deployment::{CountingHasher, Deployment};
use umoja_tests::provider::Provider;
use umoja_tests::world::run;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// Runs a story over a deployment of two regions.
fn story(seed: u64, story: impl AsyncFnOnce(Deployment)) {
    run(async { story(Deployment::new(seed).await).await });
}

/// The server of one region, and the token of one company.
struct Server {
    router: Router,
    company: String,
    token: String,
}

/// An answer.
#[derive(Debug)]
struct Got {
    status: u16,
    etag: String,
    body: Value,
}

impl Got {
    /// The same answer, if it has this status.
    #[track_caller]
    fn ok(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }
}

impl Server {
    async fn new(d: &Deployment, at: usize, company: &Caller, base_url: &str) -> Self {
        let region = &d.world.regions[at];
        let provider = Provider::new(d, SourceKind::Scim, &company.id, at).await;
        let hasher: Arc<dyn Hasher> = Arc::<CountingHasher>::clone(&d.hasher);
        let passwords = PasswordRules { min_chars: 8, min_score: 3 };
        let accounts = Accounts { people: region.people(), hasher, passwords, old_systems: None, mailer: None };
        let hashing = crate::import::importer(d, at, company).await.hashing;
        let scim = Scim {
            base_url: base_url.to_owned(),
            directory: Arc::new(People { accounts, hashing }),
            sources: Arc::new(Arc::clone(&region.home.registry)),
            clock: Arc::clone(&region.home.clock),
            rates: Some(Arc::default()),
        };
        Self { router: router(scim), company: company.id.clone(), token: provider.api_key }
    }

    /// The server of the first region for a company.
    async fn of(d: &Deployment, company: &Caller) -> Self {
        Self::new(d, 0, company, "https://a.example").await
    }

    async fn call(&self, method: &str, path: &str, if_match: Option<&str>, body: Option<Value>) -> Got {
        let mut request = Request::builder().method(method).uri(format!("/scim/v2/{}{path}", self.company));
        request = request.header("authorization", format!("Bearer {}", self.token));
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let etag = parts.headers.get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Got { status: parts.status.as_u16(), etag, body }
    }

    async fn get(&self, id: &str) -> Got {
        self.call("GET", &format!("/Users/{id}"), None, None).await
    }

    /// Makes a user with these attributes.
    async fn post(&self, mut attributes: Value) -> Got {
        attributes["schemas"] = json!([USER]);
        self.call("POST", "/Users", None, Some(attributes)).await
    }

    async fn put(&self, id: &str, mut attributes: Value) -> Got {
        attributes["schemas"] = json!([USER]);
        self.call("PUT", &format!("/Users/{id}"), None, Some(attributes)).await
    }

    async fn patch(&self, id: &str, operations: Value) -> Got {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        self.call("PATCH", &format!("/Users/{id}"), None, Some(body)).await
    }

    async fn delete(&self, id: &str) -> Got {
        self.call("DELETE", &format!("/Users/{id}"), None, None).await
    }

    /// The ids of the users that a filter selects.
    async fn filter(&self, filter: &str) -> Vec<String> {
        let query: Vec<_> = filter.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let query = query.concat();
        let found = self.call("GET", &format!("/Users?filter={query}"), None, None).await.ok(200);
        let users = found.body["Resources"].as_array().unwrap();
        users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// The attributes of a user with one e-mail address.
fn user(user_name: &str, email: &str) -> Value {
    json!({ "userName": user_name, "emails": [{ "value": email, "type": "work", "primary": true }] })
}

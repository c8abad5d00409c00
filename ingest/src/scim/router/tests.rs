use axum::body::Body;
use axum::http::{Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::super::list::MAX_OPENED;
use super::super::memory::{Acme, Memory, Now, key};
use super::super::schema::{ENTERPRISE, USER};
use super::*;

struct Server {
    router: Router,
    memory: Arc<Memory>,
}

struct Got {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Server {
    fn new() -> Self {
        Self::of(Acme::new())
    }

    fn of(acme: Acme) -> Self {
        let memory = Arc::new(Memory::default());
        let scim = Scim {
            base_url: "https://a.example".to_owned(),
            directory: Arc::<Memory>::clone(&memory),
            sources: Arc::new(acme),
            clock: Arc::new(Now),
            rates: Some(Arc::new(Rates::in_memory())),
        };
        Self { router: router(scim), memory }
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Got { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = Request::builder().method(method).uri(format!("/scim/v2/acme{path}"));
        request = request.header("authorization", format!("Bearer {}", key(1).expose()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn get(&self, path: &str) -> Got {
        self.call("GET", path, &[], "").await
    }

    async fn write(&self, method: &str, path: &str, body: &Value) -> Got {
        self.call(method, path, &[("content-type", "application/scim+json")], &body.to_string()).await
    }

    async fn user(&self, name: &str) -> String {
        let got = self.write("POST", "/Users", &json!({ "schemas": [USER], "userName": name })).await;
        assert_eq!(got.status, 201);
        got.body["id"].as_str().unwrap().to_owned()
    }
}

fn error(got: &Got) -> (u16, Option<&str>) {
    assert_eq!(got.body["schemas"], json!([ScimError::SCHEMA]));
    assert_eq!(got.body["status"], got.status.to_string());
    assert_eq!(got.headers["content-type"], MEDIA_TYPE);
    (got.status, got.body["scimType"].as_str())
}

#[tokio::test]
async fn a_token_of_the_company_is_required() {
    let server = Server::new();
    let bearer = |n: u8| format!("Bearer {}", key(n).expose());
    let call = async |company: &str, authorization: Option<String>| {
        let request = Request::get(format!("/scim/v2/{company}/Users"));
        let request = authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
        server.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(call("acme", Some(bearer(1))).await.status, 200);
    assert_eq!(call("acme", Some(bearer(2).replace("Bearer", "bearer"))).await.status, 200, "the other live key");
    let none = call("acme", None).await;
    assert_eq!(
        (error(&none), &none.headers["www-authenticate"]),
        ((401, None), &"Bearer realm=\"scim\"".parse().unwrap())
    );
    // 3 is a key of a source of another kind, 5 of no source.
    for (company, value) in [
        ("acme", bearer(3)),
        ("acme", bearer(5)),
        ("acme", "Bearer x".to_owned()),
        ("acme", bearer(1).replace("Bearer", "Basic")),
        ("other", bearer(1)),
        ("no company", bearer(1)),
    ] {
        let got = call(&company.replace(' ', "%20"), Some(value)).await;
        assert_eq!((got.status, &got.body, &got.headers), (401, &none.body, &none.headers), "{company}");
    }
}

#[tokio::test]
async fn a_client_may_make_as_many_requests_as_its_company() {
    let mut acme = Acme::new();
    acme.0.rate_limit = std::num::NonZeroU32::new(1);
    let server = Server::of(acme);
    let stranger = Request::get("/scim/v2/acme/Users").header("authorization", format!("Bearer {}", key(5).expose()));
    assert_eq!(server.send(stranger.body(Body::empty()).unwrap()).await.status, 401, "who is not known does not count");
    for _ in 0..10 {
        assert_eq!(server.get("/Users").await.status, 200);
    }
    for path in ["/Users", "/ServiceProviderConfig", "/nowhere"] {
        let got = server.get(path).await;
        assert_eq!(error(&got), (429, None), "{path}");
        let secs: u64 = got.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=10).contains(&secs), "{secs}");
    }
}

#[tokio::test]
async fn a_disabled_company_and_an_expired_key_are_rejected_and_a_paused_source_waits() {
    let mut acme = Acme::new();
    acme.1[1].api_keys.iter_mut().for_each(|key| key.expires_at = Some(super::super::memory::NOW.secs()));
    assert_eq!(Server::of(acme).get("/Users").await.status, 401);
    let mut acme = Acme::new();
    acme.0.enabled = false;
    assert_eq!(Server::of(acme).get("/Users").await.status, 401);
    let mut acme = Acme::new();
    acme.1[1].enabled = false;
    assert_eq!(Server::of(acme).get("/Users").await.status, 503);
}

#[tokio::test]
async fn a_user_is_made_read_replaced_and_deleted() {
    let server = Server::new();
    let body =
        json!({ "schemas": [USER], "userName": "Ada", "password": "secret", ENTERPRISE: { "department": "R&D" } });
    let made = server.write("POST", "/Users", &body).await;
    let location = made.body["meta"]["location"].as_str().unwrap().to_owned();
    assert_eq!((made.status, made.headers["location"].to_str().ok()), (201, Some(location.as_str())));
    assert_eq!(made.headers["etag"].to_str().ok(), made.body["meta"]["version"].as_str());
    assert_eq!((&made.body["userName"], &made.body["active"]), (&json!("Ada"), &json!(true)));
    assert_eq!(made.body["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(made.body.get("password"), None);
    let path = location.strip_prefix("https://a.example/scim/v2/acme").unwrap();
    assert_eq!(server.get(path).await.body, made.body);
    let replaced = server.write("PUT", path, &json!({ "schemas": [USER], "userName": "Ada", "active": false })).await;
    assert_eq!((replaced.status, &replaced.body["active"], replaced.body.get(ENTERPRISE)), (200, &json!(false), None));
    assert_eq!(server.get(path).await.body["active"], false);
    let deleted = server.call("DELETE", path, &[], "").await;
    assert_eq!((deleted.status, deleted.body), (204, Value::Null));
    for method in ["GET", "DELETE"] {
        assert_eq!(error(&server.call(method, path, &[], "").await), (404, None));
    }
}

#[tokio::test]
async fn a_user_name_is_taken_in_any_case() {
    let server = Server::new();
    server.user("ada").await;
    let got = server.write("POST", "/Users", &json!({ "schemas": [USER], "userName": "ADA" })).await;
    assert_eq!(error(&got), (409, Some("uniqueness")));
}

#[tokio::test]
async fn a_condition_names_the_version() {
    let server = Server::new();
    let path = format!("/Users/{}", server.user("ada").await);
    let tag = server.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    let put = json!({ "schemas": [USER], "userName": "ada", "title": "Countess" }).to_string();
    let conditional =
        async |method: &str, name: &str, tag: &str| server.call(method, &path, &[(name, tag)], &put).await;
    assert_eq!(conditional("GET", "if-none-match", &tag).await.status, 304);
    assert_eq!(error(&conditional("PUT", "if-match", "W/\"other\"").await), (412, None));
    *server.memory.overtaken.lock().unwrap() = 1;
    assert_eq!(conditional("PUT", "if-match", &tag).await.status, 412, "another write overtook it");
    assert_eq!(conditional("PUT", "if-match", &tag).await.status, 200);
    assert_eq!(conditional("GET", "if-none-match", &tag).await.status, 200);
    assert_eq!(conditional("DELETE", "if-match", &tag).await.status, 412);
    *server.memory.overtaken.lock().unwrap() = 1;
    let changes = json!({ "Operations": [{ "op": "Add", "path": "title", "value": "Lady" }] });
    assert_eq!(
        server.write("PATCH", &path, &changes).await.body["title"],
        "Lady",
        "a change without a condition is repeated"
    );
}

#[tokio::test]
async fn a_change_that_changes_nothing_keeps_the_version() {
    let server = Server::new();
    let path = format!("/Users/{}", server.user("ada").await);
    let before = server.get(&path).await;
    let changes = json!({ "Operations": [{ "op": "replace", "path": "userName", "value": "ada" }] });
    assert_eq!(server.write("PATCH", &path, &changes).await.body, before.body);
}

#[tokio::test]
async fn users_are_listed_by_index_and_by_cursor() {
    let server = Server::new();
    for name in ["a", "b", "c"] {
        server.user(name).await;
    }
    let page = server.get("/Users?startIndex=2&count=2&attributes=userName").await.body;
    let names = |page: &Value| -> Vec<String> {
        page["Resources"].as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((&page["totalResults"], &page["startIndex"], &page["itemsPerPage"]), (&json!(3), &json!(2), &json!(2)));
    assert_eq!(names(&page), ["b", "c"]);
    assert_eq!(page["Resources"][0].get("meta"), None);
    let none = server.get("/Users?count=0").await.body;
    assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(3), &json!([])));
    assert_eq!(names(&server.get("/Users?startIndex=9").await.body), [""; 0]);
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/Users?cursor={cursor}&count=2")).await.body;
        all.extend(names(&page));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(all, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_page_by_cursor_ends_when_it_has_opened_as_many_users_as_a_request_may() {
    let server = Server::new();
    let most = u16::try_from(MAX_OPENED).unwrap();
    server.memory.fill(most + 5);
    let query = "filter=not%20(active%20pr)&count=7";
    let page = server.get(&format!("/Users?{query}&cursor=")).await.body;
    assert_eq!(page["Resources"].as_array().map(Vec::len), Some(7), "the filter selects all");
    *server.memory.opened.lock().unwrap() = 0;
    let query = "filter=title%20pr&count=7";
    let page = server.get(&format!("/Users?{query}&cursor=")).await.body;
    assert_eq!((&page["Resources"], *server.memory.opened.lock().unwrap()), (&json!([]), MAX_OPENED));
    let next = page["nextCursor"].as_str().unwrap();
    let page = server.get(&format!("/Users?{query}&cursor={next}")).await.body;
    assert_eq!((&page["Resources"], *server.memory.opened.lock().unwrap()), (&json!([]), MAX_OPENED + 5));
    assert_eq!(page.get("nextCursor"), None);
}

#[tokio::test]
async fn users_are_found_by_filters_in_urls_and_in_bodies() {
    let server = Server::new();
    server.user("ada@example.com").await;
    server.user("bob").await;
    let total = async |filter: &str| {
        let query: Vec<_> = filter.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let query = query.concat();
        let found = server.get(&format!("/Users?filter={query}")).await.body;
        let searched = server.write("POST", "/Users/.search", &json!({ "filter": filter })).await;
        assert_eq!((searched.status, &searched.body), (200, &found));
        found["totalResults"].as_u64().unwrap()
    };
    assert_eq!(total("userName eq \"ADA@example.com\"").await, 1);
    assert_eq!(total("userName sw \"b\" and active eq True").await, 1);
    assert_eq!(total("userName eq \"ada@example.com\" and active eq false").await, 0);
    assert_eq!(total("externalId pr").await, 0);
    let got = server.get("/Users?filter=userName%20is%201").await;
    assert_eq!(error(&got), (400, Some("invalidFilter")));
}

#[tokio::test]
async fn groups_are_an_empty_list_that_cannot_be_changed() {
    let server = Server::new();
    assert_eq!(server.get("/Groups").await.body["totalResults"], 0);
    assert_eq!(error(&server.get("/Groups/1").await), (404, None));
    for (method, path) in [("POST", "/Groups"), ("PATCH", "/Groups/1"), ("PUT", "/Groups/1"), ("DELETE", "/Groups/1")] {
        assert_eq!(error(&server.call(method, path, &[], "{}").await), (501, None));
    }
}

#[tokio::test]
async fn the_server_describes_itself() {
    let server = Server::new();
    let config = server.get("/ServiceProviderConfig").await;
    assert_eq!(config.headers["content-type"], MEDIA_TYPE);
    assert_eq!((&config.body["patch"]["supported"], &config.body["bulk"]["supported"]), (&json!(true), &json!(false)));
    let types = server.get("/ResourceTypes").await.body;
    assert_eq!(
        (&types["totalResults"], &types["Resources"][0]),
        (&json!(1), &server.get("/ResourceTypes/User").await.body)
    );
    let schemas = server.get("/Schemas").await.body;
    for schema in schemas["Resources"].as_array().unwrap() {
        let own = server.get(&format!("/Schemas/{}", schema["id"].as_str().unwrap())).await;
        assert_eq!((own.status, &own.body), (200, schema));
    }
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(error(&server.call(method, path, &[], "").await), (405, None), "{method} {path}");
        }
    }
    for path in ["/Schemas/x", "/ResourceTypes/Group", "/Me", "/Users/x", "/Users/x/y"] {
        assert_eq!(error(&server.get(path).await), (404, None), "{path}");
    }
}

#[tokio::test]
async fn bodies_have_a_type_a_size_and_a_depth() {
    let server = Server::new();
    let post = async |media_type: &str, body: &str| {
        let got = server.call("POST", "/Users", &[("content-type", media_type)], body).await;
        (got.status, got.body["scimType"].as_str().map(str::to_owned))
    };
    let user = json!({ "schemas": [USER], "userName": "ada" }).to_string();
    assert_eq!(post("text/plain", &user).await, (415, None));
    assert_eq!(post("application/json; charset=utf-8", &user).await, (201, None));
    let syntax = Some("invalidSyntax".to_owned());
    for body in ["", "{", "[]", "{}", &format!("{}{}", "[".repeat(100), "]".repeat(100))] {
        assert_eq!(post(MEDIA_TYPE, body).await, (400, syntax.clone()), "{body}");
    }
    let large = json!({ "schemas": [USER], "userName": "b", "title": "x".repeat(MAX_BODY) }).to_string();
    assert_eq!(post(MEDIA_TYPE, &large).await, (413, None));
}

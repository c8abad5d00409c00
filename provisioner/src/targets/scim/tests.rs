//! What is asked of a SCIM server, and how its answers are read.

use std::sync::Mutex;

use async_trait::async_trait;
use umoja_schema::TargetKind;
use umoja_store::ports::{Call, Outbound, OutboundError};

use super::*;

/// A server that gives prepared answers.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<Answered>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Outbound for Script {
    async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
        let if_match = call.headers.iter().find(|(name, _)| *name == "if-match").map(|(_, value)| *value);
        let path = call.url.strip_prefix("https://crm.example").unwrap();
        self.asked.lock().unwrap().push(format!("{:?} {path} {}", call.method, if_match.unwrap_or("-")));
        let mut answers = self.answers.lock().unwrap();
        if answers.is_empty() { Err(OutboundError::Unavailable("no answer")) } else { Ok(answers.remove(0)) }
    }
}

fn answers(of: &[(u16, Value)]) -> Script {
    let answer = |(status, body): &(u16, Value)| {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Answered { status: *status, headers: Vec::new(), body }
    };
    Script { answers: Mutex::new(of.iter().map(answer).collect()), asked: Mutex::default() }
}

fn client(script: &Script) -> Client<'_> {
    Client::new(script, TargetKind::Scim, "https://crm.example", Some("token"))
}

fn user() -> UserId {
    UserId::v8([1; 16])
}

fn document() -> Map<String, Value> {
    resource(user(), Map::from_iter([("userName".to_owned(), "ada".into())]), true)
}

fn listed(resources: Value) -> Value {
    json!({ "totalResults": resources.as_array().unwrap().len(), "Resources": resources })
}

fn done(changed: Result<Changed, Failure>) -> Option<Account> {
    match changed {
        Ok(Changed::Done(account)) => Some(account),
        _ => None,
    }
}

fn known(etag: Option<&str>) -> Account {
    Account { id: "7".into(), etag: etag.map(str::to_owned) }
}

#[test]
fn a_resource_has_the_users_id_and_the_schemas_of_its_extensions() {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let mapped = Map::from_iter([("userName".to_owned(), "ada".into()), (ENTERPRISE.to_owned(), json!({}))]);
    let made = Value::Object(resource(user(), mapped, false));
    assert_eq!(made["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!((&made["externalId"], &made["active"]), (&json!(user().to_string()), &json!(false)));
    let off = Map::from_iter([("active".to_owned(), false.into())]);
    assert_eq!(resource(user(), off, true)["active"], json!(false));
}

#[tokio::test]
async fn an_account_is_found_by_the_users_id_and_no_other_counts() {
    let ours = json!({ "id": "7", "externalId": user().to_string(), "meta": { "version": "W/\"2\"" } });
    let script = answers(&[(200, listed(json!([{ "id": "6", "externalId": "another" }, { "id": "5" }, ours])))]);
    let found = client(&script).find(user()).await.ok().flatten();
    assert!(found == Some(known(Some("W/\"2\""))));
    let script = answers(&[(200, listed(json!([{ "id": "6", "userName": "ada" }])))]);
    assert!(client(&script).find(user()).await.is_ok_and(|found| found.is_none()));
}

#[tokio::test]
async fn a_server_without_filters_is_searched_by_post() {
    let script =
        answers(&[(403, Value::Null), (200, listed(json!([{ "id": "7", "externalId": user().to_string() }])))]);
    assert!(client(&script).find(user()).await.is_ok_and(|found| found == Some(known(None))));
    let asked = script.asked.lock().unwrap();
    let filter = format!("Get /Users?filter=externalId%20eq%20%22{}%22 -", user());
    assert_eq!(*asked, [filter.as_str(), "Post /Users/.search -"]);
}

#[tokio::test]
async fn an_account_that_is_there_is_adopted_only_if_it_has_the_users_id() {
    let ours = listed(json!([{ "id": "7", "externalId": user().to_string() }]));
    let script = answers(&[(409, Value::Null), (200, ours)]);
    let created = client(&script).create(user(), &document()).await;
    assert!(created.is_ok_and(|created| created == Created::Found(known(None))));
    let foreign = listed(json!([{ "id": "8", "userName": "ada", "externalId": "17" }]));
    let script = answers(&[(409, Value::Null), (200, foreign)]);
    let created = client(&script).create(user(), &document()).await;
    assert_eq!(created.err(), Some(Failure::from(Code::Conflict)));
}

#[tokio::test]
async fn an_answer_without_an_id_is_followed_by_a_search() {
    let ours = listed(json!([{ "id": "7", "externalId": user().to_string() }]));
    let script = answers(&[(201, Value::Null), (200, ours)]);
    let created = client(&script).create(user(), &document()).await;
    assert!(created.is_ok_and(|created| created == Created::Found(known(None))));
}

#[tokio::test]
async fn an_account_that_was_changed_by_hand_is_replaced_all_the_same() {
    let now = json!({ "id": "7", "meta": { "version": "W/\"9\"" } });
    let after = json!({ "id": "7", "meta": { "version": "W/\"10\"" } });
    let script = answers(&[(412, Value::Null), (200, now), (200, after)]);
    let changed = client(&script).update(user(), &known(Some("W/\"2\"")), &document()).await;
    assert!(done(changed) == Some(known(Some("W/\"10\""))));
    let asked = script.asked.lock().unwrap();
    assert_eq!(*asked, ["Put /Users/7 W/\"2\"", "Get /Users/7 -", "Put /Users/7 W/\"9\""]);
}

#[tokio::test]
async fn an_account_that_was_deleted_by_hand_is_gone() {
    let script = answers(&[(404, Value::Null), (404, Value::Null), (404, Value::Null)]);
    let client = client(&script);
    assert!(client.update(user(), &known(None), &document()).await.is_ok_and(|changed| changed == Changed::Gone));
    assert!(client.disable(user(), &known(None)).await.is_ok_and(|changed| changed == Changed::Gone));
    assert_eq!(client.delete(user(), &known(None)).await, Ok(()));
}

#[tokio::test]
async fn a_server_without_patch_gets_its_own_resource_back() {
    let theirs = json!({ "id": "7", "userName": "ada", "title": "Countess", "active": true });
    let script = answers(&[(501, Value::Null), (200, theirs), (204, Value::Null)]);
    assert!(done(client(&script).disable(user(), &known(None)).await).is_some());
    assert_eq!(*script.asked.lock().unwrap(), ["Patch /Users/7 -", "Get /Users/7 -", "Put /Users/7 -"]);
}

#[tokio::test]
async fn an_outage_is_a_failure_of_the_target() {
    let script = answers(&[(503, Value::Null)]);
    assert_eq!(client(&script).create(user(), &document()).await.err(), Some(Failure::from(Code::TargetError)));
    let script = Script::default();
    assert_eq!(client(&script).delete(user(), &known(None)).await.err(), Some(Failure::from(Code::Unavailable)));
}

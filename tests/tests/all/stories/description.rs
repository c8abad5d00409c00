//! The description of the API and its parsers agree: each constraint that `/openapi.json` states is enforced, and what
//! the parsers accept is described. That every answer is as described, [`umoja_tests::caller::send`] checks for all
//! tests.

use serde_json::{Map, Value, json};
use umoja_api::conformance::takes;
use umoja_api::openapi::{MIN_PASSWORD_CHARS, document};
use umoja_schema::{Company, Scope, StatusPage};
use umoja_tests::deployment::Deployment;
use umoja_tests::operations;

use super::story;

const NOT_A_USER: &str = "0190a5c4-7c00-7000-8000-000000000000";
const PASSWORD: &str = "correct horse battery staple";

/// A body of each operation that has all its members, and is accepted as far as its form goes.
fn bodies(id: &str, version: &str, ticket: &str) -> Vec<(&'static str, Value)> {
    let profile = || {
        json!({
            "given_name": "Ada", "locale": null, "custom": null,
            "address": { "country": "Kenya", "region": null },
        })
    };
    vec![
        (
            "register",
            json!({
                "email": "bea@example.com", "email_verified": true, "phone_number": "+254712123457",
                "phone_number_verified": true, "username": "bea", "external_id": "2", "password": PASSWORD,
                "profile": profile(), "provision": ["crm"], "wait_ms": 0, "params": { "country": "KE" }, "return_url": "shop",
            }),
        ),
        ("lookup", json!({ "id": id, "email": null, "min_version": version })),
        (
            "authenticate",
            json!({
                "email": " Ada@example.com ", "password": "x", "client": { "ip": "2001:db8::1", "device_id": "d" },
                "provision": ["crm"], "wait_ms": 0, "params": { "country": "KE" }, "return_url": "shop",
            }),
        ),
        (
            "update",
            json!({
                "id": id, "if_version": version,
                "set": {
                    "email": "ada@example.com", "email_verified": false, "phone_number": null,
                    "phone_number_verified": null, "username": "ada", "external_id": "1", "profile": profile(),
                },
            }),
        ),
        ("status", json!({ "id": id, "status": "active", "reason": "r".repeat(256) })),
        ("password/change", json!({ "id": id, "current_password": "x", "new_password": PASSWORD })),
        ("password/reset/start", json!({ "username": "ada", "lifetime_secs": 60, "min_version": version })),
        ("password/reset/finish", json!({ "token": "a.b", "new_password": PASSWORD })),
        ("verify/start", json!({ "id": id, "language": "sw", "min_version": version })),
        ("verify/finish", json!({ "challenge": "a.b", "code": "12345678" })),
        ("erase", json!({ "username": "countess", "reason": "asked", "min_version": version })),
        ("erasure", json!({ "id": id })),
        ("export", json!({ "email": "ada@example.com", "id": null, "after": null })),
        ("merge", json!({ "survivor": id, "duplicate": NOT_A_USER, "preview": true, "min_version": version })),
        ("unmerge", json!({ "id": id, "min_version": version })),
        (
            "provision",
            json!({
                "email": "ada@example.com", "targets": ["crm"], "params": { "country": "KE" }, "dry_run": false,
                "wait_ms": 0, "return_url": "shop", "min_version": version,
            }),
        ),
        ("provisioning", json!({ "ticket": ticket, "wait_ms": 0 })),
        ("events/list", json!({ "cursor": null, "after": 1, "limit": 10, "wait_secs": 0 })),
        ("why", json!({ "email": "ada@example.com", "id": null })),
        ("unlock", json!({ "email": "ada@example.com", "id": null })),
        ("requests/get", json!({ "request_id": "0123456789abcdef" })),
    ]
}

/// Values that a schema rejects, one for each of its constraints.
fn wrong(schema: &Value) -> Vec<Value> {
    let number = |keyword: &str| schema[keyword].as_u64();
    let mut wrong = Vec::new();
    let types = &schema["type"];
    let may_be = |name: &str| types == name || types.as_array().is_some_and(|types| types.contains(&name.into()));
    if !types.is_null() && !may_be("null") {
        wrong.push(Value::Null);
    }
    if !types.is_null() && !may_be("array") {
        wrong.push(json!([]));
    }
    if may_be("string") && !may_be("integer") {
        wrong.push(json!(7));
    }
    let text = |chars: u64| Value::from("x".repeat(usize::try_from(chars).unwrap()));
    wrong.extend(number("minLength").filter(|least| *least > 0).map(|least| text(least - 1)));
    wrong.extend(number("maxLength").map(|most| text(most + 1)));
    wrong.extend(number("minimum").filter(|least| *least > 0).map(|least| json!(least - 1)));
    wrong.extend(number("minimum").map(|_| json!(-1)));
    wrong.extend(number("maximum").map(|most| json!(most + 1)));
    if !schema["pattern"].is_null() {
        wrong.push("@ @".into());
    }
    if !schema["enum"].is_null()
        || !schema["format"].is_null() && may_be("string")
        || schema["anyOf"][0]["format"] == "ipv4"
    {
        wrong.push("no such value".into());
    }
    wrong
}

/// Every body that breaks one constraint of its schema.
fn broken(schema: &Value, root: &Value, body: &Value) -> Vec<Value> {
    let resolved = |schema: &Value| {
        let mut alternatives = schema["anyOf"].as_array().into_iter().flatten().chain([schema]);
        let target = alternatives.find_map(|schema| schema["$ref"].as_str());
        target.map_or_else(|| schema.clone(), |target| root.pointer(&target[1..]).unwrap().clone())
    };
    let schema = resolved(schema);
    let with = |name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    let mut all = Vec::new();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let may_be_null = member["anyOf"].as_array().is_some_and(|any| any.contains(&json!({ "type": "null" })));
        let member = resolved(member);
        let wrong = wrong(&member).into_iter().filter(|value| !(may_be_null && value.is_null()));
        all.extend(wrong.map(|value| with(name, value)));
        if body[name].is_object() {
            all.extend(broken(&member, root, &body[name]).into_iter().map(|value| with(name, value)));
        }
    }
    if schema["additionalProperties"] == false {
        all.push(with("emial", "x".into()));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let mut without: Map<String, Value> = body.as_object().unwrap().clone();
        without.remove(name.as_str().unwrap());
        all.push(without.into());
    }
    let alternatives = |keyword: &str| schema[keyword].as_array().filter(|_| !schema["properties"].is_null()).cloned();
    let member_of = |one: &Value| one["required"][0].as_str().unwrap().to_owned();
    if let Some(one_of) = alternatives("oneOf") {
        let names: Vec<String> = one_of.iter().map(member_of).collect();
        let given = names.iter().find(|name| body[*name].is_string()).unwrap();
        all.push(with(given, Value::Null));
        let other = names.iter().find(|name| *name != given && *name != "id").unwrap();
        all.push(with(other, "0712123456".into()));
    }
    if let Some(any_of) = alternatives("anyOf") {
        let mut body = body.clone();
        for one in &any_of {
            body[member_of(one)] = Value::Null;
        }
        all.push(body);
    }
    all
}

/// A user of the shop, its version, and a ticket about its account at a target.
async fn ada(d: &Deployment) -> (String, String, String) {
    d.put_target("crm", &d.shop).await;
    let return_urls = [("shop".parse().unwrap(), "https://shop.example/done".to_owned())].into();
    let page = StatusPage { return_urls, ..StatusPage::default() };
    d.put_company(&Company { status_page: Some(page), ..d.shop.company(&Scope::ALL, true) }).await;
    let body = json!({ "email": "ada@example.com", "username": "ada", "external_id": "1", "password": PASSWORD });
    let ada = d.call(0, "register", body).await;
    let asked = d.call(0, "provision", json!({ "id": ada.id(), "targets": ["crm"] })).await;
    let ticket = asked.ok(200).body["provisioning"]["ticket"].as_str().unwrap().to_owned();
    (ada.id(), ada.version(), ticket)
}

#[test]
fn each_constraint_of_the_description_is_enforced() {
    story(900, async |d| {
        let (id, version, ticket) = ada(&d).await;
        let root = document("https://region.example", MIN_PASSWORD_CHARS);
        let bodies = bodies(&id, &version, &ticket);
        assert_eq!(bodies.iter().map(|(operation, _)| *operation).collect::<Vec<_>>(), operations::all());
        for (operation, body) in bodies {
            let path = operations::path(operation);
            assert!(takes(&path, &body), "{operation} does not take {body}");
            let claims = &root["paths"][&path]["post"]["requestBody"]["content"]["application/jwt"]["schema"]["contentSchema"]
                ["prefixItems"][1]["properties"]["body"];
            let broken = broken(claims, &root, &body);
            assert!(!broken.is_empty(), "{operation} has no constraint");
            for body in broken {
                assert!(!takes(&path, &body), "{operation} is described to take {body}");
                let reply = d.call(0, operation, body.clone()).await;
                // No text is secret but a token, and a wrong one is answered like one that has expired.
                let is_token = reply.body["code"] == "reset_token_invalid" && operation == "password/reset/finish";
                assert!(reply.status == 422 || is_token, "{operation} took {body}: {reply:?}");
            }
        }
    });
}

#[test]
fn what_each_operation_takes_is_described() {
    story(901, async |d| {
        let (id, version, ticket) = ada(&d).await;
        for (operation, body) in bodies(&id, &version, &ticket) {
            let reply = d.call(0, operation, body).await;
            assert_ne!(reply.status, 422, "{operation}: {reply:?}");
        }
    });
}

#[test]
fn the_longest_and_the_shortest_values_are_described() {
    story(902, async |d| {
        let longest = json!({
            "email": format!("{}@{}.example.com", "a".repeat(64), "b".repeat(60)),
            "username": format!("  {}  ", "u".repeat(64)),
            "external_id": format!(" {} ", "é".repeat(128)),
            "password": format!("{PASSWORD}{}", "7".repeat(256 - PASSWORD.len())),
        });
        let id = d.call(0, "register", longest).await.ok(201).id();
        d.call(0, "lookup", json!({ "external_id": "é".repeat(128) })).await.ok(200);
        d.call(0, "status", json!({ "id": id, "status": "disabled", "reason": "é".repeat(256) })).await.ok(200);
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        let started = json!({ "id": id, "lifetime_secs": 86_400 });
        d.call(0, "password/reset/start", started).await.ok(200);
        let client = json!({ "device_id": "d".repeat(256), "ip": "192.0.2.1" });
        let attempt = json!({ "id": id, "password": "", "client": client });
        d.call(0, "authenticate", attempt).await.ok(200);
        let short = json!({ "external_id": "x", "password": "j9#Kv2!q" });
        // The length is right, and the policy has another rule.
        d.call(0, "register", short).await.rejected(422, "password_guessable");
        assert!(takes("/v1/users/register", &json!({ "external_id": "x", "password": "j9#Kv2!q" })));
        d.call(0, "register", json!({ "external_id": "x" })).await.ok(201);
    });
}

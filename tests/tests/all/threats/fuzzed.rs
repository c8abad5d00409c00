//! Hostile bodies: always a 4xx, never a panic, never a 5xx.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use umoja_crypto::jws::sign_request;
use umoja_tests::deployment::Deployment;
use umoja_tests::operations;
use umoja_tests::world::run;

/// A body for each operation; the fuzz target of the same name starts with them.
const BODIES: &str = include_str!("../../../../fuzz/seeds/operation_bodies.txt");

fn value() -> impl Strategy<Value = Value> {
    let names: Vec<String> = operations::members().into_iter().collect();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,24}".prop_map(Value::from),
        Just(json!("ada@example.com")),
        Just(json!("correct horse")),
        Just(json!("active")),
        Just(json!("00000000-0000-7000-8000-000000000000")),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let name = prop::sample::select(names.clone());
        let name = prop_oneof![9 => name, 1 => "\\PC{0,8}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

#[test]
fn signed_bodies_of_any_form_are_never_a_5xx() {
    run(async {
        let d = Deployment::new(500).await;
        let mut runner =
            TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::default()));
        let strategy = (prop::sample::select(operations::all()), value());
        for _ in 0..1_000 {
            let (operation, body) = strategy.new_tree(&mut runner).expect("a strategy generates values").current();
            let reply = d.call(0, operation, body.clone()).await;
            assert!(reply.status < 500, "{operation} {body} {reply:?}");
        }
    });
}

#[test]
fn the_fuzzer_starts_with_a_body_of_every_operation() {
    let bodies = BODIES.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    let taken: BTreeSet<&str> = bodies.flat_map(|body| operations::that_take(&body)).collect();
    assert_eq!(taken, operations::all().into_iter().collect());
}

#[test]
fn malformed_requests_are_4xx() {
    run(async {
        let d = Deployment::new(501).await;
        let mut runner =
            TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::default()));
        let token = sign_request(
            &d.shop.key,
            &d.shop.claims(&d.endpoints[0], "lookup", d.now(), None, json!({ "username": "ada" })),
        );
        let strategy = (0..token.len(), any::<char>(), 0..token.len());
        for _ in 0..2_000 {
            let (at, replacement, cut) = strategy.new_tree(&mut runner).expect("a strategy generates values").current();
            let mut mutated: String = token[..at].to_owned();
            mutated.push(replacement);
            mutated.push_str(&token[(at + 1).min(token.len())..]);
            if cut % 3 == 0 {
                mutated.truncate(mutated.floor_char_boundary(cut));
            }
            if mutated == token {
                continue;
            }
            let raw = d.shop.send(&d.endpoints[0], "/v1/users/lookup", &mutated).await;
            assert!([400, 401].contains(&raw.status), "{} for {mutated}", raw.status);
        }
    });
}

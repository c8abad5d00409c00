//! The triggers as cognito-local calls them, over HTTP. `.ci/cognito` installs it.
//!
//! What it does not show: Amazon's own limits of time, what an error after a confirmation or before a token does (it
//! ignores the first), versions of events later than 1, and addresses that are verified by a confirmation.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use umoja_ingest::cognito::Cognito;
use umoja_schema::SourceKind;
use umoja_schema::ingest::{IngestSource, PoolDirection, UserPool};
use umoja_store::ports::Registry;
use umoja_tests::deployment::Deployment;
use umoja_tests::pool::triggers;
use umoja_tests::provider::Provider;
use umoja_tests::world::WorldClock;

/// The function of a pool, and the source that the driver sets.
struct Function {
    cognito: Cognito,
    source: Mutex<IngestSource>,
    registries: Vec<Arc<dyn Registry>>,
    clock: Arc<WorldClock>,
}

/// As Lambda answers an invocation.
async fn invoke(State(function): State<Arc<Function>>, body: String) -> Response {
    let event = serde_json::from_str(&body).unwrap();
    match Box::pin(function.cognito.handle(event)).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            let error = json!({ "errorMessage": error.to_string(), "errorType": "TriggerError" });
            ([("x-amz-function-error", "Unhandled")], Json(error)).into_response()
        }
    }
}

/// Gives the source another pool, and lets the function forget the one before.
async fn set_pool(State(function): State<Arc<Function>>, body: String) {
    let asked: Value = serde_json::from_str(&body).unwrap();
    let direction = PoolDirection::ALL.into_iter().find(|way| asked["direction"] == way.as_str()).unwrap();
    let (name, document) = {
        let mut source = function.source.lock().unwrap();
        source.pool = UserPool::new(asked["id"].as_str().unwrap(), direction);
        assert!(source.pool.is_some(), "{asked}");
        (IngestSource::setting(&source.id), serde_json::to_value(&*source).unwrap())
    };
    for registry in &function.registries {
        registry.put_setting(&name, &document).await.unwrap();
    }
    function.clock.advance(60_000);
}

#[test]
#[ignore = "needs cognito-local, see .ci/cognito"]
fn a_sign_up_in_cognito_local_has_the_id_in_its_token_and_is_readable_in_the_other_region() {
    let folder = std::env::var_os("UMOJA_TEST_COGNITO").map(PathBuf::from).expect("the folder with node_modules");
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/cognito/local.mjs");
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let d = Deployment::new(1570).await;
        let cay = d.register(0, "cay@example.com", "correct horse").await.id();
        let provider = Provider::new(&d, SourceKind::Cognito, "shop", 0).await;
        let function = Arc::new(Function {
            cognito: triggers(&d, 0, &provider),
            source: Mutex::new(provider.source.clone()),
            registries: d.world.regions.iter().map(|region| Arc::clone(&region.tables.registry)).collect(),
            clock: Arc::clone(&d.world.clock),
        });
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .route("/pool", post(set_pool))
            .with_state(function);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut command = Command::new("node");
        command.arg(driver).arg(folder).arg(url);
        let output = tokio::task::spawn_blocking(move || command.output().expect("node starts"));
        let serving = async { axum::serve(listener, router).await };
        let output = tokio::select! {
            output = output => output.unwrap(),
            _ = serving => panic!("the server ends last"),
        };
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
        let seen: Value = serde_json::from_str(&printed).unwrap();
        println!("{seen}");
        d.world.settle().await;
        let user =
            d.call(1, "lookup", json!({ "external_id": seen["claims"]["sub"] })).await.ok(200).body["user"].clone();
        assert_eq!((&user["id"], &user["email"]), (&seen["claims"]["umoja_id"], &json!("ann@example.com")));
        assert_eq!(seen["migrated"]["umoja_id"], json!(cay));
        for name in ["wrong", "rejected"] {
            assert!(seen[name]["error"].is_string(), "{name}: {seen}");
        }
        d.world.check_invariants().await;
    });
}

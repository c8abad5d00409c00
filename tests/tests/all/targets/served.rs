//! The whole way on one machine: the pump of each region, and a SCIM server on loopback.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use umoja_host::HttpsOutbound;
use umoja_provisioner::Provisioner;
use umoja_runtime::{Pump, PumpSettings, RegionPump};

use super::{Fed, with_target};

const OFTEN: PumpSettings = PumpSettings {
    poll: Duration::from_millis(5),
    reconcile: Duration::from_millis(5),
    housekeep: Duration::from_millis(50),
    anti_entropy: None,
};

fn start(fed: &Fed) -> Pump {
    let pumps = fed.d.world.regions.iter().map(|region| {
        let outbound = Arc::new(HttpsOutbound::new().with_loopback());
        let provisioner = Arc::new(Provisioner::new(region.people(), outbound));
        let pump = RegionPump::new(region.store.clone(), region.home.clone(), Arc::clone(&region.sealer));
        pump.with_provisioner(provisioner)
    });
    Pump::start(pumps, OFTEN)
}

/// The limit for work that takes milliseconds: only a hang takes this long.
async fn until(fed: &Fed, done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
            // The pauses of a target are counted by the clock of the world.
            fed.d.world.clock.advance(50);
        }
    };
    tokio::time::timeout(Duration::from_mins(20), waiting).await.expect("it never happens");
}

#[test]
fn users_of_both_regions_reach_a_server_on_loopback_and_leave_it_when_they_are_erased() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let d = umoja_tests::deployment::Deployment::new(970).await;
        let mut fed =
            Fed { target: super::target(&d, "crm"), d, remote: umoja_tests::scim_target::ScimTarget::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        fed.target.url = format!("http://{}/v2", listener.local_addr().unwrap());
        fed.store().await;
        let router = fed.remote.router();
        let server = tokio::spawn(async move { axum::serve(listener, router).await });

        let pump = start(&fed);
        let mut ids = Vec::new();
        for n in 0..6 {
            let body = json!({ "email": format!("ada{n}@example.com"), "profile": { "given_name": "Ada" } });
            ids.push(fed.d.call(n % 2, "register", body).await.ok(201).id());
        }
        until(&fed, || ids.iter().all(|id| fed.account(id).is_some())).await;
        let change = json!({ "id": ids[1], "set": { "profile": { "given_name": "Augusta" } } });
        fed.d.call(0, "update", change).await.ok(200);
        until(&fed, || fed.account(&ids[1]).unwrap()["name"]["givenName"] == "Augusta").await;
        fed.d.call(1, "erase", json!({ "id": ids[0] })).await.ok(202);
        until(&fed, || fed.account(&ids[0]).is_none()).await;
        assert_eq!(fed.remote.users().len(), 5);
        pump.stop().await;
        server.abort();
    });
}

/// PyPI scim2-server, which is strict about schemas, unique names and `If-Match`.
#[test]
#[ignore = "needs PyPI scim2-server: .ci/targets"]
fn scim2_server_gets_what_changes_and_loses_who_is_erased() {
    let program = std::env::var("UMOJA_TEST_SCIM_SERVER").expect(".ci/targets says where it is");
    gets_what_changes_and_loses_who_is_erased(972, Command::new(program));
}

/// npm scimmy-routers, which knows no `If-Match` and names no versions of its users.
#[test]
#[ignore = "needs npm scimmy-routers: .ci/targets"]
fn scimmy_routers_gets_what_changes_and_loses_who_is_erased() {
    let modules = std::env::var("UMOJA_TEST_SCIMMY").expect(".ci/targets says where it is");
    let mut server = Command::new("node");
    server.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scim-servers/scimmy.cjs")).env("NODE_PATH", modules);
    gets_what_changes_and_loses_who_is_erased(973, server);
}

/// The server of other people is started with a port and a token, and users of both regions come, change and go.
fn gets_what_changes_and_loses_who_is_erased(seed: u64, mut server: Command) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let d = umoja_tests::deployment::Deployment::new(seed).await;
        let mut fed =
            Fed { target: super::target(&d, "crm"), d, remote: umoja_tests::scim_target::ScimTarget::default() };
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let token = umoja_tests::scim_target::TOKEN;
        let mut server = server.args(["--port", &port.to_string(), "--bearer-token", token]).spawn().unwrap();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fed.target.url = format!("http://127.0.0.1:{port}/v2");
        fed.store().await;
        let region = &fed.d.world.regions[0];
        let provisioner = Provisioner::new(region.people(), Arc::new(HttpsOutbound::new().with_loopback()));
        let settle = async || {
            fed.d.world.settle().await;
            fed.ring(&provisioner).await;
            fed.deliver(&provisioner).await
        };
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(fed.user(&format!("ada{n}@example.com")).await);
        }
        assert_eq!(settle().await.failed, 0);
        let change = json!({ "id": ids[0], "set": { "profile": { "given_name": "Augusta" } } });
        fed.d.call(1, "update", change).await.ok(200);
        fed.d.call(0, "status", json!({ "id": ids[1], "status": "disabled" })).await.ok(200);
        fed.d.call(0, "merge", json!({ "survivor": ids[2], "duplicate": ids[3] })).await.ok(200);
        assert_eq!(settle().await.failed, 0);
        let drift = provisioner.drift(&fed.known(), false).await.unwrap();
        assert_eq!((drift.drifted, drift.unknown), (Vec::new(), 0));
        for id in &ids {
            let _ = fed.d.call(0, "erase", json!({ "id": id })).await;
        }
        assert_eq!(settle().await.failed, 0);
        let rows = provisioner.rows_of(&fed.known()).await.unwrap();
        assert!(rows.len() == 5 && rows.iter().all(|row| !row.may_exist()));
        server.kill().unwrap();
        server.wait().unwrap();
    });
}

#[test]
fn one_step_of_the_pump_rings_and_delivers() {
    with_target(971, async |fed| {
        let id = fed.user("ada@example.com").await;
        let region = &fed.d.world.regions[0];
        let provisioner = Arc::new(Provisioner::new(region.people(), Arc::new(fed.remote.clone())));
        let pump = RegionPump::new(region.store.clone(), region.home.clone(), Arc::clone(&region.sealer));
        let pump = pump.with_provisioner(provisioner);
        let step = pump.provision().await.unwrap();
        assert_eq!((step.rung > 0, step.run.delivered, step.run.changes), (true, 1, 1));
        assert!(fed.account(&id).is_some());
        assert_eq!(pump.provision().await.unwrap().rung, 0);
    });
}

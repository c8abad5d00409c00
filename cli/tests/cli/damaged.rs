//! An attacker writes into one region's database: values of other types than their columns have, rows that no command
//! wrote, and triggers that make the database ignore writes.

use rusqlite::Connection;
use serde_json::{Value, json};
use umoja_cli::{CompanyFile, Deployment};
use umoja_schema::{Key, Part, UserId};
use umoja_store::ports::Queue as _;

use crate::support::{World, client, eventually, json as ask, run, text};

const HERE: &str = "eu-west-1";
const THERE: &str = "af-south-1";

fn sql(world: &World, region: &str, statements: &str) {
    let connection = Connection::open(world.file("d").join(region).join("region.sqlite")).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection.execute_batch(statements).unwrap();
}

fn count(world: &World, region: &str, table: &str) -> i64 {
    let connection = Connection::open(world.file("d").join(region).join("region.sqlite")).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// A literal of a user's id.
fn hex(id: UserId) -> String {
    let digits = id.as_bytes().map(|byte| format!("{byte:02x}")).concat();
    format!("x'{digits}'")
}

/// Registers users in the first region, and waits until the second one has them.
async fn register(world: &World, company: &CompanyFile, names: &[&str]) -> Vec<UserId> {
    let served = world.serve();
    let mut ids: Vec<UserId> = Vec::new();
    for name in names {
        let answer = client(&served.urls[0], company).call("register", json!({ "username": name })).await.unwrap();
        ids.push(answer.body["user"]["id"].as_str().unwrap().parse().unwrap());
    }
    for id in &ids {
        let shown = ["user", "show", &UserId::to_string(id), "--dir", &world.deployment()];
        eventually("agreement", async || Some(()).filter(|()| ask(&shown)["agree"] == true)).await;
    }
    ids
}

/// Damages an item of a user, whose copy the other region has, and adds rows of which no region has a copy.
fn damage(world: &World, region: &str, id: UserId) {
    let stranger = hex(UserId::v8([9; 16]));
    let id = hex(id);
    sql(world, region, &format!("UPDATE users SET item = 'x' WHERE id = {id} AND part = 'profile'"));
    sql(world, region, &format!("UPDATE users SET version = x'00' WHERE id = {id} AND part = 'credentials'"));
    sql(world, region, &format!("UPDATE logs SET item = 7 WHERE id = {id}"));
    for row in
        ["'x', 'profile', 1, 2", &format!("{stranger}, 'profile', x'00', 'x'"), &format!("{stranger}, x'00', 1, 2")]
    {
        sql(world, region, &format!("INSERT INTO users (id, part, version, item) VALUES ({row})"));
    }
    for row in [
        "'journal', 'x', 'y', 'z'",
        &format!("'audit', {stranger}, x'ff', 'z'"),
        &format!("'receipts', {stranger}, 'a', 1"),
    ] {
        sql(world, region, &format!("INSERT INTO logs VALUES ({row})"));
    }
    sql(
        world,
        region,
        "INSERT INTO identifiers VALUES ('x', 'y'), (x'00', 7); INSERT INTO linked_accounts VALUES ('x', x'ff')",
    );
    sql(
        world,
        region,
        "INSERT INTO changes (table_name, image) VALUES (x'00', 'x'); UPDATE cursors SET sequence = 'x'",
    );
}

fn sees_all(world: &World, ids: &[UserId]) {
    for id in ids {
        let shown = ask(&["user", "show", &id.to_string(), "--dir", &world.deployment()]);
        assert_eq!(shown["agree"], true, "{shown}");
    }
}

#[tokio::test]
async fn a_region_is_added_again_from_one_with_values_of_other_types() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let ids = register(&world, &company, &["amina", "baraka"]).await;
    damage(&world, THERE, ids[0]);
    let added = ask(&["region", "add", HERE, "--again", "--dir", &dir]);
    assert_eq!((&added["state"], &added["added"]), (&json!("serving"), &json!(true)), "{added}");
    assert!(added["unreadable"].as_u64().unwrap() >= 5, "{added}");
    // The region that could not read the items has its copies back.
    sees_all(&world, &ids);
    let digest = run(&["digest", "--dir", &dir]);
    assert_eq!(digest.status.code(), Some(1), "{}", text(&digest.stderr));
    assert!(text(&digest.stdout).contains("cannot be read"), "{}", text(&digest.stdout));
    let doctor = run(&["doctor", "--dir", &dir]);
    assert_eq!(doctor.status.code(), Some(1), "{}", text(&doctor.stderr));
    assert!(text(&doctor.stdout).contains("cannot be read"), "{}", text(&doctor.stdout));
}

#[tokio::test]
async fn a_region_thaws_beside_one_with_values_of_other_types() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let ids = register(&world, &company, &["amina", "baraka"]).await;
    ask(&["region", "freeze", HERE, "--dir", &dir]);
    damage(&world, THERE, ids[0]);
    damage(&world, HERE, ids[1]);
    let thawed = ask(&["region", "thaw", HERE, "--dir", &dir]);
    assert_eq!((&thawed["state"], &thawed["thawed"]), (&json!("serving"), &json!(true)), "{thawed}");
    sees_all(&world, &ids);
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_read_is_named_and_stays() {
    let world = World::new();
    let dir = world.deployment();
    {
        let deployment = Deployment::open(dir.as_ref()).unwrap();
        let keys = deployment.stores()[0].queue("keys");
        for n in [1, 2] {
            keys.send(&Key::of_part(UserId::v8([n; 16]), Part::Profile).to_message(), 0).await.unwrap();
        }
    }
    sql(&world, HERE, "UPDATE messages SET body = x'00ff' WHERE number = 1");
    {
        let deployment = Deployment::open(dir.as_ref()).unwrap();
        let keys = deployment.stores()[0].queue("keys");
        for delivery in keys.receive(10, 60).await.unwrap() {
            keys.delete(&delivery.receipt).await.unwrap();
        }
        assert_eq!(keys.depth().await.unwrap().dead, 1);
    }
    for _ in 0..2 {
        let output = run(&["redrive", "--dir", &dir, "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!((&said["moved"], said["left"].as_array().unwrap().len()), (&json!(0), 1), "{said}");
        assert!(said["left"][0]["reason"].as_str().unwrap().contains("cannot be read"), "{said}");
        assert_eq!(said.get("rest"), None, "{said}");
    }
}

/// The rows that an erasure writes itself. Events of it, and what the other region confirms, come at any time.
fn rows(world: &World) -> i64 {
    let own = format!("log = 'audit' OR log = 'receipts' AND key NOT LIKE 'confirm#{THERE}#%'");
    count(world, HERE, &format!("logs WHERE {own}"))
}

#[tokio::test]
async fn an_erasure_whose_writes_are_ignored_or_undone_is_an_error_and_is_done_later() {
    let world = World::new();
    let company = world.company("soko");
    let ids = register(&world, &company, &["amina"]).await;
    let served = world.serve();
    let api = client(&served.urls[0], &company);
    let id = json!({ "id": ids[0].to_string() });
    let before = rows(&world);
    sql(&world, HERE, "CREATE TRIGGER ignores BEFORE UPDATE ON users BEGIN SELECT RAISE(IGNORE); END");
    for _ in 0..2 {
        let answer = api.call("erase", id.clone()).await.unwrap();
        assert_eq!(answer.status, 500, "{answer:?}");
        assert_eq!(rows(&world), before, "an erasure that was not done has no rows");
    }
    sql(
        &world,
        HERE,
        "DROP TRIGGER ignores; CREATE TRIGGER undoes AFTER UPDATE ON users BEGIN
            UPDATE users SET item = old.item, version = old.version WHERE number = old.number; END",
    );
    let answer = api.call("erase", id.clone()).await.unwrap();
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(rows(&world) <= before + 4, "one transaction: {} after {before}", rows(&world));
    let receipt = api.call("erasure", id.clone()).await.unwrap();
    assert_eq!(receipt.body["receipt"]["complete"], false, "{receipt:?}");
    assert_eq!(receipt.body["receipt"]["regions"][HERE]["confirmed"], false, "{receipt:?}");
    sql(&world, HERE, "DROP TRIGGER undoes");
    assert_eq!(api.call("erase", id.clone()).await.unwrap().status, 202);
    eventually("a complete receipt", async || {
        let receipt = api.call("erasure", id.clone()).await.unwrap();
        (receipt.body["receipt"]["complete"] == true).then_some(())
    })
    .await;
}

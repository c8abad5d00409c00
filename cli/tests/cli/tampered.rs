//! What an attacker, or a fault, writes into one region's tables is named by `umoja doctor`, and repaired by
//! `--repair` as far as another region holds it.

use rusqlite::Connection;
use serde_json::{Value, json};
use umoja_schema::UserId;

use crate::support::{World, client, done, eventually, json as ask, run, text};

const HERE: &str = "eu-west-1";
const THERE: &str = "af-south-1";

/// Runs a statement in the database of a region.
fn sql(dir: &str, region: &str, statement: &str) {
    let database = Connection::open(format!("{dir}/{region}/region.sqlite")).unwrap();
    assert!(database.execute(statement, []).unwrap() > 0, "{statement}");
}

fn document(dir: &str, region: &str, company: &str) -> String {
    let database = Connection::open(format!("{dir}/{region}/region.sqlite")).unwrap();
    database.query_row("SELECT document FROM companies WHERE id = ?1", [company], |row| row.get(0)).unwrap()
}

/// Puts an earlier document of a company back in a region.
fn replay(dir: &str, region: &str, company: &str, document: &str) {
    let database = Connection::open(format!("{dir}/{region}/region.sqlite")).unwrap();
    let update = "UPDATE companies SET document = ?2 WHERE id = ?1";
    assert_eq!(database.execute(update, [company, document]).unwrap(), 1);
}

/// `umoja doctor` names this, with the exit code 1.
#[track_caller]
fn is_named(dir: &str, words: &[&str]) {
    let output = run(&["doctor", "--dir", dir]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[track_caller]
fn is_repaired(dir: &str) {
    let output = run(&["doctor", "--dir", dir, "--repair"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("Nothing is wrong."), "{said}");
}

fn list(dir: &str) -> Value {
    ask(&["company", "list", "--dir", dir])
}

/// Failure: an attacker writes into a region's tables
#[test]
fn a_company_row_that_umoja_did_not_write_is_named_and_repaired() {
    let world = World::new();
    let dir = world.deployment();
    world.company("soko");
    let before = list(&dir)["companies"].clone();
    for (statement, names) in [
        ("UPDATE companies SET document = x'00'", &["af-south-1: the company soko holds no document"][..]),
        ("UPDATE companies SET document = 7", &["af-south-1: the company soko holds no document"]),
        ("UPDATE companies SET document = '{'", &["af-south-1: the company soko holds no document"]),
        (
            "UPDATE companies SET id = 'duka'",
            &["af-south-1: the company duka holds no document", "af-south-1: the company soko is missing"],
        ),
        ("INSERT INTO companies VALUES ('zz', '{')", &["af-south-1: the company zz holds no document"]),
        (
            "INSERT INTO companies SELECT 'zz', document FROM companies",
            &["af-south-1: the company zz holds no document"],
        ),
        ("INSERT INTO companies VALUES (x'7a', '{}')", &["af-south-1: the company 0x7A holds no document"]),
        ("INSERT INTO companies VALUES ('no id', '{}')", &["af-south-1: the company no id holds no document"]),
        ("DELETE FROM companies", &["af-south-1: the company soko is missing"]),
    ] {
        sql(&dir, THERE, statement);
        assert_eq!(list(&dir)["companies"], before, "{statement}");
        is_named(&dir, names);
        is_repaired(&dir);
        let listed = list(&dir);
        assert_eq!((&listed["companies"], &listed["unreadable"]), (&before, &json!([])), "{statement}");
    }
}

/// Failure: an attacker writes into a region's tables
#[test]
fn a_replayed_company_is_named_and_replaced_by_the_newest() {
    let world = World::new();
    let dir = world.deployment();
    world.company("soko");
    for region in [HERE, THERE] {
        done(&["company", "enable", "soko", "--dir", &dir]);
        let old = document(&dir, region, "soko");
        done(&["company", "disable", "soko", "--dir", &dir]);
        replay(&dir, region, "soko", &old);
        is_named(&dir, &[&format!("{region}: the company soko holds the revision")]);
        is_repaired(&dir);
        assert_eq!(document(&dir, HERE, "soko"), document(&dir, THERE, "soko"));
        assert_eq!(list(&dir)["companies"][0]["enabled"], false);
    }
    // The next change of the company is made of the newest one too: a retired key stays retired.
    done(&["company", "add-key", "soko", "--dir", &dir]);
    let kid = list(&dir)["companies"][0]["keys"][0]["kid"].as_str().unwrap().to_owned();
    let old = document(&dir, HERE, "soko");
    done(&["company", "retire-key", "soko", &kid, "--dir", &dir]);
    replay(&dir, HERE, "soko", &old);
    done(&["company", "set", "soko", "--name", "Soko Ltd", "--dir", &dir]);
    assert!(!list(&dir).to_string().contains(&kid));
    assert_eq!(document(&dir, HERE, "soko"), document(&dir, THERE, "soko"));
    assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
}

/// Failure: an attacker writes into a region's tables
#[test]
fn a_damaged_company_blocks_no_command() {
    let world = World::new();
    let dir = world.deployment();
    world.company("soko");
    for region in [HERE, THERE] {
        for document in ["x'00'", "'{'"] {
            sql(&dir, region, &format!("UPDATE companies SET document = {document} WHERE id = 'soko'"));
            done(&["company", "set", "soko", "--phone-country", "KE", "--dir", &dir]);
            assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
        }
        sql(&dir, region, "UPDATE companies SET document = x'00' WHERE id = 'soko'");
        done(&["company", "enable", "soko", "--dir", &dir]);
        assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
    }
    sql(&dir, HERE, "INSERT INTO companies VALUES ('zz', '{')");
    done(&["company", "add", "zz", "--dir", &dir]);
    assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
    // A company that no region can read is listed, and can be added again.
    for region in [HERE, THERE] {
        sql(&dir, region, "UPDATE companies SET document = x'00' WHERE id = 'zz'");
    }
    let shown = done(&["company", "list", "--dir", &dir]);
    assert!(
        shown.contains("UNREADABLE in eu-west-1, af-south-1") || shown.contains("UNREADABLE in af-south-1, eu-west-1")
    );
    assert_eq!(list(&dir)["unreadable"][0]["id"], "zz");
    is_named(&dir, &["`umoja company add` replaces it"]);
    let output = run(&["company", "enable", "zz", "--dir", &dir]);
    assert!(text(&output.stderr).contains("no region can read it"), "{}", text(&output.stderr));
    let output = run(&["doctor", "--dir", &dir, "--repair"]);
    assert_eq!(output.status.code(), Some(1), "no region has the company, and it may be a genuine one");
    done(&["company", "add", "zz", "--dir", &dir]);
    assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
}

/// Failure: an attacker writes into a region's tables
#[test]
fn an_older_setting_is_named_and_replaced_by_the_newest() {
    let world = World::new();
    let dir = world.deployment();
    let read = |region: &str| -> String {
        let database = Connection::open(format!("{dir}/{region}/region.sqlite")).unwrap();
        database.query_row("SELECT document FROM settings WHERE name = 'audit'", [], |row| row.get(0)).unwrap()
    };
    done(&["audit", "keep", "--days", "1", "--dir", &dir]);
    let old = read(HERE);
    done(&["audit", "keep", "--days", "400", "--dir", &dir]);
    sql(&dir, HERE, &format!("UPDATE settings SET document = '{old}' WHERE name = 'audit'"));
    assert_eq!(ask(&["audit", "keep", "--dir", &dir])["keep_days"], 400);
    is_named(&dir, &["the audit retention differs"]);
    is_repaired(&dir);
    assert_eq!(read(HERE), read(THERE));
}

/// Failure: an attacker writes into a region's tables
#[test]
fn damaged_secrets_are_named_and_remove_no_company() {
    let world = World::new();
    let dir = world.deployment();
    world.company("soko");
    let before = document(&dir, THERE, "soko");
    for damage in ["'{'", "x'00'", "'{}'", "replace(document, '\"mac\":\"', '\"mac\":\"A')"] {
        // Only this region holds the company.
        sql(&dir, HERE, "DELETE FROM companies");
        sql(&dir, THERE, &format!("UPDATE settings SET document = {damage} WHERE name = 'secrets'"));
        let output = run(&["doctor", "--dir", &dir]);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "nothing can be verified in the region: {said}");
        assert!(said.contains("secrets"), "{said}");
        assert_eq!(document(&dir, THERE, "soko"), before, "{damage}");
        is_repaired(&dir);
        assert_eq!(list(&dir)["companies"][0]["id"], "soko", "{damage}");
    }
}

/// Failure: an attacker writes into a region's tables
#[tokio::test]
async fn garbage_in_the_tables_of_users_is_named() {
    let world = World::new();
    let dir = world.deployment();
    let company = world.company("soko");
    let served = world.serve();
    let body = json!({ "email": "amina@example.com", "password": "a good one" });
    let answer = client(&served.urls[0], &company).call("register", body).await.unwrap();
    let id: UserId = answer.body["user"]["id"].as_str().unwrap().parse().unwrap();
    let shown = ["user", "show", &id.to_string(), "--dir", &dir];
    eventually("agreement", async || Some(ask(&shown)).filter(|shown| shown["agree"] == true)).await;
    drop(served);
    for garbage in ["'x', 'y'", "'a/b', '00000000-0000-7000-8000-000000000000'", "'', ''"] {
        sql(&dir, THERE, &format!("INSERT INTO linked_accounts VALUES ({garbage})"));
        is_named(&dir, &["an item of linked_accounts in af-south-1 cannot be read"]);
        is_repaired(&dir);
    }
    // A part that does not exist is in no region, and is left to the operator.
    sql(
        &dir,
        THERE,
        "INSERT INTO users (id, part, version, item) SELECT id, 'weird', version, item FROM users LIMIT 1",
    );
    let what = format!("{id}: an item of users in af-south-1 cannot be read");
    is_named(&dir, &[&what]);
    let output = run(&["doctor", "--dir", &dir, "--repair"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stdout).contains("the log names"), "{}", text(&output.stdout));
}

#[test]
fn a_stream_that_does_not_advance_is_named() {
    let world = World::new();
    let dir = world.deployment();
    let _served = world.serve();
    assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
    let database = Connection::open(format!("{dir}/{THERE}/region.sqlite")).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER stuck BEFORE INSERT ON cursors BEGIN SELECT RAISE(ABORT, 'stuck'); END;
             INSERT INTO changes (table_name, image) VALUES ('users', x'07');",
        )
        .unwrap();
    is_named(&dir, &["af-south-1: its stream is stuck: 1 change"]);
}

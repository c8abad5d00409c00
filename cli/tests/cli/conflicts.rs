//! `umoja conflicts`.

use serde_json::{Value, json};

use crate::support::{World, client, done, eventually, json as ask, run, text};

/// Registers two users with the same address in two regions, before either region knows the other's user.
async fn pair(world: &World, company: &umoja_cli::CompanyFile) -> [String; 2] {
    let served = world.serve();
    let body = |name: &str| json!({ "email": "amina@example.com", "username": name });
    let [here, there] = [0, 1].map(|at| client(&served.urls[at], company));
    // If both finish before either is replicated, both succeed. Otherwise the later one is rejected: the loop retries.
    for n in 0.. {
        let (first, second) = (format!("first-{n}"), format!("second-{n}"));
        let (one, two) = tokio::join!(here.call("register", body(&first)), there.call("register", body(&second)));
        let ids = [one.unwrap(), two.unwrap()].map(|answer| answer.body["user"]["id"].as_str().map(str::to_owned));
        match ids {
            [Some(one), Some(two)] => {
                for id in [&one, &two] {
                    let words = ["user", "show", id, "--dir", &world.deployment()];
                    eventually("agreement", async || Some(ask(&words)).filter(|shown| shown["agree"] == true)).await;
                }
                return [one, two];
            }
            [one, two] => {
                for id in [one, two].into_iter().flatten() {
                    assert_eq!(here.call("erase", json!({ "id": id })).await.unwrap().status, 202);
                    let gone = async || {
                        let found = there.call("lookup", json!({ "id": id })).await.unwrap();
                        (found.status == 404).then_some(())
                    };
                    eventually("the erasure", gone).await;
                }
            }
        }
    }
    unreachable!("one of the rounds ends it")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_are_listed_shown_and_resolved() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    assert_eq!(ask(&["conflicts", "list", "--dir", &dir])["count"], 0);
    let [one, two] = pair(&world, &company).await;

    // The journal of a region is replicated too.
    let listed = eventually("the conflict", async || {
        Some(ask(&["conflicts", "list", "--dir", &dir])).filter(|listed| listed["count"] == 1)
    })
    .await;
    let contested = &listed["conflicts"][0]["contested"];
    assert_eq!((&contested[0]["kind"], &contested[0]["verified"]), (&json!("email"), &json!([])), "{listed}");
    let winner = contested[0]["winner"].as_str().unwrap().to_owned();
    assert!(winner == one || winner == two);
    let loser = if winner == one { &two } else { &one };
    let named = ask(&["conflicts", "show", "amina@example.com", "--dir", &dir]);
    assert_eq!((&named["id"], &named["conflicts"][0]["rival"]), (&json!(winner), &json!(loser)), "as look-ups find it");
    let said = done(&["conflicts", "list", "--dir", &dir]);
    let line = format!("email: {winner} wins over {loser}, since ");
    assert!(said.contains(&line) && said.contains("1 pair of users is in conflict"), "{said}");

    let shown = ask(&["conflicts", "show", &one, "--dir", &dir]);
    assert_eq!((&shown["conflicts"][0]["rival"], &shown["conflicts"][0]["state"]), (&json!(two), &json!("open")));
    assert_eq!(shown["conflicts"][0]["users"][1]["companies"], json!(["soko"]));
    let shown = done(&["conflicts", "show", &two, &one, "--dir", &dir]);
    assert!(shown.contains(": open") && shown.contains("linked to soko") && shown.contains("identifier_conflict"));
    for said in [said, shown, listed.to_string()] {
        assert!(!["amina", "first-", "second-"].iter().any(|personal| said.contains(personal)), "{said}");
    }
    let unknown = "00000000-0000-7000-8000-000000000000";
    assert_eq!(run(&["conflicts", "show", unknown, "--dir", &dir]).status.code(), Some(1));
    assert_eq!(run(&["conflicts", "show", &one, unknown, "--dir", &dir]).status.code(), Some(1));

    let resolve = |words: &[&str]| {
        run(&[&["conflicts", "resolve", &winner, loser, "--dir", &dir, "--json", "--by", "support"], words].concat())
    };
    let answer = |words: &[&str]| -> Value {
        let output = resolve(words);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(resolve(&[]).status.code(), Some(2), "exactly one of three options is required");
    assert_eq!(resolve(&["--merge", "--dismiss"]).status.code(), Some(2));
    assert_eq!(resolve(&["--merge", "--by", "amina@example.com"]).status.code(), Some(2));
    let same = ["conflicts", "resolve", &winner, &winner, "--dir", &dir, "--by", "support", "--merge"];
    assert_eq!(run(&same).status.code(), Some(2));

    let dry = answer(&["--give-up", "--dry-run"]);
    assert_eq!((&dry["changed"], &dry["would_change"]), (&json!(false), &json!(true)), "{dry}");
    assert_eq!(answer(&["--dismiss", "--reason", "ticket 4711"])["changed"], true);
    assert_eq!(answer(&["--dismiss"])["nothing_because"], "dismissed");
    assert_eq!(ask(&["conflicts", "list", "--dir", &dir])["count"], 0);
    let shown = done(&["conflicts", "show", &one, "--dir", &dir]);
    assert!(shown.contains("conflict_dismissed") && shown.contains("by support") && !shown.contains("4711"), "{shown}");

    assert_eq!(answer(&["--give-up"])["changed"], true);
    assert_eq!(answer(&["--give-up"])["nothing_because"], "settled");
    let served = world.serve();
    for url in &served.urls {
        let there = client(url, &company);
        eventually("the copy", async || {
            let user = there.call("lookup", json!({ "id": loser })).await.unwrap().body["user"].clone();
            (user["id"] == json!(loser) && user.get("email").is_none()).then_some(())
        })
        .await;
        let found = there.call("lookup", json!({ "email": "amina@example.com" })).await.unwrap();
        assert_eq!(found.body["user"]["id"], json!(winner));
    }
}

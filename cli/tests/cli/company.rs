//! `umoja company`, while the deployment is served.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::json;
use umoja_cli::{Client, ClientError, CompanyFile};

use crate::support::{World, client, done, json as ask, openssl_and_curl, path, run, text, umoja, until};

/// The status of a look-up of an unknown user: the signed one, or that of an unsigned problem.
fn status(client: &Client) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(client.call("lookup", json!({ "username": "unknown" }))) {
        Ok(answer) => answer.status,
        Err(ClientError::Rejected { status, .. }) => status,
        Err(error) => panic!("{error}"),
    }
}

/// A new client for each call, because its connections end with the runtime of the call.
fn status_of(url: &str, company: &CompanyFile) -> u16 {
    status(&client(url, company))
}

#[test]
fn changes_to_companies_take_effect_while_serving() {
    let world = World::new();
    let served = world.serve();
    let dir = world.deployment();
    let company = world.company("soko");
    let everywhere = |expected| {
        until("the same answer everywhere", || {
            served.urls.iter().all(|url| status_of(url, &company) == expected).then_some(())
        });
    };
    everywhere(404);
    done(&["company", "disable", "soko", "--dir", &dir]);
    everywhere(403);
    done(&["company", "enable", "soko", "--dir", &dir]);
    everywhere(404);
}

#[test]
fn a_rate_limit_is_listed_and_takes_effect_while_serving() {
    let world = World::new();
    let company = world.company("soko");
    let dir = world.deployment();
    let out = world.file("duka.json");
    done(&["company", "add", "duka", "--dir", &dir, "--rate-limit", "7", "--out", path(&out)]);
    let listed = || {
        let list = ask(&["company", "list", "--dir", &dir]);
        let of = |id: &str| {
            let company = list["companies"].as_array().unwrap().iter().find(|company| company["id"] == id).unwrap();
            company["rate_limit"].as_u64().unwrap()
        };
        (of("duka"), of("soko"))
    };
    assert_eq!(listed(), (7, 1_000));
    done(&["company", "limit", "soko", "1", "--dir", &dir]);
    assert_eq!(listed(), (7, 1));
    assert!(done(&["company", "list", "--dir", &dir]).contains(" 1 requests/s"));
    let served = world.serve();
    let url = &served.urls[0];
    until("a rejection", || (status_of(url, &company) == 429).then_some(()));
    assert_eq!(status_of(&served.urls[1], &company), 404, "each region counts for itself");
    let said = done(&["company", "limit", "soko", "--default", "--dir", &dir]);
    assert!(said.contains("1000 requests/s"), "{said}");
    assert_eq!(listed(), (7, 1_000));
    until("answers", || (status_of(url, &company) == 404).then_some(()));
    for words in [&["soko"][..], &["soko", "0"], &["soko", "5", "--default"], &["soko", "-1"]] {
        assert_eq!(run(&[&["company", "limit", "--dir", &dir], words].concat()).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn old_api_keys_work_until_their_overlap_ends() {
    let world = World::new();
    let old = world.company("soko");
    let file = world.file("soko.json");
    std::fs::write(&file, serde_json::to_vec(&old).unwrap()).unwrap();
    let dir = world.deployment();
    let served = world.serve();
    let url = &served.urls[0];
    let rotate = |overlap| {
        done(&[
            "company",
            "rotate-key",
            "soko",
            "--dir",
            &dir,
            "--overlap-secs",
            overlap,
            "--company-file",
            path(&file),
        ])
    };
    rotate("3600");
    let newer = CompanyFile::read(&file).unwrap();
    assert_ne!(newer.api_key, old.api_key);
    until("the newer key", || (status_of(url, &newer) == 404).then_some(()));
    assert_eq!(status_of(url, &old), 404);
    rotate("0");
    let newest = CompanyFile::read(&file).unwrap();
    until("the newest key", || (status_of(url, &newest) == 404).then_some(()));
    until("the end of the old keys", || (status_of(url, &old) == 401 && status_of(url, &newer) == 401).then_some(()));
}

/// Runs commands at the same time, and gives their exit codes.
fn together(commands: &[Vec<&str>]) -> Vec<Option<i32>> {
    let children: Vec<_> = commands.iter().map(|words| umoja().args(words).spawn().unwrap()).collect();
    children.into_iter().map(|mut child| child.wait().unwrap().code()).collect()
}

#[test]
fn concurrent_changes_of_one_company_are_all_kept() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    for round in 1..=3 {
        let limit = round.to_string();
        let [limit, rotate] = [
            vec!["company", "limit", "soko", limit.as_str(), "--dir", dir.as_str()],
            vec!["company", "rotate-key", "soko", "--dir", dir.as_str()],
        ];
        assert_eq!(together(&[rotate.clone(), limit, rotate]), [Some(0); 3]);
        let company = ask(&["company", "list", "--dir", &dir])["companies"][0].clone();
        assert_eq!(company["rate_limit"], round, "{company}");
        assert_eq!(company["api_keys"].as_array().unwrap().len(), 1 + 2 * round, "{company}");
    }
    let adds = ["one", "two", "three"].map(|id| vec!["company", "add", id, "--dir", dir.as_str()]);
    let same = vec!["company", "add", "one", "--dir", dir.as_str()];
    let codes = together(&[&adds[..], &[same]].concat());
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 3, "{codes:?}");
    assert_eq!(ask(&["company", "list", "--dir", &dir])["companies"].as_array().unwrap().len(), 4);
}

#[test]
fn an_old_api_key_can_be_revoked_but_not_the_last() {
    let world = World::new();
    let old = world.company("soko");
    let (dir, file) = (world.deployment(), world.file("soko.json"));
    std::fs::write(&file, serde_json::to_vec(&old).unwrap()).unwrap();
    done(&["company", "rotate-key", "soko", "--dir", &dir, "--company-file", path(&file)]);
    let new = CompanyFile::read(&file).unwrap();
    let served = world.serve();
    let url = &served.urls[1];
    assert_eq!((status_of(url, &old), status_of(url, &new)), (404, 404), "both work");

    let live = || {
        let keys = ask(&["company", "list", "--dir", &dir])["companies"][0]["api_keys"].as_array().unwrap().clone();
        keys.into_iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let [first, second] = live().try_into().unwrap();
    assert!(old.api_key.contains(&first) && new.api_key.contains(&second));
    let shown = done(&["company", "list", "--dir", &dir]);
    assert!(shown.contains(&format!("{first}(")) && shown.contains(&format!(" {second}")), "{shown}");
    assert!(shown.contains(&format!("signing keys {}(EdDSA)", old.kid)), "{shown}");
    let unknown = |key: &str| {
        let output = run(&["company", "retire-key", "soko", key, "--dir", &dir]);
        assert!(text(&output.stderr).contains("no API key and no signing key"), "{}", text(&output.stderr));
        output.status.code() == Some(1)
    };
    assert!(unknown("typo"));
    assert_eq!(ask(&["company", "retire-key", "soko", &first, "--dir", &dir])["was_live"], true);
    assert!(unknown(&first), "it is in no region any more");
    until("the end of the old key", || (status_of(url, &old) == 401).then_some(()));
    assert_eq!((status_of(url, &new), live()), (404, vec![second.clone()]));
    let last = run(&["company", "retire-key", "soko", &second, "--dir", &dir]);
    assert_eq!(last.status.code(), Some(1));
    assert!(text(&last.stderr).contains("the only API key"), "{}", text(&last.stderr));
}

#[test]
fn keys_are_shown_once_or_written_to_a_private_file() {
    let world = World::new();
    let out = world.file("soko.json");
    let said = done(&["company", "add", "soko", "--dir", &world.deployment(), "--out", path(&out)]);
    let company = CompanyFile::read(&out).unwrap();
    assert!(!said.contains(&company.api_key) && !said.contains("PRIVATE KEY"));
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let again = run(&["company", "add", "soko", "--dir", &world.deployment()]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("rotate-key"));
    // An existing path is reported before the company is created.
    let taken = run(&["company", "add", "duka", "--dir", &world.deployment(), "--out", path(&out)]);
    assert_eq!(taken.status.code(), Some(1));
    let list = ask(&["company", "list", "--dir", &world.deployment()]);
    assert_eq!(list["companies"].as_array().unwrap().len(), 1);
    assert!(!list.to_string().contains(&company.api_key));
}

#[test]
fn a_company_can_supply_its_own_public_key() {
    if !openssl_and_curl() {
        return;
    }
    let world = World::new();
    let (private, public) = (world.file("private.pem"), world.file("public.pem"));
    let openssl = |words: &[&str]| assert!(Command::new("openssl").args(words).output().unwrap().status.success());
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path(&private)]);
    openssl(&["pkey", "-in", path(&private), "-pubout", "-out", path(&public)]);
    let dir = world.deployment();
    let wrong = run(&["company", "add", "old", "--dir", &dir, "--public-key", path(&public), "--alg", "EdDSA"]);
    assert_eq!(wrong.status.code(), Some(1));
    let added = ask(&["company", "add", "old", "--dir", &dir, "--public-key", path(&public), "--alg", "ES256"]);
    assert!(added.get("private_key_pem").is_none());
    let mut company: CompanyFile = serde_json::from_value(added).unwrap();
    company.private_key_pem = Some(std::fs::read_to_string(private).unwrap());
    let served = world.serve();
    assert_eq!(status_of(&served.urls[1], &company), 404);
}

#[test]
fn a_company_is_changed_and_its_signing_key_replaced_without_a_gap() {
    let world = World::new();
    let old = world.company("soko");
    let (dir, file) = (world.deployment(), world.file("soko.json"));
    std::fs::write(&file, serde_json::to_vec(&old).unwrap()).unwrap();
    let words = [
        "--trusted",
        "false",
        "--scopes",
        "users:lookup",
        "--rate-limit",
        "70",
        "--phone-country",
        "KE",
        "--username-restriction",
        "single_script",
    ];
    let set = ask(&[&["company", "set", "soko", "--dir", &dir][..], &words].concat());
    assert_eq!((&set["trusted"], &set["scopes"]), (&json!(false), &json!(["users:lookup"])));
    ask(&["company", "set", "soko", "--dir", &dir, "--phone-country", "none", "--name", "Soko Ltd"]);
    let listed = ask(&["company", "list", "--dir", &dir])["companies"][0].clone();
    assert_eq!(
        (&listed["name"], &listed["phone_country"], &listed["rate_limit"]),
        (&json!("Soko Ltd"), &json!(null), &json!(70))
    );
    assert_eq!(run(&["company", "set", "soko", "--dir", &dir]).status.code(), Some(2), "there is nothing to change");

    let only = run(&["company", "retire-key", "soko", &old.kid, "--dir", &dir]);
    assert!(only.status.code() == Some(1) && text(&only.stderr).contains("only signing key"));
    ask(&["company", "add-key", "soko", "--dir", &dir, "--company-file", path(&file)]);
    let new = CompanyFile::read(&file).unwrap();
    assert_ne!(new.kid, old.kid);
    let served = world.serve();
    let url = &served.urls[0];
    assert_eq!((status_of(url, &old), status_of(url, &new)), (404, 404), "both sign");
    ask(&["company", "retire-key", "soko", &old.kid, "--dir", &dir]);
    until("the end of the old key", || (status_of(url, &old) == 401).then_some(()));
    assert_eq!(status_of(url, &new), 404);
}

#[test]
fn a_new_company_may_restrict_the_scripts_of_user_names() {
    let world = World::new();
    let dir = world.deployment();
    done(&["company", "add", "soko", "--username-restriction", "ascii_only", "--dir", &dir]);
    assert_eq!(ask(&["company", "list", "--dir", &dir])["companies"][0]["username_restriction"], "ascii_only");
    let unknown = run(&["company", "add", "duka", "--username-restriction", "latin", "--dir", &dir]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_public_key_for_which_strangers_can_sign_is_rejected() {
    let world = World::new();
    let public = world.file("public.pem");
    // The point of order 1 of Ed25519.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n";
    std::fs::write(&public, pem).unwrap();
    let dir = world.deployment();
    let output = run(&["company", "add", "old", "--dir", &dir, "--public-key", path(&public), "--alg", "EdDSA"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a secure key"));
    assert!(ask(&["company", "list", "--dir", &dir])["companies"].as_array().unwrap().is_empty());
}

#[test]
fn the_settings_of_the_status_page_are_checked_and_stored() {
    let world = World::new();
    let dir = world.deployment();
    world.company("soko");
    let set = |words: &[&str]| run(&[&["company", "set", "soko", "--dir", &dir], words].concat()).status.code();
    let shown = || ask(&["company", "show", "soko", "--dir", &dir])["status_page"].clone();
    assert_eq!(shown(), json!(null));
    let url = "https://soko.example/account";
    let all = ["--page-name", "Soko", "--page-colour", "#0B5FFF", "--page-background", "#ffffff", "--return-url"];
    assert_eq!(
        set(&[&all[..], &[&format!("shop={url}"), "--return-url", "app=https://soko.example/app"]].concat()),
        Some(0)
    );
    assert_eq!(set(&["--page-background", "none", "--remove-return-url", "app"]), Some(0));
    assert_eq!(shown(), json!({ "name": "Soko", "colour": "#0b5fff", "return_urls": { "shop": url } }));
    for words in [
        ["--page-colour", "red"],
        ["--page-name", "\u{202E}okoS"],
        ["--return-url", "shop=http://soko.example"],
        ["--return-url", "https://soko.example"],
        ["--return-url", "Shop=https://soko.example"],
    ] {
        assert_eq!(set(&words), Some(2), "{words:?}");
    }
    assert_eq!(set(&["--page-name", "none", "--page-colour", "none", "--remove-return-url", "shop"]), Some(0));
    assert_eq!(shown(), json!(null));
}

//! Imported users of every format and hash family log in with the old password: the import is in one region, the login
//! in the other.

mod sources;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use umoja_crypto::legacy::{FAMILIES, HashKeys};
use umoja_crypto::{EngineChoice, Params, Passwords};
use umoja_migrate::Row;
use umoja_migrate::formats::Format;
use umoja_migrate::import::{Hashing, Importer, Outcome, Streak};
use umoja_schema::{AccountStatus, Credentials, Part, PartRecord, Scope, UserId};
use umoja_tests::caller::Caller;
use umoja_tests::deployment::Deployment;

use self::sources::{Source, sources};
use super::restarted;
use super::story;

/// A user who has a password in an old system.
struct Old {
    row: Row,
    password: &'static str,
}

/// The users of a source, each by the selector of its company: the external id if there is one.
fn selector(row: &Row) -> Value {
    match row {
        Row { external_id: Some(id), .. } => json!({ "external_id": id }),
        Row { username: Some(name), .. } => json!({ "username": name }),
        Row { email, .. } => json!({ "email": email }),
    }
}

fn with(selector: &Value, name: &str, value: &str) -> Value {
    let mut body = selector.clone();
    body[name] = json!(value);
    body
}

/// Imports a source in the first region. Returns the users with a password, and the number of users without one.
async fn import(d: &Deployment, source: &Source, caller: &Caller) -> (Vec<Old>, usize) {
    let region = &d.world.regions[0];
    let id = caller.id.parse().unwrap();
    let passwords = Passwords::new(Params { m_kib: 8, t: 1, p: 1 }, EngineChoice::Reference, None).unwrap();
    let importer = Importer {
        people: region.people(),
        hashing: Hashing::Inline(Arc::new(passwords)),
        keys: source.options.keys.hash_keys.clone(),
        company: Arc::new(region.tables.registry.company(&id).await.unwrap().unwrap()),
        dry_run: false,
        is_strict: false,
        site: None,
        streak: Streak::default(),
    };
    let (mut old, mut without) = (Vec::new(), 0);
    let mut passwords = source.passwords.iter();
    for row in source.rows() {
        let done =
            importer.row(&row).await.unwrap_or_else(|failed| panic!("{}, {}: {failed:?}", source.name, row.line));
        assert!(matches!(done.outcome, Outcome::Created | Outcome::InConflict), "{}, {}", source.name, row.line);
        if row.hash.is_none() {
            without += 1;
            continue;
        }
        let password = passwords.next().unwrap_or_else(|| panic!("{}: the password is unknown", source.name));
        old.push(Old { row, password });
    }
    assert_eq!(passwords.next(), None, "{}: every user was imported", source.name);
    (old, without)
}

async fn stored(d: &Deployment, at: usize, id: UserId) -> (PartRecord, Credentials) {
    let region = &d.world.regions[at];
    let record = region.tables.users.part(id, Part::Credentials).await.unwrap().unwrap();
    let opened = region.sealer.open(&record).await.unwrap();
    (record, opened)
}

/// Logs in in the second region and returns what the login wrote.
async fn login(d: &Deployment, caller: &Caller, body: Value) -> (bool, u64) {
    let faults = &d.world.regions[1].faults.tables;
    faults.reset_calls();
    let reply = d.call_as(caller, 1, "authenticate", body).await;
    let accepted = reply.ok(200).body["authenticated"] == json!(true);
    (accepted, faults.calls().get("commit").copied().unwrap_or(0))
}

/// A user's first logins in the other region.
async fn logs_in(d: &Deployment, caller: &Caller, old: &Old, what: &str) -> UserId {
    let find = selector(&old.row);
    let id = d.call_as(caller, 1, "lookup", find.clone()).await.ok(200).id();
    if old.row.status == Some(AccountStatus::Disabled) {
        let (accepted, _) = login(d, caller, with(&find, "password", old.password)).await;
        assert!(!accepted, "{what} is disabled");
        d.call_as(caller, 1, "status", json!({ "id": id, "status": "active" })).await.ok(200);
    }
    let id: UserId = id.parse().unwrap();
    let (_, before) = stored(d, 1, id).await;
    assert_eq!((&before.secret, before.legacy_hashes.len()), (&None, 1), "{what}");

    assert_eq!(login(d, caller, with(&find, "password", "another password")).await, (false, 0), "{what}");
    assert_eq!(stored(d, 1, id).await.1, before, "{what}");
    assert_eq!(login(d, caller, with(&find, "password", old.password)).await, (true, 1), "{what}");
    let (record, after) = stored(d, 1, id).await;
    assert!(after.secret.is_some_and(|secret| secret.starts_with("$argon2id$")), "{what}");
    assert!(after.legacy_hashes.is_empty(), "{what}");
    assert_eq!(login(d, caller, with(&find, "password", old.password)).await, (true, 0), "{what}");
    assert_eq!(login(d, caller, with(&find, "password", "another password")).await, (false, 0), "{what}");
    assert_eq!(stored(d, 1, id).await.0, record, "{what}: upgraded once");
    id
}

#[test]
fn every_imported_user_logs_in_with_the_old_password() {
    story(720, async |d| {
        let sources = sources();
        let mut keys = HashKeys::default();
        for (id, key) in sources.iter().flat_map(|source| source.options.keys.hash_keys.iter()) {
            if !keys.contains(id) {
                keys = keys.with(id, key.clone()).unwrap();
            }
        }
        let entropy = &*d.world.regions[0].home.entropy;
        let added = d.world.shared_secrets().add_hash_keys(&keys, entropy).await.unwrap();
        assert_eq!(added, ["app", "old-site", "prestashop"]);
        let d = restarted(d.world).await;

        // Each source is a separate, untrusted company, because many sources contain the same addresses.
        let mut imported = Vec::new();
        let mut without = 0;
        for (number, source) in (10..).zip(&sources) {
            let caller = Caller::new(source.name, number);
            d.put_company(&caller.company(&Scope::ALL, false)).await;
            let (old, skipped) = import(&d, source, &caller).await;
            without += skipped;
            imported.push((source, caller, old));
        }
        d.world.settle().await;

        let (mut formats, mut families, mut users) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut with_password = 0;
        for (source, caller, old) in &imported {
            for old in old {
                let family = old.row.hash.as_ref().unwrap().family();
                let what = format!("{}, {}: {family}", source.name, old.row.line);
                users.insert(logs_in(&d, caller, old, &what).await);
                with_password += 1;
                formats.insert(source.format.name());
                families.insert(family);
            }
        }
        d.world.settle().await;
        d.world.check_invariants().await;

        for id in &users {
            let ((one, opened), (other, _)) = (stored(&d, 0, *id).await, stored(&d, 1, *id).await);
            assert_eq!(one.version, other.version);
            assert!(
                opened.legacy_hashes.is_empty() && opened.secret.is_some_and(|secret| secret.starts_with("$argon2id$"))
            );
        }
        // 100 %: every user with a password has logged in, each to the right account.
        assert_eq!(
            (users.len(), with_password),
            (with_password, sources::PASSWORDS),
            "{without} users without a password"
        );
        assert_eq!(formats, Format::ALL.map(Format::name).into_iter().collect());
        assert_eq!(families, FAMILIES.into_iter().collect());
    });
}

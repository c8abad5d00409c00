//! Legacy hashes against other implementations: passlib and PHP, where they are installed.
//!
//! Both are optional: without one, its test prints that and passes. `UMOJA_ORACLE_PYTHON` and `UMOJA_ORACLE_PHP` name
//! other interpreters than `python3` and `php`.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too; the lint only knows functions marked so")]

use std::process::Command;

use serde_json::Value;
use umoja_crypto::legacy::{ForeignHash, HashKey, HashKeys, LegacyOutcome, TextEncoding, verify};
use umoja_crypto::{EngineChoice, Params, Password, PasswordKeys, Passwords};

fn keys() -> HashKeys {
    let pepper = TextEncoding::Utf8.decode("pepper").unwrap();
    HashKeys::default().with("pepper", HashKey::Secret(pepper)).unwrap()
}

/// The output of a script, line by line; `None` if the interpreter or one of its libraries is missing.
fn ask(variable: &str, interpreter: &str, probe: &[&str], script: &str) -> Option<Vec<Value>> {
    let interpreter = std::env::var(variable).unwrap_or_else(|_| interpreter.to_owned());
    let there = Command::new(&interpreter).args(probe).output().is_ok_and(|output| output.status.success());
    if !there {
        return None;
    }
    let script = format!("{}/tests/oracles/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(&interpreter).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn read(line: &Value) -> Option<ForeignHash> {
    let text = |name: &str| line[name].as_str().unwrap();
    let hex = |name: &str| TextEncoding::Hex.decode(text(name)).unwrap();
    Some(
        match text("kind") {
            "parse" => ForeignHash::parse(text("hash")),
            "nt" => ForeignHash::nt(&hex("hash")),
            "keycloak" => ForeignHash::keycloak(text("credential"), text("secret")),
            "auth0" => ForeignHash::auth0(text("object"), &keys()),
            "presta" => ForeignHash::presta_shop("pepper", &hex("hash")),
            "opencart" => ForeignHash::open_cart(text("salt"), &hex("hash")),
            "skipped" => return None,
            other => panic!("{other}"),
        }
        .unwrap_or_else(|error| panic!("{line}: {error}")),
    )
}

/// Checks that every line verifies its password and no other, and counts the compared lines by family.
fn check(lines: &[Value]) -> std::collections::BTreeMap<&'static str, usize> {
    let passwords = Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap();
    let passwords = passwords.with_keys(PasswordKeys::from(keys()));
    let mut compared = std::collections::BTreeMap::new();
    for line in lines {
        let Some(hash) = read(line) else { continue };
        let stored = hash.to_stored(&passwords, [5; 16]);
        let password = line["password"].as_str().unwrap();
        let outcome = verify(&passwords, &Password::attempt(password), &stored);
        assert_eq!(outcome, LegacyOutcome::Verified, "{line} {stored}");
        // Another first character, which no family ignores.
        for other in [format!("\u{e9}{password}"), format!("z{password}")] {
            let outcome = verify(&passwords, &Password::attempt(&other), &stored);
            assert_eq!(outcome, LegacyOutcome::Wrong, "{line} {stored}");
        }
        *compared.entry(hash.family()).or_default() += 1;
    }
    compared
}

#[test]
fn passlib_hashes_verify() {
    let Some(lines) = ask("UMOJA_ORACLE_PYTHON", "python3", &["-c", "import passlib.hash"], "with_passlib.py") else {
        println!("skipped: there is no python3 with passlib");
        return;
    };
    let compared = check(&lines);
    println!("{compared:?}");
    for family in
        ["chain", "md5-crypt", "apr1", "sha256-crypt", "sha512-crypt", "phpass", "drupal7", "pbkdf2", "scrypt"]
    {
        assert!(compared.get(family).is_some_and(|count| *count >= 14), "{family}");
    }
}

#[test]
fn php_hashes_verify() {
    let Some(lines) = ask("UMOJA_ORACLE_PHP", "php", &["-r", "hash('md4', '');"], "with_php.php") else {
        println!("skipped: there is no php");
        return;
    };
    let compared = check(&lines);
    println!("{compared:?}");
    for family in ["bcrypt", "md5-crypt", "sha256-crypt", "sha512-crypt", "chain"] {
        assert!(compared.get(family).is_some_and(|count| *count >= 11), "{family}");
    }
}

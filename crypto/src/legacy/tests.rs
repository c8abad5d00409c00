mod hostile;
mod made;
mod parts;
mod slow;
mod vectors;

use super::*;

/// Stores the hash and compares a password with the stored string, as a login does.
fn compare(hash: &ForeignHash, password: &str) -> LegacyOutcome {
    compare_with(&small(), hash, password)
}

fn compare_with(passwords: &Passwords, hash: &ForeignHash, password: &str) -> LegacyOutcome {
    let stored = hash.to_stored(passwords, [7; 16]);
    assert_eq!(spelling::read(&stored).unwrap().to_stored(passwords, [8; 16]), stored, "it reads back unchanged");
    assert_eq!(stored.starts_with("$umoja-wrapped$"), stored.contains("$argon2") && !stored.starts_with("$argon2"));
    assert!(cost(&stored).unwrap().micros > 0);
    verify(passwords, &Password::attempt(password), &stored)
}

/// The right password verifies, and others do not.
fn assert_only(hash: &ForeignHash, password: &str) {
    assert_only_with(&small(), hash, password);
}

fn assert_only_with(passwords: &Passwords, hash: &ForeignHash, password: &str) {
    assert_eq!(compare_with(passwords, hash, password), LegacyOutcome::Verified, "{hash:?} {password}");
    let changed = format!("x{password}");
    for other in [changed.as_str(), "\u{20ac}"] {
        assert_eq!(compare_with(passwords, hash, other), LegacyOutcome::Wrong, "{hash:?} {other}");
    }
}

fn parse(native: &str) -> ForeignHash {
    ForeignHash::parse(native).unwrap_or_else(|error| panic!("{native}: {error}"))
}

fn hex(text: &str) -> Vec<u8> {
    ::hex::decode(text).unwrap()
}

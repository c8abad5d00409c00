//! The tables. Items are stored whole, beside the columns that their conditions use.

use umoja_schema::Region;
use umoja_store::ports::WAITING_TEXT;

/// The tables whose loss would be noticed.
pub(super) fn main(region: &Region) -> String {
    // A region's name contains no quotes.
    let waiting = format!("CREATE INDEX IF NOT EXISTS inbox_waiting ON inbox (key) WHERE {};", waiting());
    format!("{MAIN} {waiting} INSERT INTO region (name) SELECT '{region}' WHERE NOT EXISTS (SELECT 1 FROM region);")
}

/// The condition of the documents of the inbox that wait. SQLite uses the index for a statement with the same condition.
pub(super) fn waiting() -> String {
    format!("instr(document, '{WAITING_TEXT}') > 0")
}

/// The tables that name the key rings of a region.
pub(super) const KEYRING: &str = "keyring";
pub(super) const PROOF_KEYRING: &str = "proof_keyring";

/// Binds the data to the newest key of the key ring with these check values, if it is bound to none or to an earlier
/// key of the same ring; with `rebinds`, whatever it is bound to.
pub(super) fn binding(table: &str, checks: &[String], rebinds: bool) -> String {
    let Some(newest) = checks.last() else { return String::new() };
    // Check values are base64url, without quotes.
    let known = checks.iter().map(|check| format!("'{check}'")).collect::<Vec<_>>().join(", ");
    let all = if rebinds { String::new() } else { format!(" AND check_value IN ({known})") };
    format!(
        "INSERT INTO {table} (check_value) SELECT '{newest}' WHERE NOT EXISTS (SELECT 1 FROM {table});
         UPDATE {table} SET check_value = '{newest}' WHERE check_value <> '{newest}'{all};"
    )
}

/// Rows of `users` are numbered as they arrive. So large items are appended and only small indexes are written at
/// random, and a scan by number misses no row that is written meanwhile. `keyring` identifies the key ring that wrapped
/// the region's data keys, and `proof_keyring` the one that wrapped the secret of proofs. `queues` stores counts,
/// because counting a long queue would not take constant time.
const MAIN: &str = "
    CREATE TABLE IF NOT EXISTS region (name TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS keyring (check_value TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS proof_keyring (check_value TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS users (
        number INTEGER PRIMARY KEY, id BLOB NOT NULL, part TEXT NOT NULL, version TEXT NOT NULL, item BLOB NOT NULL,
        UNIQUE (id, part));
    CREATE TABLE IF NOT EXISTS identifiers (
        blind_index BLOB NOT NULL PRIMARY KEY, item BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS linked_accounts (
        id TEXT NOT NULL, linked TEXT NOT NULL, PRIMARY KEY (id, linked)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS logs (
        log TEXT NOT NULL, id BLOB NOT NULL, key TEXT NOT NULL, item BLOB NOT NULL,
        PRIMARY KEY (log, id, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS items (
        table_name TEXT NOT NULL, id BLOB NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, item BLOB NOT NULL,
        PRIMARY KEY (table_name, id, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS companies (id TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS settings (name TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS idempotency (
        key BLOB NOT NULL PRIMARY KEY, document TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS idempotency_expiry ON idempotency (expires_at);
    CREATE TABLE IF NOT EXISTS inbox (
        key BLOB NOT NULL PRIMARY KEY, document TEXT NOT NULL, expires_at INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS inbox_expiry ON inbox (expires_at);
    CREATE TABLE IF NOT EXISTS due (
        target TEXT NOT NULL, id BLOB NOT NULL, due_at INTEGER NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (target, id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS due_times ON due (target, due_at, id);
    CREATE TABLE IF NOT EXISTS checkpoints (name TEXT NOT NULL PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS changes (
        sequence INTEGER PRIMARY KEY, table_name TEXT NOT NULL, image BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS cursors (name TEXT NOT NULL PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS queues (
        queue INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sent INTEGER NOT NULL DEFAULT 0,
        live INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS messages (
        queue INTEGER NOT NULL, number INTEGER NOT NULL, visible_at INTEGER NOT NULL, received INTEGER NOT NULL,
        in_flight INTEGER NOT NULL, sent_at INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (queue, number)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS messages_visible ON messages (queue, visible_at, number);
    CREATE INDEX IF NOT EXISTS messages_in_flight ON messages (queue, visible_at) WHERE in_flight = 1;
    CREATE TABLE IF NOT EXISTS dead_letters (
        queue INTEGER NOT NULL, number INTEGER NOT NULL, received INTEGER NOT NULL, sent_at INTEGER NOT NULL,
        died_at INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (queue, number)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS dead_letters_hidden (
        queue INTEGER NOT NULL, number INTEGER NOT NULL, visible_at INTEGER NOT NULL,
        PRIMARY KEY (queue, number)) WITHOUT ROWID;
";

/// The tables that are needed only for minutes or may be lost with the power: a device that is no longer known gets the
/// budget of unknown devices.
pub(super) const SHORT: &str = "
    CREATE TABLE IF NOT EXISTS attempts (
        key BLOB NOT NULL PRIMARY KEY, count INTEGER NOT NULL, locked_until INTEGER NOT NULL,
        expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS attempts_expiry ON attempts (expires_at);
    CREATE TABLE IF NOT EXISTS forgotten (number INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL);
";

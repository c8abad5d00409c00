//! `docs/reference/logs.md`: the log messages of the services and commands.

#![allow(clippy::unwrap_used, reason = "an unreadable file fails the test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use umoja_source::{LogMessage, log_messages};

const CRATES: [&str; 15] = [
    "accounts",
    "api",
    "aws",
    "cli",
    "host",
    "ingest",
    "lambda",
    "local",
    "migrate",
    "oidc",
    "provisioner",
    "reconciler",
    "replicator",
    "runtime",
    "store",
];

/// The committed page must equal the generated one. `UPDATE=1 cargo test -p umoja-source reference` writes it.
#[test]
fn the_reference_of_log_messages_is_up_to_date() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all: BTreeMap<LogMessage, Vec<&str>> = BTreeMap::new();
    for name in CRATES {
        for message in log_messages(&workspace.join(name).join("src")).unwrap() {
            all.entry(message).or_default().push(name);
        }
    }
    assert!(all.len() > 60, "{} messages", all.len());
    let mut text = String::from(
        "# Log messages\n\nGenerated from the code. Functions write one JSON object a line, `umoja` writes text; `UMOJA_LOG` chooses the \
         level ([functions.md](../functions.md)). A message with an event is also counted by a [metric](metrics.md). No field holds \
         personal data or a secret.\n\n| message | level | fields | event | crate |\n|---|---|---|---|---|\n",
    );
    for (message, crates) in all {
        let event = message.event.map(|event| format!("`{event}`")).unwrap_or_default();
        let fields: Vec<String> = message.fields.iter().map(|field| format!("`{field}`")).collect();
        let said = message.text.replace('|', "\\|");
        writeln!(text, "| {said} | {} | {} | {event} | {} |", message.level, fields.join(", "), crates.join(", "))
            .unwrap();
    }
    let path = workspace.join("docs/reference/logs.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "run UPDATE=1 cargo test -p umoja-source reference");
}

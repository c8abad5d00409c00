//! No file uses the words that `docs/glossary.md` replaces.

#![allow(clippy::unwrap_used, reason = "an unreadable file fails the test")]

use std::path::{Path, PathBuf};

use umoja_source::find_words;

/// Words and phrases that are no longer used, and their replacements. The list has those of the glossary that a program
/// can detect. Other words keep one meaning, such as `claim` (of a token) and `copy` (of a file).
const REPLACED: &[(&str, &str)] = &[
    ("sweep", "anti-entropy"),
    ("sweeps", "anti-entropy passes"),
    ("claimant", "owner"),
    ("claimants", "owners"),
    ("unclaimed", "without an owner"),
    ("old hash", "legacy hash"),
    ("old hashes", "legacy hashes"),
    ("refusal", "problem, error"),
    ("refuse", "reject"),
    ("refuses", "rejects"),
    ("refused", "rejected"),
    ("stamp", "HLC timestamp"),
    ("stamps", "HLC timestamps"),
    ("rewrap", "re-encrypt"),
    ("rewraps", "re-encrypts"),
    ("unlist", "drop wrapped keys"),
    ("mend", "repair"),
    ("mends", "repairs"),
    ("mended", "repaired"),
    ("told", "logged, reported, answered"),
    ("tells", "logs, reports, answers"),
    ("somebody", "the user, the caller, the operator"),
    ("anybody", "any user, any caller"),
    ("nobody", "no user, no caller"),
    ("everybody", "every user, every caller"),
    ("whoever", "the user, the caller, the operator"),
    ("so many", "N, the number of"),
    ("anew", "again, a new"),
    ("as well", "also, too"),
    ("goes on", "continues"),
    ("hand out", "issue"),
    ("hand over", "pass"),
];

/// Places where a word is correct: in a foreign name, or in text about the words themselves.
const ALLOWED: &[(&str, &str)] = &[
    ("refused", "runtime/src/listeners/mod.rs"),
    ("refused", "sdk/rust/src/transport.rs"),
    ("old hash", "migrate/src/formats/claims.rs"),
];

/// Folders and files that are not checked: build output, data that later versions must read, or texts about the words.
const SKIPPED: &[&str] =
    &["target", "tests/corpus", "docs/glossary.md", "tests/source/tests/words.rs", "tests/source/src/words.rs"];

fn visit(folder: &Path, workspace: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let inside = path.strip_prefix(workspace).unwrap();
        if name.starts_with('.') && name != ".ci" || SKIPPED.iter().any(|skipped| inside == Path::new(skipped)) {
            continue;
        }
        let kinds = ["rs", "md", "tf", "hcl", "py", "json", "jsonl", "toml"];
        if path.is_dir() {
            visit(&path, workspace, files);
        } else if path.extension().is_none_or(|kind| kinds.iter().any(|known| kind == *known)) {
            files.push(path);
        }
    }
}

#[test]
fn no_file_uses_a_replaced_word() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut files = Vec::new();
    visit(&workspace, &workspace, &mut files);
    assert!(files.len() > 500, "{} files", files.len());
    let phrases: Vec<&str> = REPLACED.iter().map(|(phrase, _)| *phrase).collect();
    let mut found = Vec::new();
    for path in files {
        // Files that are not text are skipped.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let inside = path.strip_prefix(&workspace).unwrap().display().to_string();
        for hit in find_words(&text, &phrases) {
            if !ALLOWED.contains(&(hit.phrase, inside.as_str())) {
                let instead = REPLACED.iter().find(|(phrase, _)| *phrase == hit.phrase).unwrap().1;
                found.push(format!("{inside}:{}: {:?}, write {instead}\n", hit.line, hit.phrase));
            }
        }
    }
    found.sort();
    assert!(found.is_empty(), "{} words that docs/glossary.md replaces:\n{}", found.len(), found.concat());
}

#[test]
fn the_glossary_lists_every_replaced_word() {
    let glossary = include_str!("../../../docs/glossary.md");
    let table = glossary.split("## Words that are no longer used").nth(1).unwrap();
    let listed: Vec<&str> = table.lines().filter_map(|line| line.split('|').nth(1)).collect();
    for (phrase, _) in REPLACED {
        let is_listed = listed.iter().any(|cell| !find_words(cell, &[phrase]).is_empty());
        assert!(is_listed, "{phrase:?} is not in the second table of docs/glossary.md");
    }
}

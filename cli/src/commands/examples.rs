//! Every example of the help texts and the documents is a command line that can be pasted.

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

/// What an example leaves to the reader, and a value of its form.
const PLACEHOLDERS: [(&str, &str); 4] = [
    ("ID", "0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f"),
    ("WINNER", "0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f"),
    ("LOSER", "0197a5f2-7000-7abc-8def-3f6f1c2d4e5f"),
    ("YYYY-MM-DD", "2026-01-31"),
];

/// The words of a shell's simple commands: quotes are removed, comments left out, and `|`, `;`, `&`, `(` and `)` begin
/// another command.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), None::<String>, None);
    let mut is_redirected = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            // A command within double quotes: "$(umoja ...)".
            (Some('"'), '$') if chars.peek() == Some(&'(') => (quote, word) = (None, None),
            (Some('"') | None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, '#') if word.is_none() => break,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '|' | ';' | '&' | '(' | ')') => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            (None, '<' | '>') => is_redirected = true,
            // The word after `<` or `>` is a file of the shell.
            (None, _) if c.is_whitespace() => match word.take() {
                Some(_) if is_redirected => is_redirected = false,
                ended => words.extend(ended),
            },
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.filter(|_| !is_redirected));
    all.push(words);
    all
}

/// The command lines of `umoja` in a text whose lines may continue with a backslash.
fn examples(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for command in text.lines().flat_map(commands) {
        let after = |start: &[&str]| {
            let is_start = command.len() >= start.len() && command.iter().zip(start).all(|(one, other)| one == other);
            is_start.then(|| command[start.len()..].to_vec())
        };
        if let Some(words) = after(&["umoja"]).or_else(|| after(&["cargo", "run", "--bin", "umoja", "--"])) {
            let known = |word: String| {
                PLACEHOLDERS.iter().find(|(name, _)| *name == word).map_or(word, |(_, value)| (*value).to_owned())
            };
            found.push(["umoja".to_owned()].into_iter().chain(words.into_iter().map(known)).collect());
        }
    }
    found
}

/// The code of a Markdown document's blocks in the language of a shell.
fn shell_blocks(markdown: &str) -> String {
    let mut code = String::new();
    let mut is_shell = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            is_shell = !is_shell && line.trim() == "```sh";
        } else if is_shell {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let named = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "terraform/README.md"].map(|name| root.join(name));
    listed.filter(|path| path.extension().is_some_and(|end| end == "md")).chain(named).collect()
}

fn of_help(command: &clap::Command, found: &mut Vec<(String, String)>) {
    if let Some(help) = command.get_after_help() {
        let help = help.to_string();
        let end = help.find("\n\n").unwrap_or(help.len());
        found.push((format!("umoja {} --help", command.get_name()), help[..end].to_owned()));
    }
    command.get_subcommands().for_each(|sub| of_help(sub, found));
}

#[test]
fn every_example_is_a_command_line_of_this_version() {
    let mut texts = Vec::new();
    of_help(&Cli::command(), &mut texts);
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        texts.push((path.file_name().unwrap().to_string_lossy().into_owned(), shell_blocks(&text)));
    }
    let (mut count, mut wrong) = (0, Vec::new());
    for (place, text) in &texts {
        for example in examples(text) {
            count += 1;
            if let Err(error) = Cli::try_parse_from(&example)
                && !matches!(error.kind(), clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion)
            {
                wrong.push(format!("{place}: {}: {}", example.join(" "), error.to_string().lines().next().unwrap()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "only {count} examples were found");
}

/// Help is wrapped at the width of the terminal, and a wrapped example does not paste.
#[test]
fn an_example_of_the_help_fits_a_terminal() {
    let mut texts = Vec::new();
    of_help(&Cli::command(), &mut texts);
    let lines = texts.iter().flat_map(|(place, text)| text.lines().map(move |line| format!("{place}: {line}")));
    let long: Vec<String> = lines.filter(|line| line.split_once(": ").unwrap().1.chars().count() > 80).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn an_example_is_read_as_a_shell_reads_it() {
    let text =
        "  echo '{\"a\":\"b c\"}' | umoja sign --url URL \\\n      --send   # sends it\numoja status --dir \"a b\" &";
    assert_eq!(
        examples(text),
        [vec!["umoja", "sign", "--url", "URL", "--send"], vec!["umoja", "status", "--dir", "a b"]]
    );
    let evaluated = "eval \"$(echo '{}' | umoja sign --curl)\"";
    assert_eq!(examples(evaluated), [["umoja", "sign", "--curl"]]);
    assert_eq!(examples("cargo run --bin umoja -- demo\n# umoja fly"), [["umoja", "demo"]]);
    assert_eq!(examples("umoja status --json > file < other"), [["umoja", "status", "--json"]]);
}

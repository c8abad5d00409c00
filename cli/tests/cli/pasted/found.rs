//! The examples, where users find them.

use std::path::{Path, PathBuf};

use crate::support::done;

/// Something to paste into a shell, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) place: String,
    pub(super) text: String,
}

/// The examples of the help texts, as the binary prints them.
pub(super) fn of_help() -> Vec<Example> {
    let mut found = Vec::new();
    help_of(&[], &mut found);
    found
}

fn help_of(command: &[&str], found: &mut Vec<Example>) {
    let help = done(&[command, &["--help"]].concat());
    let place = format!("umoja {} --help", command.join(" "));
    if let Some((_, examples)) = help.split_once("\nExample") {
        let examples = examples.split("\n\n").next().unwrap_or_default();
        let lines = examples.lines().skip(1).filter_map(|line| line.strip_prefix("  "));
        for line in lines {
            match found.last_mut() {
                // A line that is indented further continues the one before.
                Some(last) if line.starts_with(' ') && last.place == place => {
                    last.text = format!("{}\n{line}", last.text);
                }
                _ => found.push(Example { place: place.clone(), text: line.to_owned() }),
            }
        }
    }
    let commands = help.split_once("\nCommands:\n").and_then(|(_, after)| after.split("\n\n").next());
    let names = commands.into_iter().flat_map(str::lines).filter(|line| !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        help_of(&[command, &[name]].concat(), found);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents that may have commands.
pub(super) fn documents() -> Vec<String> {
    let listed = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let listed = listed.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let listed = listed.map(|path| format!("docs/{}", path.file_name().unwrap().display()));
    let others = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "terraform/README.md"].map(str::to_owned);
    listed.chain(others).collect()
}

/// The commands of a document's shell blocks, for each block.
pub(super) fn of_document(name: &str) -> Vec<Vec<Example>> {
    of_markdown(name, &std::fs::read_to_string(root().join(name)).unwrap())
}

fn of_markdown(name: &str, markdown: &str) -> Vec<Vec<Example>> {
    let (mut blocks, mut block) = (Vec::new(), None::<Vec<Example>>);
    let mut continues = false;
    for (number, line) in markdown.lines().enumerate() {
        if line.starts_with("```") {
            blocks.extend(block.take());
            block = (line == "```sh").then(Vec::new);
        } else if let Some(block) = &mut block {
            match block.last_mut() {
                Some(last) if continues => last.text = format!("{}\n{line}", last.text),
                _ => block.push(Example { place: format!("{name}:{}", number + 1), text: line.to_owned() }),
            }
            continues = line.ends_with('\\');
        }
    }
    blocks
}

/// True if the example is about the command `umoja`.
pub(super) fn is_of_umoja(example: &Example) -> bool {
    example.text.contains("umoja ") && !example.text.starts_with(['#', ' ']) && !example.text.starts_with("cargo test")
}

#[test]
fn the_lines_of_a_command_belong_together() {
    let markdown = "a\n```sh\numoja status \\\n    --json\nls\n```\n```text\numoja\n```\n```sh\numoja demo\n```\n";
    let example = |line: usize, text: &str| Example { place: format!("x.md:{line}"), text: text.to_owned() };
    assert_eq!(
        of_markdown("x.md", markdown),
        [vec![example(3, "umoja status \\\n    --json"), example(5, "ls")], vec![example(11, "umoja demo")],]
    );
}

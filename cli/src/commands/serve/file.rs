//! `umoja serve --config FILE`: the options of the command in a file. Its members are the names of the options, and their values go
//! through the same parser, so that every option can be in a file without being listed here.

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

use crate::{CliError, files};

const SERVE: &str = "serve";
const CONFIG: &str = "config";

/// Options that are not in a file: the file itself, and those of every command.
const NOT_IN_A_FILE: [&str; 4] = [CONFIG, "json", "help", "version"];

/// Completes the arguments of a process by those of a file that they name with `--config`. What is in the arguments, or in the
/// environment, is not taken from the file.
///
/// # Errors
/// If the file cannot be read, or has a member that is no option.
pub(in crate::commands) fn with_file(
    command: &Command,
    mut arguments: Vec<OsString>,
) -> Result<Vec<OsString>, CliError> {
    let names_file =
        |argument: &OsString| argument.to_str().is_some_and(|text| text == "--config" || text.starts_with("--config="));
    if !arguments.iter().any(names_file) {
        return Ok(arguments);
    }
    // The arguments need the file to be complete, so what is wrong with them is not known yet.
    let Ok(known) = command.clone().ignore_errors(true).try_get_matches_from(&arguments) else { return Ok(arguments) };
    let (Some(given), Some(serve)) = (known.subcommand_matches(SERVE), command.find_subcommand(SERVE)) else {
        return Ok(arguments);
    };
    let Some(path) = given.get_one::<std::path::PathBuf>(CONFIG) else { return Ok(arguments) };
    let is_given = |argument: &Arg| {
        let source = given.try_get_raw(argument.get_id().as_str()).ok().flatten().is_some();
        source && given.value_source(argument.get_id().as_str()) != Some(ValueSource::DefaultValue)
    };
    let added = of_file(serve, path, is_given)?;
    arguments.extend(added);
    Ok(arguments)
}

fn of_file(serve: &Command, path: &Path, is_given: impl Fn(&Arg) -> bool) -> Result<Vec<OsString>, CliError> {
    let wrong = |why: String| CliError::Usage(format!("{}: {why}", path.display()));
    let text = files::small(path).map_err(|error| wrong(error.to_string()))?;
    let text = std::str::from_utf8(&text).map_err(|_| wrong("it is not UTF-8".into()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let options = || {
        let named = |argument: &&Arg| argument.get_long().is_some_and(|name| !NOT_IN_A_FILE.contains(&name));
        serve.get_arguments().filter(named)
    };
    let mut arguments = Vec::new();
    for (name, value) in table {
        let Some(option) = options().find(|option| option.get_long() == Some(&name)) else {
            let near = options().filter_map(Arg::get_long);
            let near = near.max_by(|a, b| strsim::jaro(a, &name).total_cmp(&strsim::jaro(b, &name)));
            return Err(wrong(format!(
                "{name} is no option of `umoja serve`; did you mean {}? See `umoja serve --help`",
                near.unwrap_or_default()
            )));
        };
        let values = values(option, &value).map_err(|why| wrong(format!("{name}: {why}")))?;
        if !is_given(option) {
            arguments.extend(values);
        }
    }
    Ok(arguments)
}

/// The arguments that say what a member of a file says.
fn values(option: &Arg, value: &Value) -> Result<Vec<OsString>, &'static str> {
    let name = option.get_long().unwrap_or_default();
    let one = |text: &str| OsString::from(format!("--{name}={text}"));
    match (option.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(true)) => Ok(vec![format!("--{name}").into()]),
        (ArgAction::SetTrue, Value::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, _) => Err("give true or false"),
        (_, Value::String(text)) => Ok(vec![one(text)]),
        (_, Value::Integer(number)) => Ok(vec![one(&number.to_string())]),
        (ArgAction::Append, Value::Array(items)) => {
            let item = |item: &Value| item.as_str().map(one).ok_or("give a list of texts");
            items.iter().map(item).collect()
        }
        (ArgAction::Append, Value::Table(members)) => {
            let member = |(key, item): (&String, &Value)| {
                let text = item.as_str().ok_or("give a table of texts")?;
                Ok(one(&format!("{key}={text}")))
            };
            members.iter().map(member).collect()
        }
        _ => Err("give a text or a whole number, as on the command line"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::commands::Cli;

    /// The arguments that a file adds.
    fn added(file: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("umoja.toml");
        std::fs::write(&path, file).unwrap();
        let mut all: Vec<OsString> = ["umoja", "serve"].iter().chain(arguments).map(OsString::from).collect();
        all.extend(["--config".into(), path.into()]);
        let whole = with_file(&Cli::command(), all.clone()).map_err(|error| error.to_string())?;
        Ok(whole[all.len()..].iter().map(|argument| argument.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn the_members_of_a_file_are_options() {
        let file = "dir = \"/var/lib/umoja\"\nport-base = 7300\nbehind-tls = true\nold-system-loopback = false\n\
                    public-url = { eu-west-1 = \"https://eu.id.example.com\" }\nlog-format = \"json\"\n";
        let expected = [
            "--behind-tls",
            "--dir=/var/lib/umoja",
            "--log-format=json",
            "--port-base=7300",
            "--public-url=eu-west-1=https://eu.id.example.com",
        ];
        let mut all = added(file, &[]).unwrap();
        all.sort();
        assert_eq!(all, expected);
        let listed = "public-url = [\"a-1=https://a.example\", \"b-1=https://b.example\"]";
        assert_eq!(added(listed, &[]).unwrap().len(), 2);
    }

    #[test]
    fn an_option_wins_over_the_file() {
        assert_eq!(
            added("port-base = 1\nclient-timeout-secs = 5", &["--port-base", "2"]).unwrap(),
            ["--client-timeout-secs=5"]
        );
        // A default is no option that was given.
        assert_eq!(added("log-format = \"json\"", &["--dir", "d"]).unwrap(), ["--log-format=json"]);
    }

    #[test]
    fn what_is_no_option_is_rejected() {
        for (file, why) in [
            ("prot-base = 1", "port-base"),
            ("config = \"x\"", "is no option"),
            ("json = true", "is no option"),
            ("behind-tls = \"yes\"", "true or false"),
            ("port-base = 1.5", "whole number"),
            ("port-base = [1]", "as on the command line"),
            ("public-url = [1]", "list of texts"),
            ("port-base = ", "umoja.toml"),
        ] {
            assert!(added(file, &[]).unwrap_err().contains(why), "{file}");
        }
    }

    #[test]
    fn every_option_can_be_in_a_file() {
        let command = Cli::command();
        let serve = command.find_subcommand(SERVE).unwrap();
        for option in serve.get_arguments() {
            let flag = matches!(option.get_action(), ArgAction::SetTrue);
            let takes = matches!(option.get_action(), ArgAction::Set | ArgAction::Append | ArgAction::SetTrue);
            let value = if flag { Value::Boolean(true) } else { Value::String("x".into()) };
            assert!(!takes || values(option, &value).is_ok(), "{option}");
        }
    }
}

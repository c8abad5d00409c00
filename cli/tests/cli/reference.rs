//! `docs/reference` and `docs/errors.md`: metrics, names, commands and the errors of the API, generated from the code.

mod errors;

use std::fmt::Write as _;
use std::path::Path;

use umoja_schema::names::{self, metric};

/// The committed file, from the root of the repository, must equal the generated one.
/// `UPDATE=1 cargo test --workspace --all-features --test cli reference` writes it.
fn check(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "{page}: run UPDATE=1 cargo test --workspace --all-features --test cli reference");
}

#[test]
fn the_reference_of_metrics_is_up_to_date() {
    let mut text = format!(
        "# Metrics\n\nGenerated from the code. In CloudWatch, the namespace is `{}` and each metric has the dimension `{}`. \
         `umoja serve --metrics` and OTLP name them as in the second column. The gauges have a label `region`, and `umoja_queued_messages` also `queue` and `state`. `terraform/modules/region/alarms.tf` has the alarms.\n\n\
         | CloudWatch | Prometheus and OTLP | kind | unit | meaning |\n|---|---|---|---|---|\n",
        metric::NAMESPACE,
        metric::DEPLOYMENT,
    );
    for known in metric::ALL {
        let kind = format!("{:?}", known.kind).to_lowercase();
        let (name, exported) = (known.name, umoja_runtime::exporter::name(known));
        writeln!(text, "| `{name}` | `{exported}` | {kind} | {} | {} |", known.unit.to_lowercase(), known.help)
            .unwrap();
    }
    check("docs/reference/metrics.md", &text);
}

#[test]
fn the_reference_of_names_is_up_to_date() {
    let mut text = String::from(
        "# Tables, queues, functions and settings\n\nGenerated from the code. In AWS, each has the deployment's prefix and a hyphen \
         before it: `umoja-users`.\n",
    );
    let lists: [(&str, &[names::Described]); 6] = [
        ("Tables", names::table::ALL),
        ("Queues", names::queue::ALL),
        ("Functions", names::function::ALL),
        ("Functions of a user pool", names::pool_function::ALL),
        ("Documents in the table `settings`", names::setting::ALL),
        ("Environment variables of the functions", names::environment::ALL),
    ];
    for (title, all) in lists {
        write!(text, "\n## {title}\n\n| name | meaning |\n|---|---|\n").unwrap();
        for described in all {
            writeln!(text, "| `{}` | {} |", described.name, described.meaning).unwrap();
        }
    }
    write!(
        text,
        "\nEach queue has a dead-letter queue: its name with `{}` after it. SQS moves a message there that was received too often.\n",
        names::DEAD_LETTERS
    )
    .unwrap();
    check("docs/reference/names.md", &text);
}

/// The commands that a help text lists.
#[cfg(all(feature = "aws", feature = "otlp", feature = "emulator"))]
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[cfg(all(feature = "aws", feature = "otlp", feature = "emulator"))]
fn describe(words: &[String], text: &mut String) {
    let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    let help = crate::support::done(&arguments);
    let title = ["umoja"].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    write!(text, "\n## {title}\n\n```text\n{}\n```\n", help.trim_end()).unwrap();
    for name in subcommands(&help) {
        describe(&[words, &[name]].concat(), text);
    }
}

/// With all features, because some options need the AWS SDKs.
#[cfg(all(feature = "aws", feature = "otlp", feature = "emulator"))]
#[test]
fn the_reference_of_commands_is_up_to_date() {
    let mut text = String::from("# Commands\n\nGenerated from the code: `--help` of each command.\n");
    describe(&[], &mut text);
    assert!(text.matches("\n## ").count() > 25, "too few commands: {text}");
    check("docs/reference/commands.md", &text);
}

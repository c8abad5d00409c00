//! docs/one-machine.md, followed to the letter: its blocks are run one after the other, in a directory that stands for `/`. The
//! test plays systemd with the units of packaging/, so that what they start is what is run.

use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{World, client, path, prepared, run, text};

/// What starts and stops the units. A process has ended once it no longer holds the lock of its directory.
const SYSTEMCTL: &str = r#"#!/bin/sh
set -e
action=$1
shift
unit() { sed -n "s#^ExecStart=##p" "$UNITS/$1" | sed "s#/usr/bin/##; s#/var/#$ROOT/var/#g; s#/etc/#$ROOT/etc/#g"; }
is_up() { ! flock --nonblock "$ROOT/var/lib/umoja/serve.lock" true; }
stop() {
    [ -e "$ROOT/pid" ] || return 0
    kill -TERM "$(cat "$ROOT/pid")"
    while is_up; do sleep 0.1; done
    rm "$ROOT/pid"
}
start() {
    [ ! -e "$ROOT/pid" ] || return 0
    : >"$ROOT/said"
    setsid $(unit umoja.service) >"$ROOT/said" 2>>"$ROOT/log" </dev/null &
    echo $! >"$ROOT/pid"
    until grep -q "Stop with" "$ROOT/said"; do
        kill -0 "$(cat "$ROOT/pid")" || { cat "$ROOT/log" >&2; exit 1; }
        sleep 0.1
    done
}
for name in "$@"; do
    case "$action $name" in
        *" --now" | enable*.timer | enable*.socket | disable*.timer | disable*.socket) test "$name" = --now || test -e "$UNITS/$name" ;;
        "start umoja.service" | "enable umoja.service") start ;;
        "stop umoja.service" | "disable umoja.service") stop ;;
        "restart umoja.service") stop; start ;;
        "start umoja-backup.service") . "$ROOT/etc/umoja/backup.env"; eval "$(unit "$name")" ;;
        *) echo "systemctl $action $name is not played" >&2; exit 1 ;;
    esac
done
"#;

/// What the package manager has done already, or needs another user.
const OTHERS: [(&str, &str); 5] = [
    ("systemctl", SYSTEMCTL),
    ("sudo", "#!/bin/sh\nif [ \"$1\" = -u ]; then shift 2; fi\nexec \"$@\"\n"),
    ("apt-get", "#!/bin/sh\ntest \"$1\" = install\n"),
    ("chown", "#!/bin/sh\ntest \"$2\" = umoja:\n"),
    ("journalctl", "#!/bin/sh\ncat \"$ROOT/log\"\n"),
];

/// A block of the page, and the line at which it begins.
struct Block {
    line: usize,
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<Block>);
    for (line, text) in page.lines().enumerate() {
        match (text.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block { line: line + 1, language: language.to_owned(), text: String::new() });
            }
            (None, Some(block)) => writeln!(block.text, "{text}").unwrap(),
            (None, None) => {}
        }
    }
    blocks
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The machine: a directory that stands for `/`.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for dir in ["stubs", "home", "etc/umoja", "var/lib/umoja", "var/backups/umoja"] {
            std::fs::create_dir_all(machine.at(dir)).unwrap();
        }
        for (name, script) in OTHERS {
            std::fs::write(machine.at("stubs").join(name), script).unwrap();
            std::fs::set_permissions(machine.at("stubs").join(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        std::fs::write(machine.at("etc/umoja/smtp-password"), "secret\n").unwrap();
        let config = std::fs::read_to_string(repository().join("packaging/umoja.toml")).unwrap();
        std::fs::write(machine.at("etc/umoja/umoja.toml"), machine.filled(&config)).unwrap();
        machine
    }

    fn at(&self, place: &str) -> PathBuf {
        self.0.path().join(place)
    }

    /// The text with the directories of this machine. A test takes only free ports.
    fn filled(&self, text: &str) -> String {
        let root = path(self.0.path());
        let mut text = text.replace("--env live", "--env live --port-base 0").replace("127.0.0.1:9464", "127.0.0.1:0");
        text = text.replace("issuer-port = 7400", "issuer-port = 0");
        for dir in ["/var/", "/etc/"] {
            text = text.replace(dir, &format!("{root}{dir}"));
        }
        text
    }

    fn run(&self, commands: &str) -> Result<String, String> {
        let mut shell = prepared(Command::new("sh"));
        let binary = Path::new(env!("CARGO_BIN_EXE_umoja")).parent().unwrap();
        let search = format!("{}:{}:{}", path(&self.at("stubs")), path(binary), std::env::var("PATH").unwrap());
        shell.args(["-e", "-c", commands]).current_dir(self.at("home")).env("PATH", search);
        shell.env("ROOT", self.0.path()).env("UNITS", repository().join("packaging/systemd"));
        let output = shell.output().unwrap();
        let said = text(&output.stdout);
        if output.status.success() {
            Ok(said)
        } else {
            Err(format!("{}: {said}{}", output.status, text(&output.stderr)))
        }
    }

    fn json(&self, command: &str) -> Value {
        serde_json::from_str(&self.run(&self.filled(command)).unwrap()).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.run("systemctl stop umoja.service");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "a skipped test reports it")]
async fn the_page_about_one_machine_works_as_it_is_written() {
    if Command::new("age").arg("--version").output().is_err() {
        println!("skipped: age is not installed");
        return;
    }
    let machine = Machine::new();
    let page = std::fs::read_to_string(repository().join("docs/one-machine.md")).unwrap();
    let (mut user, mut count) = (None, 0);
    for block in blocks(&page) {
        match block.language.as_str() {
            // The test of `tls` has a certificate.
            "toml" if block.text.contains("tls-cert") => {}
            "toml" => {
                let file = machine.at("etc/umoja/umoja.toml");
                let config = std::fs::read_to_string(&file).unwrap();
                std::fs::write(file, format!("{config}\n{}", machine.filled(&block.text))).unwrap();
            }
            "shell" => {
                count += 1;
                let done = machine.run(&machine.filled(&block.text));
                done.unwrap_or_else(|error| panic!("docs/one-machine.md:{}: {}{error}", block.line, block.text));
            }
            other => panic!("docs/one-machine.md:{}: a block in {other}", block.line),
        }
        if block.text.contains("company add acme") {
            let company = serde_json::from_slice(&std::fs::read(machine.at("home/acme.json")).unwrap()).unwrap();
            let regions = machine.json("umoja region list --dir /var/lib/umoja --json");
            let url = regions["regions"][0]["url"].as_str().unwrap_or_else(|| panic!("{regions}"));
            let ada = client(url, &company).call("register", json!({ "username": "ada" })).await.unwrap();
            assert_eq!(ada.status, 201, "{ada:?}");
            user = ada.body["user"]["id"].as_str().map(str::to_owned);
        }
    }
    assert!(count >= 15, "only {count} blocks were run");
    // What was registered before the backup is there after the restore, the loss of a region, and the upgrade.
    let user = user.unwrap();
    let shown = machine.json(&format!("umoja user show {user} --dir /var/lib/umoja --json"));
    assert_eq!(shown["agree"], true, "{shown}");
    let backups = std::fs::read_dir(machine.at("var/backups/umoja")).unwrap().count();
    assert_eq!(backups, 2);
}

#[test]
fn the_service_is_served_by_the_options_of_its_file() {
    let service = std::fs::read_to_string(repository().join("packaging/systemd/umoja.service")).unwrap();
    assert!(service.contains("ExecStart=/usr/bin/umoja serve --config /etc/umoja/umoja.toml\n"));
    // Without the marks of comments too, it is a file of options.
    let config = std::fs::read_to_string(repository().join("packaging/umoja.toml")).unwrap();
    let whole: Vec<&str> =
        config.lines().map(|line| line.trim_start_matches("# ")).filter(|line| line.contains(" = ")).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("umoja.toml");
    std::fs::write(&file, whole.join("\n").replace("/var/lib/umoja", path(&dir.path().join("none")))).unwrap();
    let output = crate::support::run(&["serve", "--config", path(&file)]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("holds no deployment"), "{said}");
}

#[test]
fn root_is_sent_to_the_user_whose_directory_it_is() {
    let world = World::new();
    let dir = world.deployment();
    let files = || std::fs::read_dir(&dir).unwrap().count();
    let before = files();
    let mine = std::fs::metadata(&dir).unwrap().uid();
    // Only root can give a directory away, and only root could leave files in one that is not its own.
    if mine != 0 || std::os::unix::fs::chown(&dir, Some(4_000_000), None).is_err() {
        return;
    }
    for words in [&["status"][..], &["serve"], &["company", "add", "soko", "--scopes", "all"]] {
        let output = run(&[words, &["--dir", &dir]].concat());
        let said = text(&output.stderr);
        assert!(said.contains("run this as `sudo -u '#4000000' umoja ...`"), "{words:?}: {said}");
        assert_eq!(output.status.code(), Some(1));
    }
    assert_eq!(files(), before, "nothing was made");
}

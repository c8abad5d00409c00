//! Files as other systems write them, each with what becomes of it. They stand for kinds of which public bug reports of
//! these systems are full. The passwords in them are of no real person.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Map, Value, json};

use crate::support::{World, path, run, text, umoja};

/// A file and what becomes of its records.
struct Case {
    /// A folder of `foreign`.
    name: &'static str,
    /// `--format` and further options.
    options: &'static [&'static str],
    created: u64,
    rejected: u64,
    /// The fields that are left out, with how often.
    left_out: &'static [(&'static str, u64)],
}

const fn case(
    name: &'static str,
    options: &'static [&'static str],
    created: u64,
    left_out: &'static [(&'static str, u64)],
) -> Case {
    Case { name, options, created, rejected: 0, left_out }
}

const CASES: &[Case] = &[
    case("A02", &["csv"], 2, &[]),
    case("A03", &["django"], 1, &[]),
    case("A04", &["csv"], 1, &[]),
    case("A06", &["csv"], 2, &[]),
    case("A07", &["wordpress"], 5, &[]),
    case("A08", &["wordpress"], 2, &[]),
    case("A08b", &["wordpress"], 2, &[]),
    case("A11", &["auth0"], 2, &[]),
    case("A13", &["auth0"], 1, &[]),
    case("A18", &["django"], 1, &[]),
    case("A22", &["csv"], 1, &[]),
    case("B01", &["keycloak"], 2, &[("username", 2)]),
    case("B02", &["wordpress"], 2, &[("username", 1)]),
    case("B03", &["wordpress"], 1, &[("username", 1)]),
    case("B04", &["drupal"], 1, &[("username", 1)]),
    case("B06", &["csv"], 1, &[("username", 1)]),
    case("B09", &["django"], 1, &[("username", 1)]),
    case("C01", &["keycloak"], 2, &[("phone_number", 1)]),
    case("C02", &["ldif", "--phone-country", "KE"], 3, &[("phone_number", 2)]),
    case("C04", &["csv", "--phone-country", "CI"], 3, &[("phone_number", 1)]),
    case("C05", &["csv"], 2, &[]),
    case("C06", &["wordpress"], 2, &[("email", 1)]),
    case("C07", &["csv"], 1, &[("phone_number", 1)]),
    case("D01", &["csv"], 1, &[]),
    case("D02", &["csv"], 1, &[]),
    case("D03", &["csv"], 1, &[]),
    case("D04", &["csv"], 1, &[]),
    case("D09", &["ndjson"], 1, &[]),
    case("E17b", &["keycloak"], 1, &[]),
    Case { rejected: 1, ..case("F01", &["ldif"], 1, &[]) },
    case("F09", &["firebase"], 5, &[]),
    case("F10", &["auth0"], 1, &[]),
    case("F13", &["ldif"], 2, &[]),
];

/// The input of a case, in a directory where the import may write its own files.
fn copied(world: &World, case: &Case) -> PathBuf {
    let (from, to) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/foreign").join(case.name), world.file(case.name));
    std::fs::create_dir(&to).unwrap();
    for file in from.read_dir().unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    if case.name == "F13" {
        std::fs::write(to.join("input.ldif"), with_photo()).unwrap();
    }
    to
}

/// An entry with a photo of 900 kB between two ordinary ones.
fn with_photo() -> String {
    let entry = |n: u8, more: &str| {
        format!(
            "dn: uid=u{n},dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: u{n}\nmail: u{n}@example.com\n{more}userPassword: {{SSHA}}b+mdvnTo8NPegaWqufxq/u84uXNzNGx0NWFsdA==\n\n"
        )
    };
    let photo = format!("jpegPhoto:: {}\n{}", "QUJD".repeat(16), format!(" {}\n", "QUJD".repeat(19)).repeat(16_000));
    entry(1, "") + &entry(2, &photo)
}

fn arguments<'a>(case: &'a Case, dir: &'a Path, deployment: &'a str) -> Vec<String> {
    let file = |name: &str| Some(dir.join(name)).filter(|file| file.exists()).map(|file| path(&file).to_owned());
    let input = ["json", "csv", "tsv", "ldif"].iter().find_map(|kind| file(&format!("input.{kind}"))).unwrap();
    let mut words: Vec<String> = vec!["import".into(), input, "--format".into()];
    words.extend(case.options.iter().map(|option| (*option).to_owned()));
    for (option, name) in [("--mapping", "mapping.json"), ("--keys", "keys.json"), ("--prove", "logins.csv")] {
        words.extend(file(name).into_iter().flat_map(|file| [option.to_owned(), file]));
    }
    words.extend(["--company", &case.name.to_lowercase(), "--dir", deployment, "--json"].map(str::to_owned));
    words
}

#[test]
fn files_of_other_systems_come_in_right() {
    let mut wrong = Vec::new();
    for case in CASES {
        // The users of most cases have the same addresses.
        let world = World::new();
        let dir = world.deployment();
        let files = copied(&world, case);
        world.company(&case.name.to_lowercase());
        if files.join("keys.json").exists() {
            let added = run(&["hash-keys", "add", path(&files.join("keys.json")), "--dir", &dir]);
            assert!(added.status.success(), "{}", text(&added.stderr));
        }
        let words = arguments(case, &files, &dir);
        let output = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let left_out: Map<String, Value> =
            case.left_out.iter().map(|(name, n)| ((*name).to_owned(), json!(n))).collect();
        let expected = json!([case.created, case.rejected, left_out, if case.rejected > 0 { 3 } else { 0 }]);
        let found = json!([said["created"], said["rejected"], said["left_out"], output.status.code()]);
        if found != expected {
            wrong.push(format!("{}: {found} instead of {expected}: {}{said}", case.name, text(&output.stderr)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_left_out_is_kept_under_custom_and_shown() {
    let world = World::new();
    let dir = world.deployment();
    let company = world.company("c01");
    let case = CASES.iter().find(|case| case.name == "C01").unwrap();
    let files = copied(&world, case);
    std::fs::remove_file(files.join("logins.csv")).unwrap();
    let words = arguments(case, &files, &dir);
    let strict = run(&words.iter().map(String::as_str).chain(["--strict", "--dry-run"]).collect::<Vec<_>>());
    assert_eq!(strict.status.code(), Some(3), "one value rejects the record: {}", text(&strict.stderr));
    let words: Vec<_> = words.iter().map(String::as_str).filter(|word| *word != "--json").collect();
    let shown = text(&run(&words).stdout);
    assert!(shown.contains("left out or kept under `custom`: phone_number") && !shown.contains("N/A"), "{shown}");
    let served = world.serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(async {
        let client = crate::support::client(&served.urls[0], &company);
        client.call("lookup", json!({ "email": "ada@example.com" })).await.unwrap()
    });
    let user = &found.body["user"];
    assert_eq!((&user["profile"]["custom"]["phone_number"], &user["phone_number"]), (&json!("N/A"), &Value::Null));
}

#[test]
fn an_import_changes_no_file_but_its_own() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let (input, precious) = (world.file("users.ndjson"), world.file("precious"));
    std::fs::write(&input, "{\"user_id\": \"1\", \"email\": \"a@example.com\"}\nno JSON\n").unwrap();
    let words = ["import", path(&input), "--format", "auth0", "--company", "soko", "--dir", &dir];
    let link = world.file("link");
    std::fs::write(&precious, "precious").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&precious, &link).unwrap();
    #[cfg(not(unix))]
    std::fs::write(&link, "precious").unwrap();
    for option in ["--rejected", "--state"] {
        for target in [&precious, &link, &input] {
            for dry in [&[][..], &["--dry-run"]] {
                let output = run(&[&words[..], &[option, path(target)], dry].concat());
                let is_unused = option == "--state" && !dry.is_empty();
                assert_eq!(output.status.code(), Some(if is_unused { 3 } else { 1 }), "{option} {}", target.display());
                assert!(is_unused || text(&output.stderr).contains("which no import changes"));
            }
        }
    }
    // The file beside the state too.
    let state = world.file("state");
    std::fs::write(world.file("state.new"), "precious").unwrap();
    assert_eq!(run(&[&words[..], &["--state", path(&state)]].concat()).status.code(), Some(1));
    for (file, content) in [(&precious, "precious"), (&link, "precious"), (&world.file("state.new"), "precious")] {
        assert_eq!(std::fs::read_to_string(file).unwrap(), content);
    }
    // Its own list is replaced, and goes once no record is rejected.
    let list = world.file("list");
    for _ in 0..2 {
        let output = run(&[&words[..], &["--rejected", path(&list)]].concat());
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        assert_eq!(std::fs::read_to_string(&list).unwrap().lines().count(), 2);
    }
    std::fs::write(&input, "{\"user_id\": \"1\", \"email\": \"a@example.com\"}\n").unwrap();
    assert!(run(&[&words[..], &["--rejected", path(&list)]].concat()).status.success() && !list.exists());
}

#[cfg(unix)]
#[test]
fn a_source_without_end_is_named() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let list = path(&world.file("list")).to_owned();
    let words = |file: &'static str| {
        vec!["import", file, "--format", "auth0", "--company", "soko", "--dir", &dir, "--rejected", &list, "--dry-run"]
    };
    let fifo = world.file("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut of_fifo = words("-");
    of_fifo[1] = path(&fifo);
    for words in [words("/dev/zero"), of_fifo] {
        let output = run(&words);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("not a regular file"), "{}", text(&output.stderr));
    }
    let mapping = run(&[&words("-")[..], &["--mapping", "/dev/zero"]].concat());
    assert!(text(&mapping.stderr).contains("larger than 16 MiB"), "{}", text(&mapping.stderr));
    for (part, more, said) in [
        ("\0\0\0\0", &[][..], "binary"),
        ("{\"user_id\": \"1\"}\n", &["--most-records", "500"], "more than 500 records"),
    ] {
        let mut child =
            umoja().args(words("-")).args(more).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // The import closes the pipe when it ends.
        while input.write_all(part.repeat(1000).as_bytes()).is_ok() {}
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn an_import_takes_no_empty_file_for_its_own_and_no_path_twice() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let input = world.file("users.ndjson");
    std::fs::write(&input, "{\"user_id\": \"1\", \"email\": \"a@example.com\"}\nno JSON\n").unwrap();
    let words = ["import", path(&input), "--format", "auth0", "--company", "soko", "--dir", &dir];
    let empty = world.file("empty");
    std::fs::write(&empty, "").unwrap();
    for option in ["--rejected", "--state"] {
        let output = run(&[&words[..], &[option, path(&empty)]].concat());
        assert_eq!(output.status.code(), Some(1), "{option}");
        assert!(text(&output.stderr).contains("a file that no import wrote"), "{option}");
        assert_eq!(std::fs::read(&empty).unwrap(), b"", "{option}");
    }
    let [one, same, beside] = ["one", "d/../one", "one.new"].map(|name| path(&world.file(name)).to_owned());
    for rejected in [&one, &same, &beside] {
        let output = run(&[&words[..], &["--state", &one, "--rejected", rejected]].concat());
        assert_eq!(output.status.code(), Some(2), "{rejected}");
        assert!(text(&output.stderr).contains("overwrite each other"), "{rejected}");
        assert!(!world.file("one").exists());
    }
    // A list of rejected records can be imported again, and not over itself.
    let list = "{\"umoja_import_rejected\":1}\n{\"user_id\": \"1\", \"email\": \"amina@example.com\"}\n";
    std::fs::write(world.file("list"), list).unwrap();
    let list_path = path(&world.file("list")).to_owned();
    for option in ["--rejected", "--state"] {
        let again = [&["import", &list_path][..], &words[2..], &[option, &list_path]].concat();
        assert_ne!(run(&again).status.code(), Some(0), "{option}");
        assert_eq!(std::fs::read_to_string(world.file("list")).unwrap(), list, "{option}");
    }
}

//! Every example of the help texts and the documents, run as it is pasted into a shell. Each has a directory of its own
//! with a deployment, companies, users and files. [`PARSED`] lists what is not run, and why; the unit tests of the command
//! line parse these too.

mod found;
mod place;

use std::process::Command;

use self::found::{Example, documents, is_of_umoja, of_document, of_help};
use self::place::{Place, Serving};

/// What is only parsed, by a part of its text, and why.
const PARSED: [(&str, &str); 18] = [
    ("| restic ", "it needs restic; the tests of `backup` write to standard output"),
    ("--tls-cert ", "it needs a certificate; the test of `tls` has one"),
    ("--prefix ", "it needs AWS; .ci/emulator runs these commands, and tests/cloud the procedures of docs/operate.md"),
    ("--url BASE_URL/", "BASE_URL is one of AWS; the same command is an example of `umoja sign --help`"),
    ("umoja webhook test ", "it needs a receiver; the tests of `examples` and `webhook` have one"),
    ("umoja target confirm soko-crm ", "it needs an erased user with an account; the tests of `targets` have one"),
    ("umoja target provision soko-crm ", "it needs a target; the tests of `targets` have one"),
    ("--session hV2fXyC1sJ0Qm8w3TnZkLQ", "it needs a session; tests/oidc-clients end one"),
    ("--factor hV2fXyC1sJ0Qm8w3TnZkLQ", "it needs a factor; the test of `factors` removes one"),
    ("--otlp ", "the binary of this test sends no OTLP; the test `otlp` starts a collector and looks at what arrives"),
    ("umoja user find 4711", "no user has this own id; the tests of `support_commands` find one by it"),
    ("umoja user find +254712123456", "no user has this number"),
    ("umoja user receipt ", "it needs an erased user; the tests of `support_commands` erase one"),
    ("umoja verify receipt.jwt", "it needs a receipt; the same tests verify one"),
    ("umoja company unlink ", "it needs a person of two companies; the same tests unlink one"),
    ("umoja requests show ", "it needs a rejected request; the same tests ask about one"),
    ("sh docs/requests/", "the tests of `examples` run these programs, as far as openssl and curl are on the machine"),
    ("python3 docs/requests/", "the same, as far as Python has the package `cryptography`"),
];

/// What an example needs to have happened, by its beginning.
const BEFORE: [(&str, &str); 45] = [
    ("umoja backup backups/", "mkdir backups"),
    ("umoja restore today.age", "umoja backup today.age --recipient age1... --dir DIR"),
    ("umoja restore today.tar", "umoja backup today.tar --plain --dir DIR"),
    ("umoja serve --config", "echo 'dir = \"DIR\"' > umoja.toml"),
    ("umoja init --dir DIR", "rm -r DIR"),
    ("umoja company add soko", "rm -r DIR soko.json; umoja init --dir DIR --port-base 0"),
    ("umoja company add-key old-shop", "umoja company add old-shop --dir DIR --public-key old-shop.pem --alg RS256"),
    ("umoja company retire-key", "umoja company add-key soko --dir DIR --company-file soko.json"),
    ("umoja demo --dir DIR", "rm -r DIR"),
    ("umoja hash-keys list", "umoja hash-keys add keys.json --dir DIR"),
    ("umoja import users.json", "umoja hash-keys add keys.json --dir DIR"),
    ("umoja import users.age", "rm -f users.age; umoja export users.age --recipient age1... --dir DIR"),
    ("umoja region thaw", "umoja region freeze us-east-1 --dir DIR"),
    ("umoja region remove", "umoja region add ap-south-1 --dir DIR"),
    ("umoja region add af-south-1 --again", "rm -r DIR/af-south-1"),
    ("umoja serve --dir DIR --listen", "rm -r DIR; umoja init --dir DIR --port-base 0"),
    ("umoja serve --dir DIR --breached", "umoja passwords build --from pwnedpasswords.txt --out breached.umoja"),
    ("umoja export users.ndjson", "rm users.ndjson"),
    ("umoja audit drop", "umoja audit keep --days 400 --dir DIR"),
    ("umoja source add", "true"),
    ("umoja source list", "true"),
    (
        "umoja source set soko-crm",
        "umoja source add soko-crm --company soko --kind generic --mapping crm.json --dir DIR",
    ),
    (
        "umoja source remove",
        "umoja source add soko-auth0 --company soko --kind auth0 --dir DIR; umoja source pause soko-auth0 --dir DIR",
    ),
    (
        "umoja source test soko-auth0 --event",
        "umoja source add soko-auth0 --company soko --kind auth0 --dir DIR --out soko-auth0.json",
    ),
    ("umoja target add", "true"),
    ("umoja target list", "true"),
    (
        "umoja target remove",
        "umoja target add soko-crm --company soko --kind scim --url https://crm.example/scim --dir DIR; umoja target pause \
         soko-crm --dir DIR",
    ),
    ("umoja target ", "umoja target add soko-crm --company soko --kind scim --url https://crm.example/scim --dir DIR"),
    ("umoja client add", "true"),
    ("umoja client list", "true"),
    (
        "umoja client remove",
        "umoja client add shop-web --company shop --redirect-uri https://shop.example/ --dir DIR; umoja client disable shop-web --dir \
         DIR",
    ),
    ("umoja client set acme-web", "true"),
    ("umoja client ", "umoja client add shop-web --company shop --redirect-uri https://shop.example/ --dir DIR"),
    (
        "umoja company set soko --provider google",
        "umoja provider add google --company shop --issuer https://accounts.google.com --client-id umoja --dir DIR",
    ),
    ("umoja provider add", "printf secret > google.txt"),
    ("umoja provider list", "true"),
    (
        "umoja provider remove",
        "umoja provider add google --company shop --issuer https://accounts.google.com --client-id umoja --dir DIR; umoja provider \
         disable google --dir DIR",
    ),
    (
        "umoja provider set google --client-secret-file",
        "printf secret > google.txt; umoja provider add google --company shop --issuer https://accounts.google.com --client-id umoja \
         --dir DIR",
    ),
    (
        "umoja provider ",
        "umoja provider add google --company shop --issuer https://accounts.google.com --client-id umoja --dir DIR",
    ),
    ("umoja webhook add", "true"),
    ("umoja webhook list", "true"),
    (
        "umoja webhook remove",
        "umoja webhook add soko-crm --company soko --url https://crm.soko.example/ --dir DIR; umoja webhook pause soko-crm \
         --dir DIR",
    ),
    ("umoja webhook ", "umoja webhook add soko-crm --company soko --url https://crm.soko.example/ --dir DIR"),
    (
        "umoja source compare",
        "umoja source add soko-pool --company soko --kind cognito --pool eu-west-1_AbCdEf123 --direction from-pool --dir DIR",
    ),
    ("umoja source ", "umoja source add soko-auth0 --company soko --kind auth0 --dir DIR"),
];

/// The examples of help that are about a deployment that is served.
const SERVED: [&str; 4] = ["umoja status", "umoja source test ", "echo ", "eval "];

/// Programs that an example needs beside `umoja`, by a part of its text. Without them it is only parsed.
const PROGRAMS: [(&str, &str); 4] =
    [("--recipient", "age"), ("today.age", "age"), ("users.age", "age"), ("--curl", "curl")];

fn is_parsed_only(example: &Example) -> bool {
    let has = |part: &str| example.text.contains(part);
    let is_there = |program| Command::new(program).arg("--version").output().is_ok();
    PARSED.iter().any(|(part, _)| has(part)) || PROGRAMS.iter().any(|(part, name)| has(part) && !is_there(name))
}

/// True if the command serves until it is stopped.
fn stays(example: &Example) -> bool {
    let is_demo = example.text.starts_with("umoja demo") || example.text.contains("umoja -- demo");
    example.text.starts_with("umoja serve") || is_demo && !example.text.contains("--exit")
}

/// Runs an example, with what has to be there before. A process that stays is returned.
fn paste(example: &Example, place: &Place) -> Result<Option<Serving>, String> {
    if let Some((_, before)) = BEFORE.iter().find(|(start, _)| example.text.starts_with(start)) {
        let before = Example { place: String::new(), text: (*before).to_owned() };
        place.run(&place.filled(&before))?;
    }
    let command = place.filled(example);
    if stays(example) {
        return place.start(&command).map(Some);
    }
    let said = place.run(&command)?;
    // `eval` succeeds if the command that it evaluates prints nothing.
    if said.is_empty() && !command.contains('>') { Err("it says nothing".to_owned()) } else { Ok(None) }
}

fn report(wrong: &[String], count: usize, least: usize) {
    assert!(wrong.is_empty(), "{} of {count} examples do not work as pasted:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= least, "only {count} examples were run");
}

#[test]
fn the_examples_of_the_help_work_as_pasted() {
    let made = Place::make();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for example in of_help().into_iter().filter(|example| !is_parsed_only(example)) {
        count += 1;
        let mut place = made.copy();
        let run = |place: &mut Place| {
            let mut serving = Vec::new();
            if SERVED.iter().any(|start| example.text.starts_with(start)) {
                serving.push(place.start("umoja serve --dir DIR")?);
                place.fill("URL/", &format!("{}/", serving[0].url));
            }
            serving.extend(paste(&example, place)?);
            serving.into_iter().try_for_each(Serving::stop)
        };
        if let Err(what) = run(&mut place) {
            wrong.push(format!("{}: {}\n    {what}", example.place, example.text));
        }
    }
    report(&wrong, count, 70);
}

#[test]
fn the_commands_of_the_documents_work_as_pasted() {
    let made = Place::make();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        let mut place = made.copy();
        for block in of_document(&document) {
            let mut serving: Option<Serving> = None;
            for example in block.iter().filter(|example| is_of_umoja(example) && !is_parsed_only(example)) {
                count += 1;
                let pasted = paste(example, &place).and_then(|stayed| {
                    let Some(stayed) = stayed else { return Ok(()) };
                    place.fill("http://127.0.0.1:7300", &stayed.url);
                    serving.replace(stayed).map_or(Ok(()), Serving::stop)
                });
                wrong.extend(pasted.err().map(|what| format!("{}: {}\n    {what}", example.place, example.text)));
            }
            wrong.extend(serving.map(Serving::stop).and_then(Result::err));
        }
    }
    report(&wrong, count, 14);
}

/// The commands after `Next:`, one a line.
fn next(said: &str) -> Vec<Example> {
    let (_, commands) = said.split_once("Next: ").unwrap_or_else(|| panic!("no next step: {said}"));
    let example = |line: &str| Example { place: "Next".to_owned(), text: line.trim().to_owned() };
    commands.lines().map(example).collect()
}

#[test]
fn the_next_steps_that_commands_name_work_as_pasted() {
    let place = Place::make();
    let said = place.run("rm soko.json; umoja init --dir 'a new one' --port-base 0").unwrap();
    let frozen = place.run("umoja region freeze us-east-1 --dir DIR").unwrap();
    let [add, serve, thaw] = &[next(&said), next(&frozen)].concat()[..] else { panic!("{said}{frozen}") };
    for step in [add, thaw] {
        place.run(&step.text).unwrap();
    }
    place.start(&serve.text).unwrap().stop().unwrap();
}

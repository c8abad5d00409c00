//! The fixtures of the readers of `migrate`, the samples of its mappings, and the hash families that neither contains.

use std::fs;
use std::path::Path;

use serde_json::json;
use umoja_migrate::Row;
use umoja_migrate::formats::{Format, Mapping, Options, keys, read};

/// One export of one system.
pub(super) struct Source {
    /// Also the name of the company that imports it.
    pub(super) name: &'static str,
    pub(super) format: Format,
    text: Vec<u8>,
    pub(super) options: Options,
    /// The passwords of the users with a readable hash, in the order of the file.
    pub(super) passwords: &'static [&'static str],
}

/// The number of users with a password in all sources.
pub(super) const PASSWORDS: usize = 56;

impl Source {
    /// The readable rows: most of the files contain some invalid rows on purpose.
    pub(super) fn rows(&self) -> Vec<Row> {
        let entries = read(self.format, &*self.text, &self.options).unwrap();
        entries.filter_map(|entry| entry.unwrap().row.and_then(Row::sound).ok()).collect()
    }
}

/// A file of `migrate`.
fn file(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrate").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The parameters and hash of <https://github.com/firebase/scrypt>, README.
const FIREBASE: &str = r#"{"app": {"firebase": {"signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}}"#;

/// The key of hashcat's example hash 1460.
const AUTH0: &str = r#"{"old-site": {"secret": "70108387805", "encoding": "utf8"}}"#;

fn options(keys_file: &[u8]) -> Options {
    Options { keys: keys::parse(keys_file).unwrap(), ..Options::default() }
}

fn own(name: &'static str, format: Format, fixture: &str, keys: &str, passwords: &'static [&'static str]) -> Source {
    let text = file(&format!("tests/formats/fixtures/{fixture}"));
    Source { name, format, text, options: options(keys.as_bytes()), passwords }
}

/// Reads the file with the mapping of that name.
fn mapped(name: &'static str, format: Format, passwords: &'static [&'static str]) -> Source {
    let ending = if format == Format::Csv { "csv" } else { "json" };
    let mapping = Some(Mapping::parse(&file(&format!("examples/{name}.json"))).unwrap());
    let keys = if name == "prestashop" { file("examples/prestashop.keys.json") } else { b"{}".to_vec() };
    let text = file(&format!("examples/{name}.users.{ending}"));
    Source { name, format, text, options: Options { mapping, ..options(&keys) }, passwords }
}

const ACCENTED: &str = "l\u{e8}tmein";

/// Hash families that no file above contains, from the tests of `umoja_crypto::legacy` (which name their sources).
const OTHERS: [(&str, &str); 17] = [
    ("hashcat", "$1$38652870$DUjsu4TTlTsOe/xxZ05uf/"),
    ("hashcat", "$apr1$62722340$zGjeAwVP2KwY6MtumUI1N/"),
    ("with unic\u{d6}de", "$5$rounds=1000$IbG0EuGQXw5EkMdP$LQ5AfPf13KufFsKtmazqnzSGZ4pxtUNw3woQ.ELRDF4"),
    ("hashcat", "$6$72820166$U4DVzpcYxgw7MVVDGGvB2/H5lRistD5.Ah4upwENR5UtffLR4X4SxSzfREv8z6wVl0jRFX40/KnYVvK4829kD1"),
    ("password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"),
    ("password", "$pbkdf2-sha256$i=1212,l=32$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg+fJPeq1h/gXXY7acBp9/6c+tmQ"),
    ("my password", "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw"),
    ("test", "$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA"),
    (
        ACCENTED,
        "scrypt$16384$seasalt$8$5$ECMIUp+LMxMSK8xB/IVyba+KYGTI7FTnet025q/1f/vBAVnnP3hdYqJuRi+mJn6ji6ze3Fbb7JEFPKGpuEf5vw==",
    ),
    ("hashcat", "{SSHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng=="),
    ("test", "{SMD5}LnuZPJhiaY95/4lmVFpg548xBsD4P4cw"),
    ("helloworld", "{MD5}/F4DjTilcDIIVEHn/nAQsA=="),
    (
        "hashcat",
        "{SSHA512}ALtwKGBdRgD+U0fPAy31C28RyKYx7+a8kmfksccsOeLknLHv2DBXYI7TDnTolQMBuPkWDISgZr2cHfnNPFjGZTEyNDU4OTkw",
    ),
    ("password", "13601bda4ea78e55a07b98866d2be6be0744e3866f13c00c811cab608a28f322:salt:1"),
    ("password", "$argon2i$v=19$m=256,t=1,p=1$c29tZXNhbHQ$AJFIsNZTMKTAewB4+ETN1A"),
    ("password", "argon2$argon2i$v=19$m=380,t=2,p=2$c29tZXNhbHQ$SrssP8n7m/12VWPM8dvNrw"),
    ("hashcat", "$P$946647711V1klyitUYhtB8Yw5DMA/w."),
];
const OTHERS_PASSWORDS: [&str; OTHERS.len()] = {
    let mut passwords = [""; OTHERS.len()];
    let mut n = 0;
    while n < OTHERS.len() {
        passwords[n] = OTHERS[n].0;
        n += 1;
    }
    passwords
};

fn others() -> Source {
    let lines =
        OTHERS.iter().enumerate().map(|(n, (_, hash))| format!("{}\n", json!({ "id": n.to_string(), "h": hash })));
    let mapping = json!({ "external_id": "id", "hash": { "family": "parse", "from": "h" } });
    let mapping = Some(Mapping::parse(mapping.to_string().as_bytes()).unwrap());
    let options = Options { mapping, ..Options::default() };
    let text = lines.collect::<String>().into_bytes();
    Source { name: "others", format: Format::Ndjson, text, options, passwords: &OTHERS_PASSWORDS }
}

pub(super) fn sources() -> Vec<Source> {
    use Format::{Auth0, Csv, Django, Drupal, Firebase, Keycloak, Ldif, Magento, Ndjson, WordPress};
    let auth0 = &["U*U", "hashcat", "hashcat", "hashcat", "password", "testing123"];
    vec![
        own("auth0", Auth0, "auth0-import.json", AUTH0, auth0),
        own("auth0-export", Auth0, "auth0-export.ndjson", "{}", &["U*U*"]),
        own("firebase", Firebase, "firebase.json", FIREBASE, &["user1password"; 2]),
        own("firebase-table", Firebase, "firebase.csv", FIREBASE, &["user1password"]),
        own("keycloak", Keycloak, "keycloak-realm.json", "{}", &["password"; 3]),
        own("django", Django, "django.json", "{}", &[ACCENTED; 3]),
        own("wordpress", WordPress, "wordpress.csv", "{}", &["admin", "test12345", "hashcat"]),
        own("magento", Magento, "magento.csv", "{}", &["password", "password", "hashcat"]),
        own("drupal", Drupal, "drupal.csv", "{}", &["hashcat", "U*U"]),
        own("ldap", Ldif, "people.ldif", "{}", &["testing123", "hashcat", "hashcat"]),
        mapped("kratos", Ndjson, &["hashcat"]),
        mapped("supertokens", Ndjson, &["U*U"]),
        mapped("supertokens-table", Csv, &["U*U", "hashcat"]),
        mapped("fusionauth", Ndjson, &["password", "U*U"]),
        mapped("zitadel", Ndjson, &["U*U"]),
        mapped("cognito", Ndjson, &[]),
        mapped("prestashop", Csv, &["hashcat"]),
        mapped("opencart", Csv, &["hashcat"]),
        mapped("aspnet-identity", Csv, &["my password"; 2]),
        mapped("windows", Csv, &["hashcat"]),
        others(),
    ]
}

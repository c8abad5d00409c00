//! The same people in OpenLDAP, if it is installed: `slapadd -q`, offline, into one side, hashes as they are.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::clock::Watch;
use crate::error::{BenchError, io};
use crate::hash::BCRYPT;

/// Where Debian's package `slapd` puts it.
const SLAPADD: &str = "usr/sbin/slapadd";
const MODULES: &str = "usr/lib/ldap";
const SCHEMA: &str = "etc/ldap/schema";

/// Seconds for this number of users; `None` if OpenLDAP is not installed. `root` is where its packages are unpacked.
pub(super) fn measure(dir: &Path, root: &Path, users: usize) -> Result<Option<f64>, BenchError> {
    let program = root.join(SLAPADD);
    if !program.exists() {
        return Ok(None);
    }
    let dir = dir.join("openldap");
    std::fs::create_dir_all(dir.join("db")).map_err(io("a directory"))?;
    let (file, conf) = (dir.join("people.ldif"), dir.join("slapd.conf"));
    people(&file, users).map_err(io("the file for OpenLDAP"))?;
    std::fs::write(&conf, config(&dir, root)).map_err(io("the settings of OpenLDAP"))?;
    let watch = Watch::start();
    let mut command = Command::new(program);
    command.arg("-q").arg("-f").arg(&conf).arg("-l").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    let done = command.status().map_err(io("slapadd"))?;
    let secs = watch.secs();
    if done.success() { Ok(Some(secs)) } else { Err(BenchError::Broken("slapadd")) }
}

fn config(dir: &Path, root: &Path) -> String {
    let mut text = String::new();
    for schema in ["core", "cosine", "inetorgperson"] {
        let path: PathBuf = root.join(SCHEMA).join(format!("{schema}.schema"));
        let _ = writeln!(text, "include {}", path.display());
    }
    let (modules, db) = (root.join(MODULES), dir.join("db"));
    let _ = writeln!(
        text,
        "modulepath {}\nmoduleload back_mdb\ndatabase mdb\ndirectory {}\nmaxsize 4294967296\nsuffix \"dc=umoja\"\n\
         index objectClass eq\nindex uid,mail eq\nindex entryUUID,entryCSN eq",
        modules.display(),
        db.display()
    );
    text
}

fn people(path: &Path, users: usize) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "dn: dc=umoja\nobjectClass: dcObject\nobjectClass: organization\ndc: umoja\no: umoja\n")?;
    writeln!(file, "dn: ou=people,dc=umoja\nobjectClass: organizationalUnit\nou: people\n")?;
    for number in 0..users {
        writeln!(
            file,
            "dn: uid=auth0-{number:024x},ou=people,dc=umoja\nobjectClass: inetOrgPerson\nuid: auth0-{number:024x}\n\
             cn: Amina Wanjiru {number}\nsn: Wanjiru {number}\ngivenName: Amina\nmail: user.{number}@example.com\n\
             labeledURI: https://images.example.com/people/{number:08}.jpg\npreferredLanguage: sw-KE\n\
             postalAddress: {number} Moi Avenue$Nairobi$00100$KE\nuserPassword: {{CRYPT}}{BCRYPT}\n"
        )?;
    }
    file.flush()
}

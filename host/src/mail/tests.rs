//! Both adapters against the contract, and what only one of them does.

mod sink;

use std::path::Path;
use std::sync::Arc;

use umoja_store::contract::mailer::{Arrived, PostOffice};
use umoja_store::ports::{Mail, MailError, Mailer};
use zeroize::Zeroizing;

use self::sink::{Sink, arrived};
use super::{MailDirectory, SmtpMailer, SmtpServer};
use crate::{OsEntropy, SystemClock};

const FROM: &str = "no-reply@id.example";

fn smtp(url: &str, password: Option<&str>) -> Result<SmtpMailer, &'static str> {
    let server = SmtpServer::parse(url)?;
    let server = match password {
        Some(password) => server.with_password(Zeroizing::new(password.to_owned())),
        None => server,
    };
    SmtpMailer::new(server, FROM, Arc::new(SystemClock), Arc::new(OsEntropy))
}

async fn by_smtp() -> PostOffice {
    let sink = Arc::new(Sink::start(None));
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let seen = Arc::clone(&sink);
    PostOffice {
        mailer: Arc::new(smtp(&sink.url(""), None).unwrap()),
        dead: Arc::new(smtp(&format!("smtp://{dead}"), None).unwrap()),
        arrived: Box::new(move || seen.arrived()),
        guard: Box::new(sink),
    }
}

fn directory(dir: &Path) -> MailDirectory {
    MailDirectory::new(dir, Arc::new(SystemClock), Arc::new(OsEntropy))
}

async fn in_directory() -> PostOffice {
    let temporary = tempfile::tempdir().unwrap();
    let (dir, file) = (temporary.path().join("mail"), temporary.path().join("file"));
    std::fs::write(&file, "").unwrap();
    PostOffice {
        mailer: Arc::new(directory(&dir)),
        dead: Arc::new(directory(&file)),
        arrived: Box::new(move || files(&dir).iter().map(|text| arrived(None, text.as_bytes())).collect()),
        guard: Box::new(temporary),
    }
}

/// The files of a directory.
fn files(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

mod smtp_server {
    use super::by_smtp;
    umoja_store::mailer_contract!(by_smtp);
}

mod mail_directory {
    use super::in_directory;
    umoja_store::mailer_contract!(in_directory);
}

const MAIL: Mail<'static> =
    Mail { to: "amina@example.com", from_name: "Duka", subject: "Code", text: "Your code is 12345678.\n" };

#[tokio::test(flavor = "multi_thread")]
async fn a_server_gets_the_user_and_the_password_and_the_operators_address() {
    let sink = Sink::start(Some(("login@id.example", "a secret")));
    let mailer = smtp(&sink.url("login%40id.example@"), Some("a secret")).unwrap();
    mailer.send(&MAIL).await.unwrap();
    assert_eq!(sink.senders(), [FROM]);
    let wrong = smtp(&sink.url("login%40id.example@"), Some("another")).unwrap();
    assert!(wrong.send(&MAIL).await.is_err());
    assert_eq!(sink.arrived().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_a_server_does_not_know_is_rejected_for_good() {
    let sink = Sink::start(None);
    let mailer = smtp(&sink.url(""), None).unwrap();
    let unknown = Mail { to: "unknown@example.com", ..MAIL };
    assert!(matches!(mailer.send(&unknown).await, Err(MailError::Rejected(_))));
    let later = Mail { to: "later@example.com", ..MAIL };
    assert!(matches!(mailer.send(&later).await, Err(MailError::Unavailable(_))));
    mailer.send(&MAIL).await.unwrap();
}

#[test]
fn a_mail_leaves_this_machine_under_tls_only() {
    for (url, wanted) in [
        ("smtps://mail.example", "Tls 465"),
        ("smtps://127.0.0.1:10465", "Tls 10465"),
        ("smtp://mail.example", "StartTls 587"),
        ("smtp://login@mail.example:2525/", "StartTls 2525"),
        ("smtp://10.0.0.1", "StartTls 587"),
        ("smtp://localhost", "Plain 25"),
        ("smtp://[::1]:2525", "Plain 2525"),
    ] {
        let server = SmtpServer::parse(url).unwrap();
        assert_eq!(format!("{:?} {}", server.security, server.port), wanted, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_offers_no_tls_gets_no_mail_from_elsewhere() {
    let sink = Sink::start(None);
    let mut server = SmtpServer::parse(&sink.url("")).unwrap();
    server.security = super::smtp::Security::StartTls;
    let mailer = SmtpMailer::new(server, FROM, Arc::new(SystemClock), Arc::new(OsEntropy)).unwrap();
    assert!(mailer.send(&MAIL).await.is_err());
    assert_eq!((sink.arrived(), sink.senders()), (Vec::<Arrived>::new(), Vec::<String>::new()));
}

#[test]
fn a_url_that_is_none_or_has_a_password_is_rejected() {
    for url in
        ["", "mail.example", "https://mail.example", "smtp://", "smtp://mail.example/x", "smtp://u:p@mail.example"]
    {
        assert!(SmtpServer::parse(url).is_err(), "{url}");
    }
    assert!(SmtpServer::parse("smtps://login@mail.example").unwrap().has_user());
}

#[tokio::test]
async fn a_user_without_a_password_and_a_sender_without_an_address_are_said() {
    assert!(smtp("smtps://login@mail.example", None).is_err());
    let server = SmtpServer::parse("smtps://mail.example").unwrap();
    assert!(SmtpMailer::new(server, "none", Arc::new(SystemClock), Arc::new(OsEntropy)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_in_a_directory_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("mail");
    directory(&dir).send(&MAIL).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let file = std::fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
    assert!(files(&dir)[0].ends_with("\n\nYour code is 12345678.\n"));
}

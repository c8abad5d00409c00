//! `umoja sign --send` over TLS, to a proxy in front of a region.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::{World, openssl_and_curl, path, run, text, umoja};

/// A certificate of `localhost` that signs itself, and its key.
fn certificate(world: &World) -> [PathBuf; 2] {
    let files = ["localhost.pem", "localhost.key"].map(|name| world.file(name));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    let made = openssl.args(["-out", path(&files[0]), "-keyout", path(&files[1])]).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    files
}

/// Ends TLS before a region.
async fn proxy(listener: TcpListener, [certificate, key]: [PathBuf; 2], region: String) {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let config = config.with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        // A client that does not trust the certificate ends the handshake.
        let Ok(mut outside) = acceptor.accept(connection).await else { continue };
        let mut inside = TcpStream::connect(&region).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
    }
}

#[tokio::test]
async fn a_request_is_sent_over_tls_only_to_a_certificate_that_this_machine_trusts() {
    if !openssl_and_curl() {
        return;
    }
    let world = World::new();
    let company = world.company("soko");
    let file = world.file("soko.json");
    std::fs::write(&file, serde_json::to_vec(&company).unwrap()).unwrap();
    // The first time chooses the ports.
    drop(world.serve());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let served = world.serve_with(&["--public-url", &format!("eu-west-1={url}")]);
    assert_eq!(served.urls[0], url);
    let stored = std::fs::read(world.file("d").join("deployment.json")).unwrap();
    let port = serde_json::from_slice::<Value>(&stored).unwrap()["regions"][0]["port"].clone();
    let files = certificate(&world);
    let trusted = files[0].clone();
    tokio::spawn(proxy(listener, files, format!("127.0.0.1:{port}")));

    let send = |authorities: PathBuf| {
        let mut command = umoja();
        command.args(["sign", "--send", "--json", "--company-file", path(&file)]);
        command.args(["--url", &format!("{url}/v1/users/register")]).env("SSL_CERT_FILE", authorities);
        let body = world.file("body.json");
        std::fs::write(&body, json!({ "username": "amina" }).to_string()).unwrap();
        command.stdin(std::fs::File::open(body).unwrap());
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let answered = send(trusted).await.unwrap();
    assert_eq!(answered.status.code(), Some(0), "{}", text(&answered.stderr));
    let answer: Value = serde_json::from_slice(&answered.stdout).unwrap();
    assert_eq!((&answer["status"], &answer["body"]["outcome"]), (&json!(201), &json!("created")));

    let other = World::new();
    let [elsewhere, _] = certificate(&other);
    let rejected = send(elsewhere).await.unwrap();
    assert_eq!(rejected.status.code(), Some(1));
    assert!(text(&rejected.stderr).contains("certificate"), "{}", text(&rejected.stderr));
}

#[test]
fn a_public_url_is_https_beyond_this_machine_and_can_be_removed() {
    let world = World::new();
    let stored = || {
        let text = std::fs::read(world.file("d").join("deployment.json")).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["regions"][0]["public_url"].clone()
    };
    let plain = ["serve", "--dir", &world.deployment(), "--public-url", "eu-west-1=http://eu.id.example.com"];
    let rejected = run(&plain);
    assert_eq!(rejected.status.code(), Some(2));
    assert!(text(&rejected.stderr).contains("https://"), "{}", text(&rejected.stderr));
    drop(world.serve_with(&["--public-url", "eu-west-1=https://eu.id.example.com"]));
    assert_eq!(stored(), "https://eu.id.example.com");
    let served = world.serve_with(&["--public-url", "eu-west-1=default"]);
    assert!(served.urls[0].starts_with("http://127.0.0.1:"), "{:?}", served.urls);
    assert_eq!(stored(), Value::Null);
}

//! `umoja sign --send` over TLS, to a proxy in front of a region.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::support::{World, openssl_and_curl, path, run, text, umoja, until};

/// A certificate of `localhost` that signs itself, and its key.
fn certificate(world: &World) -> [PathBuf; 2] {
    let files = ["localhost.pem", "localhost.key"].map(|name| world.file(name));
    let config = world.file("openssl.cnf");
    let extensions = "[req]\ndistinguished_name=dn\nx509_extensions=v3\nprompt=no\n[dn]\nCN=localhost\n\
                          [v3]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost\n";
    std::fs::write(&config, extensions).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-config", path(&config)]);
    let made = openssl.args(["-out", path(&files[0]), "-keyout", path(&files[1])]).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    files
}

/// Reads one HTTP message: its head, and as much as `content-length` says. `None` at the end of the connection.
fn message(from: &mut impl Read) -> Option<Vec<u8>> {
    let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let read = from.read(&mut chunk).ok().filter(|read| *read > 0)?;
        all.extend_from_slice(&chunk[..read]);
        let head = String::from_utf8_lossy(&all).to_lowercase();
        let Some(end) = head.find("\r\n\r\n") else { continue };
        let length = head[..end].lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if all.len() >= end + 4 + length {
            return Some(all);
        }
    }
}

/// Ends TLS before a region, one connection after the other.
fn proxy(listener: &TcpListener, [certificate, key]: [PathBuf; 2], region: &str) {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let config = Arc::new(config.with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap());
    loop {
        let (connection, _) = listener.accept().unwrap();
        let mut outside = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), connection);
        let mut inside = TcpStream::connect(region).unwrap();
        // A client that does not trust the certificate ends the handshake, and sends no request.
        while let Some(request) = message(&mut outside) {
            inside.write_all(&request).unwrap();
            outside.write_all(&message(&mut inside).unwrap()).unwrap();
            outside.flush().unwrap();
        }
    }
}

#[test]
fn a_request_is_sent_over_tls_only_to_a_certificate_that_this_machine_trusts() {
    if !openssl_and_curl() {
        return;
    }
    let world = World::new();
    let company = world.company("soko");
    let file = world.file("soko.json");
    std::fs::write(&file, serde_json::to_vec(&company).unwrap()).unwrap();
    // The first time chooses the ports.
    drop(world.serve());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let served = world.serve_with(&["--public-url", &format!("eu-west-1={url}")]);
    assert_eq!(served.urls[0], url);
    let stored = std::fs::read(world.file("d").join("deployment.json")).unwrap();
    let port = serde_json::from_slice::<Value>(&stored).unwrap()["regions"][0]["port"].clone();
    let files = certificate(&world);
    let trusted = files[0].clone();
    std::thread::spawn(move || proxy(&listener, files, &format!("127.0.0.1:{port}")));

    let send = |authorities: PathBuf| {
        let mut command = umoja();
        command.args(["sign", "--send", "--json", "--company-file", path(&file)]);
        command.args(["--url", &format!("{url}/v1/users/register")]).env("SSL_CERT_FILE", authorities);
        let body = world.file("body.json");
        std::fs::write(&body, json!({ "username": "amina" }).to_string()).unwrap();
        command.stdin(std::fs::File::open(body).unwrap());
        command.output().unwrap()
    };
    let answered = send(trusted);
    assert_eq!(answered.status.code(), Some(0), "{}", text(&answered.stderr));
    let answer: Value = serde_json::from_slice(&answered.stdout).unwrap();
    assert_eq!((&answer["status"], &answer["body"]["outcome"]), (&json!(201), &json!("created")));

    let other = World::new();
    let [elsewhere, _] = certificate(&other);
    let rejected = send(elsewhere);
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

/// Sends a request to a region by TLS, and trusts only this certificate.
fn asked(world: &World, company: &std::path::Path, url: &str, trusted: &std::path::Path) -> std::process::Output {
    let mut command = umoja();
    command.args(["sign", "--send", "--json", "--company-file", path(company)]);
    command.args(["--url", &format!("{url}/v1/users/lookup")]).env("SSL_CERT_FILE", trusted);
    let body = world.file("body.json");
    std::fs::write(&body, json!({ "username": "amina" }).to_string()).unwrap();
    command.stdin(std::fs::File::open(body).unwrap()).output().unwrap()
}

#[test]
fn the_ports_speak_tls_with_the_certificate_that_is_in_the_files_now() {
    if !openssl_and_curl() {
        return;
    }
    let world = World::new();
    let company = world.company("soko");
    let file = world.file("soko.json");
    std::fs::write(&file, serde_json::to_vec(&company).unwrap()).unwrap();
    let [certificate_file, key] = certificate(&world);
    let tls = ["--tls-cert", path(&certificate_file), "--tls-key", path(&key)];
    let said = run(&[&["serve", "--dir", &world.deployment()], &tls[..]].concat());
    assert_eq!(said.status.code(), Some(2), "each region needs its name: {}", text(&said.stderr));

    // The first time chooses the ports.
    let urls = world.serve().urls.clone().into_iter().map(|url| url.replace("http://127.0.0.1", "https://localhost"));
    let urls: Vec<String> = urls.collect();
    let names = [format!("eu-west-1={}", urls[0]), format!("af-south-1={}", urls[1])];
    let names = ["--public-url", &names[0], "--public-url", &names[1]];
    let plain = run(&[&["serve", "--dir", &world.deployment(), "--issuer-port", "0"], &tls[..], &names[..]].concat());
    assert!(plain.status.code() == Some(2) && text(&plain.stderr).contains("--issuer"), "{}", text(&plain.stderr));

    let served = world.serve_with(&[&tls[..], &names[..]].concat());
    assert_eq!(served.urls, urls);
    for url in &urls {
        let answered = asked(&world, &file, url, &certificate_file);
        let answer: Value = serde_json::from_slice(&answered.stdout).unwrap_or_default();
        assert_eq!(answer["status"], 404, "{answer} {}", text(&answered.stderr));
        let plain = asked(&world, &file, &url.replace("https", "http"), &certificate_file);
        assert_eq!(plain.status.code(), Some(1), "it answers without TLS");
    }
    let before = world.file("before.pem");
    std::fs::copy(&certificate_file, &before).unwrap();
    certificate(&world);
    until("the other certificate", || {
        let answered = asked(&world, &file, &urls[0], &certificate_file);
        serde_json::from_slice::<Value>(&answered.stdout).is_ok_and(|answer| answer["status"] == 404).then_some(())
    });
    assert_eq!(asked(&world, &file, &urls[0], &before).status.code(), Some(1));
    // What does not fit together is not taken over.
    std::fs::copy(&before, &certificate_file).unwrap();
    until("a warning", || {
        std::fs::read_to_string(world.log()).unwrap().contains("the certificate cannot be read").then_some(())
    });
}

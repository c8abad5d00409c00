//! What follows an attempt without a result, at regions that answer by a script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::types::Lookup;
use crate::{Client, Company, Error, ProblemCode};

/// The claims of each request that a region got.
type Seen = Arc<Mutex<Vec<Value>>>;

/// A region that gives every request this answer; none ends the connection without one.
async fn region(answer: Option<String>, seen: &Seen) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::clone(seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, answer.as_deref(), &seen).await;
        }
    });
    url
}

async fn serve(mut stream: TcpStream, answer: Option<&str>, seen: &Seen) {
    let mut read = Vec::new();
    let token = loop {
        let mut some = [0; 4096];
        let length = stream.read(&mut some).await.unwrap();
        read.extend_from_slice(&some[..length]);
        let text = String::from_utf8(read.clone()).unwrap();
        if let Some((_, token)) = text.split_once("\r\n\r\n")
            && token.split('.').nth(2).is_some_and(|signature| signature.len() == 86)
        {
            break token.to_owned();
        }
        assert!(length > 0, "a request has a token");
    };
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    seen.lock().unwrap().push(serde_json::from_slice(&claims).unwrap());
    if let Some(answer) = answer {
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// An unsigned problem.
fn problem(status: u16, code: &str, retry_after_secs: u32) -> String {
    let body =
        json!({ "type": format!("/errors#{code}"), "title": "T", "status": status, "detail": "D.", "code": code });
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/problem+json\r\nrequest-id: r1\r\nretry-after: {retry_after_secs}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn company() -> Company {
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n";
    let file = json!({ "id": "soko", "api_key": "key", "kid": "k1", "alg": "EdDSA", "private_key_pem": key });
    Company::from_json(file.to_string().as_bytes()).unwrap()
}

/// A call at regions with these answers, with all requests that they got.
async fn call(answers: &[Option<String>], attempts: usize) -> (Error, Vec<Value>) {
    let seen = Seen::default();
    let mut builder = Client::builder(company()).attempts(attempts).patience(Duration::ZERO);
    for answer in answers {
        builder = builder.region(&region(answer.clone(), &seen).await);
    }
    let error = builder.build().unwrap().lookup(&Lookup::default()).await.unwrap_err();
    let seen = seen.lock().unwrap().clone();
    (error, seen)
}

#[tokio::test]
async fn each_attempt_is_a_new_token_for_its_region_with_the_same_idempotency_key() {
    let (error, seen) = call(&[None, Some(problem(503, "unavailable", 1))], 4).await;
    assert_eq!((error.code(), error.request_id()), (Some(&ProblemCode::Unavailable), Some("r1")));
    // Both were tried, and to wait is more than the patience of this client.
    let [one, other] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(one["idk"], other["idk"]);
    for member in ["jti", "aud", "htu"] {
        assert_ne!(one[member], other[member], "{member}");
    }
}

#[tokio::test]
async fn what_no_repetition_helps_is_sent_once() {
    for (status, code) in [(401, "unauthorized"), (422, "half_character"), (429, "too_many_attempts")] {
        let (error, seen) = call(&[Some(problem(status, code, 0)), Some(problem(status, code, 0))], 4).await;
        assert_eq!(error.code().map(ProblemCode::as_str), Some(code));
        assert!(error.problem().unwrap().token.is_none());
        assert_eq!(seen.len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_request_to_be_signed_again_goes_to_the_same_region_as_often_as_there_are_attempts() {
    let (_, seen) = call(&[Some(problem(409, "replayed", 0)), None], 3).await;
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|claims| claims["aud"] == seen[0]["aud"]));
}

#[tokio::test]
async fn an_unknown_code_follows_its_status() {
    let (_, seen) = call(&[Some(problem(503, "new_in_a_later_version", 1)), None], 4).await;
    assert_eq!(seen.len(), 2);
    let (error, seen) = call(&[Some(problem(409, "new_in_a_later_version", 1)), None], 4).await;
    assert_eq!((error.code().map(ProblemCode::as_str), seen.len()), (Some("new_in_a_later_version"), 1));
}

mod tls;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use umoja_crypto::{Password, SigningKey};
use umoja_store::contract::legacy_login::{OldWorld, RIGHT, user};
use umoja_store::ports::KnownAs;

use super::*;

/// A request as a server received it.
struct Received {
    head: String,
    body: Vec<u8>,
}

/// A server on this machine. `answer` gives the whole response to a request.
fn serve(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, count) = (format!("http://{}/verify", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let (counted, answer) = (Arc::clone(&count), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (counted, answer) = (Arc::clone(&counted), Arc::clone(&answer));
            std::thread::spawn(move || exchange(stream, &counted, &*answer));
        }
    });
    (url, count)
}

/// Answers one request.
fn exchange(mut stream: impl Read + Write, counted: &AtomicUsize, answer: &dyn Fn(&Received) -> Vec<u8>) -> Option<()> {
    let mut reader = BufReader::new(&mut stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line == "\r\n" {
            break;
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    counted.fetch_add(1, Ordering::SeqCst);
    stream.write_all(&answer(&Received { head, body })).and_then(|()| stream.flush()).ok()
}

fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

fn authenticated(is: bool) -> Vec<u8> {
    response("200 OK", "content-type: application/json\r\n", &serde_json::json!({ "authenticated": is }).to_string())
}

fn http(url: &str) -> OldSystem {
    url.parse().unwrap()
}

async fn world() -> OldWorld {
    let (url, count) = serve(|received| {
        let asked: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
        let known = user();
        authenticated(asked["external_id"] == serde_json::json!(known.external_id) && asked["password"] == RIGHT)
    });
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    OldWorld {
        login: Arc::new(OldEndpoint::new().with_loopback()),
        system: http(&url),
        with_second_factor: http(&url),
        dead: http(&format!("http://{dead}/verify")),
        asked: Box::new(move || Some(count.load(Ordering::SeqCst))),
        guard: Box::new(()),
    }
}

umoja_store::legacy_login_contract!(world);

async fn asked(endpoint: &OldEndpoint, url: &str, known: &KnownAs) -> Result<LegacyAnswer, LegacyError> {
    let (key, password) = (SigningKey::from_seed("signing-1", [7; 32]), Password::attempt(RIGHT));
    let system = OldSystem::Http { url: url.to_owned() };
    let question =
        Question { system: &system, user: known, password: &password, id: "q1", at_secs: 1_700_000_000, key: &key };
    endpoint.verify(&question).await
}

fn here() -> OldEndpoint {
    OldEndpoint::new().with_loopback()
}

#[tokio::test]
async fn a_question_is_signed_by_the_region_and_has_nothing_in_its_url() {
    let key = SigningKey::from_seed("signing-1", [7; 32]);
    let (url, _) = serve(move |Received { head, body }| {
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:"))).unwrap();
            line.split_once(':').unwrap().1.trim().to_owned()
        };
        assert!(head.starts_with("POST /verify HTTP/1.1\r\n"), "{head}");
        assert!(!head.contains("ada") && !head.contains("horse"), "{head}");
        let sent: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&sent["email_verified"], sent.get("phone_number_verified")), (&false.into(), None));
        assert_eq!((header("webhook-id"), header("umoja-key-id")), ("q1".to_owned(), "signing-1".to_owned()));
        let message = [format!("q1.{}.", header("webhook-timestamp")).as_bytes(), body].concat();
        let signature = STANDARD.decode(header("webhook-signature").strip_prefix("v1a,").unwrap()).unwrap();
        authenticated(key.verifying_key().verifies(&message, &signature))
    });
    assert_eq!(asked(&here(), &url, &user()).await, Ok(LegacyAnswer::Right));
}

#[tokio::test]
async fn an_endpoint_on_this_machine_or_in_a_private_network_is_not_asked() {
    let (url, count) = serve(|_| authenticated(true));
    let port = url.rsplit(':').next().unwrap().to_owned();
    let public_only = OldEndpoint::new();
    for url in [
        url.clone(),
        format!("http://localhost:{port}"),
        format!("https://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
        format!("https://[::1]:{port}"),
        format!("https://[::ffff:127.0.0.1]:{port}"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/verify".to_owned(),
        "https://2130706433/verify".to_owned(),
    ] {
        let answer = asked(&public_only, &url, &user()).await;
        assert!(
            matches!(answer, Err(LegacyError::Rejected(_) | LegacyError::Unavailable("its name is not resolved"))),
            "{url}: {answer:?}"
        );
    }
    // A deployment on one machine allows loopback, and no other place without TLS.
    for url in ["http://10.0.0.1/verify", "http://169.254.169.254/verify", "https://192.168.0.1/verify"] {
        assert!(matches!(asked(&here(), url, &user()).await, Err(LegacyError::Rejected(_))), "{url}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let (elsewhere, count) = serve(|_| authenticated(true));
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("location: {elsewhere}\r\n");
        let (url, _) = serve(move |_| response(status, &location, ""));
        assert_eq!(asked(&here(), &url, &user()).await, Err(LegacyError::Rejected("it redirects")), "{status}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn only_a_clear_answer_is_one() {
    let cases: [(Vec<u8>, bool); 9] = [
        (response("500 Internal Server Error", "", "{\"authenticated\": true}"), true),
        (response("429 Too Many Requests", "", ""), true),
        (response("503 Service Unavailable", "retry-after: 600\r\n", ""), true),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec(), true),
        (b"nonsense\r\n\r\n".to_vec(), true),
        (response("200 OK", "", "{\"authenticated\": \"true\"}"), false),
        (response("200 OK", "", "true"), false),
        (response("201 Created", "", "{\"authenticated\": true}"), false),
        (response("401 Unauthorized", "", "{\"authenticated\": true}"), false),
    ];
    for (answer, is_unavailable) in cases {
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (url, _) = serve(move |_| answer.clone());
        let error = asked(&here(), &url, &user()).await.unwrap_err();
        assert_eq!(matches!(error, LegacyError::Unavailable(_)), is_unavailable, "{text}: {error}");
    }
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the thread of a server that answers late")]
async fn a_long_or_slow_answer_ends_the_question() {
    let (long, _) =
        serve(|_| response("200 OK", "", &format!("{{\"authenticated\": true, \"x\": \"{}\"}}", "x".repeat(5_000))));
    assert_eq!(
        asked(&here(), &long, &user()).await,
        Err(LegacyError::Unavailable("its answer is too long or broke off"))
    );
    let (slow, _) = serve(|_| {
        std::thread::sleep(Duration::from_secs(2));
        authenticated(true)
    });
    let endpoint = here().with_timeout(Duration::from_millis(100));
    assert_eq!(asked(&endpoint, &slow, &user()).await, Err(LegacyError::Unavailable("it did not answer in time")));
}

#[tokio::test]
async fn a_name_that_is_not_resolved_in_time_is_no_answer() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let outbound = HttpsOutbound::new().with_timeout(Duration::from_millis(50)).looking_up(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        loop {
            std::thread::park();
        }
    });
    let endpoint = OldEndpoint { outbound };
    for _ in 0..3 {
        let answer = asked(&endpoint, "https://dead.example/verify", &user()).await;
        assert_eq!(answer, Err(LegacyError::Unavailable("it did not answer in time")));
    }
    assert!(count.load(Ordering::SeqCst) <= 1, "later questions wait for the first look-up");
}

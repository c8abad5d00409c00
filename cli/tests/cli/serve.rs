//! `umoja serve`: its guarantees to clients and operators.

use std::process::Command;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use umoja_cli::ClientError;

use crate::support::{World, client, done, eventually, run, text, until};

const CANARY: &str = "canary-7f3e9a";

fn registration(n: usize) -> serde_json::Value {
    json!({
        "email": format!("{CANARY}-{n}@example.com"),
        "username": format!("{CANARY}-{n}"),
        "password": format!("{CANARY} waters cacti {n}"),
        "profile": { "given_name": CANARY, "custom": { "note": CANARY } },
    })
}

#[tokio::test]
async fn users_and_urls_survive_a_killed_process() {
    let world = World::new();
    let company = world.company("soko");
    let served = world.serve();
    let urls = served.urls.clone();
    let here = client(&urls[0], &company);
    let mut ids = Vec::new();
    for n in 0..5 {
        let answer = here.call("register", registration(n)).await.unwrap();
        assert_eq!(answer.status, 201, "{:?}", answer.code());
        ids.push(answer.body["user"]["id"].clone());
    }
    // Dropping the value kills the process.
    drop(served);
    let served = world.serve();
    assert_eq!(served.urls, urls);
    let (here, there) = (client(&urls[0], &company), client(&urls[1], &company));
    for (n, id) in ids.iter().enumerate() {
        let found = here.call("lookup", json!({ "email": format!("{CANARY}-{n}@example.com") })).await.unwrap();
        assert_eq!((found.status, &found.body["user"]["id"]), (200, id));
        // Changes that were not replicated before the kill are replicated after it.
        eventually("the user in the other region", async || {
            let found = there.call("lookup", json!({ "id": id })).await.unwrap();
            (found.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn serve_shuts_down_cleanly_and_logs_no_personal_data() {
    let world = World::new();
    let company = world.company("soko");
    let mut served = world.serve();
    let here = client(&served.urls[0], &company);
    let id = here.call("register", registration(1)).await.unwrap().body["user"]["id"].clone();
    here.call("authenticate", json!({ "username": format!("{CANARY}-1"), "password": CANARY })).await.unwrap();
    here.call("update", json!({ "id": id, "set": { "profile": { "nickname": CANARY } } })).await.unwrap();
    here.call("register", registration(1)).await.unwrap();
    here.call("lookup", json!({ CANARY: CANARY })).await.unwrap();
    here.call("erase", json!({ "id": id, "reason": CANARY })).await.unwrap();
    assert!(Command::new("kill").args(["-TERM", &served.child.id().to_string()]).status().unwrap().success());
    let ended = until("the end", || served.child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    let log = std::fs::read_to_string(world.log()).unwrap();
    assert!(log.contains("stopping") && log.contains("/v1/users/register"));
    assert!(!log.contains(CANARY), "personal data is in the log");
    assert!(!log.contains(&company.api_key), "an API key is in the log");
}

#[tokio::test]
async fn only_one_process_serves_a_deployment() {
    let world = World::new();
    let served = world.serve();
    let second = run(&["serve", "--dir", &world.deployment()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("being served by another process"));
    drop(served);
}

#[tokio::test]
async fn an_answer_to_another_request_is_rejected() {
    let world = World::new();
    let company = world.company("soko");
    let served = world.serve();
    let here = client(&served.urls[0], &company);
    let path = "/v1/users/lookup";
    let (one, other) =
        (here.sign(path, json!({ "username": "a" }), None), here.sign(path, json!({ "username": "b" }), None));
    let raw = here.post(path, one.token.clone().into()).await.unwrap();
    assert_eq!(here.verify(&one, &raw).await.unwrap().status, 404);
    assert!(matches!(here.verify(&other, &raw).await, Err(ClientError::NotOurs(_))));
    let mut changed = raw.clone();
    changed.status = 200;
    assert!(matches!(here.verify(&one, &changed).await, Err(ClientError::Status)));
    // The other region signs with the same key, but for its own URL.
    let there = client(&served.urls[1], &company);
    assert!(matches!(there.verify(&one, &raw).await, Err(ClientError::NotOurs(_))));
    let rejected = there.post(path, one.token.into()).await.unwrap();
    let problem: Value = serde_json::from_slice(&rejected.body).unwrap();
    assert_eq!(rejected.status, 401);
    assert!(
        problem["detail"].as_str().unwrap().contains("`aud`"),
        "a deployment to try things out explains: {problem}"
    );
}

#[tokio::test]
async fn the_port_of_the_issuer_leads_to_the_regions_that_serve() {
    let world = World::new();
    let closed = world.serve();
    assert_eq!(closed.issuer, None);
    assert!(answer(port_of(&closed.urls[0]), KEYS).await.starts_with("HTTP/1.1 404"), "single sign-on is not served");
    drop(closed);
    let served = world.serve_with(&["--issuer-port", "0"]);
    let issuer = served.issuer.clone().unwrap();
    assert!(issuer.starts_with("http://localhost:"), "{issuer}");
    for port in [port_of(&issuer), port_of(&issuer), port_of(&served.urls[0]), port_of(&served.urls[1])] {
        for path in ["/readyz", KEYS] {
            assert!(answer(port, path).await.starts_with("HTTP/1.1 200"), "{port} {path}");
        }
    }
    // A person who types an address finds a page, and a program a problem.
    let port = port_of(&issuer);
    let home = answer(port, "/").await;
    assert!(home.starts_with("HTTP/1.1 303") && home.contains(&format!("location: {issuer}/account")), "{home}");
    let page = answer_to(port, "/nothing", "accept: text/html\r\n").await;
    assert!(page.starts_with("HTTP/1.1 404") && page.contains("There is no page at this address"), "{page}");
    assert!(answer(port, "/nothing").await.contains("application/problem+json"));
    drop(served);
    assert_eq!(world.serve().issuer, Some(issuer), "the port is stored");
}

#[tokio::test]
async fn a_start_that_fails_changes_no_settings_and_a_change_of_the_issuer_is_said() {
    let world = World::new();
    let dir = world.deployment();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let settings = || std::fs::read(std::path::Path::new(&dir).join("deployment.json")).unwrap();
    let before = settings();
    for more in [&["--issuer", "https://login.example"][..], &[]] {
        let failed = run(&[&["serve", "--dir", &dir, "--issuer-port", &port], more].concat());
        assert_eq!(failed.status.code(), Some(1));
        assert!(text(&failed.stderr).contains("choose another port with --issuer-port"), "{}", text(&failed.stderr));
        assert!(settings() == before, "nothing of it is stored");
    }
    let first = world.serve_with(&["--issuer-port", "0"]).issuer.clone().unwrap();
    let log = || std::fs::read_to_string(world.log()).unwrap();
    assert!(!log().contains("The issuer was"), "there was none before");
    let second = world.serve_with(&["--issuer-port", "0"]).issuer.clone().unwrap();
    assert!(second == first || log().contains(&format!("The issuer was {first}, and is {second} now")), "{}", log());
    drop(world.serve_with(&["--issuer", "https://login.example"]));
    assert!(log().contains(&format!("The issuer was {second}, and is https://login.example now")));
    // The choice is taken back, with the URL.
    assert_eq!(world.serve_with(&["--issuer-port", "default"]).issuer, None);
    assert!(log().contains("The issuer was https://login.example, and there is none now"));
    assert_eq!(world.serve().issuer, None);
    let usage = run(&["serve", "--dir", &dir, "--issuer-port", "x"]);
    assert!(text(&usage.stderr).contains("or default for none"), "{}", text(&usage.stderr));
}

#[tokio::test]
async fn rejected_links_are_logged_with_the_reason_and_the_client_and_nothing_that_they_say() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let add =
        ["client", "add", "soko-web", "--company", "soko", "--redirect-uri", "https://soko.example/cb", "--dir", &dir];
    done(&add);
    let served = world.serve_with(&["--issuer-port", "0"]);
    let port = port_of(served.issuer.as_deref().unwrap());
    for (path, status) in [
        (format!("/oauth2/authorize?client_id={CANARY}&login_hint={CANARY}"), "400"),
        (format!("/oauth2/authorize?client_id=soko-web&redirect_uri=https://{CANARY}.example/"), "400"),
        (format!("/oauth2/authorize?client_id=soko-web&redirect_uri=https://soko.example/cb&state={CANARY}"), "303"),
        (format!("/login?step={CANARY}"), "405"),
    ] {
        let answer = answer(port, &path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
    drop(served);
    let log = std::fs::read_to_string(world.log()).unwrap();
    for line in [
        "reason=\"unknown_client\"",
        "reason=\"redirect_uri\" client=\"soko-web\"",
        "reason=\"invalid_request\" rule=\"response_type is missing\" client=soko-web",
        "reason=\"no_page\"",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains(CANARY));
}

/// The keys of single sign-on.
const KEYS: &str = "/oauth2/jwks";

fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

/// The answer of whatever region a new connection leads to.
async fn answer(port: u16, path: &str) -> String {
    answer_to(port, path, "").await
}

/// The same, with more headers.
async fn answer_to(port: u16, path: &str, headers: &str) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}connection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn clients_wait_while_a_process_with_open_ports_is_replaced() {
    let world = World::new();
    let company = world.company("soko");
    // The first time chooses the ports.
    let url = world.serve().urls[0].clone();
    let open = std::net::TcpListener::bind(("127.0.0.1", port_of(&url))).unwrap();
    let mut first = world.serve_on(&open);
    assert_eq!(first.urls[0], url);
    assert_eq!(client(&url, &company).call("register", registration(1)).await.unwrap().status, 201);
    assert!(Command::new("kill").args(["-TERM", &first.child.id().to_string()]).status().unwrap().success());
    assert_eq!(until("the end", || first.child.try_wait().unwrap()).code(), Some(0));
    let waiting = tokio::spawn({
        let here = client(&url, &company);
        async move { here.call("lookup", json!({ "username": format!("{CANARY}-1") })).await.unwrap().status }
    });
    eventually("a connection", async || TcpStream::connect(("127.0.0.1", port_of(&url))).await.ok()).await;
    assert!(!waiting.is_finished());
    let _second = world.serve_on(&open);
    assert_eq!(waiting.await.unwrap(), 200);
}

#[test]
fn options_of_a_file_count_unless_they_are_given() {
    let world = World::new();
    let file = world.file("umoja.toml");
    let config = ["--config", file.to_str().unwrap()];
    std::fs::write(&file, "issuer-port = 0\nmetrics = \"127.0.0.1:0\"\nlisten = \"0.0.0.0\"\n").unwrap();
    let served = world.serve_with(&[&config[..], &["--listen", "127.0.0.1"]].concat());
    assert!(served.issuer.is_some() && served.metrics.is_some());
    drop(served);
    for (text_of_file, why) in [("isuer-port = 0", "did you mean issuer-port"), ("issuer-port = \"x\"", "issuer-port")]
    {
        std::fs::write(&file, text_of_file).unwrap();
        let output = run(&[&["serve", "--dir", &world.deployment()], &config[..]].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{said}");
    }
}

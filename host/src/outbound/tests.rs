use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Mutex;

use umoja_crypto::{EngineChoice, Params, Password, Passwords};
use umoja_store::contract::outbound::{Outside, Received};
use umoja_store::ports::{Hasher as _, NewPassword};

use super::*;
use crate::{HashPool, PoolSettings, SystemClock};

/// A system on this machine, and what it received. `answer` gives the whole response to a request.
fn serve(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<Received>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, received) = (format!("http://{}", listener.local_addr().unwrap()), Arc::default());
    let (kept, answer) = (Arc::clone(&received), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            std::thread::spawn(move || exchange(stream, &kept, &*answer));
        }
    });
    (url, received)
}

fn exchange(mut stream: TcpStream, kept: &Mutex<Vec<Received>>, answer: &dyn Fn(&Received) -> Vec<u8>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let mut received = Received { method: words.next()?, path: words.next()?, ..Received::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        received.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = received.headers.iter().find(|(name, _)| name == "content-length");
    received.body = vec![0; length.map_or(Some(0), |(_, length)| length.parse().ok())?];
    reader.read_exact(&mut received.body).ok()?;
    kept.lock().unwrap().push(received.clone());
    stream.write_all(&answer(&received)).ok()
}

fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

async fn outside() -> Outside {
    let (url, received) = serve(|received| {
        let status: u16 = received.path[1..4].parse().unwrap();
        match status {
            204 => b"HTTP/1.1 204 Done\r\nx-answer: yes\r\n\r\n".to_vec(),
            status => response(&format!("{status} Status"), "x-answer: yes\r\n", "done"),
        }
    });
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Outside {
        outbound: Arc::new(HttpsOutbound::new().with_loopback()),
        url,
        dead: format!("http://{dead}/"),
        received,
        guard: Box::new(()),
    }
}

umoja_store::outbound_contract!(outside);

async fn called(outbound: &HttpsOutbound, url: &str) -> Result<Answered, OutboundError> {
    outbound.call(&Call { method: Method::Post, url, headers: &[], body: b"{}" }).await
}

#[tokio::test]
async fn a_system_in_a_private_network_is_not_called() {
    let (url, received) = serve(|_| response("200 OK", "", ""));
    let port = url.rsplit(':').next().unwrap().to_owned();
    let private = ["https://10.0.0.1/", "https://169.254.169.254/", "https://192.168.0.1/", "http://10.0.0.1/"];
    let here = [url.clone(), format!("http://localhost:{port}"), format!("https://127.0.0.1:{port}")];
    for url in private.map(str::to_owned).iter().chain(&here) {
        assert!(matches!(called(&HttpsOutbound::new(), url).await, Err(OutboundError::Rejected(_))), "{url}");
    }
    for url in here {
        let answered = called(&HttpsOutbound::new(), &url).await;
        let Err(OutboundError::Rejected(fault)) = answered else { panic!("{url} was called") };
        assert!(fault.contains("--outbound-loopback"), "{url}: {fault}");
        let words = called(&HttpsOutbound::new().without_loopback("--other"), &url).await;
        assert_eq!(words.map(|answered| answered.status), Err(OutboundError::Rejected("--other")), "{url}");
    }
    for url in private {
        let answered = called(&HttpsOutbound::new().with_loopback(), url).await;
        assert!(matches!(answered, Err(OutboundError::Rejected(_))), "{url}");
    }
    assert_eq!(*received.lock().unwrap(), []);
}

#[tokio::test]
async fn a_url_with_a_line_break_or_another_scheme_is_not_called() {
    for url in ["ftp://example.com/", "example.com", "https:///x", "https://example.com/\r\nx: y", ""] {
        assert!(matches!(called(&HttpsOutbound::new(), url).await, Err(OutboundError::Rejected(_))), "{url}");
    }
}

#[tokio::test]
async fn a_wait_that_an_answer_asks_for_is_read_as_seconds() {
    for (text, secs) in [("120", Some(120)), ("Fri, 31 Dec 1999 23:59:59 GMT", None), ("-1", None)] {
        let (url, _) = serve(move |_| response("429 Too Many", &format!("retry-after: {text}\r\n"), ""));
        let answered = called(&HttpsOutbound::new().with_loopback(), &url).await.unwrap();
        assert_eq!((answered.status, answered.retry_after_secs()), (429, secs));
    }
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the thread of a system that answers late")]
async fn a_long_or_slow_answer_ends_the_call() {
    let (long, _) = serve(|_| response("200 OK", "", &"x".repeat(5_000)));
    let outbound = HttpsOutbound::new().with_loopback().with_max_answer(4_096);
    let too_long = Err(OutboundError::Unavailable("its answer is too long or broke off"));
    assert_eq!(called(&outbound, &long).await.map(|answered| answered.status), too_long);
    let (slow, _) = serve(|_| {
        std::thread::sleep(Duration::from_secs(2));
        response("200 OK", "", "")
    });
    let outbound = outbound.with_timeout(Duration::from_millis(100));
    let late = Err(OutboundError::Unavailable("it did not answer in time"));
    assert_eq!(called(&outbound, &slow).await.map(|answered| answered.status), late);
}

#[test]
fn a_name_that_is_never_resolved_holds_neither_hashes_nor_other_systems() {
    // As in `umoja serve`, on a machine with one core.
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).enable_all().build().unwrap();
    let (url, received) = serve(|_| response("200 OK", "", ""));
    let port = url.rsplit(':').next().unwrap().to_owned();
    let (begins, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let outbound = HttpsOutbound::new().with_loopback().with_timeout(Duration::from_hours(1));
    let outbound = Arc::new(outbound.looking_up(move |host| {
        begins.send(host.to_owned()).unwrap();
        if host == "localhost" {
            return vec![Ipv4Addr::LOCALHOST.into()];
        }
        loop {
            std::thread::park();
        }
    }));
    runtime.block_on(async {
        let call = || {
            let outbound = Arc::clone(&outbound);
            async move { called(&outbound, "https://dead.example/").await.map(|answered| answered.status) }
        };
        let waiting: Vec<_> = (0..20).map(|_| tokio::spawn(call())).collect();
        assert_eq!(begun.recv().await.as_deref(), Some("dead.example"));
        let passwords = Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap();
        let pool = HashPool::new(Arc::new(passwords), PoolSettings::default(), Arc::new(SystemClock));
        let new = NewPassword {
            company: "acme".parse().unwrap(),
            password: Password::attempt("correct horse battery"),
            policy: None,
            salt: [1; 16],
            keys: Arc::default(),
        };
        assert!(pool.hash(new).await.unwrap().is_ok());
        let answered = called(&outbound, &format!("http://localhost:{port}")).await.unwrap();
        assert_eq!((answered.status, received.lock().unwrap().len()), (200, 1));
        assert_eq!(begun.recv().await.as_deref(), Some("localhost"));
        assert!(begun.try_recv().is_err(), "the name has one thread, however many wait for it");
        assert!(waiting.iter().all(|call| !call.is_finished()));
    });
    runtime.shutdown_background();
}

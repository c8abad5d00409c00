//! Endpoints over TLS: who does not show a certificate of the name that the operator wrote gets no password.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// The key of every server here.
const KEY: &[u8] = include_bytes!("tls/server.key");

/// The authority that the client trusts.
const AUTHORITY: &[u8] = include_bytes!("tls/authority.pem");

/// A certificate of that authority for `localhost`.
const TRUSTED: &[u8] = include_bytes!("tls/trusted.pem");

const FAILED: Result<LegacyAnswer, LegacyError> = Err(LegacyError::Unavailable("TLS failed"));

fn certificate(pem: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem).unwrap()
}

/// A server of TLS on this machine: its port, and the number of requests that it has read.
fn serve_tls(pem: &[u8], answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> (u16, Arc<AtomicUsize>) {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = Arc::new(config.with_single_cert(vec![certificate(pem)], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let (counted, answer) = (Arc::clone(&count), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (counted, answer, config) = (Arc::clone(&counted), Arc::clone(&answer), Arc::clone(&config));
            std::thread::spawn(move || {
                let stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                exchange(stream, &counted, &*answer)
            });
        }
    });
    (port, count)
}

/// The adapter as it is shipped, except that it trusts one authority in place of those of the machine.
fn trusting() -> OldEndpoint {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(AUTHORITY)).unwrap();
    let OldEndpoint { outbound } = here();
    OldEndpoint { outbound: outbound.trusting(roots) }
}

#[tokio::test]
async fn an_endpoint_with_a_trusted_certificate_of_its_name_is_asked() {
    let (port, count) = serve_tls(TRUSTED, |received| {
        let asked: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
        assert!(received.head.contains("localhost:"), "{}", received.head);
        authenticated(asked["password"] == RIGHT)
    });
    let (endpoint, url) = (trusting(), format!("https://localhost:{port}/verify"));
    for _ in 0..2 {
        assert_eq!(asked(&endpoint, &url, &user()).await, Ok(LegacyAnswer::Right));
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_endpoint_without_a_trusted_certificate_of_its_name_gets_no_password() {
    for (name, pem) in [
        ("another authority", &include_bytes!("tls/stranger.pem")[..]),
        ("expired", include_bytes!("tls/expired.pem")),
        ("another name", include_bytes!("tls/elsewhere.pem")),
    ] {
        let (port, count) = serve_tls(pem, |_| authenticated(true));
        assert_eq!(asked(&trusting(), &format!("https://localhost:{port}"), &user()).await, FAILED, "{name}");
        assert_eq!(count.load(Ordering::SeqCst), 0, "{name}");
    }
    // The certificate is right, and the URL names the address.
    let (port, count) = serve_tls(TRUSTED, |_| authenticated(true));
    assert_eq!(asked(&trusting(), &format!("https://127.0.0.1:{port}"), &user()).await, FAILED);
    // The authorities of the machine do not have the one of these tests.
    let answer = asked(&here(), &format!("https://localhost:{port}"), &user()).await;
    assert!(
        matches!(answer, FAILED | Err(LegacyError::Rejected("there are no certificate authorities"))),
        "{answer:?}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_endpoint_that_speaks_no_tls_gets_no_password() {
    let (url, count) = serve(|_| authenticated(true));
    let port = url.trim_end_matches("/verify").rsplit(':').next().unwrap();
    let endpoint = trusting().with_timeout(Duration::from_millis(300));
    let answer = asked(&endpoint, &format!("https://localhost:{port}"), &user()).await;
    assert!(matches!(answer, Err(LegacyError::Unavailable(_))), "{answer:?}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

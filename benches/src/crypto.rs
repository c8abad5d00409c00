//! The cost of a request in cryptography besides a password.

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use umoja_crypto::jws::{
    Expected, RequestClaims, ResponseClaims, parse_request, request_hash, sign_request, sign_response,
};
use umoja_crypto::{Aad, Algorithm, DataKey, IndexKey, SigningKey, open, seal};

use crate::clock::cpu_of_thread;
use crate::error::BenchError;
use crate::figure::{Report, count, median};

/// The number of calls of each operation.
#[derive(Debug, Clone, Copy)]
struct Effort {
    batches: usize,
    each: usize,
}

impl Effort {
    /// Processor time of one call in microseconds: the median of several batches.
    fn cost(self, mut work: impl FnMut() -> bool) -> Result<f64, BenchError> {
        let mut costs = Vec::with_capacity(self.batches);
        for _ in 0..self.batches {
            let before = cpu_of_thread()?;
            for _ in 0..self.each {
                if !work() {
                    return Err(BenchError::Broken("what was just made"));
                }
            }
            costs.push((cpu_of_thread()? - before) * 1e6 / count(self.each));
        }
        Ok(median(&costs))
    }
}

/// Sealing, signatures, blind indexes.
pub(crate) fn measure(report: &mut Report, quick: bool) -> Result<(), BenchError> {
    report.group("crypto", "CPU of one call, one thread");
    let effort = if quick { Effort { batches: 1, each: 5 } } else { Effort { batches: 25, each: 400 } };
    envelopes(report, effort)?;
    for (name, key) in [("EdDSA", SigningKey::from_seed("k", [3; 32])), ("ES256", p256()?)] {
        requests(report, effort, name, &key)?;
    }
    responses(report, effort)?;
    let index = IndexKey::new(1, &[4; 32]);
    let cost =
        effort.cost(|| black_box(index.index("umoja", "email", black_box("amina.wanjiru@example.com"))) != [0; 32]);
    report.add("blind index of an e-mail address", cost?, "us");
    Ok(())
}

fn envelopes(report: &mut Report, effort: Effort) -> Result<(), BenchError> {
    let (key, plaintext) = (DataKey::new([1; 32]), vec![b'x'; 2048]);
    let aad = Aad::new().text("users").bytes(&[2; 16]).text("profile").u64(1).text("eu-west-1");
    let sealed = seal(&key, [2; 32], [3; 16], &aad, &plaintext);
    let cost = effort.cost(|| black_box(seal(&key, [2; 32], [3; 16], &aad, black_box(&plaintext))).fmt == sealed.fmt);
    report.add("seal a profile of 2 KiB", cost?, "us");
    let cost = effort.cost(|| open(&key, &aad, black_box(&sealed)).is_ok_and(|opened| opened.len() == plaintext.len()));
    report.add("open a profile of 2 KiB", cost?, "us");
    Ok(())
}

/// An authenticate request, as a company sends it.
fn requests(report: &mut Report, effort: Effort, name: &str, key: &SigningKey) -> Result<(), BenchError> {
    let claims = RequestClaims {
        iss: "soko".into(),
        aud: "https://eu-west-1.id.example.com".into(),
        path: "/v1/users/authenticate".into(),
        iat: 1_000,
        exp: 1_060,
        jti: "5UEJ2wOqFgZPU0Q1k7mPbA".into(),
        akh: "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg".into(),
        idk: None,
        body: json!({ "email": "amina.wanjiru@example.com", "password": "correct horse battery staple" }),
    };
    let token = sign_request(key, &claims);
    let public = key.verifying_key();
    let expected = Expected { aud: &claims.aud, path: &claims.path, akh: &claims.akh };
    let verifies = || {
        let request = parse_request(black_box(token.as_bytes()))?;
        let request = request.check_times(1_010)?;
        request.verify(&public, &expected).map(|request| request.jti == claims.jti)
    };
    let cost = effort.cost(|| verifies().unwrap_or(false))?;
    report.add(format!("verify a request, {name}"), cost, "us");
    let cost = effort.cost(|| sign_request(key, black_box(&claims)).len() >= token.len() - 2)?;
    report.add(format!("sign a request, {name} (the caller's part)"), cost, "us");
    Ok(())
}

/// An answer with a user in it: regions sign with Ed25519, whatever the caller signs with.
fn responses(report: &mut Report, effort: Effort) -> Result<(), BenchError> {
    let key = SigningKey::from_seed("umoja-1", [5; 32]);
    let claims = ResponseClaims {
        iss: "https://eu-west-1.id.example.com".into(),
        aud: "soko".into(),
        iat: 1_000,
        exp: 1_060,
        rjti: "5UEJ2wOqFgZPU0Q1k7mPbA".into(),
        rqh: request_hash(b"a request"),
        status: 200,
        body: json!({ "user": { "email": "amina.wanjiru@example.com", "profile": { "text": Value::from("x".repeat(2048)) } } }),
    };
    let cost = effort.cost(|| sign_response(&key, black_box(&claims)).len() > 2048)?;
    report.add("sign a response with a profile of 2 KiB, EdDSA", cost, "us");
    Ok(())
}

fn p256() -> Result<SigningKey, BenchError> {
    let broken = || BenchError::Broken("a new P-256 key");
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let pkcs8 = pkcs8.map_err(|_| broken())?;
    let pem = pem_rfc7468::encode_string("PRIVATE KEY", pem_rfc7468::LineEnding::LF, pkcs8.as_ref());
    Ok(SigningKey::from_private_pem("k", Algorithm::Es256, &pem.map_err(|_| broken())?)?)
}

//! The vectors that every SDK is held against: `sdk/vectors/*.json`.
//!
//! `UPDATE=1 cargo test -p umoja-crypto --test sdk_vectors` writes them. The Ed25519 keys come from fixed seeds; the P-256
//! and RSA keys are those of RFC 7515 appendices A.3 and A.2, which were never secret.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too; the lint only knows functions marked so")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use umoja_crypto::jws::{
    EventClaims, RequestClaims, ResponseClaims, ResponseExpected, TYP_EVENT, TYP_RESPONSE, body_hash, request_hash,
    sign_event, sign_request, sign_response, verify_response,
};
use umoja_crypto::{Algorithm, JwsError, SigningKey, WebhookSecret, akh};

const NOW: u64 = 1_800_000_000;
const REGION: &str = "https://eu-west-1.example.com";
const OTHER_REGION: &str = "https://af-south-1.example.com";
const COMPANY: &str = "soko";
const API_KEY: &str = "umoja_test_3f9a1c02_this-is-the-api-key-of-the-test-vectors_8c1d7e55";

/// Compares a file with what this program makes, or writes it.
fn committed(file: &str, made: &Value) {
    let path = format!("{}/../sdk/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let made = serde_json::to_string_pretty(made).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == made, "{file}: run UPDATE=1 cargo test -p umoja-crypto --test sdk_vectors");
}

fn company_keys() -> [(&'static str, SigningKey); 4] {
    let (p256, rsa) =
        (include_str!("../../sdk/vectors/rfc7515-a3.pem"), include_str!("../../sdk/vectors/rfc7515-a2.pem"));
    [
        ("EdDSA", SigningKey::from_seed("soko-ed", [1; 32])),
        ("ES256", SigningKey::from_private_pem("soko-es", Algorithm::Es256, p256).unwrap()),
        ("RS256", SigningKey::from_private_pem("soko-rs", Algorithm::Rs256, rsa).unwrap()),
        ("PS256", SigningKey::from_private_pem("soko-ps", Algorithm::Ps256, rsa).unwrap()),
    ]
}

fn region_key() -> SigningKey {
    SigningKey::from_seed("region-1", [2; 32])
}

fn company_file(key: &SigningKey) -> Value {
    json!({
        "id": COMPANY,
        "api_key": API_KEY,
        "kid": key.kid(),
        "alg": key.algorithm().name(),
        "private_key_pem": key.private_key_pem().as_str(),
    })
}

/// The bodies of requests: each has a spelling in which JSON writers differ.
fn bodies() -> [(&'static str, Value); 6] {
    [
        ("an identifier", json!({ "email": "ada@example.com" })),
        ("an empty body", json!({})),
        (
            "letters of other scripts, and an emoji, as they are",
            json!({ "email": "señor.λ@例え.jp", "profile": { "name": "Ọlá 😀" } }),
        ),
        ("signs that HTML needs escaped, and a slash", json!({ "profile": { "name": "<b>&'/\"\\" } })),
        (
            "control characters, and separators of lines",
            json!({ "profile": { "name": "\u{1}\t\n\u{7f}\u{2028}\u{2029}" } }),
        ),
        (
            "numbers, null, lists and an empty object",
            json!({ "custom": { "a": [0, -1, 9_007_199_254_740_991_i64, 1.5, null, true], "b": {} } }),
        ),
    ]
}

#[test]
fn requests_have_the_bytes_of_the_vectors() {
    let keys = company_keys();
    let mut cases = Vec::new();
    let mut case = |name: &str, key: &SigningKey, url: &str, path: &str, idk: Option<&str>, body: &Value| {
        let jti = format!("jti-{}", cases.len());
        let claims = RequestClaims {
            iss: COMPANY.into(),
            aud: url.into(),
            path: path.into(),
            iat: NOW,
            exp: NOW + 60,
            jti: jti.clone(),
            akh: akh(API_KEY.as_bytes()),
            idk: idk.map(str::to_owned),
            body: body.clone(),
        };
        let token = sign_request(key, &claims);
        let signing_input = token.rsplit_once('.').unwrap().0;
        // Signatures of ES256 and PS256 are random.
        let exact = matches!(key.algorithm(), Algorithm::EdDsa | Algorithm::Rs256);
        let mut made = json!({
            "name": name, "key": key.algorithm().name(), "url": url, "path": path, "now": NOW, "jti": jti, "body": body,
            "body_json": body.to_string(), "signing_input": signing_input,
            "token": exact.then_some(&token), "rqh": exact.then(|| request_hash(token.as_bytes())),
        });
        if let Some(idk) = idk {
            made["idk"] = json!(idk);
        }
        cases.push(made);
    };
    for (name, body) in bodies() {
        case(name, &keys[0].1, REGION, "/v1/users/lookup", None, &body);
    }
    case("an idempotency key", &keys[0].1, REGION, "/v1/users/register", Some("order-17"), &bodies()[0].1);
    case("another region, by its port", &keys[0].1, "http://127.0.0.1:7301", "/v1/events/list", None, &bodies()[1].1);
    for (name, key) in &keys[1..] {
        case(&format!("the algorithm {name}"), key, REGION, "/v1/users/password/change", None, &bodies()[0].1);
    }
    let files: Map<String, Value> = keys.iter().map(|(name, key)| ((*name).to_owned(), company_file(key))).collect();
    let public: Map<String, Value> =
        keys.iter().map(|(name, key)| ((*name).to_owned(), json!(key.public_key_pem()))).collect();
    committed("requests.json", &json!({ "keys": files, "public_keys": public, "cases": cases }));
}

/// A token of any header and claims.
fn token(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let b64 = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", b64(header), b64(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())))
}

fn header(typ: &str) -> Value {
    json!({ "alg": "EdDSA", "kid": "region-1", "typ": typ })
}

/// The same object with other members; null removes one.
fn with(object: &Value, members: Value) -> Value {
    let mut object = object.clone();
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => object.as_object_mut().unwrap().remove(name),
            value => object.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    object
}

/// The token with its last character replaced by one that decodes to the same bytes.
fn loosely_spelled(token: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let place = ALPHABET.iter().position(|byte| *byte == last.as_bytes()[0]).unwrap();
    format!("{rest}{}", char::from(ALPHABET[place | 1]))
}

fn request() -> (RequestClaims, String) {
    let claims = RequestClaims {
        iss: COMPANY.into(),
        aud: REGION.into(),
        path: "/v1/users/lookup".into(),
        iat: NOW,
        exp: NOW + 60,
        jti: "the-request".into(),
        akh: akh(API_KEY.as_bytes()),
        idk: None,
        body: json!({ "email": "ada@example.com" }),
    };
    let token = sign_request(&company_keys()[0].1, &claims);
    (claims, token)
}

/// Answers with what has to become of each: `None` for accepted, or why it is rejected.
fn answers() -> Vec<(&'static str, u16, String, Option<&'static str>)> {
    let (request, sent) = request();
    let (key, foreign) = (region_key(), SigningKey::from_seed("region-1", [3; 32]));
    let claims = ResponseClaims {
        iss: REGION.into(),
        aud: COMPANY.into(),
        iat: NOW,
        exp: NOW + 60,
        rjti: request.jti,
        rqh: request_hash(sent.as_bytes()),
        status: 200,
        body: json!({ "user": { "id": "01977f9e-5a5b-7c3e-9b6e-0f7a3f1f2c11", "profile": { "name": "Ọlá 😀" } } }),
    };
    let right = sign_response(&key, &claims);
    let plain = serde_json::to_value(&claims).unwrap();
    let signed = |members: Value| token(&key, &header(TYP_RESPONSE), &with(&plain, members));
    let headed = |header: Value| token(&key, &header, &plain);
    let (head, rest) = right.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let changed = URL_SAFE_NO_PAD.encode(with(&plain, json!({ "status": 201 })).to_string());
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[7] ^= 1;
    let problem = json!({ "type": "urn:umoja:problem:user_not_found", "title": "There is no such user", "status": 404,
        "detail": "Check the identifier.", "code": "user_not_found" });
    vec![
        ("an answer", 200, right.clone(), None),
        ("a problem", 404, signed(json!({ "status": 404, "body": problem })), None),
        ("issued five seconds ahead of this clock", 200, signed(json!({ "iat": NOW + 5, "exp": NOW + 65 })), None),
        ("expired four seconds ago by this clock", 200, signed(json!({ "iat": NOW - 64, "exp": NOW - 4 })), None),
        ("an HTTP status that was not signed", 201, right.clone(), Some("status")),
        ("issued six seconds ahead", 200, signed(json!({ "iat": NOW + 6, "exp": NOW + 66 })), Some("iat")),
        ("expired five seconds ago", 200, signed(json!({ "iat": NOW - 65, "exp": NOW - 5 })), Some("exp")),
        ("valid for longer than a minute", 200, signed(json!({ "exp": NOW + 61 })), Some("exp")),
        ("times that are texts", 200, signed(json!({ "iat": NOW.to_string() })), Some("iat")),
        ("another region", 200, signed(json!({ "iss": OTHER_REGION })), Some("iss")),
        ("to another company", 200, signed(json!({ "aud": "duka" })), Some("aud")),
        ("to a request with another jti", 200, signed(json!({ "rjti": "another" })), Some("rjti")),
        ("to a request of other bytes", 200, signed(json!({ "rqh": request_hash(b"another") })), Some("rqh")),
        ("without a request", 200, signed(json!({ "rqh": null })), Some("rqh")),
        ("without a status", 200, signed(json!({ "status": null })), Some("status")),
        ("without a body", 200, signed(json!({ "body": null })), Some("body")),
        ("an unknown claim", 200, signed(json!({ "sub": "soko" })), Some("malformed")),
        ("changed claims", 200, format!("{head}.{changed}.{signature}"), Some("signature")),
        (
            "a changed signature",
            200,
            format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode(&flipped)),
            Some("signature"),
        ),
        ("no signature", 200, format!("{head}.{payload}."), Some("signature")),
        ("signed with a foreign key under the region's name", 200, sign_response(&foreign, &claims), Some("signature")),
        (
            "signed with a key that is not published",
            200,
            headed(json!({ "alg": "EdDSA", "kid": "region-2", "typ": TYP_RESPONSE })),
            Some("kid"),
        ),
        (
            "without an algorithm",
            200,
            headed(json!({ "alg": "none", "kid": "region-1", "typ": TYP_RESPONSE })),
            Some("alg"),
        ),
        (
            "an algorithm that the key does not have",
            200,
            headed(json!({ "alg": "HS256", "kid": "region-1", "typ": TYP_RESPONSE })),
            Some("alg"),
        ),
        ("the company's own request", 200, sent, Some("typ")),
        ("an event", 200, headed(header(TYP_EVENT)), Some("typ")),
        (
            "an unknown header member",
            200,
            headed(with(&header(TYP_RESPONSE), json!({ "crit": ["exp"] }))),
            Some("malformed"),
        ),
        ("two parts", 200, format!("{head}.{payload}"), Some("malformed")),
        ("four parts", 200, format!("{right}.{signature}"), Some("malformed")),
        ("padding", 200, format!("{right}=="), Some("malformed")),
        ("unused bits that are not zero", 200, loosely_spelled(&right), Some("malformed")),
        ("claims that are a list", 200, token(&key, &header(TYP_RESPONSE), &json!([plain])), Some("malformed")),
        ("no token at all", 200, "<html>Bad Gateway</html>".into(), Some("malformed")),
    ]
}

#[test]
fn answers_are_accepted_or_rejected_as_the_vectors_say() {
    let (request, sent) = request();
    let rqh = request_hash(sent.as_bytes());
    let expected = ResponseExpected { iss: REGION, aud: COMPANY, rjti: &request.jti, rqh: &rqh };
    let keys = [(region_key().kid().to_owned(), region_key().verifying_key())];
    let mut cases = Vec::new();
    for (name, http_status, answer, rejected) in answers() {
        let verified = match verify_response(answer.as_bytes(), &keys, &expected, NOW) {
            Ok(claims) if claims.status != http_status => Err("status"),
            Ok(claims) => Ok(serde_json::to_value(claims).unwrap()),
            Err(JwsError::Rejected(reason)) => Err(reason),
            Err(_) => Err("malformed"),
        };
        assert_eq!(verified.as_ref().err().copied(), rejected, "{name}");
        let mut case = json!({ "name": name, "now": NOW, "http_status": http_status, "answer": answer });
        match verified {
            Ok(claims) => case["claims"] = claims,
            Err(reason) => case["rejected"] = json!(reason),
        }
        cases.push(case);
    }
    committed(
        "answers.json",
        &json!({
            "request": { "company": COMPANY, "url": REGION, "jti": request.jti, "token": sent, "rqh": rqh },
            "jwks": { "keys": [region_key().jwk()] },
            "cases": cases,
        }),
    );
}

#[test]
fn webhooks_have_the_signatures_of_the_vectors() {
    let (secret, old, stranger) =
        (WebhookSecret::new([4; 32]), WebhookSecret::new([5; 32]), WebhookSecret::new([6; 32]));
    let id = "msg-01c9c3805187000000000000";
    let body = json!({ "specversion": "1.0", "id": "01c9c3805187000000000000", "source": "urn:umoja:eu-west-1:soko",
        "type": "umoja.user.profile_changed", "subject": "01977f9e-5a5b-7c3e-9b6e-0f7a3f1f2c11", "time": "2027-01-15T08:00:00Z",
        "sequence": "01c9c3805187000000000000", "datacontenttype": "application/json",
        "data": { "user": "01977f9e-5a5b-7c3e-9b6e-0f7a3f1f2c11", "part": "profile", "version": "0-01a3185c50000000-eu-west-1",
            "changed": ["profile.given_name"] } })
    .to_string();
    let signed = |secret: &WebhookSecret, at: u64| secret.sign(id, at, body.as_bytes());
    let (both, right) = (format!("{} {}", signed(&old, NOW), signed(&secret, NOW)), signed(&secret, NOW));
    let by_secret = [
        ("a webhook", id, NOW.to_string(), right.clone(), body.clone(), None),
        ("two secrets while one replaces the other", id, NOW.to_string(), both, body.clone(), None),
        ("signatures of other schemes beside it", id, NOW.to_string(), format!("v1a,AAAA {right}"), body.clone(), None),
        ("five minutes old", id, (NOW - 300).to_string(), signed(&secret, NOW - 300), body.clone(), None),
        (
            "older than five minutes",
            id,
            (NOW - 301).to_string(),
            signed(&secret, NOW - 301),
            body.clone(),
            Some("timestamp"),
        ),
        (
            "more than five minutes ahead",
            id,
            (NOW + 301).to_string(),
            signed(&secret, NOW + 301),
            body.clone(),
            Some("timestamp"),
        ),
        ("a timestamp that is no number", id, "now".into(), right.clone(), body.clone(), Some("timestamp")),
        ("another secret", id, NOW.to_string(), signed(&stranger, NOW), body.clone(), Some("signature")),
        ("another id", "msg-2", NOW.to_string(), right.clone(), body.clone(), Some("signature")),
        ("another time", id, (NOW - 1).to_string(), right.clone(), body.clone(), Some("signature")),
        ("a changed body", id, NOW.to_string(), right.clone(), body.replace("profile", "Profile"), Some("signature")),
        ("another scheme only", id, NOW.to_string(), right.replace("v1,", "v2,"), body.clone(), Some("signature")),
        ("an empty signature", id, NOW.to_string(), String::new(), body.clone(), Some("signature")),
    ];
    let mut cases = Vec::new();
    for (name, id, timestamp, signature, body, rejected) in by_secret {
        let headers = json!({ "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature });
        cases.push(json!({ "name": name, "now": NOW, "headers": headers, "body": body, "rejected": rejected }));
    }
    for missing in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let headers = json!({ "webhook-id": id, "webhook-timestamp": NOW.to_string(), "webhook-signature": right });
        let headers = with(&headers, json!({ missing: null }));
        let name = format!("without the header {missing}");
        cases.push(json!({ "name": name, "now": NOW, "headers": headers, "body": body, "rejected": "headers" }));
    }
    committed(
        "webhooks.json",
        &json!({ "secret": secret.expose().as_str(), "cases": cases, "signed_by_region": by_region(id, &body) }),
    );
}

/// Webhooks with the signature of a region, which needs no shared secret.
fn by_region(id: &str, body: &str) -> Value {
    let (key, foreign) = (region_key(), SigningKey::from_seed("region-1", [3; 32]));
    let claims = EventClaims {
        iss: REGION.into(),
        aud: COMPANY.into(),
        iat: NOW,
        jti: id.into(),
        sha256: body_hash(body.as_bytes()),
    };
    let plain = serde_json::to_value(&claims).unwrap();
    let signed = |members: Value| token(&key, &header(TYP_EVENT), &with(&plain, members));
    let right = sign_event(&key, &claims);
    let (head, rest) = right.split_once('.').unwrap();
    let signature = rest.split_once('.').unwrap().1;
    let changed = URL_SAFE_NO_PAD.encode(with(&plain, json!({ "jti": "msg-2" })).to_string());
    let cases = [
        ("an event of a region", right.clone(), body.to_owned(), None),
        ("of another region of the deployment", signed(json!({ "iss": OTHER_REGION })), body.to_owned(), None),
        ("five minutes old", signed(json!({ "iat": NOW - 300 })), body.to_owned(), None),
        ("older than five minutes", signed(json!({ "iat": NOW - 301 })), body.to_owned(), Some("iat")),
        ("more than five minutes ahead", signed(json!({ "iat": NOW + 301 })), body.to_owned(), Some("iat")),
        ("of another deployment", signed(json!({ "iss": "https://example.org" })), body.to_owned(), Some("iss")),
        ("to another company", signed(json!({ "aud": "duka" })), body.to_owned(), Some("aud")),
        ("of another message", signed(json!({ "jti": "msg-2" })), body.to_owned(), Some("jti")),
        ("a changed body", right.clone(), body.replace("profile", "Profile"), Some("sha256")),
        ("an answer", token(&key, &header(TYP_RESPONSE), &plain), body.to_owned(), Some("typ")),
        ("a foreign key under the region's name", sign_event(&foreign, &claims), body.to_owned(), Some("signature")),
        ("changed claims", format!("{head}.{changed}.{signature}"), body.to_owned(), Some("signature")),
        ("no token", "none".to_owned(), body.to_owned(), Some("malformed")),
    ]
    .map(|(name, signature, body, rejected)| {
        let headers = json!({ "webhook-id": id, "webhook-timestamp": NOW.to_string(), "umoja-signature": signature });
        json!({ "name": name, "now": NOW, "headers": headers, "body": body, "rejected": rejected })
    });
    json!({
        "company": COMPANY, "regions": [REGION, OTHER_REGION], "jwks": { "keys": [region_key().jwk()] }, "cases": cases,
    })
}

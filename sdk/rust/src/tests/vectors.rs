//! `sdk/vectors`: what every SDK signs, accepts and rejects in the same way.

use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::company::Company;
use crate::jws::{self, PublicKeys, Request, Signed, hash, signing_input};
use crate::webhooks::{Headers, Regions, Secret};

fn vectors(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(vectors: &Value) -> &[Value] {
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 10);
    cases
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_else(|| panic!("{name}"))
}

#[tokio::test]
async fn a_request_has_the_bytes_of_the_vectors() {
    let vectors = vectors("requests.json");
    for case in cases(&vectors) {
        let file = &vectors["keys"][text(case, "key")];
        let company = Company::from_json(file.to_string().as_bytes()).unwrap();
        let body = RawValue::from_string(text(case, "body_json").to_owned()).unwrap();
        let request = Request {
            url: text(case, "url"),
            path: text(case, "path"),
            body: &body,
            idk: case["idk"].as_str(),
            now: case["now"].as_u64().unwrap(),
            jti: text(case, "jti"),
        };
        let name = text(case, "name");
        assert_eq!(signing_input(&company, &request).unwrap(), case["signing_input"], "{name}");
        let signed = jws::request(&company, &request).await.unwrap();
        if let Some(token) = case["token"].as_str() {
            assert_eq!(signed.token, token, "{name}");
            assert_eq!(signed.rqh, case["rqh"], "{name}");
        }
    }
}

#[test]
fn an_answer_is_accepted_or_rejected_as_in_the_vectors() {
    let vectors = vectors("answers.json");
    let (request, keys) = (&vectors["request"], PublicKeys::from_jwks(&vectors["jwks"]));
    let member = |name: &str| text(request, name).to_owned();
    let signed = Signed { token: member("token"), jti: member("jti"), rqh: member("rqh"), url: member("url") };
    assert_eq!(hash(signed.token.as_bytes()), signed.rqh);
    for case in cases(&vectors) {
        let (status, now) = (case["http_status"].as_u64().unwrap(), case["now"].as_u64().unwrap());
        let answer = (u16::try_from(status).unwrap(), text(case, "answer").as_bytes());
        let verified = jws::verify(&keys, text(request, "company"), &signed, answer, now);
        let name = text(case, "name");
        match verified {
            Ok(verified) => {
                let body: Value = serde_json::from_str(verified.body.get()).unwrap();
                assert_eq!((verified.status.into(), &body), (status, &case["claims"]["body"]), "{name}");
            }
            Err(rejected) => assert_eq!(Value::from(rejected.0), case["rejected"], "{name}"),
        }
    }
}

fn headers(case: &Value) -> Headers<'_> {
    let header = |name: &str| case["headers"][name].as_str();
    Headers {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        umoja_signature: header("umoja-signature"),
    }
}

#[test]
fn a_webhook_is_accepted_or_rejected_as_in_the_vectors() {
    let vectors = vectors("webhooks.json");
    let secret = Secret::read(text(&vectors, "secret")).unwrap();
    let by_region = &vectors["signed_by_region"];
    let regions = Regions {
        company: text(by_region, "company").to_owned(),
        urls: by_region["regions"].as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()).collect(),
        keys: PublicKeys::from_jwks(&by_region["jwks"]),
    };
    let check = |case: &Value, by_secret: bool| {
        let (headers, body, now) = (headers(case), text(case, "body").as_bytes(), case["now"].as_u64().unwrap());
        let verified = if by_secret { secret.verify(&headers, body, now) } else { regions.verify(&headers, body, now) };
        let rejected = verified.err().map(|rejected| rejected.0);
        assert_eq!(rejected, case["rejected"].as_str(), "{}", text(case, "name"));
    };
    for case in cases(&vectors) {
        check(case, true);
    }
    for case in cases(by_region) {
        check(case, false);
    }
    assert!(crate::webhooks::event(text(&vectors["cases"][0], "body").as_bytes()).is_ok());
}

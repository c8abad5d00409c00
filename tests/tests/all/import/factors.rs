//! Second factors of other systems.

use serde_json::json;
use umoja_accounts::access::{By, CodeUsed, ForeignFactor, Standing};
use umoja_crypto::totp::TotpSecret;
use umoja_migrate::formats::{Format, Mapping, Options, read};
use umoja_migrate::import::{Importer, Outcome};
use umoja_migrate::{Row, RowFactor};
use umoja_schema::{Actor, Log, UserId};
use umoja_tests::deployment::Deployment;

use super::{found, importer, outcome, row, story};

/// The key of RFC 8037 appendix A.2 (COSE), as Keycloak writes it.
const PUBLIC_KEY: &str = "pAEBAycgBiFYINdamAGCsQq31Uv-08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
const HOST: &str = "login.example";

/// A user of a realm of Keycloak, with an application, a security key, a passkey, and an application that counts (HOTP).
fn realm() -> String {
    let otp = |data: serde_json::Value| {
        json!({
            "id": "o", "type": "otp", "userLabel": "Ada's phone", "createdDate": 1_641_966_467_024_u64,
            "secretData": json!({ "value": "Quohp7t2mrLMUwft3g90" }).to_string(), "credentialData": data.to_string(),
        })
    };
    let key = |kind: &str, id: &str| {
        let data = json!({
            "aaguid": "00000000-0000-0000-0000-000000000000", "credentialId": id, "counter": 7,
            "credentialPublicKey": PUBLIC_KEY, "attestationStatementFormat": "none", "transports": ["usb", "nfc"],
        });
        json!({ "id": id, "type": kind, "secretData": "{}", "credentialData": data.to_string() })
    };
    let totp = json!({ "subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1" });
    let counting = json!({ "subType": "hotp", "digits": 6, "counter": 3, "period": 0, "algorithm": "HmacSHA1" });
    json!({ "realm": "shop", "users": [{
        "id": "5e1a", "username": "ada", "email": "ada@example.com", "emailVerified": true, "enabled": true, "totp": true,
        "credentials": [
            otp(totp), key("webauthn", "AAECAw=="), key("webauthn-passwordless", "BAUGBw"), otp(counting),
            { "id": "r", "type": "recovery-authn-codes", "secretData": "{}", "credentialData": "{}" },
        ],
    }] })
    .to_string()
}

fn rows(format: Format, source: &str, options: &Options) -> Vec<Row> {
    read(format, source.as_bytes(), options).unwrap().map(|entry| entry.unwrap().row.unwrap()).collect()
}

async fn kinds(d: &Deployment, at: usize, id: UserId) -> Vec<&'static str> {
    let standing = Standing::read(&d.world.regions[at].people(), id).await.unwrap().unwrap();
    let mut kinds: Vec<_> = standing.factors().map(|factor| factor.kind.name()).collect();
    kinds.sort_unstable();
    kinds
}

fn totp(byte: u8) -> RowFactor {
    RowFactor { factor: ForeignFactor::Totp(TotpSecret::new(&[byte; 20]).unwrap()), site: None, label: None }
}

#[test]
fn a_person_of_keycloak_signs_in_with_its_application_in_every_region() {
    story(70, async |d| {
        let rows = rows(Format::Keycloak, &realm(), &Options::default());
        assert_eq!(rows[0].not_taken, ["credentials of type recovery-authn-codes", "totp"]);
        let with_host = Importer { site: Some(HOST.to_owned()), ..importer(&d, 0, &d.shop).await };
        let dry = Importer { dry_run: true, ..importer(&d, 0, &d.shop).await };
        let planned = Importer { site: Some(HOST.to_owned()), ..dry }.row(&rows[0]).await.unwrap();
        let done = with_host.row(&rows[0]).await.unwrap();
        assert_eq!((&planned.factors, &planned.left_out), (&done.factors, &done.left_out), "a dry run says the same");
        assert_eq!((done.outcome, &done.factors[..]), (Outcome::Created, &["totp", "passkey", "passkey"][..]));
        assert_eq!(done.left_out, ["credentials of type otp"], "that which counts");
        d.world.settle().await;
        let id = found(&d, 1, &d.shop, "5e1a").await;
        assert_eq!(kinds(&d, 1, id).await, ["passkey", "passkey", "totp"]);
        let people = d.world.regions[1].people();
        let standing = Standing::read(&people, id).await.unwrap().unwrap();
        let code = TotpSecret::new(b"Quohp7t2mrLMUwft3g90").unwrap().code(d.now() / 30);
        assert_eq!(people.use_code(&standing, (&code, &Actor::Umoja)).await, Ok(Some(CodeUsed::Totp)));
        let label = standing.factors().find_map(|factor| people.factor_label(factor));
        assert_eq!(label.as_deref(), Some("Ada's phone"));
        let passkey = standing.passkeys().next().unwrap().1;
        assert_eq!((passkey.sign_count, &passkey.transports[..]), (7, &["usb".to_owned(), "nfc".to_owned()][..]));
        // A second import adds nothing, in the other region too, and brings nothing back.
        let first = standing.factors().find(|factor| factor.kind.name() == "totp").unwrap().id.clone();
        let by = By { user: id, kept: None, actor: &Actor::Umoja };
        people.remove_factor(by, &first).await.unwrap();
        let again = Importer { site: Some(HOST.to_owned()), ..importer(&d, 1, &d.shop).await };
        assert_eq!(outcome(again.row(&rows[0]).await), Outcome::AlreadyThere);
        d.world.settle().await;
        assert_eq!(kinds(&d, 0, id).await, ["passkey", "passkey"]);
        let trail = d.world.regions[0].home.own.logs.rows(Log::Audit, id).await.unwrap();
        assert_eq!(trail.iter().filter(|row| row.kind == "factor_added").count(), 3);
        d.world.check_invariants().await;
    });
}

#[test]
fn a_passkey_of_another_host_or_of_no_known_issuer_is_left_out_and_loses_nothing_else() {
    story(71, async |d| {
        let rows = rows(Format::Keycloak, &realm(), &Options::default());
        let done = importer(&d, 0, &d.shop).await.row(&rows[0]).await.unwrap();
        assert_eq!((done.outcome, &done.factors[..]), (Outcome::Created, &["totp"][..]));
        let left_out = ["credentials of type otp", "factors.passkey.rp_id", "factors.passkey.rp_id"];
        assert_eq!(done.left_out, left_out);
        let strict = Importer { is_strict: true, ..importer(&d, 0, &d.shop).await };
        assert!(strict.row(&Row { left_out: Vec::new(), ..rows[0].clone() }).await.is_err());
    });
}

#[test]
fn a_mapping_says_where_factors_in_our_own_form_are() {
    story(72, async |d| {
        let mapping = br#"{"external_id": "id", "email": "mail", "email_verified": true, "factors": "second"}"#;
        let options = Options { mapping: Some(Mapping::parse(mapping).unwrap()), ..Options::default() };
        let factor = |more: serde_json::Value| {
            let mut factor = json!({ "type": "totp", "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" });
            factor.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            factor
        };
        let passkey = |host: &str| json!({ "type": "passkey", "credential_id": "AAECAw", "public_key": PUBLIC_KEY, "rp_id": host });
        let second = json!([
            factor(json!({})), factor(json!({ "digits": 8 })), passkey(HOST), passkey("old.example"), { "type": "sms" },
        ]);
        let source = json!({ "id": "7", "mail": "ada@example.com", "second": second }).to_string();
        let rows = rows(Format::Ndjson, &source, &options);
        let with_host = Importer { site: Some(HOST.to_owned()), ..importer(&d, 0, &d.shop).await };
        let done = with_host.row(&rows[0]).await.unwrap();
        assert_eq!(
            (&done.factors[..], &done.left_out[..]),
            (
                &["totp", "passkey"][..],
                &["second".to_owned(), "second".to_owned(), "factors.passkey.rp_id".to_owned()][..]
            )
        );
        assert_eq!(done.not_taken, [""; 0]);
        // Nothing of a secret is kept under `custom`.
        let user = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).body.to_string();
        assert!(!user.contains("GEZDGNBV") && !user.contains("second"), "{user}");
    });
}

#[test]
fn an_import_that_was_killed_before_the_factors_is_completed_by_the_next_one() {
    story(73, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        let bare = row("7", "ada@example.com");
        assert_eq!(outcome(importer.row(&bare).await), Outcome::Created);
        let done = importer.row(&Row { factors: vec![totp(1), totp(2)], ..bare }).await.unwrap();
        assert_eq!((done.outcome, &done.factors[..]), (Outcome::AlreadyThere, &["totp", "totp"][..]));
        assert_eq!(kinds(&d, 0, found(&d, 0, &d.shop, "7").await).await, ["totp", "totp"]);
    });
}

#[test]
fn a_user_whom_another_company_knows_gets_no_factor_by_an_import() {
    story(74, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let id: UserId = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.id().parse().unwrap();
        let theirs = Row { factors: vec![totp(1)], ..row("9", "ada@example.com") };
        let done = importer(&d, 0, &d.food).await.row(&theirs).await.unwrap();
        assert_eq!((done.outcome, &done.factors[..]), (Outcome::Matched, &[][..]));
        assert_eq!((done.left_out, kinds(&d, 0, id).await), (vec!["factors.totp".to_owned()], Vec::new()));
    });
}

//! The mappings of `migrate/examples` over a sample of each system.

use serde_json::{Value, json};
use umoja_crypto::legacy::ImportError;
use umoja_migrate::formats::{Format, Mapping, Options, keys};
use umoja_migrate::{Rejected, Row};
use umoja_schema::{AccountStatus, Millis};

use crate::login::{assert_logs_in, entries, rows};

macro_rules! example {
    ($name:literal, $sample:literal) => {
        (
            Options {
                mapping: Some(Mapping::parse(include_bytes!(concat!("../../examples/", $name, ".json"))).unwrap()),
                ..Options::default()
            },
            include_str!(concat!("../../examples/", $sample)),
        )
    };
}

fn profile(row: &Row) -> Value {
    serde_json::to_value(&row.profile).unwrap()
}

#[test]
fn ory_kratos() {
    let (options, sample) = example!("kratos", "kratos.users.json");
    let rows = rows(Format::Ndjson, sample, &options);
    assert_logs_in(&rows[0], &options, "hashcat");
    assert_eq!(rows[0].external_id.as_deref(), Some("9f425a8d-7efc-4768-8f23-7647a74fdf13"));
    assert_eq!((rows[0].email.as_deref(), rows[0].email_verified), (Some("ory@example.com"), true));
    assert_eq!(rows[0].created_at, Some(Millis(1_672_567_140_123)));
    let expected =
        json!({"given_name": "Ory", "family_name": "Example", "custom": {"metadata_public": {"plan": "free"}}});
    assert_eq!(profile(&rows[0]), expected);
    let social = &rows[1];
    assert_eq!((social.email.as_deref(), social.email_verified), (Some("social@example.com"), false));
    assert!(social.hash.is_none() && social.status == Some(AccountStatus::Disabled));
}

#[test]
fn supertokens() {
    let (options, sample) = example!("supertokens", "supertokens.users.json");
    let row = &rows(Format::Ndjson, sample, &options)[0];
    assert_logs_in(row, &options, "U*U");
    assert_eq!(row.external_id.as_deref(), Some("user-123"));
    assert_eq!((row.email.as_deref(), row.email_verified), (Some("sue@example.com"), true));
    assert_eq!(profile(row)["custom"]["userMetadata"]["size"], json!(7));
    let (options, sample) = example!("supertokens-table", "supertokens-table.users.csv");
    let rows = rows(Format::Csv, sample, &options);
    assert_logs_in(&rows[0], &options, "U*U");
    assert_logs_in(&rows[1], &options, "hashcat");
    assert_eq!((rows[0].email_verified, rows[1].email_verified), (true, false));
    assert_eq!(rows[0].created_at, Some(Millis(1_672_527_600_000)));
}

#[test]
fn fusionauth() {
    let (options, sample) = example!("fusionauth", "fusionauth.users.json");
    let entries = entries(Format::Ndjson, sample, &options);
    let row = |index: usize| entries[index].row.as_ref().unwrap();
    assert_logs_in(row(0), &options, "password");
    assert_logs_in(row(1), &options, "U*U");
    assert_eq!((row(0).status, row(1).status), (Some(AccountStatus::Active), Some(AccountStatus::Disabled)));
    assert_eq!(
        profile(row(0)),
        json!({
            "given_name": "Fay", "family_name": "Usion", "birthdate": "1976-05-30", "zoneinfo": "America/Denver",
            "locale": "en", "custom": {"data": {"favoriteColor": "teal"}},
        })
    );
    let unknown = entries[2].row.as_ref().err();
    assert_eq!(unknown, Some(&Rejected::Hash(ImportError::Unsupported)), "a scheme that the mapping does not know");
}

#[test]
fn zitadel() {
    let (options, sample) = example!("zitadel", "zitadel.users.json");
    let rows = rows(Format::Ndjson, sample, &options);
    assert_eq!(rows.len(), 2, "of both organisations");
    assert_logs_in(&rows[0], &options, "U*U");
    assert_eq!(rows[0].username.as_deref(), Some("test9"));
    assert_eq!((rows[1].phone_number.as_deref(), rows[1].phone_number_verified), (Some("+41712345678"), true));
    assert!(rows[1].hash.is_none());
}

#[test]
fn cognito_exports_have_no_passwords() {
    let (options, sample) = example!("cognito", "cognito.users.json");
    let row = &rows(Format::Ndjson, sample, &options)[0];
    assert!(row.hash.is_none());
    assert_eq!(row.external_id.as_deref(), Some("eaad0219-2117-439f-8d46-4db20e59268f"));
    assert_eq!((row.email.as_deref(), row.email_verified), (Some("testuser@example.com"), true));
    assert_eq!((row.created_at, row.status), (Some(Millis(1_519_428_685_682)), Some(AccountStatus::Active)));
    assert_eq!(profile(row), json!({"given_name": "Tess", "custom": {"plan": "gold"}}));
}

#[test]
fn supabase() {
    let (options, sample) = example!("supabase", "supabase.users.csv");
    let entries = entries(Format::Csv, sample, &options);
    let sue = entries[0].row.as_ref().unwrap();
    assert_logs_in(sue, &options, "U*U");
    assert_eq!((sue.phone_number.as_deref(), sue.phone_number_verified), (Some("+254712123456"), true));
    assert_eq!((sue.email_verified, sue.created_at), (true, Some(Millis(1_683_356_889_123))));
    assert_eq!(profile(sue), json!({"name": "Sue Base"}));
    assert_eq!(entries[1].row.as_ref().err(), Some(&Rejected::Deleted));
}

#[test]
fn shops() {
    let (mut options, sample) = example!("prestashop", "prestashop.users.csv");
    options.keys = keys::parse(include_bytes!("../../examples/prestashop.keys.json")).unwrap();
    let entries = entries(Format::Csv, sample, &options);
    let pia = entries[0].row.as_ref().unwrap();
    assert_logs_in(pia, &options, "hashcat");
    assert_eq!(profile(pia), json!({"given_name": "Pia", "family_name": "Presta", "birthdate": "1970-01-15"}));
    assert_eq!(entries[1].row.as_ref().err(), Some(&Rejected::Deleted));
    let (options, sample) = example!("opencart", "opencart.users.csv");
    assert_logs_in(&rows(Format::Csv, sample, &options)[0], &options, "hashcat");
}

#[test]
fn asp_net_identity_and_windows() {
    let (options, sample) = example!("aspnet-identity", "aspnet-identity.users.csv");
    let rows_of_asp = rows(Format::Csv, sample, &options);
    for row in &rows_of_asp {
        assert_logs_in(row, &options, "my password");
    }
    assert_eq!((rows_of_asp[0].email_verified, rows_of_asp[1].email_verified), (true, false));
    assert_eq!(rows_of_asp[0].phone_number, None);
    let (options, sample) = example!("windows", "windows.users.csv");
    let rows = rows(Format::Csv, sample, &options);
    assert_logs_in(&rows[0], &options, "hashcat");
    assert!(rows[1].hash.is_none());
}

#[test]
fn documented_examples_are_read() {
    let blocks = include_str!("../../../docs/migrate.md").split("```json\n").skip(1);
    let blocks: Vec<&[u8]> = blocks.filter_map(|block| Some(block.split_once("```")?.0.as_bytes())).collect();
    let (keys, others): (Vec<&[u8]>, Vec<&[u8]>) = blocks.into_iter().partition(|block| keys::parse(block).is_ok());
    let (factors, mappings): (Vec<&[u8]>, Vec<&[u8]>) = others.into_iter().partition(|block| block.starts_with(b"["));
    assert_eq!((keys.len(), factors.len(), mappings.len()), (1, 1, 2));
    assert!(mappings.iter().all(|mapping| Mapping::parse(mapping).is_ok()));

    let mapping = Mapping::parse(br#"{"external_id": "id", "factors": "factors"}"#).unwrap();
    let options = Options { mapping: Some(mapping), ..Options::default() };
    let written: Value = serde_json::from_slice(factors[0]).unwrap();
    let sample = json!({"id": "1", "factors": written}).to_string();
    let row = &rows(Format::Ndjson, &sample, &options)[0];
    assert_eq!((row.factors.len(), row.factors[1].site.as_deref()), (2, Some("login.example.com")));
}

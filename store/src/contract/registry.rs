//! Cases of [`Registry`](crate::ports::Registry).

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;
use umoja_schema::company::ApiKeyHash;
use umoja_schema::{Company, CompanyKey, Scope};

use super::Tables;

fn company(id: &str) -> Company {
    Company {
        id: id.parse().unwrap(),
        revision: 0,
        name: format!("The \"{id}\" Company, Ltd. — Nairobi"),
        enabled: true,
        ends: 0,
        trusted: false,
        scopes: vec![Scope::Register, Scope::Lookup],
        phone_country: Some("KE".into()),
        username_restriction: None,
        old_system: None,
        status_page: None,
        require_mfa: None,
        providers: Vec::new(),
        registration: false,
        mfa_by_mail: false,
        rate_limit: NonZeroU32::new(250),
        api_keys: vec![ApiKeyHash { id: "k1".into(), sha256: "hash".into(), expires_at: Some(9) }],
        keys: vec![CompanyKey { kid: "1".into(), alg: "ES256".into(), public_key_pem: "pem\n".into() }],
        unknown: serde_json::Map::from_iter([("novelty".into(), serde_json::json!({ "of": ["a newer version"] }))]),
    }
}

pub async fn a_company_that_was_never_stored_is_absent(t: Tables) {
    assert_eq!(t.registry.company(&"acme".parse().unwrap()).await, Ok(None));
    assert_eq!(t.registry.companies().await, Ok(vec![]));
}

pub async fn the_last_stored_company_is_read(t: Tables) {
    let mut acme = company("acme");
    t.registry.put_company(&acme).await.unwrap();
    assert_eq!(t.registry.company(&acme.id).await, Ok(Some(acme.clone())));
    acme.enabled = false;
    acme.phone_country = None;
    t.registry.put_company(&acme).await.unwrap();
    assert_eq!(t.registry.company(&acme.id).await, Ok(Some(acme.clone())));
    assert_eq!(t.registry.companies().await, Ok(vec![acme]));
}

pub async fn companies_are_listed_in_id_order(t: Tables) {
    let mut ids = ["m", "zz", "a", "a-b", "b2", "a0", "q"];
    for id in ids {
        t.registry.put_company(&company(id)).await.unwrap();
    }
    ids.sort_unstable();
    assert_eq!(t.registry.companies().await, Ok(ids.map(company).to_vec()));
}

pub async fn a_company_is_replaced_only_over_the_expected_one(t: Tables) {
    let acme = company("acme");
    let [two, three] = [2, 3].map(|n| Company { rate_limit: NonZeroU32::new(n), ..acme.clone() });
    assert_eq!(t.registry.replace_company(Some(&acme), &two).await, Ok(false), "none is stored");
    assert_eq!(t.registry.company(&acme.id).await, Ok(None));
    assert_eq!(t.registry.replace_company(None, &acme).await, Ok(true));
    assert_eq!(t.registry.replace_company(None, &two).await, Ok(false), "one is stored");
    assert_eq!(t.registry.replace_company(Some(&two), &three).await, Ok(false), "another one is stored");
    let other = Company { unknown: serde_json::Map::new(), ..acme.clone() };
    assert_eq!(t.registry.replace_company(Some(&other), &two).await, Ok(false), "it has members of a newer version");
    assert_eq!(t.registry.company(&acme.id).await, Ok(Some(acme.clone())));
    assert_eq!(t.registry.replace_company(Some(&acme), &two).await, Ok(true));
    assert_eq!(t.registry.company(&acme.id).await, Ok(Some(two.clone())));
    assert_eq!(t.registry.replace_company(None, &company("soko")).await, Ok(true), "another company");
    assert_eq!(t.registry.companies().await, Ok(vec![two, company("soko")]));
}

pub async fn one_of_many_concurrent_replacements_of_a_company_succeeds(t: Tables) {
    let first = company("acme");
    for expected in [None, Some(first.clone())] {
        let mut tasks = JoinSet::new();
        for n in 1..=12 {
            let (registry, expected) = (Arc::clone(&t.registry), expected.clone());
            let rate_limit = if expected.is_none() { first.rate_limit } else { NonZeroU32::new(n) };
            let next = Company { rate_limit, ..first.clone() };
            tasks.spawn(async move { registry.replace_company(expected.as_ref(), &next).await });
        }
        let done = tasks.join_all().await;
        assert_eq!(done.iter().filter(|done| **done == Ok(true)).count(), 1, "{done:?}");
        assert_eq!(done.iter().filter(|done| **done == Ok(false)).count(), 11, "{done:?}");
    }
}

pub async fn a_row_is_replaced_or_removed_only_as_it_was_read(t: Tables) {
    let (acme, soko) = (company("acme"), company("soko"));
    let changed = Company { enabled: false, revision: 1, ..acme.clone() };
    for company in [&soko, &acme] {
        t.registry.put_company(company).await.unwrap();
    }
    let rows = t.registry.company_rows().await.unwrap();
    let held: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.company.clone())).collect();
    assert_eq!(held, [("acme", Some(acme.clone())), ("soko", Some(soko.clone()))]);
    assert_eq!(t.registry.replace_company_row(&rows[0], Some(&changed)).await, Ok(true));
    for company in [Some(&acme), None] {
        assert_eq!(t.registry.replace_company_row(&rows[0], company).await, Ok(false), "it holds another document");
    }
    assert_eq!(t.registry.companies().await, Ok(vec![changed, soko.clone()]));
    let changed = t.registry.company_rows().await.unwrap().remove(0);
    for is_first in [true, false] {
        assert_eq!(t.registry.replace_company_row(&changed, None).await, Ok(is_first));
    }
    assert_eq!(t.registry.replace_company_row(&rows[0], Some(&acme)).await, Ok(false), "no such row is left");
    assert_eq!(t.registry.companies().await, Ok(vec![soko]));
}

pub async fn the_last_stored_setting_is_read(t: Tables) {
    assert_eq!(t.registry.setting("peers").await, Ok(None));
    for value in
        [json!({"a": [1, -2.5, null, true, "é\u{1F600}"], "b": {"": {}}}), json!({}), json!({"a": "text", "b": null})]
    {
        t.registry.put_setting("peers", &value).await.unwrap();
        assert_eq!(t.registry.setting("peers").await, Ok(Some(value)));
    }
    assert_eq!(t.registry.setting("peer").await, Ok(None));
}

pub async fn settings_and_companies_with_one_name_are_separate(t: Tables) {
    t.registry.put_setting("acme", &json!({"n": 1})).await.unwrap();
    assert_eq!(t.registry.company(&"acme".parse().unwrap()).await, Ok(None));
    t.registry.put_company(&company("acme")).await.unwrap();
    assert_eq!(t.registry.setting("acme").await, Ok(Some(json!({"n": 1}))));
}

pub async fn a_large_setting_is_stored_completely(t: Tables) {
    let value = json!({"text": "x".repeat(200 * 1024)});
    t.registry.put_setting("large", &value).await.unwrap();
    assert_eq!(t.registry.setting("large").await, Ok(Some(value)));
}

pub async fn a_setting_is_replaced_only_over_the_expected_value(t: Tables) {
    let [one, two, three] = [1, 2, 3].map(|n| json!({ "n": n, "a": ["é", { "b": null, "aa": 1.5 }] }));
    assert_eq!(t.registry.replace_setting("s", Some(&one), &two).await, Ok(false), "no value is stored");
    assert_eq!(t.registry.setting("s").await, Ok(None));
    assert_eq!(t.registry.replace_setting("s", None, &one).await, Ok(true));
    assert_eq!(t.registry.replace_setting("s", None, &two).await, Ok(false), "a value is stored");
    assert_eq!(t.registry.replace_setting("s", Some(&two), &three).await, Ok(false), "another value is stored");
    assert_eq!(t.registry.setting("s").await, Ok(Some(one)));
    // The expected value is the stored form, not the written one.
    let read = t.registry.setting("s").await.unwrap().unwrap();
    assert_eq!(t.registry.replace_setting("s", Some(&read), &two).await, Ok(true));
    assert_eq!(t.registry.setting("s").await, Ok(Some(two)));
}

pub async fn one_of_many_concurrent_replacements_of_a_setting_succeeds(t: Tables) {
    for expected in [None, Some(json!({"n": 0}))] {
        let mut tasks = JoinSet::new();
        for n in 0..12 {
            let (registry, expected) = (Arc::clone(&t.registry), expected.clone());
            tasks.spawn(async move {
                let value = json!({"n": if expected.is_none() { 0 } else { n + 1 }});
                registry.replace_setting("s", expected.as_ref(), &value).await
            });
        }
        let done = tasks.join_all().await;
        assert_eq!(done.iter().filter(|done| **done == Ok(true)).count(), 1, "{done:?}");
        assert_eq!(done.iter().filter(|done| **done == Ok(false)).count(), 11, "{done:?}");
    }
}

pub async fn settings_with_a_prefix_are_listed_in_name_order(t: Tables) {
    assert_eq!(t.registry.settings("source/").await, Ok(vec![]));
    let mut names = ["source/b", "source/a-2", "source/", "source/a", "source/zz", "source/a/b"];
    for name in ["source", "source.x", "source0", "Source/a", "a", "zz"].iter().chain(&names) {
        t.registry.put_setting(name, &json!({ "name": name })).await.unwrap();
    }
    t.registry.put_company(&company("source")).await.unwrap();
    names.sort_unstable();
    let expected: Vec<_> = names.iter().map(|name| ((*name).to_owned(), json!({ "name": name }))).collect();
    assert_eq!(t.registry.settings("source/").await, Ok(expected.clone()));
    let rows = t.registry.setting_rows("source/").await.unwrap().into_iter();
    assert_eq!(rows.map(|row| (row.name, row.value.unwrap())).collect::<Vec<_>>(), expected);
    assert_eq!(
        t.registry.settings("source/a/").await,
        Ok(vec![("source/a/b".into(), json!({ "name": "source/a/b" }))])
    );
}

pub async fn a_setting_is_removed_only_as_it_was_read(t: Tables) {
    for (name, n) in [("source/a", 1), ("source/b", 2)] {
        t.registry.put_setting(name, &json!({ "n": n })).await.unwrap();
    }
    let read = t.registry.setting_rows("source/").await.unwrap();
    t.registry.put_setting("source/a", &json!({ "n": 3 })).await.unwrap();
    assert_eq!(t.registry.remove_setting(&read[0]).await, Ok(false), "it holds another value");
    assert_eq!(t.registry.setting("source/a").await, Ok(Some(json!({ "n": 3 }))));
    let now = t.registry.setting_rows("source/a").await.unwrap().remove(0);
    for is_first in [true, false] {
        assert_eq!(t.registry.remove_setting(&now).await, Ok(is_first));
    }
    assert_eq!(t.registry.settings("source/").await, Ok(vec![("source/b".into(), json!({ "n": 2 }))]));
}

//! Persons who sign in at another provider to let a device in.

use serde_json::json;

use super::super::browser::Browser;
use super::super::devices::tv;
use super::{SET, Set, start, two};

#[test]
fn a_person_lets_a_device_in_by_a_provider() {
    two(1850, SET, async |two| {
        two.here.put(tv(&json!({ "providers": ["accounts"] }))).await;
        let device = two.here.begin(0).await;
        let mut browser = Browser::default();
        let page = browser.types(&two.here, 0, &device.user_code).await;
        let away = browser.get(&two.here, 0, &start(&page)).await;
        let back = two.back(&mut Browser::default(), &away).await;
        let page = browser.get(&two.here, 1, &back).await;
        assert!(page.html.contains(&device.user_code) && browser.session().is_some(), "{}", page.html);
        browser.answers(&two.here, 1, &page, "allow").await;
        two.here.d.world.settle().await;
        assert_eq!(two.here.poll(0, &device).await.status, 200);
        // The answer of the provider serves once.
        assert_eq!(browser.get(&two.here, 1, &back).await.status, 400);
    });
}

#[test]
fn a_device_whose_client_offers_no_provider_has_none_and_an_unknown_login_is_connected_by_the_password() {
    two(1851, Set { verified_there: false, ..SET }, async |two| {
        two.here.put(tv(&json!({}))).await;
        let device = two.here.begin(0).await;
        let mut browser = Browser::default();
        let page = browser.types(&two.here, 0, &device.user_code).await;
        assert!(!page.html.contains("/federation/start"));
    });
    two(1852, Set { verified_there: false, ..SET }, async |two| {
        two.here.put(tv(&json!({ "providers": ["accounts"] }))).await;
        let device = two.here.begin(0).await;
        let mut browser = Browser::default();
        let page = browser.types(&two.here, 0, &device.user_code).await;
        let away = browser.get(&two.here, 0, &start(&page)).await;
        let back = two.back(&mut Browser::default(), &away).await;
        let page = browser.get(&two.here, 0, &back).await;
        assert!(page.html.contains("a***@example.com") && browser.session().is_none(), "{}", page.html);
        let page = browser.enters(&two.here, 0, &page, super::PASSWORD).await;
        assert!(page.html.contains(&device.user_code), "{}", page.html);
        two.here.d.world.settle().await;
        two.whole(&mut Browser::default()).await.code(&two.here);
    });
}

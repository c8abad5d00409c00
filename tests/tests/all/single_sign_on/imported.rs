//! A person of another system, who signs in with what it had there.

use serde_json::json;
use umoja_accounts::access::ForeignFactor;
use umoja_crypto::totp::TotpSecret;
use umoja_migrate::{Row, RowFactor};

use super::browser::{Browser, EMAIL, web};
use super::story;
use crate::import::{BCRYPT_PASSWORD, bcrypt, importer, row};

#[test]
fn a_person_signs_in_in_another_region_with_the_password_and_the_application_of_the_old_system() {
    story(1940, async |mut sso| {
        let secret = TotpSecret::new(b"Quohp7t2mrLMUwft3g90").unwrap();
        let factor = RowFactor { factor: ForeignFactor::Totp(secret.clone()), site: None, label: None };
        let old = Row { hash: Some(bcrypt()), factors: vec![factor], ..row("7", EMAIL) };
        importer(&sso.d, 0, &sso.d.shop).await.row(&old).await.unwrap();
        sso.put(web(&json!({}))).await;
        sso.restart();
        sso.d.world.settle().await;
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 1, &[]).await;
        let page = browser.sign_in(&sso, 1, &page, BCRYPT_PASSWORD).await;
        assert_eq!((page.title(), browser.session()), ("Confirm that it is you", None));
        let (step, code) = (page.step(), secret.code(sso.now() / 30));
        let code = browser.post(&sso, 0, "/factor", &[("step", &*step), ("code", &*code)]).await.code(&sso);
        assert_eq!((code.signed_in.acr.as_deref(), code.signed_in.amr.len()), (Some("2"), 3));
    });
}

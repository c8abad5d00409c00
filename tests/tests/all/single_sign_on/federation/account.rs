//! Logins at other providers on the pages of an account.

use serde_json::{Value, json};
use umoja_accounts::access::Standing;
use umoja_schema::CompanyId;

use super::super::browser::{Browser, EMAIL, PASSWORD, Page};
use super::{SET, Set, Two, start, two};

const LOGINS: &str = "/account/logins?company=shop";
const MINUTE: u64 = 60_000;
const NOT_KNOWN: &str = "belongs to no account here yet";

impl Two {
    /// The pages of the account at a company offer the provider.
    async fn account_offers(&self, company: &str) {
        let id: CompanyId = company.parse().unwrap();
        let registry = &self.here.d.world.regions[0].home.registry;
        let mut company = registry.company(&id).await.unwrap().unwrap();
        company.providers = vec!["accounts".parse().unwrap()];
        self.here.d.put_company(&company).await;
    }

    /// Signs in to the account by the password.
    async fn by_password(&self, browser: &mut Browser, path: &str) -> Page {
        let page = browser.get(&self.here, 0, path).await;
        self.enter(browser, path, &page).await
    }

    /// Enters the password on the page at a path.
    async fn enter(&self, browser: &mut Browser, path: &str, page: &Page) -> Page {
        let (step, action) = (page.step(), path.split('?').next().unwrap());
        let fields = [("step", step.as_str()), ("identifier", EMAIL), ("password", PASSWORD)];
        let to = browser.post(&self.here, 0, action, &fields).await.location().to_owned();
        browser.get(&self.here, 0, &to).await
    }

    /// Goes to the provider by the link of a page of the account, and follows where that leads.
    async fn by_provider(&self, browser: &mut Browser, at_theirs: &mut Browser, page: &Page) -> Page {
        let away = browser.get(&self.here, 0, &start(page)).await;
        if away.status == 200 {
            return away;
        }
        let back = self.back(at_theirs, &away).await;
        let page = browser.get(&self.here, 0, &back).await;
        if page.status == 200 { page } else { browser.get(&self.here, 0, page.location()).await }
    }

    /// Connects the login of the provider with the account of a browser that is on the page of logins.
    async fn connects(&self, browser: &mut Browser, page: &Page) -> Page {
        let page = self.by_provider(browser, &mut Browser::default(), page).await;
        browser.post(&self.here, 0, "/account/logins", &[("step", &page.step()), ("connect", "yes")]).await
    }
}

fn is_inside(page: &Page) -> bool {
    page.status == 200 && !page.html.contains("name=\"identifier\"")
}

#[test]
fn a_person_comes_to_its_account_by_a_provider_and_to_sensitive_pages_by_signing_in_there_again() {
    two(1840, SET, async |two| {
        two.account_offers("shop").await;
        let (mut browser, mut at_theirs) = (Browser::default(), Browser::default());
        let page = browser.get(&two.here, 0, "/account?company=shop").await;
        let page = two.by_provider(&mut browser, &mut at_theirs, &page).await;
        assert!(is_inside(&page) && page.html.contains(EMAIL), "{}", page.html);
        two.here.d.world.settle().await;
        two.advance(20 * MINUTE);
        let page = browser.get(&two.here, 0, "/account/export?company=shop").await;
        assert!(page.html.contains("Enter your password again"));
        // The provider has a session, and asks the person again all the same.
        let page = two.by_provider(&mut browser, &mut at_theirs, &page).await;
        assert!(is_inside(&page), "{}", page.html);
        // One that does not ask again, or does not say when, opens nothing.
        two.advance(20 * MINUTE);
        let long_ago = two.there.now() - 20 * 60;
        for auth_time in [Value::from(long_ago), Value::Null] {
            two.says(move |claims| claims["auth_time"] = auth_time.clone()).await;
            let page = browser.get(&two.here, 0, "/account/export?company=shop").await;
            let page = two.by_provider(&mut browser, &mut at_theirs, &page).await;
            assert!(!is_inside(&page) && page.html.contains("does not say that you have just"), "{}", page.html);
        }
    });
}

#[test]
fn a_login_that_no_account_has_is_connected_at_the_door_and_makes_no_account() {
    two(1841, Set { verified_there: false, registers: true, ..SET }, async |two| {
        two.account_offers("shop").await;
        let mut browser = Browser::default();
        let page = browser.get(&two.here, 0, LOGINS).await;
        let page = two.by_provider(&mut browser, &mut Browser::default(), &page).await;
        assert!(page.html.contains(NOT_KNOWN) && page.html.contains("a***@example.com"), "{}", page.html);
        let page = two.enter(&mut browser, LOGINS, &page).await;
        assert!(page.html.contains("a***@example.com") && page.html.contains("Connected on "), "{}", page.html);
    });
    two(1842, Set { known_here: false, registers: true, ..SET }, async |two| {
        two.account_offers("shop").await;
        let mut browser = Browser::default();
        let page = browser.get(&two.here, 0, "/account?company=shop").await;
        let page = two.by_provider(&mut browser, &mut Browser::default(), &page).await;
        assert!(page.html.contains(NOT_KNOWN) && browser.session().is_none(), "{}", page.html);
        assert_eq!(two.here.d.call(0, "lookup", json!({ "email": EMAIL })).await.status, 404);
    });
}

#[test]
fn who_is_signed_in_and_new_to_a_company_reads_why_it_signs_in_again_and_a_passkey_is_enough() {
    two(1843, SET, async |two| {
        let authenticator = two.here.passkey(0).await;
        let mut browser = Browser::default();
        let page = browser.get(&two.here, 0, "/account?company=shop").await;
        let answer = authenticator.answer(&page, &json!({}));
        browser.use_passkey(&two.here, 0, "/account", &page, &answer).await.location();
        let page = browser.get(&two.here, 0, "/account?company=accounts").await;
        assert!(!is_inside(&page) && page.html.contains("You are signed in, but you have not used"), "{}", page.html);
        let answer = authenticator.answer(&page, &json!({}));
        let page = browser.use_passkey(&two.here, 0, "/account", &page, &answer).await;
        let page = browser.get(&two.here, 0, page.location()).await;
        assert!(is_inside(&page), "{}", page.html);
    });
}

#[test]
fn a_person_connects_a_login_that_the_page_names_and_removes_it() {
    two(1844, Set { verified_there: false, ..SET }, async |two| {
        two.account_offers("shop").await;
        let (mut browser, mut other) = (Browser::default(), Browser::default());
        two.by_password(&mut other, LOGINS).await;
        let page = two.by_password(&mut browser, LOGINS).await;
        assert!(page.html.contains("No login at another provider"), "{}", page.html);
        let asks = two.by_provider(&mut browser, &mut Browser::default(), &page).await;
        for part in ["a***@example.com", "Accounts", EMAIL, "name=\"connect\""] {
            assert!(asks.html.contains(part), "{part}: {}", asks.html);
        }
        let step = asks.step();
        // Nothing is connected yet, and no other browser can connect it.
        assert!(two.whole(&mut Browser::default()).await.html.contains(NOT_KNOWN));
        let fields = [("step", &*step), ("connect", "yes")];
        assert_eq!(other.post(&two.here, 0, "/account/logins", &fields).await.status, 400);
        let done = browser.post(&two.here, 0, "/account/logins", &fields).await;
        assert!(done.html.contains("The login is connected") && done.html.contains("Connected on "), "{}", done.html);
        assert!(!done.html.contains("/federation/start"), "a person has one login there");
        assert!(!is_inside(&other.get(&two.here, 0, LOGINS).await), "the other session has ended");
        two.here.d.world.settle().await;
        two.whole(&mut Browser::default()).await.code(&two.here);
        let step = done.step();
        let fields = [("step", &*step), ("remove", "accounts")];
        let done = browser.post(&two.here, 0, "/account/logins", &fields).await;
        assert!(done.html.contains("The login is removed") && done.html.contains("No login at another"));
        two.here.d.world.settle().await;
        assert!(two.whole(&mut Browser::default()).await.html.contains(NOT_KNOWN));
        // It can be connected again, and once more it is named.
        let page = browser.get(&two.here, 0, LOGINS).await;
        let done = two.connects(&mut browser, &page).await;
        assert!(done.html.contains("a***@example.com"), "{}", done.html);
    });
}

#[test]
fn a_login_is_connected_by_who_signed_in_lately_and_by_one_account() {
    two(1845, Set { verified_there: false, ..SET }, async |two| {
        two.account_offers("shop").await;
        let mut browser = Browser::default();
        let page = two.by_password(&mut browser, LOGINS).await;
        let asks = two.by_provider(&mut browser, &mut Browser::default(), &page).await;
        two.advance(6 * MINUTE);
        let step = asks.step();
        let late = browser.post(&two.here, 0, "/account/logins", &[("step", &step), ("connect", "yes")]).await;
        assert!(late.html.contains("Enter your password again"), "{}", late.html);
        assert!(two.whole(&mut Browser::default()).await.html.contains(NOT_KNOWN));
        // Another person has the login meanwhile.
        let page = two.enter(&mut browser, LOGINS, &late).await;
        two.here.d.register(0, "eve@example.com", PASSWORD).await.ok(201);
        let mut eve = Browser::default();
        let theirs = two.whole(&mut eve).await;
        let step = theirs.step();
        let fields = [("step", &*step), ("identifier", "eve@example.com"), ("password", PASSWORD)];
        eve.post(&two.here, 0, "/login", &fields).await.code(&two.here);
        let taken = two.connects(&mut browser, &page).await;
        assert!(taken.html.contains("This login cannot be connected"), "{}", taken.html);
    });
}

#[test]
fn the_last_way_to_sign_in_stays() {
    two(1846, Set { known_here: false, registers: true, ..SET }, async |two| {
        two.account_offers("shop").await;
        two.whole(&mut Browser::default()).await.code(&two.here);
        two.here.d.world.settle().await;
        let mut browser = Browser::default();
        let page = browser.get(&two.here, 0, LOGINS).await;
        let page = two.by_provider(&mut browser, &mut Browser::default(), &page).await;
        assert!(page.html.contains("a***@example.com"), "{}", page.html);
        let step = page.step();
        let page = browser.post(&two.here, 0, "/account/logins", &[("step", &step), ("remove", "accounts")]).await;
        assert!(page.html.contains("could not sign in any more") && page.html.contains("a***@"), "{}", page.html);
        // The page of the password leads to where a first one is set, and asks for none.
        let page = browser.get(&two.here, 0, "/account/password?company=shop").await;
        assert!(!page.html.contains("name=\"current\""), "{}", page.html);
        page.link("/reset?company=shop");
        two.whole(&mut Browser::default()).await.code(&two.here);
    });
}

#[test]
fn the_last_passkey_stays_of_a_person_who_has_no_other_way_to_sign_in() {
    const FACTORS: &str = "/account/factors";
    two(1863, Set { known_here: false, registers: true, ..SET }, async |two| {
        two.account_offers("shop").await;
        two.whole(&mut Browser::default()).await.code(&two.here);
        two.here.d.world.settle().await;
        let authenticator = two.here.passkey(0).await;
        let enter = async |browser: &mut Browser, path: &str| {
            let to = format!("{path}?company=shop");
            let page = browser.get(&two.here, 0, &to).await;
            let answer = authenticator.answer(&page, &json!({}));
            browser.use_passkey(&two.here, 0, path, &page, &answer).await.location();
            browser.get(&two.here, 0, &to).await
        };
        let passkey = async || {
            let standing = Standing::read(&two.here.d.world.regions[0].people(), authenticator.user()).await.unwrap();
            standing.unwrap().passkeys().next().map(|(factor, _)| factor.id.clone())
        };
        let id = passkey().await.unwrap();
        let mut browser = Browser::default();
        let page = enter(&mut browser, "/account/logins").await;
        let fields = [("step", &*page.step()), ("remove", "accounts")];
        let page = browser.post(&two.here, 0, "/account/logins", &fields).await;
        assert!(page.html.contains("The login is removed"), "a passkey is left: {}", page.html);
        let page = browser.get(&two.here, 0, "/account/factors?company=shop").await;
        let fields = [("step", &*page.step()), ("remove", &*id)];
        let kept = browser.post(&two.here, 0, FACTORS, &fields).await;
        assert_eq!(kept.status, 422);
        assert!(kept.html.contains("could not sign in any more without this passkey"), "{}", kept.html);
        assert_eq!(passkey().await.as_ref(), Some(&id));
        // With a password, or a login that works, it may go.
        reset(&two).await;
        let page = enter(&mut browser, FACTORS).await;
        let fields = [("step", &*page.step()), ("remove", &*id)];
        let gone = browser.post(&two.here, 0, FACTORS, &fields).await;
        assert!(gone.html.contains("It is removed") && passkey().await.is_none(), "{}", gone.html);
    });
}

#[test]
fn the_last_passkey_may_go_where_a_login_elsewhere_works() {
    two(1864, Set { known_here: false, registers: true, ..SET }, async |two| {
        two.account_offers("shop").await;
        two.whole(&mut Browser::default()).await.code(&two.here);
        two.here.d.world.settle().await;
        let authenticator = two.here.passkey(0).await;
        let mut browser = Browser::default();
        let page = browser.get(&two.here, 0, "/account/factors?company=shop").await;
        let answer = authenticator.answer(&page, &json!({}));
        browser.use_passkey(&two.here, 0, "/account/factors", &page, &answer).await.location();
        let page = browser.get(&two.here, 0, "/account/factors?company=shop").await;
        let standing = Standing::read(&two.here.d.world.regions[0].people(), authenticator.user()).await.unwrap();
        let id = standing.unwrap().passkeys().next().unwrap().0.id.clone();
        let fields = [("step", &*page.step()), ("remove", &*id)];
        let gone = browser.post(&two.here, 0, "/account/factors", &fields).await;
        assert!(gone.html.contains("It is removed"), "{}", gone.html);
    });
}

/// Sets a new password by the code of a mail.
async fn reset(two: &Two) {
    const NEW: &str = "battery staple gun";
    let (mut browser, here) = (Browser::default(), &two.here);
    let page = browser.get(here, 0, "/reset?client=web").await;
    let page = browser.post(here, 0, "/reset", &[("step", &page.step()), ("identifier", EMAIL)]).await;
    let (step, code) = (page.step(), here.d.mail.code(EMAIL));
    let fields = [("step", &*step), ("code", &code), ("new_password", NEW)];
    let done = browser.post(here, 0, "/reset", &fields).await;
    assert_eq!(done.title(), "Your password is set", "{}", done.html);
    here.d.world.settle().await;
}

#[test]
fn the_first_proof_of_an_address_drops_the_logins_that_were_connected_before_it() {
    // A provider that is not trusted has registered another person's address.
    two(1847, Set { known_here: false, trusted: false, registers: true, ..SET }, async |two| {
        two.whole(&mut Browser::default()).await.code(&two.here);
        two.here.d.world.settle().await;
        two.whole(&mut Browser::default()).await.code(&two.here);
        reset(&two).await;
        let page = two.whole(&mut Browser::default()).await;
        assert!(page.html.contains(NOT_KNOWN), "{}", page.html);
    });
    // Who has proved its address before keeps its login.
    two(1848, SET, async |two| {
        let own = two.whole(&mut Browser::default()).await.code(&two.here).user;
        two.here.d.world.settle().await;
        reset(&two).await;
        assert_eq!(two.whole(&mut Browser::default()).await.code(&two.here).user, own);
    });
}

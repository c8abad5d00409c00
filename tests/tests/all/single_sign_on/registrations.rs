//! A person makes an account on its way to a client.

use futures_util::future::join_all;
use serde_json::{Value, json};
use umoja_schema::{Company, Scope};
use umoja_store::ports::MailError;

use super::Sso;
use super::authorize::sign_in_story;
use super::browser::{Browser, EMAIL, PASSWORD, Page, web};

const EVE: &str = "eve@example.com";
const NEW: &str = "battery staple gun";
const TITLE: &str = "Create an account";

/// A deployment in which persons may make accounts at a company of this name.
fn open_story(seed: u64, company: &'static str, body: impl AsyncFnOnce(Sso)) {
    sign_in_story(seed, json!({}), async move |mut sso| {
        let open = |sso: &Sso| {
            let (caller, trusted) = if company == "blog" { (&sso.d.blog, false) } else { (&sso.d.shop, true) };
            Company { revision: 1, registration: true, ..caller.company(&Scope::ALL, trusted) }
        };
        sso.d.put_company(&open(&sso)).await;
        sso.put(web(&json!({ "company": company }))).await;
        sso.restart();
        body(sso).await;
    });
}

/// The first page, to which the page for signing in leads.
async fn first(browser: &mut Browser, sso: &Sso, at: usize) -> Page {
    let page = browser.authorize(sso, at, &[]).await;
    let page = browser.get(sso, at, &page.link("/register?step=")).await;
    assert_eq!((page.status, page.title()), (200, TITLE));
    page
}

async fn send(browser: &mut Browser, sso: &Sso, at: usize, page: &Page, fields: &[(&str, &str)]) -> Page {
    let step = page.step();
    let fields: Vec<_> = [("step", step.as_str())].into_iter().chain(fields.iter().copied()).collect();
    browser.post(sso, at, "/register", &fields).await
}

/// The page for the code that was sent to an address.
async fn ask(browser: &mut Browser, sso: &Sso, at: usize, address: &str) -> Page {
    let page = first(browser, sso, at).await;
    send(browser, sso, at, &page, &[("identifier", address)]).await
}

async fn make(browser: &mut Browser, sso: &Sso, at: usize, page: &Page, [code, password]: [&str; 2]) -> Page {
    let address = page.field("identifier");
    let names = [("given_name", "Eve"), ("family_name", "Moyo")];
    let fields = [&[("identifier", &*address), ("code", code), ("new_password", password)][..], &names].concat();
    send(browser, sso, at, page, &fields).await
}

async fn user(sso: &Sso, at: usize, address: &str) -> Value {
    let company = if sso.d.call(at, "lookup", json!({ "email": address })).await.status == 200 {
        &sso.d.shop
    } else {
        &sso.d.blog
    };
    sso.d.call_as(company, at, "lookup", json!({ "email": address })).await.ok(200).body["user"].clone()
}

#[test]
fn a_person_makes_an_account_in_one_region_and_finishes_it_in_another() {
    // The address is verified, although the company is not trusted to say so.
    for (seed, company) in [(1910, "shop"), (1911, "blog")] {
        open_story(seed, company, async |sso| {
            let mut browser = Browser::default();
            let page = ask(&mut browser, &sso, 0, EVE).await;
            assert!(page.status == 200 && page.html.contains("readonly") && !page.html.contains(&sso.d.mail.code(EVE)));
            let answer = make(&mut browser, &sso, 1, &page, [&sso.d.mail.code(EVE), NEW]).await;
            let code = answer.code(&sso);
            assert_eq!((code.region.as_str(), &code.signed_in.amr), ("eu-west-1", &vec!["pwd".to_owned()]));
            assert_eq!(answer.answer("state").as_deref(), Some("s1"));
            assert!(!answer.location().contains("eve"));
            let seen = user(&sso, 1, EVE).await;
            assert_eq!((&seen["id"], &seen["email_verified"]), (&json!(code.user), &json!(true)));
            let names = ["given_name", "family_name", "locale"].map(|name| seen["profile"][name].clone());
            assert_eq!(names, ["Eve", "Moyo", "en"].map(|name| json!(name)));
            assert!(seen["accounts"].get(company).is_some(), "{seen}");
            sso.d.world.settle().await;
            let page = Browser::default().authorize(&sso, 0, &[("prompt", "login")]).await;
            assert_eq!(page.title(), "Sign in");
            browser.authorize(&sso, 0, &[("prompt", "none")]).await.code(&sso);
        });
    }
}

#[test]
fn an_address_that_has_an_account_is_answered_like_one_that_has_none() {
    open_story(1912, "shop", async |sso| {
        let mut seen = Vec::new();
        for address in [EMAIL, EVE] {
            let mut browser = Browser::default();
            let page = first(&mut browser, &sso, 0).await;
            let sent = sso.d.mail.all().len();
            let page = send(&mut browser, &sso, 0, &page, &[("identifier", address)]).await;
            assert_eq!(sso.d.mail.all().len(), sent + 1);
            let wrong = make(&mut browser, &sso, 0, &page, ["12345678", NEW]).await;
            assert!(wrong.html.contains("The code is wrong"), "{}", wrong.html);
            for page in [page, wrong] {
                // The links to other pages have a step of their own.
                let (sign_in, html) = (page.link("/sign-in?step="), page.html.replace(&page.step(), "STEP"));
                let html = html.replace(sign_in.split_once('=').unwrap().1, "STEP").replace(address, "ADDRESS");
                seen.push((page.status, page.step().len(), html));
            }
        }
        assert_eq!(seen[..2], seen[2..]);
        let mail = sso.d.mail.last(EMAIL).unwrap();
        for link in ["https://login.example/reset?client=web", "https://login.example/account?company=shop"] {
            assert!(mail.text.contains(&format!("\n{link}\n")), "{}", mail.text);
        }
        assert_eq!((mail.code(), mail.subject), (String::new(), "You have an account at shop".to_owned()));
        assert_eq!(sso.d.mail.code(EVE).len(), 8);
    });
}

#[test]
fn a_mail_that_cannot_be_sent_changes_no_answer_to_who_makes_an_account() {
    open_story(1913, "shop", async |sso| {
        sso.d.mail.set_fault(Some(MailError::Unavailable("no connection")));
        let mut browser = Browser::default();
        for address in [EMAIL, EVE] {
            assert_eq!(ask(&mut browser, &sso, 0, address).await.status, 200);
        }
    });
}

#[test]
fn a_form_that_is_sent_twice_makes_one_account_and_signs_in_twice() {
    open_story(1914, "shop", async |sso| {
        let mut browser = Browser::default();
        let page = ask(&mut browser, &sso, 0, EVE).await;
        let code = sso.d.mail.code(EVE);
        let once = make(&mut browser, &sso, 0, &page, [&code, NEW]).await.code(&sso);
        let again = make(&mut browser, &sso, 0, &page, [&code, NEW]).await.code(&sso);
        // Before anything of it has arrived, another region makes the same user.
        let elsewhere = make(&mut browser, &sso, 1, &page, [&code, NEW]).await.code(&sso);
        assert!(once.user == again.user && once.user == elsewhere.user && once.session != again.session);
        // Who has the code, and not the password, gets nothing more.
        let other = make(&mut browser, &sso, 0, &page, [&code, "third one of them"]).await;
        assert!(other.html.contains("The code is wrong"), "{}", other.html);
        sso.d.world.settle().await;
        for at in 0..2 {
            assert!(sso.d.accepts(at, EVE, NEW).await && !sso.d.accepts(at, EVE, "third one of them").await);
            assert_eq!(user(&sso, at, EVE).await["id"], json!(once.user));
        }
    });
}

#[test]
fn a_code_for_an_account_is_tried_five_times_and_a_weak_password_costs_none() {
    open_story(1915, "shop", async |sso| {
        let mut browser = Browser::default();
        let page = ask(&mut browser, &sso, 0, EVE).await;
        let code = sso.d.mail.code(EVE);
        for weak in ["short", "password1234", "sunshine99", "qwertyuiop", "eve@example.com", "password12345"] {
            let again = make(&mut browser, &sso, 0, &page, [&code, weak]).await;
            assert!(again.html.contains("role=\"alert\"") && !again.html.contains("The code is wrong"), "{weak}");
            assert!(again.field("given_name") == "Eve" && !again.html.contains(&format!("\"{weak}\"")) || weak == EVE);
        }
        let nameless = [("code", code.as_str()), ("given_name", " "), ("new_password", NEW)];
        assert!(send(&mut browser, &sso, 0, &page, &nameless).await.html.contains("Change it, and save again"));
        for _ in 0..5 {
            make(&mut browser, &sso, 0, &page, ["no code", NEW]).await;
        }
        assert!(make(&mut browser, &sso, 0, &page, [&code, NEW]).await.html.contains("The code is wrong"));
        assert_ne!(sso.d.call(0, "lookup", json!({ "email": EVE })).await.status, 200);
    });
}

#[test]
fn who_got_an_account_meanwhile_is_asked_to_sign_in_and_keeps_its_password() {
    open_story(1916, "shop", async |sso| {
        let mut browser = Browser::default();
        let page = ask(&mut browser, &sso, 0, EVE).await;
        sso.d.register(0, EVE, PASSWORD).await.ok(201);
        let page = make(&mut browser, &sso, 0, &page, [&sso.d.mail.code(EVE), NEW]).await;
        assert_eq!((page.status, page.title(), browser.session()), (200, "Sign in", None));
        assert!(page.html.contains("There is an account with this address already"), "{}", page.html);
        assert_eq!(page.field("identifier"), EVE);
        assert!(sso.d.accepts(0, EVE, PASSWORD).await && !sso.d.accepts(0, EVE, NEW).await);
        let step = page.step();
        let fields = [("step", step.as_str()), ("identifier", EVE), ("password", PASSWORD)];
        browser.post(&sso, 0, "/login", &fields).await.code(&sso);
    });
}

#[test]
fn an_account_is_offered_only_where_the_company_lets_persons_make_one() {
    sign_in_story(1917, json!({}), async |mut sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        assert!(!page.html.contains("/register"), "{}", page.html);
        // A step of another page leads there neither, by a link or by a form.
        let step = page.step();
        assert_eq!(browser.get(&sso, 0, &format!("/register?step={step}")).await.status, 400);
        assert_eq!(send(&mut browser, &sso, 0, &page, &[("identifier", EVE)]).await.status, 400);
        let company = Company { revision: 1, registration: true, ..sso.d.shop.company(&Scope::ALL, true) };
        sso.d.put_company(&company).await;
        sso.restart();
        let page = ask(&mut browser, &sso, 0, EVE).await;
        sso.restart_without_mail();
        assert_eq!(make(&mut browser, &sso, 0, &page, [&sso.d.mail.code(EVE), NEW]).await.status, 400);
        assert!(!browser.authorize(&sso, 0, &[]).await.html.contains("/register"));
        // It is over for who has the page open already.
        sso.d.put_company(&Company { revision: 2, registration: false, ..company }).await;
        sso.restart();
        assert_eq!(make(&mut browser, &sso, 0, &page, [&sso.d.mail.code(EVE), NEW]).await.status, 400);
        assert_ne!(sso.d.call(0, "lookup", json!({ "email": EVE })).await.status, 200);
    });
}

#[test]
fn a_form_of_another_browser_makes_no_account_and_asks_for_no_mail() {
    open_story(1918, "shop", async |sso| {
        let mut browser = Browser::default();
        let page = first(&mut browser, &sso, 0).await;
        let mut other = Browser::default();
        assert_eq!(send(&mut other, &sso, 0, &page, &[("identifier", EVE)]).await.status, 400);
        first(&mut other, &sso, 0).await;
        assert_eq!(send(&mut other, &sso, 0, &page, &[("identifier", EVE)]).await.status, 400);
        assert_eq!(other.post(&sso, 0, "/register", &[("identifier", EVE)]).await.status, 400);
        assert_eq!(other.get(&sso, 0, "/register").await.status, 400);
        for text in ["no address", "bea", "+254712123456"] {
            let page = send(&mut browser, &sso, 0, &page, &[("identifier", text)]).await;
            assert!(page.html.contains("This is no e-mail address") && page.field("identifier") == text, "{text}");
        }
        assert_eq!(sso.d.mail.all(), []);
        // Another language sends nothing, and keeps what was typed.
        let page = send(&mut browser, &sso, 0, &page, &[("identifier", EVE), ("lang", "sw")]).await;
        assert_eq!((page.title(), page.field("identifier").as_str()), ("Fungua akaunti", EVE));
        assert_eq!(sso.d.mail.all(), []);
        let page = send(&mut browser, &sso, 0, &page, &[("identifier", EVE)]).await;
        assert!(sso.d.mail.last(EVE).unwrap().subject.starts_with("Msimbo wako wa akaunti mpya"));
        let page = send(&mut browser, &sso, 0, &page, &[("given_name", "Eve"), ("lang", "ar")]).await;
        assert!(page.html.contains("dir=\"rtl\"") && page.field("given_name") == "Eve", "{}", page.html);
    });
}

#[test]
fn an_address_gets_five_mails_in_an_hour_whether_or_not_it_has_an_account() {
    open_story(1919, "shop", async |sso| {
        for address in [EMAIL, EVE] {
            let sent = sso.d.mail.all().len();
            let browsers = join_all((0..6).map(async |_| ask(&mut Browser::default(), &sso, 0, address).await.status));
            let mut statuses = browsers.await;
            statuses.sort_unstable();
            assert_eq!((statuses, sso.d.mail.all().len() - sent), (vec![200, 200, 200, 200, 200, 429], 5), "{address}");
        }
    });
}

#[test]
fn mails_by_another_name_are_not_to_be_seen_in_the_count_of_an_address() {
    open_story(1920, "shop", async |sso| {
        let id = sso.d.call(0, "lookup", json!({ "email": EMAIL })).await.ok(200).id();
        let set = json!({ "username": "amina", "email_verified": true });
        sso.d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
        for _ in 0..5 {
            super::resets::ask(&mut Browser::default(), &sso, 0, "amina").await;
        }
        assert_eq!(sso.d.mail.all().len(), 5);
        // The mailbox is spared, and the page is the same.
        assert_eq!(ask(&mut Browser::default(), &sso, 0, EMAIL).await.status, 200);
        assert_eq!(sso.d.mail.all().len(), 5);
    });
}

#[test]
fn what_strangers_ask_for_uses_up_nothing_of_what_the_company_may_ask_for() {
    open_story(1921, "shop", async |mut sso| {
        let company = sso.d.shop.company(&Scope::ALL, true);
        let limited = Company { revision: 2, registration: true, rate_limit: std::num::NonZeroU32::new(1), ..company };
        sso.d.put_company(&limited).await;
        sso.restart();
        let address = |n: usize| format!("eve{n}@example.com");
        let asked = join_all((0..11).map(async |n| ask(&mut Browser::default(), &sso, 0, &address(n)).await.status));
        assert_eq!(asked.await.into_iter().filter(|status| *status == 429).count(), 1);
        let id = sso.d.call(0, "lookup", json!({ "email": EMAIL })).await.ok(200).id();
        sso.d.call(0, "verify/start", json!({ "id": id })).await.ok(200);
        let sent = sso.d.mail.all().len();
        super::resets::ask(&mut Browser::default(), &sso, 0, EMAIL).await;
        assert_eq!(sso.d.mail.all().len(), sent + 1);
    });
}

#[test]
fn a_network_gets_a_hundred_mails_in_an_hour() {
    open_story(1922, "shop", async |sso| {
        let at = |n: usize| Browser::at(&format!("2001:db8:1:2::{n:x}"));
        let asked = async |n: usize| ask(&mut at(n), &sso, 0, &format!("eve{n}@example.com")).await;
        let statuses: Vec<_> = join_all((0..100).map(async |n| asked(n).await.status)).await;
        assert_eq!(statuses, [200; 100]);
        let page = asked(100).await;
        assert!(page.status == 429 && page.headers.contains_key("retry-after"));
        let mut elsewhere = Browser::at("2001:db8:1:3::1");
        assert_eq!(ask(&mut elsewhere, &sso, 0, EVE).await.status, 200);
        sso.d.world.clock.advance(60 * 60_000);
        assert_eq!(asked(101).await.status, 200);
    });
}

#[test]
fn an_account_of_an_unverified_address_is_not_the_persons_who_proves_it() {
    open_story(1923, "shop", async |sso| {
        let body = json!({ "email": EVE, "password": "an attacker waits" });
        let squatter = sso.d.call_as(&sso.d.blog, 0, "register", body).await.ok(201).id();
        let mut browser = Browser::default();
        let page = ask(&mut browser, &sso, 0, EVE).await;
        let code = make(&mut browser, &sso, 0, &page, [&sso.d.mail.code(EVE), NEW]).await.code(&sso);
        assert_ne!(json!(code.user), json!(squatter));
        assert!(sso.d.accepts(0, EVE, NEW).await && !sso.d.accepts(0, EVE, "an attacker waits").await);
    });
}

// Initiating User Registration via OpenID Connect 1.0
#[test]
fn a_client_begins_with_the_page_on_which_an_account_is_made() {
    open_story(1924, "shop", async |sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[("prompt", "create"), ("login_hint", EVE)]).await;
        assert_eq!((page.status, page.title(), &*page.field("identifier")), (200, TITLE, EVE));
        let page = send(&mut browser, &sso, 0, &page, &[("identifier", EVE)]).await;
        let code = make(&mut browser, &sso, 1, &page, [&sso.d.mail.code(EVE), NEW]).await.code(&sso);
        assert_eq!(code.signed_in.amr, ["pwd"]);
        // Who has a session may make another account.
        sso.d.world.settle().await;
        assert_eq!(browser.authorize(&sso, 0, &[("prompt", "create")]).await.title(), TITLE);
        let none = browser.authorize(&sso, 0, &[("prompt", "none create")]).await;
        assert_eq!(none.error().as_deref(), Some("invalid_request"));
    });
    // Where persons make no accounts, they sign in.
    sign_in_story(1925, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[("prompt", "create")]).await;
        assert_eq!(page.title(), "Sign in");
        browser.sign_in(&sso, 0, &page, PASSWORD).await.code(&sso);
    });
}

#[test]
fn who_has_an_account_goes_from_the_pages_for_a_new_one_to_the_sign_in() {
    open_story(1926, "shop", async |sso| {
        let mut browser = Browser::default();
        let asks = browser.authorize(&sso, 0, &[("prompt", "create")]).await;
        let types = send(&mut browser, &sso, 0, &asks, &[("identifier", EMAIL)]).await;
        for page in [asks, types] {
            let link = page.link("/sign-in?step=");
            assert_eq!(Browser::default().get(&sso, 0, &link).await.status, 400, "another browser");
            let page = browser.get(&sso, 1, &link).await;
            assert_eq!((page.status, page.title()), (200, "Sign in"));
            browser.sign_in(&sso, 1, &page, PASSWORD).await.code(&sso);
        }
        let mut browser = Browser::default();
        let types = ask(&mut browser, &sso, 0, EVE).await;
        assert_eq!(browser.get(&sso, 0, &types.link("/register?step=")).await.title(), TITLE);
    });
}

//! Attacks on the sign-in with a browser.

use serde_json::json;

use super::Sso;
use super::authorize::sign_in_story;
use super::browser::{Browser, EMAIL, PASSWORD, Page, web};
use super::devices::tv;

const SCRIPT: &str = "\"><script>alert(1)</script><'&";

/// Tries a name and a password with a new browser. The status and the page without what differs in every page.
async fn attempt(sso: &Sso, email: &str, password: &str) -> (u16, String) {
    let mut browser = Browser::default();
    let step = browser.authorize(sso, 0, &[]).await.step();
    let fields = [("step", step.as_str()), ("identifier", email), ("password", password)];
    let page = browser.post(sso, 0, "/login", &fields).await;
    if page.status == 303 {
        return (303, String::new());
    }
    // The page has what the person typed as its name.
    (page.status, page.without_steps().replace(email, ""))
}

#[test]
fn a_form_of_another_browser_signs_no_user_in() {
    sign_in_story(1761, json!({}), async |sso| {
        // The attacker's form, sent by the browser of the victim.
        let mut attacker = Browser::default();
        let page = attacker.authorize(&sso, 0, &[]).await;
        let mut victim = Browser::default();
        victim.authorize(&sso, 0, &[]).await;
        for browser in [&mut victim, &mut Browser::default()] {
            let page = browser.sign_in(&sso, 0, &page, PASSWORD).await;
            assert_eq!((page.status, page.title()), (400, "This link does not work"));
            assert_eq!(browser.session(), None);
        }
        // Nor does a form without a step, with one of another kind, or one that is too old.
        let fields = [("identifier", EMAIL), ("password", PASSWORD)];
        assert_eq!(attacker.post(&sso, 0, "/login", &fields).await.status, 400);
        let mut signed_in = attacker.clone();
        signed_in.sign_in(&sso, 0, &page, PASSWORD).await.code(&sso);
        let cookie = signed_in.session().unwrap().to_owned();
        let fields = [("step", cookie.as_str()), ("identifier", EMAIL), ("password", PASSWORD)];
        assert_eq!(attacker.post(&sso, 0, "/login", &fields).await.status, 400);
        sso.d.world.clock.advance(30 * 60_000);
        assert_eq!(attacker.sign_in(&sso, 0, &page, PASSWORD).await.status, 400);
    });
}

#[test]
fn a_session_that_was_planted_is_not_the_one_that_signs_in() {
    sign_in_story(1762, json!({}), async |sso| {
        let mut attacker = Browser::default();
        let planted = attacker.whole(&sso, 0, &[]).await.code(&sso).session;
        let mut victim = Browser::default();
        for name in ["__Host-umoja_sso", "__Host-umoja_browser"] {
            victim.set_cookie(name, attacker.cookie(name).unwrap());
        }
        let before = attacker.session().unwrap().to_owned();
        let page = victim.authorize(&sso, 0, &[("prompt", "login")]).await;
        let session = victim.sign_in(&sso, 0, &page, PASSWORD).await.code(&sso).session;
        assert_ne!(session, planted);
        assert_ne!(victim.session(), Some(before.as_str()));
    });
}

#[test]
fn two_tabs_and_a_form_that_is_sent_twice_both_succeed() {
    sign_in_story(1763, json!({}), async |sso| {
        let mut browser = Browser::default();
        let (one, two) = (browser.authorize(&sso, 0, &[("state", "1")]).await, browser.authorize(&sso, 1, &[]).await);
        let mut sessions = Vec::new();
        for (at, tab) in [(0, &one), (1, &two), (1, &one), (0, &one)] {
            let answer = browser.sign_in(&sso, at, tab, PASSWORD).await;
            sessions.push(answer.code(&sso).session);
        }
        sessions.sort();
        sessions.dedup();
        assert_eq!(sessions.len(), 4, "a new session at each login");
        sso.d.world.settle().await;
        browser.authorize(&sso, 0, &[("prompt", "none")]).await.code(&sso);
    });
}

/// The program of passkeys.
const PROGRAM: &str = "<script src=\"/assets/passkey.js\"></script>";

#[test]
fn what_others_write_is_text_and_no_page_is_framed() {
    sign_in_story(1764, json!({ "first_party": false, "name": SCRIPT }), async |sso| {
        let mut browser = Browser::default();
        let fields = [("login_hint", SCRIPT), ("state", SCRIPT), ("ui_locales", SCRIPT), ("acr_values", SCRIPT)];
        let sign_in = browser.authorize(&sso, 0, &fields).await;
        let wrong = browser.sign_in(&sso, 0, &sign_in, SCRIPT).await;
        let consent = browser.sign_in(&sso, 0, &sign_in, PASSWORD).await;
        let form = [("client_id", SCRIPT), ("post_logout_redirect_uri", SCRIPT), ("state", SCRIPT)];
        let leaving = browser.get(&sso, 0, &format!("/oauth2/logout?{}", super::browser::form(&form))).await;
        let nowhere = browser.authorize(&sso, 0, &[("client_id", SCRIPT)]).await;
        let step = consent.step();
        for page in [sign_in, wrong, consent, leaving, nowhere] {
            // The only program is the file of the issuer, on pages with passkeys.
            let has_program = page.html.contains(PROGRAM);
            let html = page.html.replace(PROGRAM, "");
            assert!(!html.contains("<script") && !html.contains("alert(1)</"), "{html}");
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
                assert!(policy.contains(part), "{policy}");
            }
            assert_eq!(policy.contains("script-src 'self'; "), has_program, "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(page.headers["x-frame-options"], "DENY");
            assert_eq!(page.headers["referrer-policy"], "no-referrer");
        }
        let answer = browser.post(&sso, 0, "/consent", &[("step", &step), ("answer", "allow")]).await;
        assert!(answer.location().contains("state=%22%3E%3Cscript%3E"), "{}", answer.location());
    });
}

#[test]
fn no_page_says_whether_there_is_a_user() {
    sign_in_story(1765, json!({}), async |sso| {
        let disabled = sso.d.register(0, "off@example.com", PASSWORD).await.id();
        sso.d.call(0, "status", json!({ "id": disabled, "status": "disabled" })).await.ok(200);
        sso.d.call(0, "register", json!({ "email": "no-password@example.com" })).await.ok(201);
        let faults = &sso.d.world.regions[0].faults;
        for round in 1..=6 {
            let mut seen = Vec::new();
            for (email, password) in [
                ("absent@example.com", PASSWORD),
                (EMAIL, "wrong horse"),
                ("off@example.com", PASSWORD),
                ("no-password@example.com", PASSWORD),
            ] {
                sso.d.world.reset_calls();
                sso.d.hasher.take();
                let (status, page) = attempt(&sso, email, password).await;
                let calls = [&faults.tables, &faults.attempts, &faults.requests].map(|faults| faults.calls());
                seen.push((status, page, sso.d.hasher.take(), calls));
            }
            assert!(seen.iter().all(|one| *one == seen[0]), "{round}: {seen:#?}");
            // The same counts as at the API: five attempts, and then none is checked.
            assert_eq!((seen[0].0, seen[0].2), if round <= 5 { (200, (0, 1)) } else { (429, (0, 0)) });
        }
    });
}

#[test]
fn the_pages_of_accounts_and_devices_say_no_more_than_that_of_a_client() {
    sign_in_story(1864, json!({}), async |mut sso| {
        sso.put(tv(&json!({}))).await;
        sso.restart();
        let disabled = sso.d.register(0, "off@example.com", PASSWORD).await.id();
        sso.d.call(0, "status", json!({ "id": disabled, "status": "disabled" })).await.ok(200);
        sso.d.call(0, "register", json!({ "email": "no-password@example.com" })).await.ok(201);
        let (mut accounts, mut devices) = (Vec::new(), Vec::new());
        for (email, password) in [
            ("absent@example.com", PASSWORD),
            (EMAIL, "wrong horse"),
            ("off@example.com", PASSWORD),
            ("no-password@example.com", PASSWORD),
        ] {
            let enter = async |browser: &mut Browser, path: &str, page: &Page| {
                let step = page.step();
                let fields = [("step", step.as_str()), ("identifier", email), ("password", password)];
                let page = browser.post(&sso, 0, path, &fields).await;
                (page.status, page.without_steps().replace(email, ""), browser.session().is_some())
            };
            let mut browser = Browser::default();
            let page = browser.get(&sso, 0, "/account?company=shop").await;
            accounts.push(enter(&mut browser, "/account", &page).await);
            let (device, mut browser) = (sso.begin(0).await, Browser::default());
            let page = browser.types(&sso, 0, &device.user_code).await;
            devices.push(enter(&mut browser, "/device", &page).await);
        }
        for seen in [accounts, devices] {
            assert!(seen[0].1.contains("The name or the password is wrong.") && !seen[0].2);
            assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
        }
    });
}

#[test]
fn a_lock_out_counts_for_the_api_and_for_strangers_but_not_for_the_browser_of_the_person() {
    sign_in_story(1766, json!({}), async |sso| {
        let mut own = Browser::default();
        own.whole(&sso, 0, &[]).await.code(&sso);
        // As many as for a name that no one has used: the sign-in itself leaves no count.
        for _ in 0..5 {
            for email in [EMAIL, "absent@example.com"] {
                assert_eq!(attempt(&sso, email, "wrong horse").await.0, 200);
            }
        }
        assert_eq!(attempt(&sso, "absent@example.com", PASSWORD).await.0, 429);
        let (status, page) = attempt(&sso, EMAIL, PASSWORD).await;
        assert!(status == 429 && page.contains("Too many attempts failed."), "{status}");
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        assert_eq!(sso.d.call(0, "authenticate", body).await.status, 429);
        own.whole(&sso, 0, &[("prompt", "login")]).await.code(&sso);
        sso.d.world.clock.advance(3_000);
        assert_eq!(attempt(&sso, EMAIL, PASSWORD).await.0, 303);
    });
}

#[test]
fn a_region_that_fails_shows_a_page_and_signs_no_user_in() {
    sign_in_story(1767, json!({ "first_party": false }), async |mut sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        sso.d.world.set_down(0, true);
        let failed = browser.sign_in(&sso, 0, &page, PASSWORD).await;
        assert_eq!((failed.status, failed.title()), (503, "Sign in"));
        assert!(failed.html.contains("The service cannot answer now.") && browser.session().is_none());
        assert_eq!(failed.headers["retry-after"], "1");
        // The form of the page that failed works in the other region, and here later.
        let consent = browser.sign_in(&sso, 1, &failed, PASSWORD).await;
        assert_eq!(consent.title(), "Allow access");
        let allow = [("step", &*consent.step()), ("answer", "allow")];
        let (authorize, consent) =
            (browser.authorize(&sso, 0, &[]).await, browser.post(&sso, 0, "/consent", &allow).await);
        let logout = browser.get(&sso, 0, "/oauth2/logout").await;
        assert_eq!(logout.title(), "Sign out");
        let logout = browser.post(&sso, 0, "/oauth2/logout", &[("step", &logout.step())]).await;
        for page in [authorize, consent, logout] {
            assert_eq!((page.status, page.title()), (503, "Try again"), "{}", page.html);
        }
        assert!(browser.session().is_some(), "a session that could not be ended can be ended later");
        sso.restart();
        let stranger = browser.authorize(&sso, 0, &[]).await;
        assert_eq!((stranger.status, stranger.title()), (503, "Try again"));
        sso.d.world.set_down(0, false);
        browser.post(&sso, 0, "/consent", &allow).await.code(&sso);
    });
}

#[test]
fn a_client_that_has_ended_gets_no_code_for_a_page_that_is_open() {
    sign_in_story(1768, json!({}), async |mut sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        for changed in [json!({ "enabled": false }), json!({ "redirect_uris": ["https://shop.example/other"] })] {
            sso.put(web(&changed)).await;
            sso.restart();
            let ended = browser.sign_in(&sso, 0, &page, PASSWORD).await;
            assert_eq!((ended.status, ended.title()), (400, "This link does not work"));
        }
    });
}

#[test]
fn a_link_to_where_a_page_sends_its_form_says_what_to_do_next() {
    sign_in_story(1771, json!({}), async |sso| {
        for path in ["/login", "/consent"] {
            let page = Browser::default().get(&sso, 0, path).await;
            assert_eq!((page.status, page.title()), (405, "This link does not work"), "{path}");
            assert_eq!(page.headers["allow"], "POST");
            assert!(page.html.contains("Go back to the application and sign in from there."), "{}", page.html);
            assert!(page.headers.get("set-cookie").is_none());
        }
        for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/par", "/oauth2/revoke", "/oauth2/device"] {
            let got = sso.send(0, axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap()).await;
            assert_eq!(
                (got.error(), &got.headers["allow"]),
                ((405, "invalid_request"), &"POST".parse().unwrap()),
                "{path}"
            );
        }
    });
}

#[test]
fn a_busy_region_checks_no_password() {
    sign_in_story(1769, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        sso.d.hasher.set_busy(Some(umoja_store::ports::Busy { retry_after_secs: 7 }));
        let busy = browser.sign_in(&sso, 0, &page, PASSWORD).await;
        assert_eq!((busy.status, busy.title()), (503, "Sign in"));
        sso.d.hasher.set_busy(None);
        browser.sign_in(&sso, 0, &busy, PASSWORD).await.code(&sso);
    });
}

#[test]
fn an_address_that_fails_with_many_names_is_locked_out_with_all() {
    sign_in_story(1770, json!({}), async |sso| {
        let mut browser = Browser::default();
        let step = browser.authorize(&sso, 0, &[]).await.step();
        let mut attempt = async |name: &str, address: &str| {
            browser.address = Some(address.parse().unwrap());
            let fields = [("step", step.as_str()), ("identifier", name), ("password", PASSWORD)];
            browser.post(&sso, 0, "/login", &fields).await.status
        };
        for n in 0..100 {
            assert_eq!(attempt(&format!("unknown{n}@example.com"), "192.0.2.7").await, 200);
        }
        assert_eq!(attempt(EMAIL, "192.0.2.7").await, 429);
        assert_eq!(attempt(EMAIL, "192.0.2.8").await, 303);
    });
}

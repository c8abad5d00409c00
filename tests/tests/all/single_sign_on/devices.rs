//! Devices that a person lets in with a browser, over two regions (RFC 8628).

use serde_json::{Value, json};
use umoja_oidc::browser::ClientAddress;
use umoja_schema::Millis;
use umoja_schema::replicated::ACCESS;

use super::browser::{Browser, EMAIL, PASSWORD, Page};
use super::{Got, Sso, client, story};

/// The cookie by which a browser is known.
const BROWSER: &str = "__Host-umoja_browser";

/// A television.
pub(super) fn tv(changes: &Value) -> Value {
    let mut tv = client("tv");
    for (name, value) in json!({
        "name": "A television", "kind": "public", "token_endpoint_auth_method": "none", "secrets": [],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        "scopes": ["openid", "email", "offline_access"],
    })
    .as_object()
    .unwrap()
    .iter()
    .chain(changes.as_object().unwrap())
    {
        tv[name] = value.clone();
    }
    tv
}

/// A device that has begun.
pub(super) struct Device {
    code: String,
    pub(super) user_code: String,
}

impl Sso {
    /// Two regions with a person and a television.
    async fn with_tv(&mut self, changes: &Value) {
        self.put(tv(changes)).await;
        self.restart();
        self.d.register(0, EMAIL, PASSWORD).await.ok(201);
        self.d.world.settle().await;
    }

    pub(super) async fn begin(&self, at: usize) -> Device {
        let got = self.post(at, "/oauth2/device", &[], "client_id=tv&scope=openid+email+other").await;
        assert_eq!(got.status, 200, "{}", got.body);
        let text = |name: &str| got.body[name].as_str().unwrap().to_owned();
        assert_eq!((&got.body["interval"], &got.body["expires_in"]), (&json!(5), &json!(600)));
        let page = "https://login.example/device";
        assert_eq!(text("verification_uri"), page);
        assert_eq!(text("verification_uri_complete"), format!("{page}?user_code={}", text("user_code")));
        assert_eq!(got.headers["cache-control"], "no-store");
        self.d.world.settle().await;
        Device { code: text("device_code"), user_code: text("user_code") }
    }

    /// The device asks, as often as it may.
    async fn poll(&self, at: usize, device: &Device) -> Got {
        self.d.world.clock.advance(5_000);
        self.poll_at_once(at, device).await
    }

    async fn poll_at_once(&self, at: usize, device: &Device) -> Got {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let form = format!("grant_type={grant}&client_id=tv&device_code={}", device.code);
        self.post(at, "/oauth2/token", &[], &form).await
    }
}

impl Browser {
    /// The person types the code, on the page that has given the browser its cookie.
    pub(super) async fn types(&mut self, sso: &Sso, at: usize, code: &str) -> Page {
        if self.cookie(BROWSER).is_none() {
            assert_eq!(self.get(sso, at, "/device").await.title(), "Connect a device");
        }
        self.post(sso, at, "/device", &[("user_code", code)]).await
    }

    /// The person signs in on the page of the device.
    pub(super) async fn enters(&mut self, sso: &Sso, at: usize, page: &Page, password: &str) -> Page {
        let step = page.step();
        let fields = [("step", step.as_str()), ("identifier", EMAIL), ("password", password)];
        self.post(sso, at, "/device", &fields).await
    }

    pub(super) async fn answers(&mut self, sso: &Sso, at: usize, page: &Page, answer: &str) -> Page {
        let step = page.step();
        self.post(sso, at, "/device", &[("step", &step), ("answer", answer)]).await
    }

    /// The whole of it.
    async fn lets_in(&mut self, sso: &Sso, at: usize, device: &Device) -> Page {
        let page = self.types(sso, at, &device.user_code).await;
        let page = self.enters(sso, at, &page, PASSWORD).await;
        let done = self.answers(sso, at, &page, "allow").await;
        sso.d.world.settle().await;
        done
    }
}

#[test]
fn a_person_without_a_factor_lets_no_device_in_of_a_client_that_always_wants_one() {
    story(7_440, async |mut sso| {
        sso.with_tv(&json!({ "require_mfa": "always" })).await;
        let device = sso.begin(0).await;
        let mut browser = Browser::default();
        let page = browser.types(&sso, 0, &device.user_code).await;
        let page = browser.enters(&sso, 0, &page, PASSWORD).await;
        assert!(page.html.contains("/account/factors") && !page.html.contains("\"allow\""), "{}", page.html);
        // The same in a session that has begun.
        let page = browser.types(&sso, 0, &device.user_code).await;
        assert!(page.html.contains("/account/factors"), "{}", page.html);
        assert_eq!(sso.poll(0, &device).await.error(), (400, "authorization_pending"));
    });
}

#[test]
fn what_a_device_begins_in_one_region_a_person_allows_in_the_other() {
    story(7_420, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let device = sso.begin(0).await;
        for at in [0, 1] {
            assert_eq!(sso.poll(at, &device).await.error(), (400, "authorization_pending"));
        }
        let mut browser = Browser::default();
        let page = browser.get(&sso, 1, &format!("/device?user_code={}", device.user_code)).await;
        assert_eq!((page.title(), page.field("user_code")), ("Connect a device", device.user_code.clone()));
        let page = browser.types(&sso, 1, &device.user_code.to_lowercase().replace('-', " ")).await;
        assert_eq!(page.title(), "Sign in");
        let page = browser.enters(&sso, 0, &page, "wrong").await;
        assert_eq!(page.title(), "Sign in");
        let page = browser.enters(&sso, 1, &page, PASSWORD).await;
        assert!(page.html.contains(&device.user_code) && page.html.contains("A television"), "{}", page.html);
        assert!(page.html.contains("e-mail address"));
        assert_eq!(sso.poll(0, &device).await.error(), (400, "authorization_pending"));
        let done = browser.answers(&sso, 1, &page, "allow").await;
        assert_eq!(done.title(), "The device is connected");
        sso.d.world.settle().await;
        let got = sso.poll(0, &device).await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert_eq!(got.body["scope"], "email openid");
        sso.d.world.settle().await;
        let token = got.body["access_token"].as_str().unwrap();
        let bearer = format!("Bearer {token}");
        let request = axum::http::Request::get("/oauth2/userinfo").header("authorization", bearer);
        let who = sso.send(1, request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!((who.status, &who.body["email"]), (200, &json!(EMAIL)), "{}", who.body);
        let form = format!(
            "grant_type=refresh_token&client_id=tv&refresh_token={}",
            got.body["refresh_token"].as_str().unwrap()
        );
        let again = sso.post(1, "/oauth2/token", &[], &form).await;
        assert_eq!(again.status, 200, "{}", again.body);
    });
}

#[test]
fn a_code_of_a_device_works_once_over_all_regions_and_a_second_use_ends_what_it_gave() {
    story(7_421, async |mut sso| {
        sso.with_tv(&json!({ "first_party": true })).await;
        let device = sso.begin(0).await;
        Browser::default().lets_in(&sso, 0, &device).await;
        let got = sso.poll(1, &device).await;
        assert_eq!(got.status, 200, "{}", got.body);
        sso.d.world.settle().await;
        assert_eq!(sso.poll(0, &device).await.error(), (400, "invalid_grant"));
        sso.d.world.settle().await;
        let form = format!(
            "grant_type=refresh_token&client_id=tv&refresh_token={}",
            got.body["refresh_token"].as_str().unwrap()
        );
        assert_eq!(sso.post(1, "/oauth2/token", &[], &form).await.error(), (400, "invalid_grant"));
    });
}

#[test]
fn a_device_that_asks_too_often_too_late_or_was_rejected_gets_no_token() {
    story(7_422, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let device = sso.begin(0).await;
        assert_eq!(sso.poll(0, &device).await.error(), (400, "authorization_pending"));
        assert_eq!(sso.poll_at_once(0, &device).await.error(), (400, "slow_down"));
        let mut browser = Browser::default();
        let page = browser.types(&sso, 0, &device.user_code).await;
        let page = browser.enters(&sso, 0, &page, PASSWORD).await;
        let done = browser.answers(&sso, 0, &page, "reject").await;
        assert_eq!(done.title(), "The device is rejected");
        assert_eq!(sso.poll(0, &device).await.error(), (400, "access_denied"));
        // The first answer counts.
        let page = browser.answers(&sso, 0, &page, "allow").await;
        assert_eq!((page.title(), sso.poll(0, &device).await.error()), ("Connect a device", (400, "access_denied")));
        let late = sso.begin(0).await;
        sso.d.world.clock.advance(600_000);
        assert_eq!(sso.poll(0, &late).await.error(), (400, "expired_token"));
        assert!(browser.types(&sso, 0, &late.user_code).await.html.contains("No device waits"));
    });
}

#[test]
fn a_device_code_is_its_clients_and_only_of_a_client_with_the_grant() {
    story(7_423, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let mut other = tv(&json!({}));
        other["id"] = "box".into();
        sso.put(other).await;
        let device = sso.begin(0).await;
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let form = format!("grant_type={grant}&client_id=box&device_code={}", device.code);
        assert_eq!(sso.post(0, "/oauth2/token", &[], &form).await.error(), (400, "invalid_grant"));
        for forged in ["", "x", &device.user_code] {
            let form = format!("grant_type={grant}&client_id=tv&device_code={forged}");
            assert_eq!(sso.post(0, "/oauth2/token", &[], &form).await.status, 400, "{forged}");
        }
        let header = [("authorization", &*super::basic("till", super::SECRET))];
        assert_eq!(sso.post(0, "/oauth2/device", &header, "").await.error(), (400, "unauthorized_client"));
        assert_eq!(sso.post(0, "/oauth2/device", &[], "client_id=none").await.error(), (401, "invalid_client"));
        assert_eq!(sso.post(0, "/oauth2/device", &[], "client_id=tv&scope=x").await.error(), (400, "invalid_scope"));
    });
}

/// RFC 8628 section 5.4: another site, another browser, or another person at this one.
#[test]
fn only_the_browser_and_the_person_who_saw_the_page_let_a_device_in() {
    story(7_424, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let device = sso.begin(0).await;
        let mut browser = Browser::default();
        let page = browser.types(&sso, 0, &device.user_code).await;
        let shown = browser.enters(&sso, 0, &page, PASSWORD).await;
        // Another browser has the form.
        let mut thief = Browser::default();
        thief.types(&sso, 0, &device.user_code).await;
        assert_eq!(thief.answers(&sso, 0, &shown, "allow").await.status, 400);
        // The same browser, in which someone has signed in again: the page is shown again.
        let page = browser.enters(&sso, 0, &page, PASSWORD).await;
        let again = browser.answers(&sso, 0, &shown, "allow").await;
        assert!(again.html.contains(&device.user_code));
        assert_eq!(sso.poll(0, &device).await.error(), (400, "authorization_pending"));
        // No answer, and the form of the first page: nothing is allowed.
        assert_eq!(browser.answers(&sso, 0, &page, "").await.status, 400);
        let first = browser.types(&sso, 0, &device.user_code).await;
        assert!(first.html.contains("Reject it if another person sent you the code"));
        assert_eq!(sso.poll(0, &device).await.error(), (400, "authorization_pending"));
        // Whose session has ended is asked to sign in.
        browser.set_cookie("__Host-umoja_sso", "x");
        assert_eq!(browser.answers(&sso, 0, &first, "allow").await.title(), "Sign in");
    });
}

#[test]
fn strangers_who_use_up_the_guesses_leave_those_of_who_is_signed_in() {
    story(7_429, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let (device, other) = (sso.begin(0).await, sso.begin(0).await);
        let mut own = Browser::default();
        let page = own.types(&sso, 0, &other.user_code).await;
        own.enters(&sso, 0, &page, PASSWORD).await;
        let region = &sso.d.world.regions[0];
        let hour = sso.now() / 3_600;
        let key = |kind: &str| region.secrets().request_hash(&["device guesses", kind, &hour.to_string()]);
        let until = Millis((hour + 2) * 3_600_000);
        region.home.attempts.add(&key("stranger"), 5_000, until).await.unwrap();
        let page = Browser::default().types(&sso, 0, &device.user_code).await;
        assert_eq!(page.status, 429);
        assert!(page.html.contains("Sign in to one of your applications with this browser"), "{}", page.html);
        assert!(own.types(&sso, 0, &device.user_code).await.html.contains(&device.user_code));
        // A person has its own attempts, in whatever number of browsers.
        let mut statuses = Vec::new();
        for guess in ["BBBBBBBB", "BBBBBBBC"].into_iter().cycle().take(25) {
            own.set_cookie(BROWSER, "AAAAAAAAAAAAAAAAAAAAAA");
            statuses.push(own.types(&sso, 0, guess).await.status);
        }
        assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 5, "{statuses:?}");
    });
}

#[test]
fn one_address_begins_a_hundred_devices_of_a_public_client() {
    story(7_430, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let begin = async |address: Option<&str>| {
            let request = axum::http::Request::post("/oauth2/device");
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let mut request = request.body(axum::body::Body::from("client_id=tv")).unwrap();
            if let Some(address) = address {
                request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
            }
            sso.send(0, request).await
        };
        for _ in 0..100 {
            assert_eq!(begin(Some("2001:db8:1:2::1")).await.status, 200);
        }
        let late = begin(Some("2001:db8:1:2::9")).await;
        assert_eq!((late.error(), &late.headers["retry-after"]), ((429, "slow_down"), &"2".parse().unwrap()));
        for address in [Some("2001:db8:1:3::1"), None] {
            assert_eq!(begin(address).await.status, 200);
        }
        sso.d.world.clock.advance(2_000);
        assert_eq!(begin(Some("2001:db8:1:2::1")).await.status, 200);
    });
}

/// Its cookies are `SameSite=Lax`, so the form of another site comes without them.
#[test]
fn a_form_of_another_site_leaves_the_browser_its_cookie() {
    story(7_428, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let device = sso.begin(0).await;
        let mut elsewhere = Browser::default();
        for code in [device.user_code.as_str(), "<no code>", ""] {
            let page = elsewhere.post(&sso, 0, "/device", &[("user_code", code)]).await;
            assert!(
                page.headers.get("set-cookie").is_none() && page.location().starts_with("https://login.example/device")
            );
        }
        assert_eq!(elsewhere.cookie(BROWSER), None);
        // The link leads to the page with the code, which the person sends.
        let page = elsewhere.post(&sso, 0, "/device", &[("user_code", &device.user_code)]).await;
        let mut own = Browser::default();
        let page = own.get(&sso, 1, page.location()).await;
        assert_eq!((page.title(), page.field("user_code")), ("Connect a device", device.user_code.clone()));
        let known = own.cookie(BROWSER).unwrap().to_owned();
        own.types(&sso, 1, &device.user_code).await;
        assert_eq!(own.cookie(BROWSER), Some(known.as_str()));
    });
}

#[test]
fn codes_are_not_guessed_and_who_guesses_waits() {
    story(7_425, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let device = sso.begin(0).await;
        let mut browser = Browser::default();
        // A page that works gives the browser its cookie.
        browser.types(&sso, 0, &device.user_code).await;
        let mut statuses = Vec::new();
        for guess in ["BBBBBBBB", "bbbb-bbbc", "no code"].into_iter().cycle().take(45) {
            statuses.push(browser.types(&sso, 0, guess).await.status);
        }
        assert_eq!((statuses[0], statuses.iter().filter(|status| **status == 429).count()), (200, 10));
        assert_eq!(browser.types(&sso, 0, &device.user_code).await.status, 429);
        // The own attempts of another browser are not used up.
        assert_eq!(Browser::default().types(&sso, 0, &device.user_code).await.title(), "Sign in");
        sso.d.world.clock.advance(500_000);
        assert_eq!(browser.types(&sso, 0, &device.user_code).await.title(), "Sign in");
    });
}

#[test]
fn no_row_of_a_device_shows_the_code_or_the_person() {
    story(7_426, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let device = sso.begin(0).await;
        Browser::default().lets_in(&sso, 0, &device).await;
        let plain = device.user_code.replace('-', "");
        let mut seen = 0;
        for change in sso.d.world.changes(0).iter().filter(|change| change.table == ACCESS.name) {
            // The form for the log shows no value.
            let mut bytes = Vec::new();
            for value in change.image.values() {
                value.encode(&mut bytes);
            }
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(&plain) && !text.contains(&device.user_code) && !text.contains("ada@"), "{text}");
            seen += usize::from(text.contains("device#request"));
        }
        assert!(seen >= 2 && !device.code.contains(&plain));
    });
}

#[test]
fn a_person_who_signs_out_before_the_device_asks_gets_it_nothing() {
    story(7_427, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let device = sso.begin(0).await;
        let mut browser = Browser::default();
        browser.lets_in(&sso, 0, &device).await;
        let page = browser.get(&sso, 0, "/oauth2/logout").await;
        let step = page.step();
        browser.post(&sso, 0, "/oauth2/logout", &[("step", &step)]).await;
        assert_eq!(sso.poll(0, &device).await.error(), (400, "invalid_grant"));
    });
}

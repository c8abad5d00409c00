//! The modules of the OpenID Foundation's conformance plans for providers, by the names that the suite gives them: Basic, Config, RP-Initiated
//! Logout and Back-Channel Logout. The suite needs Java and MongoDB, so each module stands here as a test of this repository that checks what
//! the module checks. `docs/conformance.md` is made from this list.
//!
//! `UPDATE=1 cargo test -p umoja-tests conformance` regenerates the page.

use std::fmt::Write as _;
use std::path::Path;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::SECRET;
use super::authorize::sign_in_story;
use super::browser::{Browser, CALLBACK, EMAIL};
use super::people::{VERIFIER, redeeming};

const REJECTED: (u16, &str) = (400, "invalid_grant");

/// Where a test is, or why a module has none.
enum By {
    Test(&'static str, &'static str),
    Not(&'static str),
}

const HERE: &str = "tests/tests/all/single_sign_on/conformance.rs";
const AUTHORIZE: &str = "tests/tests/all/single_sign_on/authorize.rs";
const CODES: &str = "tests/tests/all/single_sign_on/codes.rs";
const FLOW: &str = "tests/tests/all/single_sign_on/over_regions.rs";
const LEAVING: &str = "tests/tests/all/single_sign_on/leaving.rs";
const NOTICES: &str = "tests/tests/all/single_sign_on/notices.rs";
const PUSHED: &str = "tests/tests/all/single_sign_on/pushed.rs";
const REFRESHES: &str = "tests/tests/all/single_sign_on/refreshes.rs";
const REQUEST: &str = "oidc/src/request/tests.rs";
const CLAIMS: &str = "oidc/src/claims.rs";
const DECISION: &str = "oidc/src/decision.rs";
const LOGOUT: &str = "oidc/src/logout.rs";
const VOLUNTARY: &str = "what_a_client_may_ask_for_in_vain_disturbs_no_sign_in";
const UNASKED: &str = "without_a_genuine_token_of_the_session_the_person_is_asked";
const UNREGISTERED: &str = "no_browser_is_sent_to_an_address_that_is_not_registered";

type Plan = (&'static str, &'static [(&'static str, By)]);

const PLANS: &[Plan] = &[
    (
        "oidcc-basic-certification-test-plan",
        &[
            ("oidcc-server", By::Test(FLOW, "a_person_signs_in_at_one_region_and_the_client_serves_it_from_another")),
            (
                "oidcc-response-type-missing",
                By::Test(AUTHORIZE, "a_fault_is_a_page_until_the_address_is_known_and_then_an_answer"),
            ),
            (
                "oidcc-idtoken-signature",
                By::Test(CODES, "a_code_of_one_region_gives_the_tokens_of_the_person_in_another"),
            ),
            ("oidcc-idtoken-unsigned", By::Not("tokens are always signed, as the metadata says")),
            ("oidcc-userinfo-get", By::Test(CODES, "userinfo_has_the_claims_of_the_scopes_and_the_name_of_the_person")),
            ("oidcc-userinfo-post-header", By::Test(HERE, "who_a_token_is_for_is_asked_in_three_ways")),
            ("oidcc-userinfo-post-body", By::Test(HERE, "who_a_token_is_for_is_asked_in_three_ways")),
            ("oidcc-ensure-request-without-nonce-succeeds-for-code-flow", By::Test(HERE, VOLUNTARY)),
            ("oidcc-scope-profile", By::Test(CLAIMS, "a_scope_gives_its_claims_and_no_other")),
            ("oidcc-scope-email", By::Test(CODES, "userinfo_has_the_claims_of_the_scopes_and_the_name_of_the_person")),
            ("oidcc-scope-address", By::Not("no address is stored, and the scope is not in the metadata")),
            ("oidcc-scope-phone", By::Test(CLAIMS, "a_scope_gives_its_claims_and_no_other")),
            ("oidcc-scope-all", By::Not("needs the scope `address`")),
            ("oidcc-alternate-happy-flow", By::Test(AUTHORIZE, "every_step_may_be_in_another_region")),
            ("oidcc-display-page", By::Test(HERE, VOLUNTARY)),
            ("oidcc-display-popup", By::Test(HERE, VOLUNTARY)),
            ("oidcc-prompt-login", By::Test(AUTHORIZE, "a_person_signs_in_again_where_the_client_wants_it")),
            (
                "oidcc-prompt-none-not-logged-in",
                By::Test(AUTHORIZE, "without_a_page_a_client_learns_whether_the_person_is_signed_in"),
            ),
            (
                "oidcc-prompt-none-logged-in",
                By::Test(AUTHORIZE, "without_a_page_a_client_learns_whether_the_person_is_signed_in"),
            ),
            ("oidcc-max-age-1", By::Test(AUTHORIZE, "a_person_signs_in_again_where_the_client_wants_it")),
            ("oidcc-max-age-10000", By::Test(AUTHORIZE, "a_person_signs_in_again_where_the_client_wants_it")),
            ("oidcc-ensure-request-with-unknown-parameter-succeeds", By::Test(HERE, VOLUNTARY)),
            ("oidcc-id-token-hint", By::Test(DECISION, "another_person_than_the_client_expects_gets_no_code")),
            ("oidcc-login-hint", By::Test(HERE, VOLUNTARY)),
            ("oidcc-ui-locales", By::Test(HERE, VOLUNTARY)),
            ("oidcc-claims-locales", By::Test(HERE, VOLUNTARY)),
            ("oidcc-ensure-request-with-acr-values-succeeds", By::Test(HERE, VOLUNTARY)),
            ("oidcc-codereuse", By::Test(CODES, "a_code_that_is_used_again_ends_what_it_gave_in_every_region")),
            (
                "oidcc-codereuse-30seconds",
                By::Test(HERE, "a_code_that_is_used_again_after_half_a_minute_ends_what_it_gave"),
            ),
            (
                "oidcc-ensure-registered-redirect-uri",
                By::Test(AUTHORIZE, "a_fault_is_a_page_until_the_address_is_known_and_then_an_answer"),
            ),
            (
                "oidcc-redirect-uri-query-mismatch",
                By::Test(REQUEST, "no_browser_is_sent_to_a_uri_that_is_not_the_clients"),
            ),
            (
                "oidcc-ensure-redirect-uri-in-authorization-request",
                By::Test(REQUEST, "no_browser_is_sent_to_a_uri_that_is_not_the_clients"),
            ),
            ("oidcc-ensure-post-request-succeeds", By::Test(AUTHORIZE, "a_client_may_use_forms_in_both_directions")),
            ("oidcc-server-client-secret-post", By::Test(HERE, "a_client_may_send_its_secret_in_the_form")),
            (
                "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
                By::Test(REQUEST, "a_fault_of_a_known_client_is_sent_back"),
            ),
            (
                "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
                By::Test(REQUEST, "a_fault_of_a_known_client_is_sent_back"),
            ),
            ("oidcc-claims-essential", By::Test(HERE, VOLUNTARY)),
            (
                "oidcc-ensure-request-object-with-redirect-uri",
                By::Test(REQUEST, "a_fault_of_a_known_client_is_sent_back"),
            ),
            (
                "oidcc-refresh-token",
                By::Test(REFRESHES, "a_confidential_client_keeps_its_refresh_token_and_its_name_of_the_person"),
            ),
            (
                "oidcc-ensure-request-with-valid-pkce-succeeds",
                By::Test(CODES, "a_code_with_another_client_redirect_or_verifier_gives_no_token_and_is_not_used_up"),
            ),
        ],
    ),
    (
        "oidcc-config-certification-test-plan",
        &[("oidcc-discovery-endpoint-verification", By::Test(PUSHED, "the_metadata_names_what_there_is"))],
    ),
    (
        "oidcc-rp-initiated-logout-certification-test-plan",
        &[
            (
                "oidcc-rp-initiated-logout-discovery-endpoint-verification",
                By::Test(PUSHED, "the_metadata_names_what_there_is"),
            ),
            (
                "oidcc-rp-initiated-logout",
                By::Test(LEAVING, "a_client_ends_the_session_of_its_id_token_and_gets_the_browser_back"),
            ),
            ("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", By::Test(LEAVING, UNREGISTERED)),
            ("oidcc-rp-initiated-logout-modified-id-token-hint", By::Test(LEAVING, UNASKED)),
            ("oidcc-rp-initiated-logout-no-id-token-hint", By::Test(LEAVING, UNASKED)),
            ("oidcc-rp-initiated-logout-no-params", By::Test(LEAVING, UNASKED)),
            ("oidcc-rp-initiated-logout-no-post-logout-redirect-uri", By::Test(LEAVING, UNREGISTERED)),
            (
                "oidcc-rp-initiated-logout-no-state",
                By::Test(LEAVING, "a_client_ends_the_session_of_its_id_token_and_gets_the_browser_back"),
            ),
            ("oidcc-rp-initiated-logout-only-state", By::Test(LEAVING, UNASKED)),
            ("oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", By::Test(LEAVING, UNREGISTERED)),
            (
                "oidcc-rp-initiated-logout-bad-id-token-hint",
                By::Test(LOGOUT, "a_token_that_is_not_genuine_ends_nothing_unasked_and_leads_nowhere"),
            ),
        ],
    ),
    (
        "oidcc-backchannel-rp-initiated-logout-certification-test-plan",
        &[
            (
                "oidcc-backchannel-logout-discovery-endpoint-verification",
                By::Test(NOTICES, "the_metadata_says_that_clients_are_informed_and_where_devices_begin"),
            ),
            (
                "oidcc-backchannel-rp-initiated-logout",
                By::Test(
                    NOTICES,
                    "a_client_that_sends_a_person_to_the_logout_is_informed_of_the_session_of_its_id_token",
                ),
            ),
        ],
    ),
];

fn page() -> String {
    let mut page = "# Conformance of single sign-on\n\nThe modules of the OpenID Foundation's conformance plans for providers, and the tests \
                    of this repository that check what they check. The suite itself was not run. Generated: see \
                    `tests/tests/all/single_sign_on/conformance.rs`.\n"
        .to_owned();
    for (plan, modules) in PLANS {
        let _ = write!(page, "\n## {plan}\n\n| module | shown by |\n|---|---|\n");
        for (module, by) in *modules {
            let by = match by {
                By::Test(path, test) => format!("[`{test}`](../{path})"),
                By::Not(why) => format!("not applicable: {why}"),
            };
            let _ = writeln!(page, "| `{module}` | {by} |");
        }
    }
    page
}

#[test]
fn every_module_has_its_test_and_the_page_lists_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (module, by) in PLANS.iter().flat_map(|(_, modules)| *modules) {
        let By::Test(path, test) = by else { continue };
        let source = std::fs::read_to_string(root.join(path)).unwrap();
        assert!(source.contains(&format!("fn {test}(")), "{module}: {path} has no {test}");
    }
    let (path, page) = (root.join("docs/conformance.md"), page());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(std::fs::read_to_string(path).is_ok_and(|stored| stored == page), "docs/conformance.md is old: UPDATE=1");
}

// oidcc-display-page, oidcc-display-popup, oidcc-login-hint, oidcc-ui-locales, oidcc-claims-locales, oidcc-claims-essential,
// oidcc-ensure-request-with-acr-values-succeeds, oidcc-ensure-request-with-unknown-parameter-succeeds,
// oidcc-ensure-request-without-nonce-succeeds-for-code-flow
#[test]
fn what_a_client_may_ask_for_in_vain_disturbs_no_sign_in() {
    sign_in_story(1901, json!({}), async |sso| {
        for asked in [
            ("display", "page"),
            ("display", "popup"),
            ("login_hint", EMAIL),
            ("ui_locales", "sw fr-CA"),
            ("claims_locales", "se"),
            ("claims", "{\"userinfo\":{\"name\":{\"essential\":true}}}"),
            ("acr_values", "1 2"),
            ("extra", "foobar"),
            ("nonce", ""),
        ] {
            let answer = Browser::default().whole(&sso, 0, &[asked]).await;
            let got = sso.ask(1, "web", &[], &redeeming(&answer.answer("code").unwrap(), CALLBACK, VERIFIER)).await;
            assert_eq!(got.status, 200, "{asked:?}: {}", got.body);
            assert!(got.body["id_token"].is_string());
        }
    });
}

// oidcc-userinfo-get, oidcc-userinfo-post-header, oidcc-userinfo-post-body
#[test]
fn who_a_token_is_for_is_asked_in_three_ways() {
    sign_in_story(1902, json!({}), async |sso| {
        let answer = Browser::default().whole(&sso, 0, &[]).await;
        let got = sso.ask(0, "web", &[], &redeeming(&answer.answer("code").unwrap(), CALLBACK, VERIFIER)).await;
        let token = got.text("access_token");
        let expected = sso.userinfo(0, token).await.body;
        assert_eq!(expected["email"], EMAIL);
        let bearer = format!("Bearer {token}");
        let post = Request::post("/oauth2/userinfo").header("authorization", &bearer).body(Body::empty()).unwrap();
        assert_eq!(sso.send(0, post).await.body, expected);
        assert_eq!(sso.post(0, "/oauth2/userinfo", &[], &format!("access_token={token}")).await.body, expected);
    });
}

// oidcc-server-client-secret-post
#[test]
fn a_client_may_send_its_secret_in_the_form() {
    sign_in_story(1903, json!({ "token_endpoint_auth_method": "client_secret_post" }), async |sso| {
        let answer = Browser::default().whole(&sso, 0, &[]).await;
        let code = redeeming(&answer.answer("code").unwrap(), CALLBACK, VERIFIER);
        let without = sso.post(0, "/oauth2/token", &[], &format!("{code}&client_id=web")).await;
        assert_eq!(without.error(), (401, "invalid_client"));
        let got = sso.post(0, "/oauth2/token", &[], &format!("{code}&client_id=web&client_secret={SECRET}")).await;
        assert_eq!(got.status, 200, "{}", got.body);
    });
}

// oidcc-codereuse-30seconds
#[test]
fn a_code_that_is_used_again_after_half_a_minute_ends_what_it_gave() {
    sign_in_story(1904, json!({}), async |sso| {
        let answer = Browser::default().whole(&sso, 0, &[]).await;
        let code = redeeming(&answer.answer("code").unwrap(), CALLBACK, VERIFIER);
        let got = sso.ask(0, "web", &[], &code).await;
        assert_eq!(sso.userinfo(0, got.text("access_token")).await.status, 200);
        sso.d.world.clock.advance(30_000);
        assert_eq!(sso.ask(1, "web", &[], &code).await.error(), REJECTED);
        assert_eq!(sso.userinfo(1, got.text("access_token")).await.error(), (401, "invalid_token"));
    });
}

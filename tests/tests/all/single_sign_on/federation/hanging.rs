//! Providers that do not answer, and answers that are guessed.

use super::super::browser::Browser;
use super::{PASSWORD, SET, start, two};

const UNREACHABLE: &str = "did not answer, so you were not signed in";

#[test]
fn a_provider_that_does_not_answer_is_not_called_by_all_and_the_password_works() {
    two(1860, SET, async |two| {
        two.line.is_down(true);
        for (browsers, called) in [(1, 1), (5, 0)] {
            for _ in 0..browsers {
                let mut browser = Browser::default();
                let page = browser.authorize(&two.here, 1, &[]).await;
                let page = browser.get(&two.here, 1, &start(&page)).await;
                assert!(page.status == 200 && page.html.contains(UNREACHABLE), "{}", page.html);
                browser.sign_in(&two.here, 1, &page, PASSWORD).await.code(&two.here);
            }
            assert_eq!(two.line.called().len(), called);
        }
        two.line.is_down(false);
        two.advance(11_000);
        two.whole(&mut Browser::default()).await.code(&two.here);
    });
}

#[test]
fn a_provider_that_fails_at_three_browsers_is_out_until_it_answers_again() {
    two(1861, SET, async |two| {
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let mut browser = Browser::default();
            let page = browser.authorize(&two.here, 1, &[]).await;
            let back = two.elsewhere(&mut browser, &page).await;
            waiting.push((browser, back));
        }
        two.line.is_down(true);
        two.line.called();
        for (n, (browser, back)) in waiting.iter_mut().enumerate() {
            let page = browser.get(&two.here, 1, back).await;
            assert!(page.html.contains(UNREACHABLE), "{n}: {}", page.html);
        }
        // The fourth is not kept waiting, and no one is sent there.
        assert_eq!(two.line.called().iter().filter(|path| *path == "/oauth2/token").count(), 3);
        let mut browser = Browser::default();
        let page = browser.authorize(&two.here, 1, &[]).await;
        assert!(browser.get(&two.here, 1, &start(&page)).await.html.contains(UNREACHABLE));
        two.line.is_down(false);
        two.advance(5_000);
        let page = browser.authorize(&two.here, 1, &[]).await;
        let back = two.elsewhere(&mut browser, &page).await;
        browser.get(&two.here, 1, &back).await.code(&two.here);
    });
}

#[test]
fn answers_that_come_to_nothing_are_counted_for_their_network() {
    two(1862, SET, async |two| {
        let at = |last| {
            let mut browser = Browser::default();
            browser.address = Some([192, 0, 2, last].into());
            browser
        };
        let mut guessing = at(1);
        let guess = async |guessing: &mut Browser| {
            let page = guessing.authorize(&two.here, 0, &[]).await;
            let away = guessing.get(&two.here, 0, &start(&page)).await;
            let (_, rest) = away.location().split_once("state=").unwrap();
            let state = rest.split('&').next().unwrap();
            let back = format!("/federation/callback?code=guess&state={state}&iss=https%3A%2F%2Faccounts.example");
            guessing.get(&two.here, 0, &back).await
        };
        for _ in 0..100 {
            assert_eq!(guess(&mut guessing).await.status, 200);
        }
        two.line.called();
        let page = guess(&mut guessing).await;
        assert_eq!((page.status, page.headers["retry-after"].to_str().unwrap()), (429, "2"), "{}", page.html);
        assert_eq!(two.line.called(), Vec::<String>::new());
        // Another network signs in, and what was right is not counted.
        for _ in 0..3 {
            two.whole(&mut at(2)).await.code(&two.here);
        }
    });
}

//! Notices of logouts when everything of a person ends.

use serde_json::json;
use umoja_provisioner::logouts::oldest_ms;
use umoja_tests::hook::status;

use super::notices::informed;
use super::story;

#[test]
fn clients_hear_that_a_person_was_disabled_or_erased() {
    for (seed, operation) in [(7_410, "status"), (7_411, "erase")] {
        story(seed, async |sso| {
            sso.put(informed("web", "https://web.example/logout")).await;
            let (id, session) = sso.seen(&["web"]).await;
            let body =
                if operation == "erase" { json!({ "id": id }) } else { json!({ "id": id, "status": "disabled" }) };
            assert!(sso.d.call(1, operation, body).await.status < 300);
            sso.d.world.settle().await;
            assert_eq!(sso.logouts(1).step().await.unwrap().accepted, 1, "{operation}");
            let posted = sso.hook.take();
            let claims = sso.claims(&posted[0]).await;
            assert_eq!(claims["sid"], sso.called(&session, &claims));
            for at in [0, 1] {
                sso.d.world.clock.advance(61_000);
                sso.logouts(at).step().await.unwrap();
                assert_eq!((sso.hook.take().len(), sso.rows(at).await), (0, 0), "{operation}");
            }
        });
    }
}

#[test]
fn clients_hear_of_what_began_in_another_region_before_everything_ended() {
    story(7_412, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        let (id, first) = sso.seen(&["web"]).await;
        // The region in which everything ends knows neither the session nor its client.
        let session = sso.sign_in(1, id).await;
        sso.note(1, id, &session, "web").await;
        sso.d.world.regions[0].people().end_all_sessions(id).await.unwrap();
        sso.logouts(0).step().await.unwrap();
        let posted = sso.hook.take();
        let claims = sso.claims(&posted[0]).await;
        assert_eq!((posted.len(), &claims["sid"]), (1, &json!(sso.called(&first, &claims))));
        sso.d.world.settle().await;
        sso.d.world.clock.advance(61_000);
        let mut posted = Vec::new();
        for _ in 0..3 {
            sso.logouts(0).step().await.unwrap();
            posted.extend(sso.hook.take());
        }
        let claims = sso.claims(&posted[0]).await;
        assert_eq!((posted.len(), &claims["sid"]), (1, &json!(sso.called(&session, &claims))));
        sso.d.world.clock.advance(61_000);
        sso.logouts(0).step().await.unwrap();
        assert_eq!((sso.hook.take().len(), sso.rows(0).await), (0, 0));
    });
}

#[test]
fn a_notice_waits_for_a_client_that_does_not_answer_and_for_none_that_is_removed() {
    story(7_413, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        let (id, _) = sso.seen(&["web"]).await;
        let (home, logouts) = (&sso.d.world.regions[0].home, sso.logouts(0));
        assert_eq!(oldest_ms(home).await, Ok(0));
        sso.d.world.regions[0].people().end_all_sessions(id).await.unwrap();
        sso.hook.answer(|_| Ok(status(500)));
        assert_eq!(logouts.step().await.unwrap().rejected, 1);
        sso.d.world.clock.advance(120_000);
        assert!(oldest_ms(home).await.unwrap() >= 120_000);
        let mut removed = informed("web", "https://web.example/logout");
        removed["removed"] = json!(true);
        sso.put(removed).await;
        for _ in 0..4 {
            let done = logouts.step().await.unwrap();
            assert_eq!((done.accepted, done.rejected, done.given_up), (0, 0, 0));
            sso.d.world.clock.advance(600_000);
        }
        assert_eq!((oldest_ms(home).await, sso.rows(0).await), (Ok(0), 0));
    });
}

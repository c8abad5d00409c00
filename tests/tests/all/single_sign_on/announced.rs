//! Notices of logouts when everything of a person ends.

use serde_json::json;

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

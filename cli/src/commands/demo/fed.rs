//! The chapter about an identity provider that feeds the store.

use serde_json::{Value, json};

use super::narrator::{Narrator, expect};
use super::sources::Sources;
use super::stage::{Stage, Who};
use crate::CliError;

/// An event of an Auth0 tenant about Zuri, in the form of its Event Streams.
fn event(tag: &str, kind: &str, at: &str, given_name: &str) -> Value {
    json!({
        "specversion": "1.0", "type": kind, "source": "urn:auth0:soko", "id": format!("{kind}-{tag}-{at}"), "time": at,
        "data": { "object": {
            "user_id": format!("auth0|{tag}"), "email": format!("zuri.{tag}@example.com"), "email_verified": true,
            "given_name": given_name, "created_at": "2026-01-01T00:00:00Z", "updated_at": at,
        } },
    })
}

/// Plays the chapter in the home of the source, and another region.
pub(super) async fn play(
    stage: &Stage,
    sources: &Sources,
    narrator: &Narrator,
    (home, other): (usize, usize),
) -> Result<(), CliError> {
    let (here, there) = (stage.name(home), stage.name(other));
    narrator.chapter("An identity provider feeds the store");
    let random: [u8; 8] = stage.entropy.array();
    let tag = hex::encode(random);
    let by_subject = json!({ "external_id": format!("auth0|{tag}") });
    let post = async |kind, at, name| {
        let (_, url) = &stage.urls()[other];
        let status = sources.post(url, &event(&tag, kind, at, name)).await?;
        expect(status == 202, "202 accepted")
    };
    let seen_in = async |region, member: &str, value: Value| {
        stage
            .until("the change of the provider", async || {
                let answer = stage.ask(region, Who::Soko, "lookup", by_subject.clone()).await?;
                Ok((answer.status == 200 && answer.body["user"].pointer(member) == Some(&value)).then_some(()))
            })
            .await
    };
    stage.cut_off(home, true);
    let accepted = narrator
        .check(
            &format!("{here} is cut off; Auth0 reports Zuri's sign-up to {there}"),
            post("user.created", "2026-02-01T00:00:00Z", "Zuri"),
        )
        .await;
    stage.cut_off(home, false);
    accepted?;
    narrator
        .check(&format!("healed: {here} has applied it, and {there} knows her"), async {
            seen_in(home, "/profile/given_name", json!("Zuri")).await?;
            seen_in(other, "/profile/given_name", json!("Zuri")).await?;
            Ok("200 in both".into())
        })
        .await?;
    narrator
        .check("a newer name and then an older one arrive: the newer stays", async {
            post("user.updated", "2026-04-01T00:00:00Z", "Zuri A.").await?;
            seen_in(other, "/profile/given_name", json!("Zuri A.")).await?;
            post("user.updated", "2026-03-01T00:00:00Z", "Zuri B.").await?;
            post("user.deleted", "2026-05-01T00:00:00Z", "Zuri A.").await?;
            seen_in(other, "/accounts/soko/status", json!("suspended")).await?;
            seen_in(other, "/profile/given_name", json!("Zuri A.")).await?;
            Ok("by the provider's own time".into())
        })
        .await?;
    narrator
        .check("Auth0 has deleted her: suspended at soko, and nowhere else", async {
            seen_in(home, "/status", json!("active")).await?;
            seen_in(home, "/accounts/soko/status", json!("suspended")).await?;
            Ok("a source speaks for its company".into())
        })
        .await
}

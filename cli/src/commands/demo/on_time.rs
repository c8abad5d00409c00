//! The chapter about remote systems: they get their accounts while the status page shows it.

use serde_json::{Value, json};
use umoja_schema::UserId;

use super::narrator::Narrator;
use super::stage::{Stage, Who};
use super::targets::{RETURN_URL, Targets};
use super::watched::Watched;
use crate::CliError;

/// A request to have a user at the targets.
struct Request {
    user: UserId,
    ticket: String,
    url: String,
}

impl Request {
    fn of(body: &Value, user: &Value) -> Result<Self, CliError> {
        let text = |value: &Value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| CliError::Failed("the answer has no ticket".into()))
        };
        let user = text(user)?.parse().map_err(|_| CliError::Failed("the id is not a user id".into()))?;
        let provisioning = &body["provisioning"];
        Ok(Self { user, ticket: text(&provisioning["ticket"])?, url: text(&provisioning["url"])? })
    }
}

/// Registers a person whom the targets are to have at once.
async fn register(stage: &Stage, targets: &Targets, at: usize, name: &str) -> Result<Request, CliError> {
    let tag = hex::encode(stage.entropy.array::<8>());
    let body = json!({
        "email": format!("{}.{tag}@example.com", name.to_lowercase()), "email_verified": true,
        "profile": { "given_name": name, "nickname": name }, "provision": targets.ids(), "return_url": RETURN_URL,
    });
    let answer = stage.call(at, Who::Soko, "register", body, 201).await?;
    Request::of(&answer.body, &answer.body["user"]["id"])
}

/// Waits until the page in a region shows these states, one for each target, the last with a reason or without.
async fn shows(
    stage: &Stage,
    targets: &Targets,
    region: usize,
    ticket: &str,
    (states, waits): ([&str; 2], bool),
) -> Result<String, CliError> {
    let (_, url) = &stage.urls()[region];
    let page = Watched::open(url, ticket).await?;
    let wanted = targets.ids().into_iter().map(ToString::to_string).zip([(states[0], false), (states[1], waits)]);
    let wanted: std::collections::BTreeMap<_, _> =
        wanted.map(|(id, (state, waits))| (id, (state.to_owned(), waits))).collect();
    stage.until("the page", async || Ok((page.shown().await? == wanted).then_some(()))).await?;
    Ok(wanted.iter().map(|(id, (state, _))| format!("{id} {state}")).collect::<Vec<_>>().join(", "))
}

/// Whether each target has one account, with these nicknames.
fn has(targets: &Targets, user: UserId, names: [&str; 2]) -> Result<String, CliError> {
    let accounts = targets.accounts(user);
    let found: Vec<_> =
        accounts.iter().map(|all| (all.len(), all.first().map(|one| one["nickName"].clone()))).collect();
    let wanted = names.map(|name| (1, Some(json!(name))));
    if found == wanted {
        Ok("one account each".into())
    } else {
        Err(CliError::Failed("there are other accounts".into()))
    }
}

/// Plays the chapter in the home of the targets, and another region.
pub(super) async fn watched(
    stage: &Stage,
    targets: &Targets,
    narrator: &Narrator,
    (at, other): (usize, usize),
) -> Result<(), CliError> {
    let (here, there) = (stage.name(at), stage.name(other));
    narrator.chapter("Accounts in remote systems, while a page shows it");
    let imara = narrator
        .step(&format!("soko registers Imara in {here} and names two targets"), async {
            Ok((register(stage, targets, at, "Imara").await?, "201 with a ticket".into()))
        })
        .await?;
    narrator
        .check(
            &format!("the status page in {there} shows both accounts"),
            shows(stage, targets, other, &imara.ticket, (["done", "done"], false)),
        )
        .await?;
    narrator
        .check("each target has her once, by Umoja's id", async { has(targets, imara.user, ["Imara", "Imara"]) })
        .await?;
    let Some(out) = targets.set_last_down(true) else { return Ok(()) };
    let changed = narrator
        .step(&format!("{out} is out; soko changes her nickname in {here}"), async {
            let body = json!({ "id": imara.user, "set": { "profile": { "nickname": "Ima" } } });
            stage.call(at, Who::Soko, "update", body, 200).await?;
            let body = json!({ "id": imara.user, "targets": targets.ids() });
            let answer = stage.call(at, Who::Soko, "provision", body, 200).await?;
            Ok((Request::of(&answer.body, &json!(imara.user))?, "200, waits for no target".into()))
        })
        .await;
    let seen = match &changed {
        Ok(changed) => {
            let step = format!("the page in {here}: one is ready, {out} is tried again");
            narrator.check(&step, shows(stage, targets, at, &changed.ticket, (["done", "pending"], true))).await
        }
        Err(_) => Ok(()),
    };
    targets.set_last_down(false);
    let changed = changed?;
    seen?;
    narrator
        .check(&format!("{out} is back: the page in {there} shows both"), async {
            has(targets, imara.user, ["Ima", "Imara"])?;
            targets.redrive().await?;
            let shown = shows(stage, targets, other, &changed.ticket, (["done", "done"], false)).await?;
            has(targets, imara.user, ["Ima", "Ima"])?;
            Ok(shown)
        })
        .await?;
    narrator
        .check("soko erases her: the receipt waits for both targets", async {
            let body = json!({ "id": imara.user, "reason": "she asked" });
            stage.call(at, Who::Soko, "erase", body, 202).await?;
            stage
                .until("the confirmation of the targets", async || {
                    let answer = stage.ask(other, Who::Soko, "erasure", json!({ "id": imara.user })).await?;
                    Ok((answer.body["receipt"]["complete"] == json!(true)).then_some(()))
                })
                .await?;
            let left: usize = targets.accounts(imara.user).iter().map(Vec::len).sum();
            if left == 0 { Ok("no account is left".into()) } else { Err(CliError::Failed(format!("{left} are left"))) }
        })
        .await
}

/// A page with a live ticket, for a browser.
pub(super) async fn page(stage: &Stage, targets: &Targets, at: usize) -> Result<String, CliError> {
    Ok(register(stage, targets, at, "Jabali").await?.url)
}

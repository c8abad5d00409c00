//! Changes an existing webhook, and says how it stands.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use umoja_provisioner::webhooks::{Backlog, State, backlog, not_taken};
use umoja_schema::webhook::SecretSalt;
use umoja_schema::{Company, CompanyId, Millis, Scope, Webhook};
use umoja_store::ports::StoreError;
use umoja_store::secrets::Secrets;

use crate::CliError;
use crate::commands::company;
pub(super) use crate::commands::known::{change_known, known};
use crate::deployment::secrets::WRAP_BUDGET_MS;
use crate::deployment::{Regions, newest_of};
use crate::output::{counted, time, verb};

/// The word for a webhook that does not accept what is posted.
const OUT: &str = "OUT";

/// How a webhook stands in its home.
pub(super) struct Standing {
    pub(super) state: Option<State>,
    pub(super) backlog: Backlog,
    /// Events that were not taken up yet; `None` for very many.
    pub(super) not_taken: Option<u64>,
}

/// Has the home of a webhook look at it now, where a function posts. `umoja serve` looks all the time.
pub(super) async fn wake(deployment: &Regions, webhook: &Webhook) {
    if let Ok(region) = deployment.get(&webhook.home) {
        region.home.wake(&Webhook::setting(&webhook.id)).await;
    }
}

/// The company of a webhook, which may list events itself.
pub(super) async fn company(deployment: &Regions, id: &CompanyId) -> Result<Company, CliError> {
    let company = company::known(deployment, id).await?;
    if company.may(Scope::Events) {
        return Ok(company);
    }
    Err(CliError::Failed(format!(
        "the company {id} has no scope {1}; a webhook may do no more than its company, whose scopes \
         `umoja company set {0} --add-scopes {1}` adds to",
        id,
        Scope::Events.as_str()
    )))
}

/// A new salt of a secret.
pub(super) fn new_salt(deployment: &Regions) -> SecretSalt {
    SecretSalt { salt: URL_SAFE_NO_PAD.encode(deployment.entropy.array::<24>()), ends_at: None }
}

/// The deployment's secrets, as the region that is asked first opens them.
pub(super) async fn secrets(deployment: &Regions) -> Result<Secrets, CliError> {
    deployment.first()?.secrets(&deployment.ring(WRAP_BUDGET_MS)?).await
}

impl Standing {
    /// Reads how a webhook stands. `None` if its home is no region of the deployment.
    pub(super) async fn of(deployment: &Regions, webhook: &Webhook) -> Result<Option<Self>, StoreError> {
        let Ok(region) = deployment.get(&webhook.home) else { return Ok(None) };
        let state = State::load(&*region.home.checkpoints, &webhook.id).await?;
        Ok(Some(Self {
            backlog: backlog(&*region.home.due, &webhook.id).await?,
            not_taken: not_taken(&region.home, webhook, state.as_ref()).await?,
            state,
        }))
    }

    fn out_since(&self) -> Option<Millis> {
        self.state.as_ref().and_then(|state| state.out_since)
    }

    /// The words for people.
    pub(super) fn text(&self, webhook: &Webhook) -> String {
        let Backlog { waiting, failed, oldest, fault, .. } = &self.backlog;
        let mut words = vec![state(webhook, Some(self)).to_owned()];
        if let (true, Some(since)) = (words[0] == OUT, self.out_since()) {
            words[0] = format!("{OUT} since {}", time(since));
        }
        words.push(match self.not_taken {
            Some(more) => {
                let all = waiting.saturating_add(more);
                format!("{} {}", counted(all, "event"), verb(all, "waits", "wait"))
            }
            None => "many events wait".to_owned(),
        });
        words.extend((*failed > 0).then(|| format!("{failed} FAILED")));
        words.extend(oldest.map(|since| format!("the oldest since {}", time(since))));
        words.extend(fault.as_ref().map(|fault| format!("last rejected: {fault}")));
        let lost = self.state.as_ref().and_then(|state| state.lost_at);
        words.extend(lost.map(|at| format!("EVENTS EXPIRED before {}", time(at))));
        words.join(", ")
    }
}

/// How a webhook stands, in a word.
pub(super) fn state(webhook: &Webhook, standing: Option<&Standing>) -> &'static str {
    let state = standing.and_then(|standing| standing.state.as_ref());
    let is_off = state.is_some_and(|state| state.is_off(webhook));
    let is_out = state.is_some_and(|state| state.out_since.is_some());
    match (webhook.enabled, is_off, is_out) {
        (false, _, _) => "PAUSED",
        (true, true, _) => "OFF (it answered 410)",
        (true, false, true) => OUT,
        (true, false, false) => "on",
    }
}

/// How a webhook stands, for programs.
pub(super) fn state_name(webhook: &Webhook, standing: Option<&Standing>) -> &'static str {
    match state(webhook, standing) {
        "on" => "on",
        "PAUSED" => "paused",
        OUT => "out",
        _ => "off",
    }
}

/// A webhook for programs, without secrets.
pub(super) fn settings(webhook: &Webhook, now_secs: u64) -> Value {
    let live = webhook.secrets.iter().filter(|salt| salt.is_live(now_secs));
    let secrets: Vec<Value> = live.map(|salt| json!({ "ends_at": salt.ends_at })).collect();
    json!({
        "id": webhook.id,
        "revision": webhook.revision,
        "company": webhook.company,
        "url": webhook.url,
        "home": webhook.home,
        "enabled": webhook.enabled,
        "from": webhook.from.secs(),
        "secrets": secrets,
    })
}

/// How the webhooks of a deployment stand.
#[derive(Default)]
pub(in crate::commands) struct Standings {
    /// How many there are in each state.
    pub(in crate::commands) states: BTreeMap<&'static str, u64>,
    /// What needs an operator.
    pub(in crate::commands) attention: Vec<String>,
}

/// How the webhooks of a deployment stand.
pub(in crate::commands) async fn standings(deployment: &Regions) -> Standings {
    let answered = deployment.rows::<Webhook>().await;
    let newest: BTreeMap<&str, &Webhook> = newest_of(answered.regions.iter().flat_map(|(_, rows)| rows));
    let (mut attention, mut states) = (Vec::new(), BTreeMap::new());
    for webhook in newest.into_values().filter(|webhook| !webhook.is_ended()) {
        let id = &webhook.id;
        let standing = match Standing::of(deployment, webhook).await {
            Ok(Some(standing)) => standing,
            Ok(None) => {
                attention.push(format!(
                    "the home {} of the webhook {id} is no region; see `umoja webhook move`",
                    webhook.home
                ));
                continue;
            }
            // A region that does not answer is reported elsewhere.
            Err(_) => continue,
        };
        *states.entry(state_name(webhook, Some(&standing))).or_default() += 1;
        let failed = standing.backlog.failed;
        if failed > 0 {
            let (events, have) = (counted(failed, "event"), verb(failed, "has", "have"));
            attention.push(format!("{events} of the webhook {id} {have} failed; see `umoja webhook redrive`"));
        }
        if let Some(state) = &standing.state {
            if let (true, Some(since)) = (webhook.enabled && !state.is_off(webhook), state.out_since) {
                attention.push(format!(
                    "the webhook {id} is out since {}: it accepts no event; see `umoja webhook list`",
                    time(since)
                ));
            }
            if state.is_off(webhook) {
                attention.push(format!("the webhook {id} answered 410 and is off; see `umoja webhook resume`"));
            }
            if state.lost_at.is_some() {
                attention.push(format!(
                    "events of the webhook {id} expired before they were posted; see `umoja webhook list`"
                ));
            }
        }
    }
    Standings { states, attention }
}

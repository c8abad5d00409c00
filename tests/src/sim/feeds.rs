//! The providers of a run, which post events to any region, and the regions that apply them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use umoja_schema::ingest::Allowed;
use umoja_schema::{IngestSource, Millis, SourceKind};

use super::names::{COMPANIES, email, phone, subject};
use super::plan::{Event, Job, Plan, SOURCES, Says, Step};
use super::rules::Rule;
use crate::deployment::Deployment;
use crate::provider::Provider;

/// The provider's time 0: events are older than every clock of a run.
pub(super) const TIME_0: Millis = Millis(1_799_900_000_000);
pub(super) const MINUTE_MS: u64 = 60_000;

/// The providers, and what they have posted.
pub(super) struct Feeds {
    pub(super) sources: Vec<Feed>,
    /// The events by source and id.
    pub(super) posted: RefCell<BTreeMap<(usize, String), Posted>>,
}

/// A provider, and the number of its company.
pub(super) struct Feed {
    pub(super) provider: Provider,
    pub(super) company: usize,
}

/// An event that a provider has posted at least once.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub(super) user: u8,
    pub(super) event: Event,
    /// The time in the event.
    pub(super) at: Millis,
    /// True if a region has answered that it keeps the event.
    pub(super) is_acknowledged: bool,
}

impl Feeds {
    /// The sources of a plan: of the shop, which may disable and erase, and of another company, which may not. A plan
    /// without events has none.
    pub(super) async fn new(plan: &Plan, deployment: &Deployment, without: Option<Rule>) -> Self {
        let posts = |task: &super::plan::Task| matches!(task.job, Job::Post { .. });
        let is_fed = plan.steps.iter().any(|step| matches!(step, Step::Run(tasks) if tasks.iter().any(posts)));
        let mut sources = Vec::new();
        for company in (0..usize::from(SOURCES)).filter(|_| is_fed) {
            let home = company % usize::from(plan.regions);
            let mut provider = Provider::new(deployment, SourceKind::Generic, COMPANIES[company], home).await;
            provider.source.mapping = Some(mapping(COMPANIES[company]));
            provider.source.allowed = Allowed { disable: company == 0, erase: company == 0 };
            provider.store(deployment).await;
            if without == Some(Rule::SourceHome) {
                apply_everywhere(deployment, &provider.source).await;
            }
            sources.push(Feed { provider, company });
        }
        Self { sources, posted: RefCell::default() }
    }
}

/// Every region takes itself for the home of a source.
async fn apply_everywhere(deployment: &Deployment, source: &IngestSource) {
    for region in &deployment.world.regions {
        let own = IngestSource { home: region.name.clone(), ..source.clone() };
        let document = serde_json::to_value(&own).expect("a source is JSON");
        let name = IngestSource::setting(&source.id);
        region.tables.registry.put_setting(&name, &document).await.expect("settings can be written");
    }
}

/// The name of the profile member that only the source of a company sets.
pub(super) fn member(company: &str) -> String {
    format!("fed_{company}")
}

fn mapping(company: &str) -> Value {
    json!({
        "external_id": "user", "email": "email", "email_verified": "verified", "phone_number": "phone_number",
        "phone_number_verified": "verified", "profile": { "custom": { member(company): "id" } },
        "status": { "from": "status", "active": ["active"], "disabled": ["disabled"] },
        "events": {
            "id": "id", "time": { "from": "time", "unit": "milliseconds" }, "type": "type", "state": ["state"],
            "suspended": ["suspended"], "activated": ["activated"], "deleted": ["deleted"],
            "password_changed": ["password"],
        },
    })
}

pub(super) fn id(user: u8, event: Event) -> String {
    serde_json::to_string(&(user, event)).expect("an event is JSON")
}

pub(super) fn body(posted: &Posted) -> Value {
    let Posted { user, event, at, .. } = posted;
    let mut body = json!({ "id": id(*user, *event), "time": at.0, "user": subject(*user) });
    body["type"] = json!(match event.says {
        Says::State { .. } => "state",
        Says::Suspended => "suspended",
        Says::Activated => "activated",
        Says::Deleted => "deleted",
        Says::PasswordChanged => "password",
    });
    if let Says::State { email: email_no, phone: phone_no, verified, active } = event.says {
        body["verified"] = json!(verified);
        if let Some(number) = email_no {
            body["email"] = json!(email(number));
        }
        if let Some(number) = phone_no {
            body["phone_number"] = json!(phone(number));
        }
        if let Some(active) = active {
            body["status"] = json!(if active { "active" } else { "disabled" });
        }
    }
    body
}

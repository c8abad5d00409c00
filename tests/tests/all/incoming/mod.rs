//! What sources say about people, applied in one region of two.

mod disabling;
mod erasing;
mod order;
mod passwords;
mod random;
mod relied;
mod standing;
mod unknown;
mod values;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use umoja_accounts::incoming::{Applied, Change, Feeder, IncomingChange, Marks};
use umoja_migrate::Row;
use umoja_schema::ingest::{Allowed, InboxPublicKey, IngestSource, SourceKind};
use umoja_schema::{Log, LogRow, Mark, Marked, Millis, UserId};
use umoja_store::ports::StoreError;
use umoja_tests::caller::Caller;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

use crate::import::{importer, row};

const ADA: &str = "ada@example.com";

/// Runs a story over a deployment of two regions.
fn story(seed: u64, story: impl AsyncFnOnce(Deployment)) {
    run(async { story(Deployment::new(seed).await).await });
}

/// Marks in memory. Every call yields, so that other work can come in between.
#[derive(Default)]
struct Remembered(Mutex<BTreeMap<String, Marked>>);

#[async_trait]
impl Marks for Remembered {
    async fn marked(&self, subject: &str) -> Result<Option<Marked>, StoreError> {
        tokio::task::yield_now().await;
        let marked = self.0.lock().unwrap().get(subject).copied();
        tokio::task::yield_now().await;
        Ok(marked)
    }

    async fn remember(&self, subject: &str, mark: Mark) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        {
            let mut marks = self.0.lock().unwrap();
            let marked = marks.get(subject).map_or_else(|| Marked::new(mark), |marked| marked.and(mark));
            marks.insert(subject.to_owned(), marked);
        }
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// The feeder of a company's source in the first region.
async fn feeder(d: &Deployment, company: &Caller, allowed: Allowed) -> Feeder {
    let importer = importer(d, 0, company).await;
    let source = IngestSource {
        id: format!("{}-auth0", company.id).parse().unwrap(),
        revision: 1,
        company: importer.company.id.clone(),
        kind: SourceKind::Auth0,
        home: d.world.name(0).clone(),
        enabled: true,
        api_keys: Vec::new(),
        signing_keys: Vec::new(),
        inbox_key: InboxPublicKey { version: 1, public_key: String::new() },
        hash_key: String::new(),
        allowed,
        mapping: None,
        pool: None,
        legacy_get: None,
        tokens: None,
        unknown: serde_json::Map::new(),
    };
    Feeder { importer, source: Arc::new(source), marks: Arc::new(Remembered::default()) }
}

/// The feeder of the shop's source, which may do nothing beyond its company.
async fn shop(d: &Deployment) -> Feeder {
    feeder(d, &d.shop, Allowed::default()).await
}

fn change(subject: &str, at: u64, change: Change) -> IncomingChange {
    IncomingChange { subject: subject.to_owned(), at: Millis(at), change }
}

fn state(at: u64, row: Row) -> IncomingChange {
    let subject = row.external_id.clone().unwrap();
    change(&subject, at, Change::State { row: Box::new(row), logged_in: false })
}

async fn apply(feeder: &Feeder, at: u64, what: Change) -> Applied {
    feeder.apply(&change("s7", at, what)).await.unwrap()
}

/// Ada, as the shop's provider has her.
fn ada() -> Row {
    row("s7", ADA)
}

fn named(row: Row, name: &str) -> Row {
    let mut row = row;
    row.profile.given_name = Some(name.to_owned());
    row
}

/// The shop's user Ada with a password, made by a state at the time 10.
async fn make_ada(d: &Deployment, feeder: &Feeder) -> UserId {
    let Applied::Created(id) = feeder.apply(&state(10, ada())).await.unwrap() else { panic!("a new user") };
    set_password(d, &d.shop, "correct horse").await;
    id
}

/// Sets Ada's password through a reset that a company starts.
async fn set_password(d: &Deployment, company: &Caller, password: &str) {
    let started = d.call_as(company, 0, "password/reset/start", json!({ "email": ADA })).await;
    let token = started.ok(200).body["token"].clone();
    let body = json!({ "token": token, "new_password": password });
    d.call_as(company, 0, "password/reset/finish", body).await.ok(200);
}

async fn accepts(d: &Deployment, company: &Caller, password: &str) -> bool {
    let body = json!({ "email": ADA, "password": password });
    d.call_as(company, 0, "authenticate", body).await.ok(200).body["authenticated"] == json!(true)
}

/// The user as a company sees it. Null if there is none.
async fn seen(d: &Deployment, company: &Caller, selector: Value) -> Value {
    d.call_as(company, 0, "lookup", selector).await.body["user"].clone()
}

/// The audit trail of a user: events, and the fields of the last one.
async fn trail(d: &Deployment, id: UserId) -> (Vec<String>, LogRow) {
    let rows = d.world.regions[0].tables.logs.rows(Log::Audit, id).await.unwrap();
    (rows.iter().map(|row| row.kind.clone()).collect(), rows.last().unwrap().clone())
}

async fn finish(d: &Deployment) {
    d.world.settle().await;
    d.world.check_invariants().await;
}

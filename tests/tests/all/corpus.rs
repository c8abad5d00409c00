//! Frozen items of every earlier version: the current code has to read all of them.
//!
//! `tests/corpus/<n>` contains the items written when the folder was created and never changes. A version that writes
//! a new format adds a folder: run `cargo test -p umoja-tests corpus::write_a_new_corpus_folder -- --ignored` once.

mod form;
mod home;
mod write;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use umoja_replicator::Replicator;
use umoja_schema::{
    Attribute, Company, Credentials, IdentifierItem, IdentifierKind, Identity, Item, Log, LogRow, Message, Part,
    PartRecord,
};
use umoja_store::apply::{Applied, apply_replicated};
use umoja_store::ports::{Begun, Outcome, Queue, Requests as _};
use umoja_store::secrets::{Secrets, SecretsDocument};
use umoja_store::{Infrastructure, RegionsDocument};
use umoja_tests::world::run;

use form::{from_json, from_sql, to_json};
use home::{Place, REGIONS, open};

const SUMS: &str = "SHA256SUMS";

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

fn sums() -> String {
    let mut sums = String::new();
    for folder in folders() {
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            let sum = Sha256::digest(std::fs::read(&file).unwrap());
            let sum = sum.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
            writeln!(sums, "{sum}  {}", file.strip_prefix(corpus()).unwrap().display()).unwrap();
        }
    }
    sums
}

#[test]
#[ignore = "writes a new folder of the corpus"]
fn write_a_new_corpus_folder() {
    std::fs::create_dir_all(corpus()).unwrap();
    let next = (1..1000).map(|n| corpus().join(n.to_string())).find(|folder| !folder.exists()).unwrap();
    write::write(&next);
    std::fs::write(corpus().join(SUMS), sums()).unwrap();
}

#[test]
fn frozen_files_are_unchanged() {
    assert_eq!(std::fs::read_to_string(corpus().join(SUMS)).unwrap(), sums());
}

/// A folder of the corpus with its regions opened: empty but for their keys, settings and companies.
struct Frozen {
    folder: PathBuf,
    places: [Place; 2],
    _dir: tempfile::TempDir,
}

impl Frozen {
    async fn open(folder: PathBuf, with_database: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for region in REGIONS {
            let own = dir.path().join(region);
            std::fs::create_dir(&own).unwrap();
            for name in ["keyring", "proof-keyring"] {
                let from = folder.join(format!("{name}-{region}.json"));
                std::fs::copy(from, own.join(format!("{name}.json"))).unwrap();
            }
        }
        if with_database {
            let sql = std::fs::read_to_string(folder.join("region.sql")).unwrap();
            from_sql(&sql, &dir.path().join(REGIONS[0]).join("region.sqlite"));
        }
        let frozen = Self { places: open(dir.path()), folder, _dir: dir };
        for place in &frozen.places {
            for (name, document) in frozen.read("settings.json").as_object().unwrap() {
                place.store.documents().put_setting(name, document).await.unwrap();
            }
        }
        frozen
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.folder.join(name)).unwrap()).unwrap()
    }

    fn list(&self, name: &str) -> Vec<Value> {
        let Value::Array(list) = self.read(name) else { panic!("{name} is not a list") };
        assert!(!list.is_empty(), "{name}");
        list
    }

    /// The parts with their decrypted contents. Their proofs verify.
    async fn parts(&self) -> Vec<(PartRecord, Value)> {
        let mut parts = Vec::new();
        for frozen in self.list("users.json") {
            let item = from_json(&frozen["item"]);
            let record = PartRecord::from_item(item.clone()).unwrap();
            assert_eq!(record.to_item(), item, "the item is unchanged after a round trip");
            let verified = self.places[0].home.proofs.verified(record.into()).await.unwrap();
            parts.push((verified.part().unwrap().clone(), frozen["plain"].clone()));
        }
        parts
    }

    /// The rows, which are unchanged after a round trip and whose proofs verify, with what is frozen beside them.
    async fn rows(&self) -> Vec<(Log, LogRow, Value)> {
        let mut rows = Vec::new();
        for frozen in self.list("rows.json") {
            let (log, item) = (frozen["table"].as_str().unwrap().parse().unwrap(), from_json(&frozen["item"]));
            let row = LogRow::from_item(item).unwrap();
            assert_eq!(to_json(&row.to_item()), frozen["item"]);
            let verified = self.places[0].home.proofs.verified((log, row).into()).await.unwrap();
            let Item::Row(_, row) = verified else { panic!("not a row") };
            rows.push((log, *row, frozen));
        }
        rows
    }
}

fn each(with_database: bool, check: impl AsyncFn(&Frozen)) {
    for folder in folders() {
        run(async { check(&Frozen::open(folder, with_database).await).await });
    }
}

async fn opened(place: &Place, record: &PartRecord) -> Value {
    match record.part {
        Part::Profile => serde_json::to_value(place.sealer.open::<Identity>(record).await.unwrap()).unwrap(),
        Part::Credentials => serde_json::to_value(place.sealer.open::<Credentials>(record).await.unwrap()).unwrap(),
    }
}

#[test]
fn every_old_part_works_in_either_region() {
    each(false, async |frozen| {
        let [here, there] = &frozen.places;
        for (record, _) in frozen.parts().await {
            assert_eq!(
                apply_replicated(&*here.home.own.users, &record, here.store.region()).await,
                Ok(Applied::Written)
            );
        }
        let outcome = Replicator::new(here.home.clone()).handle(&here.store.changes(0, 1000).unwrap()).await;
        assert_eq!((outcome.failed, outcome.quarantined, outcome.queued), (None, 0, 0));
        for place in [here, there] {
            for (record, plain) in frozen.parts().await {
                let stored = place.home.own.users.part(record.id, record.part).await.unwrap().unwrap();
                assert_eq!(stored, record);
                match record.live() {
                    Some(_) => assert_eq!(opened(place, &stored).await, plain),
                    None => assert_eq!(plain, Value::Null),
                }
            }
            let secrets = Secrets::load(&*place.home.registry, place.sealer.ring()).await.unwrap();
            for lookup in frozen.list("lookups.json") {
                let kind = IdentifierKind::from_name(lookup["kind"].as_str().unwrap()).unwrap();
                let company = lookup["company"].as_str().map(|company| company.parse().unwrap());
                let indexes = secrets.indexes(kind, company.as_ref(), lookup["text"].as_str().unwrap());
                let indexes: Vec<_> = indexes.into_iter().map(|(_, index)| index).collect();
                let items = place.home.own.users.ownerships(&indexes).await.unwrap();
                let found = IdentifierItem::winner_of(&items).map(|(id, _)| id.to_string());
                assert_eq!(found.as_deref(), lookup["finds"].as_str(), "{lookup}");
            }
            // The current code derives the stored ownerships.
            for item in frozen.list("identifiers.json") {
                let item = IdentifierItem::from_item(from_json(&item)).unwrap();
                assert_eq!(place.home.own.users.ownerships(&[item.index]).await.unwrap(), [item]);
            }
        }
    });
}

#[test]
fn unknown_attributes_survive_a_change_and_are_replicated() {
    each(false, async |frozen| {
        let [here, there] = &frozen.places;
        for (mut record, _) in frozen.parts().await.into_iter().filter(|(record, _)| record.live().is_some()) {
            record.unknown.insert("novelty".into(), Attribute::Ns(vec!["1".into()]));
            apply_replicated(&*here.home.own.users, &record, here.store.region()).await.unwrap();
            // Every writer of this version opens the part, changes it and seals it again.
            let mut version = record.version.clone();
            version.hlc = umoja_schema::Hlc::next(here.home.clock.now(), Some(version.hlc)).unwrap();
            let (facts, unknown) = (record.live().unwrap().facts.clone(), record.unknown.clone());
            let next = match record.part {
                Part::Profile => {
                    let mut identity: Identity = here.sealer.open(&record).await.unwrap();
                    identity.profile.nickname = Some("changed".into());
                    here.sealer.seal(record.id, version, facts, &identity, unknown).await.unwrap()
                }
                Part::Credentials => {
                    let credentials: Credentials = here.sealer.open(&record).await.unwrap();
                    here.sealer.seal(record.id, version, facts, &credentials, unknown).await.unwrap()
                }
            };
            apply_replicated(&*here.home.own.users, &next, here.store.region()).await.unwrap();
            let outcome = Replicator::new(here.home.clone()).handle(&here.store.changes(0, 1000).unwrap()).await;
            assert_eq!((outcome.failed, outcome.quarantined), (None, 0));
            let copied = there.home.own.users.part(record.id, record.part).await.unwrap().unwrap();
            assert_eq!(copied, next);
            assert_eq!(copied.unknown, record.unknown);
        }
    });
}

#[test]
fn old_rows_messages_and_settings_are_parsed() {
    each(false, async |frozen| {
        let here = &frozen.places[0];
        let secrets = Secrets::load(&*here.home.registry, here.sealer.ring()).await.unwrap();
        for (_, row, frozen) in frozen.rows().await {
            if let (Some(text), Some(Attribute::B(sealed))) = (frozen["reason"].as_str(), row.fields.get("reason")) {
                assert_eq!(secrets.open_text(&row, sealed).as_deref(), Some(text));
            }
        }
        for text in frozen.list("messages.json") {
            let message = Message::from_text(text.as_str().unwrap()).unwrap();
            let frozen: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            // Parts and rows had separate message kinds.
            let kind = frozen["type"].as_str().unwrap();
            let kind = if matches!(kind, "copy_part" | "copy_row") { "copy" } else { kind };
            assert_eq!(serde_json::from_str::<Value>(&message.to_text()).unwrap()["type"], kind);
            let sort = frozen.get("part").or(frozen.get("key"));
            if let Message::Replicate { key, .. } = &message {
                assert_eq!(Some(key.as_str()), sort.and_then(Value::as_str));
            }
        }
        for outcome in frozen.list("outcomes.json") {
            let read: Outcome = serde_json::from_value(outcome.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), outcome);
        }
        for company in frozen.list("companies.json") {
            let read: Company = serde_json::from_value(company.clone()).unwrap();
            contains(&serde_json::to_value(&read).unwrap(), &company);
            here.store.documents().put_company(&read).await.unwrap();
            let verified = here.home.registry.company(&read.id).await.unwrap().unwrap();
            here.home.registry.put_company(&verified).await.unwrap();
            assert_eq!(here.store.documents().company(&read.id).await.unwrap(), Some(read));
        }
        let settings = frozen.read("settings.json");
        let secrets = SecretsDocument::stored(&*here.home.registry).await.unwrap().unwrap();
        contains(&serde_json::to_value(secrets).unwrap(), &settings["secrets"]);
        let regions = RegionsDocument::load(&*here.home.registry).await.unwrap().unwrap();
        let mut listed = settings["regions"].clone();
        listed.as_object_mut().unwrap().remove("proof").unwrap();
        contains(&serde_json::to_value(regions).unwrap(), &listed);
        let infrastructure = Infrastructure::load(&*here.home.registry).await.unwrap().unwrap();
        assert_eq!(infrastructure.regions.len(), 2);
    });
}

/// A later version may write more members, and none fewer.
fn contains(now: &Value, frozen: &Value) {
    match (now, frozen) {
        (Value::Object(now), Value::Object(frozen)) => {
            frozen.iter().for_each(|(name, value)| contains(now.get(name).unwrap_or(&Value::Null), value));
        }
        (Value::Array(now), Value::Array(frozen)) => {
            assert_eq!(now.len(), frozen.len());
            now.iter().zip(frozen).for_each(|(now, frozen)| contains(now, frozen));
        }
        (now, frozen) => assert_eq!(now, frozen),
    }
}

#[test]
fn a_directory_of_an_old_version_keeps_its_data() {
    each(true, async |frozen| {
        let here = &frozen.places[0];
        let mut stored = BTreeMap::new();
        for record in here.home.own.users.scan(None, 100).await.unwrap().records {
            stored.insert((record.id, record.part), record);
        }
        let parts = frozen.parts().await;
        assert_eq!(stored.len(), parts.len());
        for (record, plain) in parts {
            assert_eq!(stored[&(record.id, record.part)], record);
            if record.live().is_some() {
                assert_eq!(opened(here, &record).await, plain);
            }
        }
        for item in frozen.list("identifiers.json") {
            let item = IdentifierItem::from_item(from_json(&item)).unwrap();
            assert_eq!(here.home.own.users.ownerships(&[item.index]).await.unwrap(), [item]);
        }
        for (log, row, _) in frozen.rows().await {
            assert_eq!(here.home.own.logs.row(log, row.user, &row.key).await.unwrap(), Some(row));
        }
        assert_eq!(here.home.registry.companies().await.unwrap().len(), frozen.list("companies.json").len());
        let companies = serde_json::to_value(here.store.documents().companies().await.unwrap()).unwrap();
        contains(&companies, &frozen.read("companies.json"));
        for (key, outcome) in (1u8..).zip(frozen.list("outcomes.json")) {
            let outcome: Outcome = serde_json::from_value(outcome).unwrap();
            let new = Outcome { request: "another".into(), ..outcome.clone() };
            let later = home::NOW.plus(60_000);
            assert_eq!(here.store.begin(&[key; 32], new, home::NOW, later).await, Ok(Begun::Earlier(outcome)));
        }
        let mut messages = Vec::new();
        for queue in [&here.home.peers[0].retry, &here.home.repairs, &here.home.quarantined] {
            let received = Queue::receive(&**queue, 10, 60).await.unwrap();
            messages.extend(received.into_iter().map(|delivery| delivery.text));
        }
        let frozen_messages = frozen.list("messages.json");
        assert_eq!(messages, frozen_messages.iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>());
        // The pending changes are replicated.
        let outcome = Replicator::new(here.home.clone()).handle(&here.store.changes(0, 1000).unwrap()).await;
        assert_eq!((outcome.failed, outcome.quarantined, outcome.queued), (None, 0, 0));
        for (key, record) in stored {
            assert_eq!(frozen.places[1].home.own.users.part(key.0, key.1).await.unwrap(), Some(record));
        }
    });
}

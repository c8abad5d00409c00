//! Writes a new folder of the corpus with the items of this version. It never overwrites an existing folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use umoja_schema::{
    AccountStatus, ApiKeyHash, Attribute, Attributes, BlindIndex, Company, CompanyId, CompanyKey, Credentials, Facts,
    Hlc, IdentifierItem, IdentifierKind, Identity, Key, LegacyHash, Link, LinkState, Log, LogRow, Message, Millis,
    Ownership, Part, PartRecord, Profile, ProfileFacts, Scope, Source, UserId, Version,
};
use umoja_store::apply::{commit_own, conflicts, plan_ownerships};
use umoja_store::ports::{Begun, Commit, Condition, Logs as _, Outcome, PartWrite, Users as _, Writes};
use umoja_store::replicate::{confirmation, confirmation_key};
use umoja_store::secrets::{SETTING, Secrets, SecretsDocument, WrappedSecret};
use umoja_store::{Infrastructure, RegionEntry, RegionState, RegionsDocument};

use super::form::{object, pretty, to_json, to_sql};
use super::home::{NOW, Place, REGIONS, open};

const ATTRIBUTES: [&str; 10] = ["s", "n", "b", "bool", "null", "m", "l", "ss", "ns", "bs"];

pub(super) fn write(folder: &Path) {
    std::fs::create_dir(folder).expect("a corpus is written once");
    let dir = tempfile::tempdir().unwrap();
    umoja_tests::world::run(fill(dir.path(), folder));
}

async fn fill(dir: &Path, folder: &Path) {
    let places = open(dir);
    let here = &places[0];
    let save = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    settings(&places).await;
    let secrets = Secrets::load(&*here.home.registry, here.sealer.ring()).await.unwrap();
    let mut plain = BTreeMap::new();
    let people = people(here, &places[1], &secrets, &mut plain).await;
    let rows = rows(here, &secrets, &people).await;
    let messages = messages(here, people[0]).await;
    let outcome = requests(here, people[0]).await;

    let records = here.home.own.users.scan(None, 100).await.unwrap().records;
    // As they are stored, with their proofs.
    let stored = here.store.scan(None, 100).await.unwrap().records;
    let users = stored.iter().map(|record| {
        let plain = plain.get(&(record.id, record.part)).cloned().unwrap_or_default();
        json!({ "item": to_json(&record.to_item()), "plain": plain })
    });
    save("users.json", &pretty(&users.collect()));
    let indexes: Vec<BlindIndex> = records.iter().flat_map(|record| record.ownerships().keys().copied()).collect();
    let ownerships: BTreeMap<_, _> =
        here.home.own.users.ownerships(&indexes).await.unwrap().into_iter().map(|item| (item.index, item)).collect();
    save("identifiers.json", &pretty(&ownerships.values().map(|item| to_json(&item.to_item())).collect()));
    save("rows.json", &pretty(&rows));
    save("messages.json", &pretty(&messages));
    save("outcomes.json", &pretty(&outcome));
    let mut documents = Vec::new();
    for name in [SETTING, "regions", "infrastructure"] {
        documents.push((name.to_owned(), here.store.documents().setting(name).await.unwrap().unwrap()));
    }
    save("settings.json", &pretty(&object(documents)));
    let companies = here.store.documents().companies().await.unwrap();
    save("companies.json", &pretty(&serde_json::to_value(companies).unwrap()));
    save("lookups.json", &pretty(&lookups(&secrets, &ownerships)));
    save("region.sql", &to_sql(&dir.join(REGIONS[0]).join("region.sqlite")));
    for region in REGIONS {
        for name in ["keyring", "proof-keyring"] {
            let keyring = std::fs::read_to_string(dir.join(region).join(format!("{name}.json"))).unwrap();
            save(&format!("{name}-{region}.json"), &keyring);
        }
    }
}

async fn settings(places: &[Place; 2]) {
    let ring = places[0].sealer.ring();
    let mut secrets = SecretsDocument::create(ring, NOW).await.unwrap();
    // In the middle of a rotation: every identifier is indexed under both keys.
    secrets.index.push(WrappedSecret::create(ring, "index", 2, NOW).await.unwrap());
    secrets.signing.push(WrappedSecret::create(ring, "signing", 2, NOW).await.unwrap());
    secrets.sign(ring).await.unwrap();
    let infrastructure = |region: &str| Infrastructure {
        region: region.parse().unwrap(),
        base_url: format!("https://{region}.example.com"),
        data_key: format!("arn:aws:kms:{region}:123456789012:key/1"),
        proof_key: format!("arn:aws:kms:{region}:123456789012:key/2"),
        queues: format!("https://sqs.{region}.amazonaws.com/123456789012"),
        sources_url: None,
        regions: REGIONS.map(|name| name.parse().unwrap()).to_vec(),
    };
    let states = [RegionState::Serving, RegionState::Joining];
    let entries = REGIONS.into_iter().zip(states);
    let regions = RegionsDocument {
        revision: 3,
        regions: entries.map(|(region, state)| RegionEntry { infrastructure: infrastructure(region), state }).collect(),
        env: Some("live".into()),
    };
    let own = json!({
        "region": REGIONS[0], "base_url": infrastructure(REGIONS[0]).base_url, "data_key": infrastructure(REGIONS[0]).data_key,
        "proof_key": infrastructure(REGIONS[0]).proof_key,
        "queues": infrastructure(REGIONS[0]).queues, "regions": REGIONS,
    });
    let company = Company {
        id: "jumia-ke".parse().unwrap(),
        revision: 0,
        name: "Jumia Kenya".into(),
        enabled: true,
        ends: 0,
        trusted: true,
        scopes: Scope::ALL.to_vec(),
        phone_country: Some("KE".into()),
        username_restriction: None,
        old_system: None,
        status_page: None,
        require_mfa: None,
        providers: Vec::new(),
        registration: false,
        mfa_by_mail: false,
        rate_limit: None,
        api_keys: vec![
            ApiKeyHash { id: "k1".into(), sha256: "c2hhMjU2".into(), expires_at: Some(1_800_000_600) },
            ApiKeyHash { id: "k2".into(), sha256: "b3RoZXI".into(), expires_at: None },
        ],
        keys: vec![CompanyKey { kid: "1".into(), alg: "ES256".into(), public_key_pem: "a public key\n".into() }],
        unknown: serde_json::Map::new(),
    };
    for place in places {
        place.home.registry.put_setting(SETTING, &serde_json::to_value(&secrets).unwrap()).await.unwrap();
        place.home.registry.put_setting("regions", &serde_json::to_value(&regions).unwrap()).await.unwrap();
        place.home.registry.put_setting("infrastructure", &own).await.unwrap();
        place.home.registry.put_company(&company).await.unwrap();
    }
}

fn company() -> CompanyId {
    "jumia-ke".parse().unwrap()
}

fn version(place: &Place, ms: u64, erased: bool) -> Version {
    Version { erased, hlc: Hlc::at(NOW.plus(ms)), origin: place.store.region().clone() }
}

type Identifiers<'a> = [(IdentifierKind, &'a str, bool)];

fn facts(place: &Place, secrets: &Secrets, ms: u64, identifiers: &Identifiers<'_>) -> ProfileFacts {
    let mut ownerships = BTreeMap::new();
    for (kind, text, verified) in identifiers {
        let company = (*kind == IdentifierKind::ExternalId).then(company);
        for (key_version, index) in secrets.indexes(*kind, company.as_ref(), text) {
            let ownership = Ownership {
                kind: *kind,
                key_version,
                owned_since: NOW.plus(ms),
                region: place.store.region().clone(),
                verified: *verified,
                company: company.clone(),
                unknown: Attributes::new(),
            };
            ownerships.insert(index, ownership);
        }
    }
    let link = Link { state: LinkState::Suspended, last_login_day: Some(20_000), ..Link::since(NOW.plus(ms)) };
    ProfileFacts { created_at: NOW.plus(ms), ownerships, links: [(company(), link)].into(), merged_into: None }
}

async fn put(place: &Place, record: PartRecord, condition: Condition) {
    let none = BTreeMap::new();
    let ownerships = plan_ownerships(&*place.home.own.users, record.id, &none, record.ownerships()).await.unwrap();
    let rows = conflicts(record.id, &record.version, &ownerships, place.store.region(), |_| false);
    let parts = vec![PartWrite { record, condition }];
    let mut writes = Writes { parts, ..Writes::default() };
    (writes.ownerships, writes.rows) = (ownerships, rows);
    assert_eq!(commit_own(&*place.home.own.users, &writes).await.unwrap(), Commit::Done);
}

/// Ada has every value. Eve is disabled, loses Ada's address to her and is merged into her. Bob lacks a wrapped key.
/// Zoe was erased.
async fn people(
    here: &Place,
    there: &Place,
    secrets: &Secrets,
    plain: &mut BTreeMap<(UserId, Part), Value>,
) -> Vec<UserId> {
    use IdentifierKind::{Email, ExternalId, PhoneNumber, Username};
    let ids = [UserId::v7(NOW.0, [1; 10]), UserId::v7(NOW.0, [2; 10]), UserId::v8([3; 16]), UserId::v8([4; 16])];
    let [ada, eve, bob, zoe] = ids;
    let source = |at| Source { company: company(), at };
    let profile = json!({
        "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "middle_name": "Byron", "nickname": "A",
        "preferred_username": "ada", "profile": "https://example.com/ada", "picture": "https://example.com/a.png",
        "website": "https://example.com", "gender": "female", "birthdate": "1815-12-10", "zoneinfo": "Africa/Nairobi",
        "locale": "en-KE", "custom": { "points": 7, "tags": ["a", { "b": null }] },
        "address": { "formatted": "1 Some Street", "street_address": "1 Some Street", "locality": "Nairobi",
            "region": "Nairobi", "postal_code": "00100", "country": "KE" },
    });
    let of_ada = Identity {
        email: Some("Ada@Example.com".into()),
        phone_number: Some("+254712123456".into()),
        username: Some("Ada".into()),
        external_ids: [(company(), "4711".to_owned())].into(),
        profile: Profile::from_value(profile).unwrap(),
        registered_by: Some("a keyed hash".into()),
        updated_by: Some("a mark".into()),
        sources: [("email".to_owned(), source(1)), ("profile.name".to_owned(), source(2))].into(),
        feeds: [].into(),
    };
    let of_eve = Identity { email: Some("ada@example.com".into()), ..Identity::default() };
    let of_bob = Identity { username: Some("bob".into()), ..Identity::default() };
    let all = [(Email, "ada@example.com", true), (PhoneNumber, "+254712123456", false), (Username, "ada", false)];
    let all = [all.to_vec(), vec![(ExternalId, "4711", false)]].concat();
    let mut eves = facts(here, secrets, 1, &[(Email, "ada@example.com", false)]);
    eves.merged_into = Some(ada);
    let bobs = facts(here, secrets, 2, &[(Username, "bob", false)]);
    let secret = Credentials {
        secret: Some("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g".into()),
        password_source: Some(source(3)),
        password_by: Some("a mark".into()),
        ..Credentials::default()
    };
    let old = Credentials {
        legacy_hashes: vec![LegacyHash { company: company(), hash: "bcrypt:$2b$04$abc".into() }],
        status_reason: Some("chargeback".into()),
        status_source: Some(source(4)),
        ..Credentials::default()
    };
    let people = [
        (ada, of_ada, facts(here, secrets, 0, &all), secret, AccountStatus::Active),
        (eve, of_eve, eves, old, AccountStatus::Disabled),
        (bob, of_bob, bobs, Credentials::default(), AccountStatus::Active),
    ];
    for (ms, (id, identity, facts, credentials, status)) in (0u64..).zip(people) {
        there.store.keys().set_enabled(id != bob).unwrap();
        let (version, none) = (version(here, ms, false), Attributes::new);
        let sealed = here.sealer.seal(id, version.clone(), Facts::Profile(facts), &identity, none()).await.unwrap();
        put(here, sealed, Condition::Absent).await;
        let facts = Facts::Credentials { status };
        let sealed = here.sealer.seal(id, version, facts, &credentials, none()).await.unwrap();
        put(here, sealed, Condition::Absent).await;
        plain.insert((id, Part::Profile), serde_json::to_value(identity).unwrap());
        plain.insert((id, Part::Credentials), serde_json::to_value(credentials).unwrap());
    }
    there.store.keys().set_enabled(true).unwrap();
    for part in Part::ALL {
        put(here, PartRecord::tombstone(zoe, part, version(here, 3, true)), Condition::Absent).await;
    }
    ids.to_vec()
}

/// Rows of every log as stored, with their decrypted texts.
async fn rows(here: &Place, secrets: &Secrets, people: &[UserId]) -> Value {
    let zoe = people[3];
    let version = version(here, 3, true);
    let mut erased = LogRow {
        user: zoe,
        key: format!("erase#{version}"),
        at: version.hlc,
        origin: version.origin.clone(),
        kind: "erase".into(),
        fields: Attributes::from([("company".into(), "jumia-ke".into()), ("at".into(), NOW.0.into())]),
        unknown: Attributes::new(),
    };
    let sealed = secrets.seal_text(&erased, "asked by letter", &*here.home.entropy);
    erased.fields.insert("reason".into(), Attribute::B(sealed));
    let tombstone = here.home.own.users.part(zoe, Part::Profile).await.unwrap().unwrap();
    let confirmed = confirmation(&here.home, &tombstone, &here.home.peers[0].ports.name);
    assert_eq!(confirmed.key, confirmation_key(&here.home.peers[0].ports.name, Part::Profile));
    let every = [
        Attribute::S("text".into()),
        Attribute::N("-1.5e3".into()),
        Attribute::B(vec![0, 255]),
        Attribute::Bool(true),
        Attribute::Null,
        Attribute::M(Attributes::from([("x".into(), Attribute::Null)])),
        Attribute::L(vec![Attribute::Bool(false)]),
        Attribute::Ss(vec!["s".into()]),
        Attribute::Ns(vec!["2".into()]),
        Attribute::Bs(vec![vec![7]]),
    ];
    let fields = ATTRIBUTES.into_iter().map(str::to_owned).zip(every).collect();
    let audit = LogRow { key: "login#1".into(), kind: "login_rejected".into(), fields, ..erased.clone() };
    for (log, row) in [(Log::Receipts, &erased), (Log::Receipts, &confirmed), (Log::Audit, &audit)] {
        assert!(here.home.own.logs.append(log, row).await.unwrap());
    }
    let mut all = Vec::new();
    for log in Log::ALL {
        for user in people {
            for row in here.store.rows(log, *user).await.unwrap() {
                let text = match row.fields.get("reason") {
                    Some(Attribute::B(sealed)) => secrets.open_text(&row, sealed),
                    _ => None,
                };
                all.push(json!({ "table": log.table(), "item": to_json(&row.to_item()), "reason": text }));
            }
        }
    }
    all.into()
}

/// One message of each kind as it is in a queue.
async fn messages(here: &Place, id: UserId) -> Value {
    let region = here.store.region().clone();
    let [table, key] = ["receipts", "erase#1"].map(str::to_owned);
    let quarantined = Message::Quarantined {
        table: table.clone(),
        sequence: "7".into(),
        key: format!("{id}/profile"),
        reason: "`keys` is absent or malformed".into(),
        region,
    };
    let wrap = Message::WrapKeys { id, part: Part::Credentials, version: version(here, 0, false) };
    let (part, row) = (Key::of_part(id, Part::Profile).to_message(), Message::Replicate { table, id, key });
    let queues = [(&here.home.peers[0].retry, vec![part, row]), (&here.home.repairs, vec![wrap])];
    let mut texts = Vec::new();
    for (queue, messages) in queues.into_iter().chain([(&here.home.quarantined, vec![quarantined])]) {
        for message in messages {
            queue.send(&message, 0).await.unwrap();
            texts.push(message.to_text());
        }
    }
    texts.into()
}

/// Outcomes of requests as they are stored.
async fn requests(here: &Place, id: UserId) -> Value {
    let begun = Outcome { request: "a keyed hash".into(), ..Outcome::default() };
    let finished = Outcome { status: Some(201), id: Some(id), version: Some("a version".into()), ..begun.clone() };
    let mut stored = Vec::new();
    for (key, outcome) in [([1; 32], begun), ([2; 32], finished)] {
        let begun = here.home.requests.begin(&key, outcome, NOW, Millis(u64::MAX >> 16)).await;
        let Ok(Begun::First(outcome)) = begun else { panic!("a new key") };
        stored.push(outcome);
    }
    serde_json::to_value(stored).unwrap()
}

/// The users that look-ups find.
fn lookups(secrets: &Secrets, ownerships: &BTreeMap<BlindIndex, IdentifierItem>) -> Value {
    use IdentifierKind::{Email, ExternalId, PhoneNumber, Username};
    let all = [
        (Email, None, "ada@example.com"),
        (PhoneNumber, None, "+254712123456"),
        (Username, None, "ada"),
        (ExternalId, Some(company()), "4711"),
        (Username, None, "bob"),
        (Username, None, "absent"),
    ];
    let find = |(kind, company, text): (IdentifierKind, Option<CompanyId>, &str)| {
        let indexes = secrets.indexes(kind, company.as_ref(), text);
        let items: Vec<_> = indexes.iter().filter_map(|(_, index)| ownerships.get(index).cloned()).collect();
        let found = IdentifierItem::winner_of(&items).map(|(id, _)| id);
        json!({ "kind": kind.as_str(), "company": company, "text": text, "finds": found })
    };
    all.into_iter().map(find).collect()
}

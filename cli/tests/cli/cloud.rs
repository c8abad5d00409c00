//! Operators' commands against an emulator of AWS, whose address is in `AWS_ENDPOINT_URL` (`.ci/emulator` sets it).

mod keys;

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use umoja_aws::{AwsRegion, Deployment, Options, Session, provision};
use umoja_cli::CompanyFile;
use umoja_host::{OsEntropy, SystemClock};
use umoja_reconciler::repair_keys;
use umoja_schema::{
    AccountStatus, Attributes, BlindIndex, Credentials, Facts, Hlc, IdentifierKind, Identity, Log, LogRow, Ownership,
    Part, PartRecord, ProfileFacts, Region, UserId, Version,
};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Clock as _, Condition, IdentifierWrite, PartWrite, Registry as _, Users as _, Writes};
use umoja_store::seal::Sealer;
use umoja_store::{Home, Infrastructure, RegionsDocument};

use crate::support::{path, text, umoja};

const REGIONS: [&str; 3] = ["eu-west-1", "af-south-1", "ap-south-1"];

/// A deployment of three regions as Terraform would leave it, under its own prefix.
pub(crate) struct Cloud {
    pub(crate) prefix: String,
    session: Session,
    dir: tempfile::TempDir,
}

impl Cloud {
    /// Makes the regions at these positions.
    pub(crate) async fn new(made: &[usize]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        assert!(std::env::var_os("AWS_ENDPOINT_URL").is_some(), "an emulator is needed: .ci/emulator");
        let options = Options { connect: Duration::from_mins(1), attempt: Duration::from_mins(10), attempts: 1 };
        let session = Session::from_environment(&options).await;
        let prefix = format!("c{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let cloud = Self { prefix, session, dir: tempfile::tempdir().unwrap() };
        for position in made {
            cloud.make(*position).await;
        }
        cloud
    }

    pub(crate) fn name(position: usize) -> Region {
        REGIONS[position].parse().unwrap()
    }

    pub(crate) fn region(&self, position: usize) -> AwsRegion {
        self.session.region(&Self::name(position), None)
    }

    async fn make(&self, position: usize) -> Infrastructure {
        let peers: Vec<Region> = (0..REGIONS.len()).filter(|peer| *peer != position).map(Self::name).collect();
        let (region, name) = (self.region(position), Self::name(position));
        let url = format!("https://{name}.example.com");
        provision::create_region(&region, &self.prefix, &name, &peers, &url).await.unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        umoja().args(arguments).args(["--prefix", &self.prefix]).output().unwrap()
    }

    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    pub(crate) fn fails(&self, arguments: &[&str], why: &str) {
        let output = self.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    }

    /// Runs the command while a region does not answer. Returns its exit code and its output on both channels.
    pub(crate) fn cut_off(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = umoja();
        command.args(arguments).args(["--prefix", &self.prefix, "--region", REGIONS[0]]);
        let emulator = std::env::var("AWS_ENDPOINT_URL").unwrap();
        command.env_remove("AWS_ENDPOINT_URL").env("UMOJA_ENDPOINT_EU_WEST_1", emulator);
        let output = command.env("UMOJA_ENDPOINT_AF_SOUTH_1", "http://127.0.0.1:1").output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    pub(crate) async fn setting(&self, position: usize, name: &str) -> Option<Value> {
        self.region(position).tables(&self.prefix).setting(name).await.unwrap()
    }
}

#[tokio::test]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn init_reports_the_missing_region() {
    let cloud = Cloud::new(&[0]).await;
    cloud.fails(&["init", "--regions", "eu-west-1,af-south-1"], "`terraform apply` for af-south-1");
    cloud.fails(&["status", "--region", "eu-west-1"], "umoja init --prefix");
    assert_eq!(cloud.setting(0, "secrets").await, None, "no setting was written");
}

#[tokio::test]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn a_deployment_is_created_and_companies_are_added() {
    let cloud = Cloud::new(&[0, 1]).await;
    let made = cloud.json(&["init", "--regions", "eu-west-1,af-south-1"]);
    assert_eq!((&made["created"], &made["env"]), (&json!(true), &json!("live")));
    for name in ["secrets", "regions"] {
        let held = cloud.setting(0, name).await;
        assert!(held.is_some() && held == cloud.setting(1, name).await, "{name}");
    }
    let secrets = cloud.setting(0, "secrets").await;
    let again = cloud.json(&["init", "--regions", "af-south-1,eu-west-1"]);
    assert_eq!((&again["created"], &again["changed"]), (&json!(false), &json!([])));
    assert_eq!(cloud.setting(0, "secrets").await, secrets);
    cloud.fails(&["init", "--regions", "eu-west-1,ap-south-1"], "umoja region add ap-south-1");

    let out = cloud.dir.path().join("soko.json");
    let at = ["--region", "eu-west-1"];
    cloud.done(&[&["company", "add", "soko", "--scopes", "all", "--trusted", "--out", path(&out)][..], &at].concat());
    assert!(CompanyFile::read(&out).unwrap().api_key.starts_with("umoja_live_"));
    for region in ["eu-west-1", "af-south-1"] {
        assert_eq!(cloud.json(&["company", "list", "--region", region])["companies"][0]["id"], "soko");
    }
    cloud.done(&[&["company", "disable", "soko"][..], &at].concat());
    assert_eq!(cloud.json(&["company", "list", "--region", "af-south-1"])["companies"][0]["enabled"], false);
    cloud.done(&[&["company", "enable", "soko"][..], &at].concat());
    cloud.done(&[&["company", "rotate-key", "soko", "--company-file", path(&out)][..], &at].concat());

    let status = cloud.json(&[&["status"][..], &at].concat());
    assert_eq!(status["well"], true);
    assert_eq!(status["regions"][1]["replication"]["alarm"], format!("{}-iterator-age", cloud.prefix));
    cloud.fails(&[&["user", "show", "00000000-0000-7000-8000-000000000000"][..], &at].concat(), "no region holds");
}

#[tokio::test]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn an_unreachable_region_does_not_block_the_others() {
    let cloud = Cloud::new(&[0, 1]).await;
    cloud.done(&["init", "--regions", "eu-west-1,af-south-1"]);
    cloud.done(&["company", "add", "soko", "--region", "af-south-1"]);
    let id = cloud.register(1).await.to_string();
    let (code, said) = cloud.cut_off(&["status", "--json"]);
    assert_eq!(code, Some(1), "{said}");
    let status: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(status["regions"][0]["scan"]["users"], 1);
    assert!(status["attention"][0].as_str().unwrap().starts_with("af-south-1 cannot be read"), "{said}");
    let (code, said) = cloud.cut_off(&["user", "show", &id]);
    assert!(code == Some(1) && said.contains("status active") && said.contains("af-south-1 cannot"), "{said}");
    let (code, said) = cloud.cut_off(&["company", "disable", "soko"]);
    assert!(code == Some(1) && said.contains("not stored in af-south-1"), "{said}");
    let enabled = |region| cloud.json(&["company", "list", "--region", region])["companies"][0]["enabled"].clone();
    assert_eq!((enabled("eu-west-1"), enabled("af-south-1")), (json!(false), json!(false)), "the newest of any region");
    let differs = text(&cloud.run(&["status", "--region", "eu-west-1", "--fast"]).stdout);
    assert!(differs.contains("different companies"), "{differs}");
    cloud.done(&["company", "disable", "soko", "--region", "eu-west-1"]);
    assert_eq!(enabled("af-south-1"), json!(false));
    // If no region stored the company, no key is issued and no company remains.
    let out = cloud.dir.path().join("duka.json");
    let (code, said) = cloud.cut_off(&["company", "add", "duka", "--out", path(&out)]);
    assert!(code == Some(1) && !out.exists() && said.contains("af-south-1"), "{said}");
    let (code, said) = cloud.cut_off(&["init", "--json"]);
    assert!(code == Some(1) && said.contains("af-south-1"), "{said}");
}

impl Cloud {
    /// The settings with which the functions of a region run now.
    pub(crate) async fn home(&self, position: usize) -> Home {
        let registry = self.region(position).tables(&self.prefix);
        let document = RegionsDocument::load(&registry).await.unwrap().unwrap();
        let own = document.get(&Self::name(position)).unwrap().infrastructure.clone();
        let deployment = Deployment::new(self.session.clone(), &self.prefix);
        deployment.home(&own, &document.regions, Arc::new(SystemClock), Arc::new(OsEntropy))
    }

    /// Registers a user in both of the first regions, as the API and the replicator would.
    pub(crate) async fn register(&self, n: u8) -> UserId {
        self.register_in(&[0, 1], n).await
    }

    /// Registers a user in these regions, the first of which accepts it.
    pub(crate) async fn register_in(&self, positions: &[usize], n: u8) -> UserId {
        let home = self.home(positions[0]).await;
        let id = UserId::v8([n; 16]);
        let (now, origin) = (SystemClock.now(), home.own.name.clone());
        let version = Version { erased: false, hlc: Hlc::at(now), origin: origin.clone() };
        let ownership = Ownership {
            kind: IdentifierKind::Username,
            key_version: 1,
            owned_since: now,
            region: origin,
            verified: false,
            company: None,
            unknown: Attributes::new(),
        };
        let ownerships = [(BlindIndex::new([n; 32]), ownership)].into();
        let facts = Facts::Profile(ProfileFacts { created_at: now, ownerships, links: [].into(), merged_into: None });
        let status = Facts::Credentials { status: AccountStatus::Active };
        let sealer = sealer(&home);
        let (identity, secrets, none) = (Identity::default(), Credentials::default(), Attributes::new());
        let profile = sealer.seal(id, version.clone(), facts, &identity, none.clone()).await.unwrap();
        let credentials = sealer.seal(id, version, status, &secrets, none).await.unwrap();
        self.put(positions, &[profile, credentials]).await;
        id
    }

    async fn erase(&self, id: UserId) {
        let home = self.home(0).await;
        let hlc = Hlc::at(SystemClock.now());
        let version = Version { erased: true, hlc, origin: home.own.name.clone() };
        let row = LogRow {
            user: id,
            key: format!("erase#{hlc}"),
            at: hlc,
            origin: home.own.name.clone(),
            kind: "erase".into(),
            fields: Attributes::new(),
            unknown: Attributes::new(),
        };
        home.own.logs.append(Log::Receipts, &row).await.unwrap();
        self.put(&[0, 1], &Part::ALL.map(|part| PartRecord::tombstone(id, part, version.clone()))).await;
    }

    async fn put(&self, positions: &[usize], records: &[PartRecord]) {
        for position in positions {
            let tables = self.home(*position).await.own.users;
            for record in records {
                let before = tables.part(record.id, record.part).await.unwrap();
                let before = before.as_ref().map(|before| before.ownerships().clone()).unwrap_or_default();
                let plan = umoja_store::apply::plan_ownerships(&*tables, record.id, &before, record.ownerships()).await;
                let ownerships: Vec<IdentifierWrite> = plan.unwrap();
                let parts = vec![PartWrite { record: record.clone(), condition: Condition::Older }];
                tables.commit(&Writes { parts, ownerships, ..Writes::default() }).await.unwrap();
            }
        }
    }
}

pub(crate) fn sealer(home: &Home) -> Sealer {
    Sealer::new(KeyRing::new(home, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn an_interrupted_region_addition_continues() {
    let cloud = Cloud::new(&[0, 1]).await;
    let at = ["--region", "eu-west-1"];
    cloud.done(&["init", "--regions", "eu-west-1,af-south-1"]);
    cloud.done(&[&["company", "add", "soko"][..], &at].concat());
    let mut users = Vec::new();
    for n in 1..=60 {
        users.push(cloud.register(n).await);
    }
    cloud.erase(users[0]).await;

    let add = [&["region", "add", "ap-south-1", "--settings-wait-secs", "1"][..], &at].concat();
    cloud.fails(&add, "`terraform apply` for ap-south-1");
    assert_eq!(cloud.json(&[&["region", "list"][..], &at].concat())["regions"].as_array().unwrap().len(), 2);
    cloud.make(2).await;
    // No key repair runs yet.
    cloud.fails(&[&add[..], &["--timeout-secs", "1"]].concat(), "118 parts have no data key that ap-south-1 wrapped");
    let list = cloud.json(&[&["region", "list"][..], &at].concat());
    assert_eq!((&list["regions"][2]["state"], &list["regions"][2]["key"]), (&json!("joining"), &json!("enabled")));

    let home = cloud.home(0).await;
    let schedule = tokio::spawn(async move {
        let sealer = sealer(&home);
        loop {
            repair_keys(&home, &sealer).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let added = cloud.json(&add);
    schedule.abort();
    assert_eq!((&added["state"], &added["added"]), (&json!("serving"), &json!(true)), "{added}");
    assert_eq!(cloud.json(&add)["added"], false);

    let status = cloud.json(&[&["status"][..], &at].concat());
    let regions = status["regions"].as_array().unwrap();
    assert_eq!((&status["well"], regions.len()), (&json!(true), 3), "{status}");
    assert!(regions.iter().all(|region| region["scan"] == regions[0]["scan"] && region["companies"] == 1), "{status}");
    let id = users[7].to_string();
    let shown = cloud.json(&["user", "show", &id, "--region", "ap-south-1"]);
    assert_eq!(shown["agree"], true);
    let wrapped = &shown["regions"][2]["parts"]["profile"]["wrapped_regions"];
    assert_eq!(*wrapped, json!(["af-south-1", "ap-south-1", "eu-west-1"]));
    let erased = cloud.json(&["user", "show", &users[0].to_string(), "--region", "ap-south-1", "--only", "ap-south-1"]);
    assert_eq!(erased["regions"][0]["parts"]["credentials"]["erased"], true);
    assert_eq!(erased["regions"][0]["receipt_rows"], 3, "the erasure, and its confirmation for each part");
    let (tables, indexes) = (cloud.region(2).tables(&cloud.prefix), [1, 8].map(|n| BlindIndex::new([n; 32])));
    let ownerships = tables.ownerships(&indexes);
    let winners: Vec<_> = ownerships.await.unwrap().iter().map(|item| item.winner().map(|(id, _)| id)).collect();
    assert_eq!(winners, [None, Some(users[7])]);
    for name in ["secrets", "regions"] {
        assert_eq!(cloud.setting(0, name).await, cloud.setting(2, name).await, "{name}");
    }
    assert_eq!(cloud.json(&["init", "--region", "ap-south-1"])["changed"], json!([]));

    // The last step was interrupted between two regions.
    let registry = cloud.home(1).await.registry;
    let list = cloud.setting(1, "regions").await.unwrap();
    let mut before = registry.setting("regions").await.unwrap().unwrap();
    before["regions"][2]["state"] = json!("joining");
    before["revision"] = json!(list["revision"].as_u64().unwrap() - 1);
    registry.put_setting("regions", &before).await.unwrap();
    assert_eq!(cloud.json(&add)["added"], false);
    assert_eq!(cloud.setting(1, "regions").await, Some(list));

    // A restored table lacks the users who registered since, and has the users who were erased since.
    let late = cloud.register(61).await;
    cloud.erase(users[9]).await;
    let shown = |id: UserId| cloud.json(&["user", "show", &id.to_string(), "--region", "eu-west-1"]);
    assert_eq!((&shown(late)["agree"], &shown(users[9])["agree"]), (&json!(false), &json!(false)));
    let again = cloud.json(&[&add[..], &["--again"]].concat());
    assert_eq!((&again["state"], &again["added"]), (&json!("serving"), &json!(true)), "{again}");
    assert_eq!((&shown(late)["agree"], &shown(users[9])["agree"]), (&json!(true), &json!(true)));
}

#[tokio::test]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn init_adopts_changed_infrastructure_and_completes_interrupted_steps() {
    let cloud = Cloud::new(&[0, 1]).await;
    let regions = ["init", "--regions", "eu-west-1,af-south-1"];
    cloud.done(&[&regions[..], &["--env", "test"]].concat());
    let before = cloud.setting(0, "secrets").await.unwrap();

    let data_key = provision::create_key(&cloud.region(1)).await.unwrap();
    let infrastructure = Infrastructure::load(&cloud.region(1).tables(&cloud.prefix)).await.unwrap().unwrap();
    let changed = Infrastructure { base_url: "https://id.example.com".into(), data_key, ..infrastructure };
    provision::put_infrastructure(&cloud.region(1), &cloud.prefix, &changed).await.unwrap();
    let again = cloud.json(&["init", "--region", "eu-west-1"]);
    assert_eq!((&again["changed"], &again["env"]), (&json!(["af-south-1"]), &json!("test")));
    let after = cloud.setting(0, "secrets").await.unwrap();
    let wrapped = |secrets: &Value, region: &str| secrets["index"][0]["wrapped"][region].clone();
    assert_eq!(wrapped(&after, "eu-west-1"), wrapped(&before, "eu-west-1"));
    assert_ne!(wrapped(&after, "af-south-1"), wrapped(&before, "af-south-1"), "by the new key");
    let shown = cloud.json(&["region", "list", "--region", "af-south-1"]);
    assert_eq!(shown["regions"][1]["url"], "https://id.example.com");
    cloud.fails(&[&regions[..], &["--env", "live"]].concat(), "is for `test`");

    // One region lacks the new wrapped keys, and its list of regions does not verify.
    cloud.region(1).tables(&cloud.prefix).put_setting("secrets", &before).await.unwrap();
    cloud.region(1).tables(&cloud.prefix).put_setting("regions", &json!({ "regions": [] })).await.unwrap();
    cloud.done(&regions);
    for name in ["secrets", "regions"] {
        assert_eq!(cloud.setting(0, name).await, cloud.setting(1, name).await, "{name}");
    }
    // The secrets of another deployment do not verify, and are replaced too.
    let other = Cloud::new(&[0, 1]).await;
    other.done(&regions);
    let theirs = other.setting(0, "secrets").await.unwrap();
    cloud.region(1).tables(&cloud.prefix).put_setting("secrets", &theirs).await.unwrap();
    let at = ["--region", "af-south-1"];
    cloud.fails(&[&["region", "list"][..], &at].concat(), "`umoja init` with another region");
    cloud.done(&regions);
    assert_eq!(cloud.setting(1, "secrets").await, cloud.setting(0, "secrets").await);
}

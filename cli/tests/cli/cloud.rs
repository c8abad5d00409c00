//! Operators' commands against AWS: an emulator, whose address is in `UMOJA_TEST_ENDPOINT` (`.ci/emulator` sets it).

use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use umoja_aws::{AwsRegion, Options, Session, provision};
use umoja_cli::CompanyFile;
use umoja_schema::Region;
use umoja_store::Infrastructure;

use crate::support::{path, text, umoja};

const REGIONS: [&str; 3] = ["eu-west-1", "af-south-1", "ap-south-1"];

/// A deployment of three regions as Terraform would leave it, under a prefix of its own.
struct Cloud {
    endpoint: String,
    prefix: String,
    session: Session,
    dir: tempfile::TempDir,
}

impl Cloud {
    /// Makes the regions at these positions.
    async fn new(made: &[usize]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let endpoint = std::env::var("UMOJA_TEST_ENDPOINT").expect("UMOJA_TEST_ENDPOINT; .ci/emulator sets it");
        let options = Options { connect: Duration::from_secs(5), attempt: Duration::from_secs(30), attempts: 1 };
        let session = Session::from_environment(&options).await;
        let prefix = format!("c{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let cloud = Self { endpoint, prefix, session, dir: tempfile::tempdir().unwrap() };
        for position in made {
            cloud.make(*position).await;
        }
        cloud
    }

    fn name(position: usize) -> Region {
        REGIONS[position].parse().unwrap()
    }

    fn region(&self, position: usize) -> AwsRegion {
        self.session.region(&Self::name(position), Some(&self.endpoint))
    }

    async fn make(&self, position: usize) -> Infrastructure {
        let peers: Vec<Region> = (0..REGIONS.len()).filter(|peer| *peer != position).map(Self::name).collect();
        let (region, name) = (self.region(position), Self::name(position));
        let url = format!("https://{name}.example.com");
        provision::create_region(&region, &self.prefix, &name, &peers, &url).await.unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = umoja();
        command.args(arguments).args(["--prefix", &self.prefix]).env("AWS_ENDPOINT_URL", &self.endpoint);
        command.output().unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    fn fails(&self, arguments: &[&str], why: &str) {
        let output = self.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    }

    async fn setting(&self, position: usize, name: &str) -> Option<Value> {
        use umoja_store::ports::Registry as _;
        self.region(position).tables(&self.prefix).setting(name).await.unwrap()
    }
}

#[tokio::test]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn init_names_the_region_that_is_not_there() {
    let cloud = Cloud::new(&[0]).await;
    cloud.fails(&["init", "--regions", "eu-west-1,af-south-1"], "`terraform apply` for af-south-1");
    cloud.fails(&["status", "--region", "eu-west-1"], "umoja init --prefix");
    assert_eq!(cloud.setting(0, "secrets").await, None, "nothing was written");
}

#[tokio::test]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn a_deployment_is_made_and_companies_are_added_with_the_words_of_a_directory() {
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

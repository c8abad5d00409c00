//! Rotating the blind index key, and a KMS key that was replaced, in AWS.

use tokio::task::JoinHandle;
use umoja_store::replicate::replicate;
use umoja_store::secrets::Secrets;

use super::*;

impl Cloud {
    /// The deployment's secrets as the functions of a region read them.
    async fn secrets(&self, position: usize) -> Secrets {
        let home = self.home(position).await;
        Secrets::load(&*home.registry, &KeyRing::new(&home, PEER_WRAP_BUDGET_MS)).await.unwrap()
    }

    /// Registers a user with a user name under every live index key in both of the first regions.
    async fn register_as(&self, name: &str, n: u8) -> UserId {
        let (home, secrets) = (self.home(0).await, self.secrets(0).await);
        let id = UserId::v8([n; 16]);
        let (now, region) = (SystemClock.now(), home.own.name.clone());
        let version = Version { erased: false, hlc: Hlc::at(now), origin: region.clone() };
        let ownership = |key_version| Ownership {
            kind: IdentifierKind::Username,
            key_version,
            owned_since: now,
            region: region.clone(),
            verified: false,
            company: None,
            unknown: Attributes::new(),
        };
        let indexes = secrets.indexes(IdentifierKind::Username, None, name);
        let ownerships = indexes.into_iter().map(|(version, index)| (index, ownership(version))).collect();
        let facts = Facts::Profile(ProfileFacts { created_at: now, ownerships, links: [].into(), merged_into: None });
        let status = Facts::Credentials { status: AccountStatus::Active };
        let (sealer, none) = (sealer(&home), Attributes::new());
        let identity = Identity { username: Some(name.to_owned()), ..Identity::default() };
        let profile = sealer.seal(id, version.clone(), facts, &identity, none.clone()).await.unwrap();
        let credentials = sealer.seal(id, version, status, &Credentials::default(), none).await.unwrap();
        self.put(&[0, 1], &[profile, credentials]).await;
        id
    }

    /// Replicates these users between the first two regions, as their replicators do, until it is aborted.
    async fn replicate(&self, users: &[UserId]) -> JoinHandle<()> {
        let (homes, users) = ([self.home(0).await, self.home(1).await], users.to_vec());
        tokio::spawn(async move {
            loop {
                for home in &homes {
                    for (id, part) in users.iter().flat_map(|id| Part::ALL.map(|part| (*id, part))) {
                        if let Some(record) = home.own.users.part(id, part).await.unwrap() {
                            replicate(home, &home.peers[0].ports, &record.into()).await.unwrap();
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
    }

    /// The user who is found by a user name in a region.
    async fn find(&self, position: usize, name: &str) -> Option<UserId> {
        let indexes = self.secrets(position).await.indexes(IdentifierKind::Username, None, name);
        let indexes: Vec<BlindIndex> = indexes.into_iter().map(|(_, index)| index).collect();
        let ownerships = self.region(position).tables(&self.prefix).ownerships(&indexes).await.unwrap();
        umoja_schema::IdentifierItem::winner_of(&ownerships).map(|(id, _)| id)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn an_interrupted_index_key_rotation_continues() {
    let cloud = Cloud::new(&[0, 1]).await;
    let at = ["--region", "eu-west-1", "--settings-wait-secs", "0"];
    cloud.done(&["init", "--regions", "eu-west-1,af-south-1"]);
    let mut users = Vec::new();
    for n in 1..=4 {
        users.push(cloud.register_as(&format!("user{n}"), n).await);
    }
    let old = cloud.secrets(0).await;
    let rotate = [&["rotate", "index-key"][..], &at].concat();
    // No replicator runs, so the second region stays behind.
    cloud.fails(&[&rotate[..], &["--timeout-secs", "0"]].concat(), "it continues");
    for position in 0..2 {
        let secrets = cloud.setting(position, "secrets").await.unwrap();
        assert_eq!(secrets["index"].as_array().unwrap().len(), 2, "two keys are live");
        assert_eq!(cloud.find(position, "user2").await, Some(users[1]));
    }
    users.push(cloud.register_as("user5", 5).await);

    let replicator = cloud.replicate(&users).await;
    let rotated = cloud.json(&rotate);
    replicator.abort();
    assert_eq!(rotated["index_key"], 2, "{rotated}");
    assert_eq!(cloud.setting(0, "secrets").await, cloud.setting(1, "secrets").await);
    for position in 0..2 {
        let tables = cloud.region(position).tables(&cloud.prefix);
        for (n, id) in users.iter().enumerate() {
            let profile = tables.part(*id, Part::Profile).await.unwrap().unwrap();
            let versions: Vec<u32> = profile.ownerships().values().map(|ownership| ownership.key_version).collect();
            assert_eq!(versions, [2]);
            let name = format!("user{}", n + 1);
            assert_eq!(cloud.find(position, &name).await, Some(*id));
            let (_, index) = old.indexes(IdentifierKind::Username, None, &name)[0];
            assert!(tables.ownerships(&[index]).await.unwrap()[0].owners.is_empty(), "ownerships of the old key left");
        }
    }
    assert_eq!(cloud.json(&[&["status"][..], &at[..2]].concat())["well"], true);
    let (code, said) = cloud.cut_off(&["rotate", "index-key"]);
    assert!(code == Some(1) && said.contains("af-south-1"), "{said}");
}

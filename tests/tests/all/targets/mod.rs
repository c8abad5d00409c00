//! Provisioning into targets: a strict SCIM server beside two regions.

mod brake;
mod busy;
mod erasing;
mod functions;
mod homes;
mod killed;
mod on_time;
mod outages;
mod page;
mod people;
mod removing;
mod served;
mod tools;
mod undone;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use umoja_provisioner::Provisioner;
use umoja_provisioner::targets::{Delivered, KnownTarget, Run, default_mapping};
use umoja_schema::{Deprovisioning, Target, TargetKind, UserId};
use umoja_tests::deployment::Deployment;
use umoja_tests::scim_target::{ScimTarget, TOKEN, URL};
use umoja_tests::world::run;

/// A deployment with one target, whose home is the first region.
struct Fed {
    d: Deployment,
    remote: ScimTarget,
    target: Target,
}

/// Runs a story with a target of the shop that disables whom it is no longer to have.
fn with_target(seed: u64, story: impl AsyncFnOnce(Fed)) {
    run(async {
        let d = Deployment::new(seed).await;
        let fed = Fed { target: target(&d, "crm"), d, remote: ScimTarget::default() };
        fed.store().await;
        story(fed).await;
    });
}

fn target(d: &Deployment, id: &str) -> Target {
    let id: umoja_schema::TargetId = id.parse().unwrap();
    let region = &d.world.regions[0];
    Target {
        token: Some(region.secrets().seal_target_token(&id, TOKEN, &*region.home.entropy)),
        id,
        revision: 1,
        company: "shop".parse().unwrap(),
        kind: TargetKind::Scim,
        url: URL.to_owned(),
        home: region.name.clone(),
        epoch: 0,
        enabled: true,
        mapping: default_mapping(TargetKind::Scim),
        scope: None,
        deprovisioning: Deprovisioning::Disable,
        rate: 1000.try_into().unwrap(),
        removals_until: None,
        removed: None,
        unknown: Map::new(),
    }
}

impl Fed {
    /// Stores the target as it is now in every region.
    async fn store(&self) {
        let document = serde_json::to_value(&self.target).unwrap();
        for region in &self.d.world.regions {
            region.tables.registry.put_setting(&Target::setting(&self.target.id), &document).await.unwrap();
        }
    }

    /// The provisioner of a region, as a process has it that was just started.
    fn provisioner(&self, at: usize) -> Provisioner {
        Provisioner::new(self.d.world.regions[at].people(), Arc::new(self.remote.clone()))
    }

    fn known(&self) -> KnownTarget {
        KnownTarget::open(self.target.clone(), self.d.world.regions[0].secrets()).unwrap()
    }

    /// Rings for all changes of the home.
    async fn ring(&self, provisioner: &Provisioner) {
        for changes in self.d.world.changes(0).chunks(50) {
            provisioner.feed(changes).await.unwrap();
        }
    }

    /// Delivers what is due until nothing is.
    async fn deliver(&self, provisioner: &Provisioner) -> Run {
        let mut all = Run::default();
        loop {
            let run = provisioner.run(&self.known()).await.unwrap();
            if run == Run::default() {
                return all;
            }
            all += run;
            self.d.world.clock.advance(1_000);
        }
    }

    /// Replicates, rings for all changes, and delivers.
    async fn settle(&self) -> Run {
        self.d.world.settle().await;
        let provisioner = self.provisioner(0);
        self.ring(&provisioner).await;
        self.deliver(&provisioner).await
    }

    /// Brings the account of one user up to date by hand.
    async fn provision(&self, id: &str) -> Delivered {
        self.provisioner(0).provision(&self.known(), user(id), true).await.unwrap().unwrap()
    }

    /// A user of the shop with an address.
    async fn user(&self, email: &str) -> String {
        let body = json!({ "email": email, "profile": { "given_name": "Ada", "address": { "country": "KE" } } });
        let id = self.d.call(0, "register", body).await.ok(201).id();
        self.d.world.clock.advance(1_000);
        id
    }

    /// The account that the target has for a user.
    fn account(&self, id: &str) -> Option<Value> {
        self.remote.of(id)
    }

    /// The code of the failure that the row of a user has.
    async fn code(&self, id: &str) -> Option<String> {
        let rows = self.provisioner(0).rows_of(&self.known()).await.unwrap();
        rows.into_iter().find(|row| row.user == user(id)).and_then(|row| row.code)
    }
}

fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

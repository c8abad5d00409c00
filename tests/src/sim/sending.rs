//! What the regions send to remote systems in a run, and what happens to these.

use std::sync::Arc;

use serde_json::json;
use umoja_provisioner::targets::KnownTarget;
use umoja_schema::{Millis, Target, UserId, Webhook};

use super::deliveries::{provisioner, put_target};
use super::fleet::Fleet;
use super::listing::Busy;
use super::names::email;
use super::plan::{REMOTES, Step, TARGETS};
use super::remotes::NAMES;
use super::rules::Rule;
use crate::hook::put_webhook;

impl Fleet {
    /// A batch of a region's stream, as the provisioner gets it.
    pub(super) async fn ring(&self, at: usize, (take, again): (u8, u8), new: bool) {
        let sender = &self.deliveries.senders[at];
        if !self.deliveries.is_on || sender.is_busy.replace(true) {
            return;
        }
        let _busy = Busy(&sender.is_busy);
        if new {
            sender.start_provisioner();
        }
        let provisioner = Arc::clone(&sender.provisioner.borrow());
        let mut batch = sender.stream.batch(take, again, 0);
        let failed = batch.changes.first().map(|change| change.sequence.clone());
        let rung = provisioner.feed(&batch.changes).await;
        batch.handled_until(failed.as_ref().filter(|_| rung.is_err()));
    }

    /// A region delivers what is due.
    pub(super) async fn deliver(&self, at: usize, new: bool) {
        let sender = &self.deliveries.senders[at];
        if new {
            sender.start_provisioner();
        }
        let provisioner = Arc::clone(&sender.provisioner.borrow());
        let Ok(targets) = provisioner.targets().await else { return };
        for known in targets {
            // What fails is due again.
            let _ = provisioner.run(&known).await;
        }
    }

    /// A region posts events.
    pub(super) async fn hook(&self, at: usize, new: bool) {
        let sender = &self.deliveries.senders[at];
        if new {
            sender.start_webhooks();
        }
        let webhooks = Arc::clone(&sender.webhooks.borrow());
        for id in webhooks.ids().await.unwrap_or_default() {
            let _ = webhooks.step(&id).await;
        }
    }

    /// The operator brings an account up to date.
    pub(super) async fn provision(&self, at: usize, target: usize, user: UserId) {
        let provisioner = Arc::clone(&self.deliveries.senders[at].provisioner.borrow());
        let Ok(targets) = provisioner.targets().await else { return };
        let name = NAMES[target % usize::from(TARGETS)];
        for known in targets.iter().filter(|known| known.target.id.as_str() == name) {
            let _ = provisioner.provision(known, user, true).await;
        }
    }

    /// Something happens to a remote system.
    pub(super) async fn disturb_remote(&self, step: &Step) {
        let remotes = &self.deliveries.remotes;
        match step {
            Step::Remote { remote, mishap, calls } => remotes.then(usize::from(remote % REMOTES), *mishap, *calls),
            Step::RemoteDown { remote, down } => remotes.set_down(usize::from(remote % REMOTES), *down),
            Step::Foreign { target, email: number } => {
                let target = usize::from(target % TARGETS);
                let (scim, name) = (remotes.scim(target), email(*number));
                if scim.users().iter().any(|account| account["userName"] == name) {
                    return;
                }
                let id = format!("foreign {name}");
                scim.make_by_hand(json!({ "userName": name, "externalId": id, "active": true }));
                self.deliveries.foreign.borrow_mut().push((target, scim.of(&id).expect("it was just made")));
            }
            Step::Move { remote, to } => {
                let (remote, to) = (usize::from(remote % REMOTES), self.at(*to));
                if remote < usize::from(TARGETS) {
                    self.move_target(remote, to).await;
                } else {
                    self.move_hook(remote - usize::from(TARGETS), to).await;
                }
            }
            _ => unreachable!("no step of a remote system"),
        }
    }

    async fn move_target(&self, number: usize, to: usize) {
        let Some(mut target) = self.deliveries.targets.borrow().get(number).cloned() else { return };
        let to_name = self.region(to).name.clone();
        if target.home == to_name {
            return;
        }
        target.home = to_name;
        target.epoch += u64::from(self.without != Some(Rule::TargetEpoch));
        self.deliveries.remotes.forget_informed(number);
        self.change_target(number, target).await;
        self.deliveries.moved.borrow_mut().insert(number);
        self.deliveries.unrung.borrow_mut().insert(number);
        self.ring_moved(number, to).await;
    }

    /// The operator's command looks at every account once more in the new home. It is repeated until it succeeds.
    pub(super) async fn ring_moved(&self, number: usize, to: usize) {
        if !self.deliveries.unrung.borrow().contains(&number) {
            return;
        }
        let provisioner = provisioner(&self.region(to).people(), &self.deliveries.senders[to].line);
        if provisioner.ring_all(&self.known(number, to)).await.is_ok() {
            self.deliveries.unrung.borrow_mut().remove(&number);
        }
    }

    async fn move_hook(&self, number: usize, to: usize) {
        let Some(mut hook) = self.deliveries.hooks.borrow().get(number).cloned() else { return };
        if hook.home != self.region(to).name {
            hook.home = self.region(to).name.clone();
            hook.orders.replayed += 1;
            hook.orders.replay_from = Some(Millis(0));
            self.change_hook(number, hook).await;
        }
    }

    /// The operator stores a target in every region.
    pub(super) async fn change_target(&self, number: usize, mut target: Target) {
        target.revision += 1;
        put_target(&self.deployment, &target).await;
        self.deliveries.targets.borrow_mut()[number] = target;
    }

    /// The operator stores a webhook in every region.
    pub(super) async fn change_hook(&self, number: usize, mut hook: Webhook) {
        hook.revision += 1;
        put_webhook(self.world(), &hook).await;
        self.deliveries.hooks.borrow_mut()[number] = hook;
    }

    /// A target as a region knows it.
    pub(super) fn known(&self, number: usize, at: usize) -> KnownTarget {
        let target = self.deliveries.targets.borrow()[number].clone();
        KnownTarget::open(target, self.region(at).secrets()).expect("a target can be opened")
    }
}

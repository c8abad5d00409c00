//! The end of deliveries: every target has what the mapping makes of the people, and every webhook has every event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use umoja_provisioner::retry::NEVER;
use umoja_provisioner::targets::Run;
use umoja_provisioner::targets::plan::{Wanted, Why};
use umoja_schema::{Deprovisioning, Target, TargetAccount, UserId, Webhook};
use umoja_store::ports::Clock as _;

use super::fleet::Fleet;
use super::plan::TARGETS;
use super::remotes::NAMES;

/// More than the longest time for which a target that was out is left alone.
const LONG_MS: u64 = 16 * 60 * 1000;
const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// The removals that a target without many accounts may see in an hour.
const REMOVALS: usize = 20;
/// What is not up to date after this number of rounds never is.
const MAX_ROUNDS: usize = 40;
/// How often the operator has everything tried again.
const REDRIVES: usize = 4;

impl Fleet {
    /// Heals the remote systems one after the other, and checks after each that everything is where it belongs.
    pub(super) async fn deliver_all(&self) {
        if !self.deliveries.is_on {
            return;
        }
        let remotes = &self.deliveries.remotes;
        self.check_removals();
        remotes.heal();
        self.remove_foreign();
        let targets = self.deliveries.targets.borrow().clone();
        for (number, mut target) in targets.into_iter().enumerate() {
            target.removals_until = Some(NEVER);
            self.change_target(number, target).await;
        }
        // One company's systems are out for longer, and those of the other one do not wait for them.
        let out = usize::try_from(self.world().clock.now().0 % 2).unwrap_or_default();
        for remote in [out, out + usize::from(TARGETS)] {
            remotes.set_down(remote, true);
        }
        self.bring_up_to_date(Some(out)).await;
        self.check_targets(Some(out)).await;
        remotes.heal();
        self.bring_up_to_date(None).await;
        self.check_targets(None).await;
        self.check_unchanged().await;
    }

    /// No account was touched that is not a user's. The operator removes these, so that they are in no user's way.
    fn remove_foreign(&self) {
        for (target, account) in self.deliveries.foreign.take() {
            let scim = self.deliveries.remotes.scim(target);
            let now = scim.users().into_iter().find(|now| now["id"] == account["id"]);
            assert_eq!(now.as_ref(), Some(&account), "target: an account was changed that is no user's");
            scim.delete_by_hand(account["externalId"].as_str().expect("an id"));
        }
    }

    /// Works until nothing is due at the systems that are not out.
    async fn bring_up_to_date(&self, out: Option<usize>) {
        for round in 0..MAX_ROUNDS {
            self.world().clock.advance(if round < REDRIVES { LONG_MS } else { HOUR_MS });
            if round < REDRIVES {
                self.redrive(out).await;
            }
            self.note_changes();
            for at in 0..self.world().regions.len() {
                self.ring(at, (0, 0), false).await;
                self.deliver_due(at).await;
                self.post_due(at).await;
            }
            self.settle(true).await;
            self.make_all_events().await;
            let is_rung = self.deliveries.senders.iter().all(|sender| sender.stream.is_empty());
            if round >= REDRIVES && is_rung && self.due(out).await.is_empty() {
                return;
            }
        }
        panic!("target: still due after {MAX_ROUNDS} rounds: {:?}", self.due(out).await);
    }

    async fn deliver_due(&self, at: usize) {
        let provisioner = Arc::clone(&self.deliveries.senders[at].provisioner.borrow());
        for known in provisioner.targets().await.expect("settings can be read") {
            for _ in 0..MAX_ROUNDS {
                let run = provisioner.run(&known).await.expect("all services work");
                if run == Run::default() {
                    break;
                }
                self.world().clock.advance(1_000);
            }
        }
    }

    /// Posts the events that are not posted yet.
    pub(super) async fn post_all(&self) {
        for at in (0..self.world().regions.len()).filter(|_| self.deliveries.is_on) {
            self.post_due(at).await;
        }
    }

    async fn post_due(&self, at: usize) {
        let webhooks = Arc::clone(&self.deliveries.senders[at].webhooks.borrow());
        for id in webhooks.ids().await.expect("settings can be read") {
            for _ in 0..MAX_ROUNDS {
                let step = webhooks.step(&id).await.expect("all services work");
                if !step.is_some_and(|step| step.more) {
                    break;
                }
            }
        }
    }

    /// The operator has everything tried again that waits for that.
    async fn redrive(&self, out: Option<usize>) {
        for number in (0..usize::from(TARGETS)).filter(|number| Some(*number) != out) {
            let at = self.home_of(number);
            let provisioner = Arc::clone(&self.deliveries.senders[at].provisioner.borrow());
            provisioner.redrive(&self.known(number, at), None).await.expect("all services work");
            self.ring_moved(number, at).await;
            let mut hook = self.deliveries.hooks.borrow()[number].clone();
            hook.orders.resumed += 1;
            hook.orders.redriven += 1;
            self.change_hook(number, hook).await;
        }
    }

    fn home_of(&self, number: usize) -> usize {
        let home = &self.deliveries.targets.borrow()[number].home;
        self.world().regions.iter().position(|region| region.name == *home).expect("a region")
    }

    /// What waits for the systems that are not out, in any region.
    async fn due(&self, out: Option<usize>) -> Vec<String> {
        let mut all = Vec::new();
        for (number, name) in NAMES.iter().enumerate() {
            let is_target = number < usize::from(TARGETS);
            if Some(number % usize::from(TARGETS)) == out {
                continue;
            }
            let prefix = if is_target { Target::SETTINGS } else { Webhook::SETTINGS };
            for (at, region) in self.world().regions.iter().enumerate() {
                // A region that was the home of a target before keeps rows until the target is its own again.
                if is_target && at != self.home_of(number) {
                    continue;
                }
                let page = region.tables.due.due_page(&format!("{prefix}{name}"), NEVER, None, 1_000).await;
                let rows = page.expect("all services work").rows;
                all.extend(rows.into_iter().map(|(user, row)| format!("{name} {user} at {at}: {:?}", row.members)));
            }
        }
        all
    }

    /// Every account is as the mapping makes it of the person now.
    async fn check_targets(&self, out: Option<usize>) {
        for number in (0..usize::from(TARGETS)).filter(|number| Some(*number) != out) {
            let at = self.home_of(number);
            let provisioner = Arc::clone(&self.deliveries.senders[at].provisioner.borrow());
            let known = self.known(number, at);
            let rows = provisioner.rows_of(&known).await.expect("all services work");
            let rows: BTreeMap<UserId, TargetAccount> = rows.into_iter().map(|row| (row.user, row)).collect();
            let accounts = self.deliveries.remotes.scim(number).users();
            let users = self.history.borrow().users();
            let people = self.region(at).people();
            for user in users {
                let person = people.reader().load(user).await.expect("all services work");
                let wanted = match person {
                    Some(person) => known.wanted(user, &person, None),
                    None => Wanted::NoAccount(Why::Erased),
                };
                let (name, id) = (NAMES[number], user.to_string());
                let own: Vec<&Value> = accounts.iter().filter(|account| account["externalId"] == id).collect();
                assert!(own.len() <= 1, "target: {name} has two accounts of {user}: {own:?}");
                let row = rows.get(&user);
                self.check_account(number, (user, own.first().copied()), &wanted, (row, &accounts));
            }
        }
    }

    fn check_account(
        &self,
        number: usize,
        (user, account): (UserId, Option<&Value>),
        wanted: &Wanted,
        (row, accounts): (Option<&TargetAccount>, &[Value]),
    ) {
        let (name, target) = (NAMES[number], self.deliveries.targets.borrow()[number].clone());
        let is_active = account.is_some_and(|account| account["active"] == json!(true));
        match wanted {
            Wanted::Account { document, is_active: wanted } => {
                let Some(account) = account else {
                    let is_conflict = is_conflict(user, document.get("userName"), row, accounts);
                    assert!(!wanted || is_conflict, "target: {name} has no account of {user}: {row:?}");
                    return;
                };
                let mut account = account.clone();
                let members = account.as_object_mut().expect("an account is an object");
                members.remove("id");
                members.remove("meta");
                let is_equal = *members == *document;
                let is_conflict = is_conflict(user, document.get("userName"), row, accounts);
                assert!(is_equal || is_conflict, "target: {name} has {members:?} of {user}, not {document:?}: {row:?}");
                if !is_conflict && self.deliveries.moved.borrow().contains(&number) {
                    let was_informed = self.deliveries.remotes.was_informed(number, &user.to_string());
                    assert!(was_informed, "target: {name} got nothing of {user} since it was moved");
                }
            }
            Wanted::NoAccount(Why::Erased) => {
                assert_eq!(account, None, "target: {name} has an account of the erased user {user}");
            }
            Wanted::NoAccount(_) => match target.deprovisioning {
                Deprovisioning::Leave => {}
                Deprovisioning::Disable => {
                    assert!(!is_active, "target: {name} has an active account of {user}: {row:?}");
                }
                Deprovisioning::Delete => assert_eq!(account, None, "target: {name} still has an account of {user}"),
            },
            Wanted::Unmappable | Wanted::Unknown => panic!("target: {user} cannot be mapped for {name}"),
        }
    }

    /// Nothing is called for users who did not change.
    async fn check_unchanged(&self) {
        for (number, name) in NAMES.iter().enumerate().take(usize::from(TARGETS)) {
            let at = self.home_of(number);
            let scim = self.deliveries.remotes.scim(number);
            scim.take_calls();
            let provisioner = Arc::clone(&self.deliveries.senders[at].provisioner.borrow());
            provisioner.ring_all(&self.known(number, at)).await.expect("all services work");
            self.world().clock.advance(LONG_MS);
            self.deliver_due(at).await;
            let calls = scim.take_calls();
            assert!(calls.is_empty(), "target: {name} was called about users that did not change: {calls:?}");
        }
        self.settle(true).await;
    }

    /// No more removals in an hour than the brake lets through, beside those of erased users.
    fn check_removals(&self) {
        if !self.deliveries.is_counted.get() {
            return;
        }
        let erased = |user: &str| user.parse().is_ok_and(|user: UserId| !self.is_live(0, user));
        let removed = self.deliveries.remotes.removed();
        for (number, name) in NAMES.iter().enumerate().take(usize::from(TARGETS)) {
            let of_target = removed.iter().filter(|(target, user, _)| *target == number && !erased(user));
            let times: Vec<_> = of_target.map(|(.., at)| *at).collect();
            for (position, first) in times.iter().enumerate() {
                let within = times[position..].iter().filter(|at| at.since(*first) < HOUR_MS - MINUTE_MS).count();
                assert!(within <= REMOVALS, "target: {name} lost {within} accounts in an hour");
            }
        }
    }

    /// Every webhook has accepted every event that its company lists, and those of a user and a region in their order.
    pub(super) fn check_posted(&self) {
        if !self.deliveries.is_on {
            return;
        }
        for number in 0..usize::from(TARGETS) {
            let name = NAMES[number + usize::from(TARGETS)];
            let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
            for event in self.deliveries.remotes.accepted(number + usize::from(TARGETS)) {
                let text = |name: &str| event[name].as_str().expect("a text").to_owned();
                let (source, sequence) = (text("source"), text("sequence"));
                if seen.insert((source.clone(), text("id"))) {
                    let last = last.insert((source, text("subject")), sequence.clone());
                    let is_later = last.as_ref().is_none_or(|last: &String| *last < sequence);
                    assert!(is_later, "webhook: {name} got {sequence} after {last:?}");
                }
            }
            let listed = self.listing.consumers.borrow()[number].seen.clone();
            let missing: Vec<_> = listed.difference(&seen).collect();
            assert!(missing.is_empty(), "webhook: {name} never got {missing:?}");
        }
    }
}

/// True if a user waits for another one's account to free the name.
fn is_conflict(user: UserId, name: Option<&Value>, row: Option<&TargetAccount>, accounts: &[Value]) -> bool {
    let Some(name) = name.and_then(Value::as_str) else { return false };
    let has_name = |account: &Value| {
        let is_equal = account["userName"].as_str().is_some_and(|other| other.eq_ignore_ascii_case(name));
        is_equal && account["externalId"] != user.to_string()
    };
    row.is_some_and(|row| row.code.as_deref() == Some("conflict")) && accounts.iter().any(has_name)
}

//! The invariants of what sources feed: every acknowledged event took effect once, and the newest counts.

use std::collections::BTreeSet;

use umoja_schema::{Identity, InboxState, LinkState, Millis, Standing, UserId};
use umoja_store::inbox;
use umoja_store::ports::Clock as _;

use super::feeds::{Feed, Posted, member};
use super::fleet::Fleet;
use super::plan::{Says, USERS};

/// What the events about one user say together.
struct Said {
    /// The ids of the newest states, and their time.
    state: Option<(BTreeSet<String>, Millis)>,
    /// The newest standing, and its time.
    standing: Option<(Standing, Millis)>,
    /// True if the provider has deleted the user at some time.
    is_deleted: bool,
}

impl Said {
    fn of(events: &[(String, Posted)]) -> Self {
        let is_state = |event: &Posted| matches!(event.event.says, Says::State { .. });
        let states = || events.iter().filter(|(_, event)| is_state(event));
        let state = states().map(|(_, event)| event.event.time).max().map(|time| {
            let newest = || states().filter(|(_, event)| event.event.time == time);
            let at = newest().map(|(_, event)| event.at).max().unwrap_or_default();
            (newest().map(|(id, _)| id.clone()).collect(), at)
        });
        let standings = events.iter().filter_map(|(_, event)| Some((event.event.time, standing(event)?, event.at)));
        let standing = standings.max().map(|(_, standing, at)| (standing, at));
        let is_deleted = events.iter().any(|(_, event)| event.event.says == Says::Deleted);
        Self { state, standing, is_deleted }
    }
}

fn standing(event: &Posted) -> Option<Standing> {
    match event.event.says {
        Says::State { active: Some(true), .. } | Says::Activated => Some(Standing::Active),
        Says::State { active: Some(false), .. } | Says::Suspended => Some(Standing::Suspended),
        Says::Deleted => Some(Standing::Deleted),
        Says::State { active: None, .. } | Says::PasswordChanged => None,
    }
}

impl Fleet {
    /// The users whose deletion a source may have made an erasure.
    pub(super) fn note_erasures(&self) {
        for ((source, _), event) in &*self.feeds.posted.borrow() {
            let feed = &self.feeds.sources[*source];
            if feed.provider.source.allowed.erase && event.event.says == Says::Deleted {
                let index = self.instances.subject(event.user, feed.company);
                self.erasing.borrow_mut().extend(self.history.borrow().owners(&index).map(|(id, _)| id));
            }
        }
    }

    /// Every acknowledged event is in the inbox of its home once and does not wait, and has taken effect.
    pub(super) async fn check_feeds(&self) {
        for (number, feed) in self.feeds.sources.iter().enumerate() {
            self.check_inboxes(number, feed).await;
            for user in 0..USERS {
                let events = self.events_of(number, user);
                self.check_fed(feed, user, &Said::of(&events)).await;
            }
        }
    }

    /// The events of a source about a user, with their ids.
    fn events_of(&self, number: usize, user: u8) -> Vec<(String, Posted)> {
        let posted = self.feeds.posted.borrow();
        let of_user = posted.iter().filter(|((source, _), event)| *source == number && event.user == user);
        of_user.map(|((_, id), event)| (id.clone(), event.clone())).collect()
    }

    async fn check_inboxes(&self, number: usize, feed: &Feed) {
        let source = &feed.provider.source;
        for region in &self.world().regions {
            let (mut after, mut count) = (None, 0);
            loop {
                let now = region.clock.now();
                let page = inbox::page(&*region.tables.inbox, after, 100, now).await.expect("an inbox can be read");
                assert_eq!(page.unreadable, 0, "feed: the inbox of {} has unreadable rows", region.name);
                for stored in page.events.into_iter().filter(|stored| stored.event.source == source.id) {
                    let state = (stored.event.state, stored.event.reason);
                    let is_done = state == (InboxState::Done, None);
                    assert!(is_done, "feed: an acknowledged event in {} was not applied: {state:?}", region.name);
                    count += 1;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let posted = self.feeds.posted.borrow().keys().filter(|(source, _)| *source == number).count();
            let is_home = region.name == source.home;
            assert!(!is_home || count == posted, "feed: {count} of {posted} acknowledged events are at their home");
        }
    }

    /// The user of a provider is as its newest events say, unless a company made, erased or renamed a user meanwhile.
    async fn check_fed(&self, feed: &Feed, user: u8, said: &Said) {
        let index = self.instances.subject(user, feed.company);
        let (owners, live) = {
            let history = self.history.borrow();
            let owners: Vec<(UserId, bool)> = history.owners(&index).collect();
            let owns = |id: UserId| {
                let profile = history.profile(0, id)?;
                history.ownerships(profile).contains_key(&index).then(|| (id, profile.clone()))
            };
            let live: Vec<_> = owners.iter().filter_map(|(id, _)| owns(*id)).collect();
            (owners, live)
        };
        let made = live.iter().filter(|(id, _)| owners.contains(&(*id, true))).count();
        assert!(made <= 1, "feed: user {user} of {} is {made} users", feed.provider.source.id);
        if owners.is_empty() {
            // An erasure by a clock that is ahead keeps out accounts that are newer, until that time.
            let is_kept_out = self.was_ahead.get() && !self.erased.borrow().is_empty();
            assert!(
                is_kept_out || said.state.is_none() || said.is_deleted,
                "feed: the states of user {user} made no user"
            );
        }
        let ([(_, is_fed)], [(id, profile)]) = (&owners[..], &live[..]) else { return };
        if !is_fed && (said.is_deleted || said.state.is_none()) {
            // The provider's events were applied, or remembered for a while, before a company made the user.
            return;
        }
        if self.history.borrow().was_overtaken(*id) {
            // Two regions wrote the profile apart from each other, and the later write counts as a whole.
            return;
        }
        let identity: Identity = self.region(0).sealer.open(profile).await.expect("a profile can be opened");
        let state = identity.feeds.get(&feed.provider.source.id).cloned().unwrap_or_default();
        if let Some((newest, at)) = &said.state {
            let name = member(feed.provider.source.company.as_str());
            let value = identity.profile.custom.get(&name).and_then(|value| value.as_str());
            let is_newest = value.is_some_and(|value| newest.contains(value));
            assert!(is_newest, "feed: {id} has the values of {value:?}, not of {newest:?}");
            assert_eq!(state.at, *at, "feed: {id} has its values from another time");
        }
        if let Some((standing, at)) = said.standing {
            let link = profile.profile_facts().and_then(|facts| facts.links.get(&feed.provider.source.company));
            let link = link.map(|link| link.state);
            let expected = if standing == Standing::Active { LinkState::Active } else { LinkState::Suspended };
            let is_deleted = standing == Standing::Deleted;
            assert_eq!(
                (link, state.is_deleted),
                (Some(expected), is_deleted),
                "feed: {id} has not the newest standing"
            );
            assert_eq!(state.status_at, at, "feed: {id} has its standing from another time");
        }
    }
}

//! A row of somebody whom other companies know: linked, blanks filled, and the old hash to log in with.

use std::collections::BTreeSet;

use umoja_schema::{
    AccountStatus, AuditEvent, Credentials, Facts, Identity, Millis, Part, PartRecord, Profile, ProfileFacts, UserId,
};
use umoja_store::apply::{commit_own, conflicts, plan_claims};
use umoja_store::claims;
use umoja_store::group::{self, GroupParts};
use umoja_store::identifiers::{Known, is_taken, slot};
use umoja_store::ports::{Commit, Condition, MAX_WRITES, PartWrite, Writes};

use super::user::{Given, NewUser};
use super::{Failed, Importer, Reason, actor};

/// What became of a match.
pub(super) enum Filled {
    /// It was one.
    Matched {
        /// Whether anything of the row was new.
        written: bool,
    },
    /// The user does not have the identifiers any more, or somebody wrote it in between.
    Overtaken,
    /// The identifiers belong to more than one person.
    SeveralPeople,
}

fn is_profile(write: &PartWrite) -> bool {
    write.record.part == Part::Profile
}

/// The users of one person, whose profile parts were all opened: what they say about each other is true.
struct Person {
    parts: GroupParts,
    /// The root's first.
    opened: Vec<(PartRecord, Identity)>,
}

impl Person {
    fn facts(&self, id: UserId) -> Option<&ProfileFacts> {
        self.opened.iter().find(|(record, _)| record.id == id)?.0.profile_facts()
    }

    fn holds(&self, id: UserId) -> bool {
        self.parts.get(id).is_some()
    }
}

impl Importer {
    pub(super) async fn fill(
        &self,
        user: &NewUser,
        known: &Known,
        now: Millis,
        hash: &mut Option<String>,
    ) -> Result<Filled, Failed> {
        let Some((owner, _)) = known.by.first() else { return Ok(Filled::SeveralPeople) };
        let Some(person) = self.person(*owner).await? else { return Ok(Filled::Overtaken) };
        if known.by.iter().map(|(id, _)| id).chain(&known.others).any(|id| !person.holds(*id)) {
            return Ok(Filled::SeveralPeople);
        }
        // The table of claims is under no MAC: what it says has to be in the users' own parts.
        let has = |(id, index): &_| {
            person.facts(*id).and_then(|facts| facts.claims.get(index)).is_some_and(|claim| claim.verified)
        };
        if !known.by.iter().all(has) {
            return Ok(Filled::Overtaken);
        }
        let Some(mut writes) = self.profile_write(user, &person, now).await? else { return Ok(Filled::Overtaken) };
        writes.parts.extend(self.hash_write(user, &person, now, hash).await?);
        if writes.parts.is_empty() || self.dry_run {
            return Ok(Filled::Matched { written: !writes.parts.is_empty() });
        }
        let events = self.events(&person, &writes);
        writes.new_rows = self.recorder().rows(&actor(), &events).await?;
        // Who it is was read from these.
        let written: Vec<UserId> =
            writes.parts.iter().filter(|write| is_profile(write)).map(|write| write.record.id).collect();
        let others = person.opened.iter().filter(|(record, _)| !written.contains(&record.id));
        let others: Vec<_> = others.map(|(record, _)| (record.id, record.version.clone())).collect();
        // A person of more users than a merge brings together is written without: better than not at all.
        if writes.count() + others.len() <= MAX_WRITES {
            writes.unchanged = others;
        }
        Ok(match commit_own(&*self.home.own.users, &writes).await? {
            Commit::Done => Filled::Matched { written: true },
            Commit::Conflict { .. } => Filled::Overtaken,
        })
    }

    /// What the writes do to each user whom they are of.
    fn events(&self, person: &Person, writes: &Writes) -> Vec<(UserId, AuditEvent)> {
        let written: BTreeSet<UserId> = writes.parts.iter().map(|write| write.record.id).collect();
        let mut events: Vec<_> = written.into_iter().map(|id| (id, AuditEvent::Imported)).collect();
        let is_linked =
            |facts: Option<&ProfileFacts>| facts.is_some_and(|facts| facts.links.contains_key(&self.company.id));
        for PartWrite { record, .. } in writes.parts.iter().filter(|write| is_profile(write)) {
            if is_linked(record.profile_facts()) && !is_linked(person.facts(record.id)) {
                events.push((record.id, AuditEvent::Linked(self.company.id.clone())));
            }
        }
        events
    }

    /// Nothing if the user is not here.
    async fn person(&self, owner: UserId) -> Result<Option<Person>, Failed> {
        let users = &*self.home.own.users;
        let Some(parts) = group::read(users, owner, &BTreeSet::new()).await? else {
            let profile = users.part(owner, Part::Profile).await?;
            let is_partial = profile.is_some_and(|profile| profile.live().is_some());
            return if is_partial { Err(Reason::Behind.into()) } else { Ok(None) };
        };
        let mut opened = Vec::new();
        for user in parts.users() {
            let Some(record) = &user.profile else { return Ok(None) };
            opened.push((record.clone(), self.sealer.open(record).await?));
        }
        Ok(Some(Person { parts, opened }))
    }

    /// The root with what it and the others leave blank, if that is anything. Nothing if somebody got in between.
    async fn profile_write(&self, user: &NewUser, person: &Person, now: Millis) -> Result<Option<Writes>, Failed> {
        let Some((record, root)) = person.opened.first() else { return Ok(None) };
        let Some(had) = record.profile_facts() else { return Ok(None) };
        let is_blank = |given: &&Given| {
            let key = slot(&self.company, given.kind);
            !person.opened.iter().any(|(record, _)| {
                let mut claims = record.claims().values();
                claims.any(|claim| (claim.kind, &claim.company) == (key.0, &key.1))
            })
        };
        let blank: Vec<Given> = user.given.iter().filter(is_blank).cloned().collect();
        let (mut identity, mut facts) = (root.clone(), had.clone());
        self.claim(&blank, now, &mut identity, &mut facts);
        self.fill_profile(user, person, now, &mut identity);
        // An external id goes with a link of the same user: that of a member is not enough then.
        let is_linked = person
            .opened
            .iter()
            .any(|(record, _)| record.profile_facts().is_some_and(|facts| facts.links.contains_key(&self.company.id)));
        if !is_linked || identity.external_ids.contains_key(&self.company.id) {
            self.link(now, &mut identity, &mut facts);
        }
        if facts == *had && identity == *root {
            return Ok(Some(Writes::default()));
        }
        self.root_write(person, record, identity, facts).await
    }

    /// The profile's blanks, as callers see the person.
    fn fill_profile(&self, user: &NewUser, person: &Person, now: Millis, identity: &mut Identity) {
        let shown = person
            .opened
            .iter()
            .fold(Profile::default(), |shown, (_, identity)| shown.filled_with_names(&identity.profile).0);
        let before = identity.profile.clone();
        identity.profile = before.filled_from(&user.identity.profile.missing_in(&shown));
        for name in identity.profile.changed_fields(&before) {
            identity.sources.insert(format!("profile.{name}"), self.source(now));
        }
    }

    async fn root_write(
        &self,
        person: &Person,
        record: &PartRecord,
        identity: Identity,
        mut facts: ProfileFacts,
    ) -> Result<Option<Writes>, Failed> {
        // What is written while an index key is rotated is not left behind.
        if !claims::are_current(&self.secrets, &facts.claims)
            && let Some(current) = claims::current(&self.secrets, &facts.claims, &identity)
        {
            facts.claims = current;
        }
        let claims = plan_claims(&*self.home.own.users, record.id, record.claims(), &facts.claims).await?;
        let same = |other| person.holds(other);
        if claims.iter().any(|write| is_taken(write, record.id, same, |_| false)) {
            // Somebody took it since it was found free.
            return Ok(None);
        }
        let version = self.next_version(Some(&record.version))?;
        let (facts, unknown) = (Facts::Profile(facts), record.unknown.clone());
        let sealed = self.sealer.seal(record.id, version.clone(), facts, &identity, unknown).await?;
        Ok(Some(Writes {
            rows: conflicts(record.id, &version, &claims, &self.home.own.name, same),
            parts: vec![PartWrite { record: sealed, condition: Condition::VersionIs(record.version.clone()) }],
            claims,
            ..Writes::default()
        }))
    }

    /// The old hash among those that the person may log in with, where there is no password of ours and none of the
    /// company's yet. It goes to whose credentials decide: the root's, or while it has none those of the first active
    /// member that has any.
    async fn hash_write(
        &self,
        user: &NewUser,
        person: &Person,
        now: Millis,
        hash: &mut Option<String>,
    ) -> Result<Option<PartWrite>, Failed> {
        if user.hash.is_none() {
            return Ok(None);
        }
        let mut deciding: Option<(&PartRecord, Credentials)> = None;
        for (n, parts) in person.parts.users().enumerate() {
            let Some(record) = &parts.credentials else { continue };
            if n > 0 && record.status() != Some(AccountStatus::Active) {
                continue;
            }
            let credentials: Credentials = self.sealer.open(record).await?;
            let has_any = credentials.secret.is_some() || !credentials.old_hashes.is_empty();
            if has_any || n == 0 {
                deciding = Some((record, credentials));
            }
            if has_any {
                break;
            }
        }
        let Some((record, credentials)) = deciding else { return Ok(None) };
        let has_ours = credentials.old_hashes.iter().any(|old| old.company == self.company.id);
        if credentials.secret.is_some() || has_ours {
            return Ok(None);
        }
        let mut changed = Credentials { password_source: Some(self.source(now)), ..credentials };
        if !self.dry_run {
            let stored = self.stored_hash(user, hash).await?;
            changed.old_hashes.extend(stored.map(|hash| self.old_hash(hash)));
        }
        self.credentials_write(record, &changed).await.map(Some)
    }
}

//! Several users that are one person, opened, and what callers see of them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::{Account, User};
use umoja_schema::{CompanyId, IdentifierKind, Identity, PartRecord, PersonVersion, UserId, Version};
use umoja_store::group::{GroupParts, Pointer, TooLarge, arrange};
use umoja_store::ports::{KeysError, Parts};
use umoja_store::seal::SealError;

use crate::app::App;
use crate::identifiers::verified;
use crate::problem::{INTERNAL, Refusal};
use crate::user::Stored;

/// The users of one person: for a user that is not merged with anybody, that user. Every profile part was opened, so
/// what the parts say about each other is true.
#[derive(Clone)]
pub(crate) struct Group {
    /// The one whose values, credentials and status count.
    pub(crate) root: Stored,
    /// The others, in the order in which they were registered.
    pub(crate) members: Vec<Stored>,
}

impl Group {
    /// One user by itself.
    pub(crate) fn of(root: Stored) -> Self {
        Self { root, members: Vec::new() }
    }

    /// The root and then the others.
    pub(crate) fn users(&self) -> impl Iterator<Item = &Stored> {
        std::iter::once(&self.root).chain(&self.members)
    }

    pub(crate) fn get(&self, id: UserId) -> Option<&Stored> {
        self.users().find(|user| user.id() == id)
    }

    pub(crate) fn holds(&self, id: UserId) -> bool {
        self.get(id).is_some()
    }

    /// The version over everybody: what callers see depends on all of them.
    pub(crate) fn version(&self) -> PersonVersion {
        PersonVersion::of(self.root.version(), self.members.iter().map(Stored::version))
    }

    /// Everybody's profile version as it was read, but that of some.
    pub(crate) fn profiles_without(&self, some: &[UserId]) -> Vec<(UserId, Version)> {
        let others = self.users().filter(|user| !some.contains(&user.id()));
        others.map(|user| (user.id(), user.profile.version.clone())).collect()
    }

    pub(crate) fn is_linked_to(&self, company: &CompanyId) -> bool {
        self.users().any(|user| user.is_linked_to(company))
    }

    /// The same with a profile part written.
    pub(crate) fn with_profile(mut self, profile: PartRecord, identity: Identity) -> Option<Self> {
        let user = std::iter::once(&mut self.root).chain(&mut self.members).find(|user| user.id() == profile.id)?;
        *user = user.clone().with_profile(profile, identity)?;
        Some(self)
    }

    /// The group of a user among the users of this group and another, once its pointer is `merged_into`.
    pub(crate) fn pointed(
        &self,
        other: Option<&Self>,
        id: UserId,
        merged_into: Option<UserId>,
    ) -> Result<Option<Self>, TooLarge> {
        let both = self.users().chain(other.into_iter().flat_map(Self::users));
        let mut all: BTreeMap<UserId, Stored> = both.map(|user| (user.id(), user.clone())).collect();
        if let Some(user) = all.get_mut(&id) {
            user.facts.merged_into = merged_into;
        }
        let pointers = all.iter().map(|(id, user)| {
            (*id, Pointer { created_at: user.facts.created_at, merged_into: user.facts.merged_into })
        });
        let Some(group) = arrange(id, &pointers.collect())? else { return Ok(None) };
        let root = all.remove(&group.root);
        let members = group.members.iter().filter_map(|member| all.remove(member)).collect();
        Ok(root.map(|root| Self { root, members }))
    }

    /// As callers see it: the root, with its blanks filled from the others.
    pub(crate) fn view(&self) -> User {
        let mut user = User { version: self.version().to_string(), ..self.root.view() };
        for member in &self.members {
            fill(&mut user, member);
            user.members.push(member.id());
        }
        user
    }
}

/// Takes from a member what the user leaves blank. A verified flag goes with its identifier.
fn fill(user: &mut User, member: &Stored) {
    let id = member.id();
    let (identity, claims) = (&member.identity, &member.facts.claims);
    let mut taken = Vec::new();
    if user.email.is_none() && identity.email.is_some() {
        user.email.clone_from(&identity.email);
        user.email_verified = verified(claims, IdentifierKind::Email);
        taken.push(IdentifierKind::Email.as_str().to_owned());
    }
    if user.phone_number.is_none() && identity.phone_number.is_some() {
        user.phone_number.clone_from(&identity.phone_number);
        user.phone_number_verified = verified(claims, IdentifierKind::PhoneNumber);
        taken.push(IdentifierKind::PhoneNumber.as_str().to_owned());
    }
    if user.username.is_none() && identity.username.is_some() {
        user.username.clone_from(&identity.username);
        taken.push(IdentifierKind::Username.as_str().to_owned());
    }
    let (profile, names) = user.profile.filled_with_names(&identity.profile);
    user.profile = profile;
    taken.extend(names.into_iter().map(|name| format!("profile.{name}")));
    for (company, since) in &member.facts.links {
        let account = user.accounts.entry(company.clone()).or_insert_with(|| {
            taken.push(format!("accounts.{company}"));
            Account { external_id: None, linked_at: since.secs() }
        });
        if account.external_id.is_none()
            && let Some(external_id) = identity.external_ids.get(company)
        {
            account.external_id = Some(external_id.clone());
            taken.push(format!("external_id.{company}"));
        }
    }
    user.updated_at = user.updated_at.max(member.profile.version.hlc.millis().secs());
    user.filled_from.extend(taken.into_iter().map(|name| (name, id)));
}

/// How many parts are opened at the same time.
const CONCURRENT: usize = 16;

impl App {
    /// The users of a live user's person, as they are stored. If they are several, every profile part was opened: who
    /// points at whom is true. One that does not open belongs to nobody, and the others go on without it.
    pub(crate) async fn group(&self, id: UserId) -> Result<Option<GroupParts>, Refusal> {
        let mut unreadable = BTreeSet::new();
        loop {
            let group = umoja_store::group::read(&*self.home.own.users, id, &unreadable).await?;
            let Some(group) = group else {
                return if unreadable.contains(&id) { Err(Refusal::from(&INTERNAL)) } else { Ok(None) };
            };
            if group.members.is_empty() {
                return Ok(Some(group));
            }
            let profiles = group.users().filter_map(|parts| parts.profile.as_ref()).collect();
            let more = self.unreadable(profiles, Some(id)).await?;
            if more.is_empty() {
                return Ok(Some(group));
            }
            unreadable.extend(more);
        }
    }

    /// Whose profile parts do not open: damaged, or written by somebody who has no key. An outage is an error, and so is
    /// a key that may not be used: they say nothing about the parts.
    ///
    /// So is a part that cannot be opened here yet, of a newer format or without the key of any region that this one
    /// knows; unless `read` says which user is only read, and it is another's. Anybody who can write the table can mark a
    /// part so, and it must not take down whom it points at.
    pub(crate) async fn unreadable(
        &self,
        profiles: Vec<&PartRecord>,
        read: Option<UserId>,
    ) -> Result<BTreeSet<UserId>, Refusal> {
        let opened: Vec<_> = profiles.iter().map(|profile| self.sealer.open::<Identity>(profile)).collect();
        let opened: Vec<_> = stream::iter(opened).buffered(CONCURRENT).collect().await;
        let failed = profiles.into_iter().zip(opened).filter_map(|(profile, opened)| Some((profile, opened.err()?)));
        let is_foreign = |profile: &PartRecord| read.is_some_and(|id| id != profile.id);
        let unreadable = |(profile, error): (&PartRecord, SealError)| {
            if is_foreign(profile) && self.is_unknown(profile, error) {
                tracing::warn!(user = %profile.id, %error, "a user is left out of a person until its part can be opened");
                return Ok(profile.id);
            }
            unreadable(profile, error)
        };
        failed.map(unreadable).collect()
    }

    /// True if a part is not for this region to open, as it is configured now.
    fn is_unknown(&self, part: &PartRecord, error: SealError) -> bool {
        let keys = part.live().map(|live| &live.keys);
        let has_key = keys.is_none_or(|keys| self.home.region_names().any(|region| keys.contains_key(region)));
        error == SealError::Newer || error == SealError::Keys(KeysError::Unavailable) && !has_key
    }

    /// Opens every profile part. Nothing if a part is not live.
    pub(crate) async fn open(&self, group: GroupParts) -> Result<Option<Group>, Refusal> {
        let GroupParts { root, members, .. } = group;
        let opened: Vec<_> = std::iter::once(root).chain(members).map(|parts| self.open_user(parts)).collect();
        let opened: Vec<_> = stream::iter(opened).buffered(CONCURRENT).try_collect().await?;
        let mut opened = opened.into_iter();
        let Some(root) = opened.next().flatten() else { return Ok(None) };
        Ok(opened.collect::<Option<Vec<_>>>().map(|members| Group { root, members }))
    }

    /// Opens one user's profile part.
    pub(crate) async fn open_user(&self, parts: Parts) -> Result<Option<Stored>, Refusal> {
        let (Some(profile), Some(credentials)) = (parts.profile, parts.credentials) else { return Ok(None) };
        if profile.live().is_none() {
            return Ok(None);
        }
        let identity = self.sealer.open::<Identity>(&profile).await?;
        Ok(Stored::new(profile, credentials, identity))
    }

    /// The person of a live user by id, opened.
    pub(crate) async fn load(&self, id: UserId) -> Result<Option<Group>, Refusal> {
        match self.group(id).await? {
            Some(group) => self.open(group).await,
            None => Ok(None),
        }
    }
}

/// The user of a part that does not open, for an operator to look at; an error if that is not the part's fault.
pub(crate) fn unreadable(part: &PartRecord, error: SealError) -> Result<UserId, Refusal> {
    match error {
        SealError::Opaque | SealError::Keys(KeysError::Refused) => {
            tracing::error!(user = %part.id, part = %part.part, %error, "a part of a merged user cannot be opened");
            Ok(part.id)
        }
        // What nobody can say yet is for nobody to guess: least of all whom to erase.
        SealError::Newer | SealError::Keys(_) => Err(error.into()),
    }
}

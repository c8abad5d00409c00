//! Several users that are one person, opened, and what callers see of them.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use umoja_schema::api::{Account, User};
use umoja_schema::{CompanyId, Credentials, IdentifierKind, Identity, PartRecord, RecordVersion, UserId};
use umoja_store::group::{GroupParts, Pointer, TooLarge, arrange};
use umoja_store::ports::Parts;

use crate::app::App;
use crate::identifiers::verified;
use crate::problem::Refusal;
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

    pub(crate) fn version(&self) -> RecordVersion {
        self.root.version()
    }

    pub(crate) fn is_linked_to(&self, company: &CompanyId) -> bool {
        self.users().any(|user| user.is_linked_to(company))
    }

    /// True if the pointers lead from one user to another.
    pub(crate) fn leads(&self, from: UserId, to: UserId) -> bool {
        let mut at = self.get(from);
        for _ in self.users() {
            at = at.and_then(|user| user.facts.merged_into).and_then(|next| self.get(next));
            if at.is_some_and(|user| user.id() == to) {
                return true;
            }
        }
        false
    }

    /// The same with a profile part written.
    pub(crate) fn with_profile(mut self, profile: PartRecord, identity: Identity) -> Option<Self> {
        let user = std::iter::once(&mut self.root).chain(&mut self.members).find(|user| user.id() == profile.id)?;
        *user = user.clone().with_profile(profile, identity)?;
        Some(self)
    }

    /// What this group and another are once a user's pointer is `merged_into`.
    pub(crate) fn joined(&self, other: &Self, id: UserId, merged_into: UserId) -> Result<Option<Self>, TooLarge> {
        let mut all: BTreeMap<UserId, Stored> =
            self.users().chain(other.users()).map(|user| (user.id(), user.clone())).collect();
        if let Some(user) = all.get_mut(&id) {
            user.facts.merged_into = Some(merged_into);
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
        let mut user = self.root.view();
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

/// What decides whether a password is a person's.
pub(crate) struct Deciding {
    /// Of the root.
    pub(crate) root: Credentials,
    /// Of the first other user that has any; only while the root has none.
    pub(crate) member: Option<Credentials>,
}

impl Deciding {
    /// Nothing, as of a user that does not exist.
    pub(crate) fn nobody() -> Self {
        Self { root: Credentials::default(), member: None }
    }

    /// What a password is checked against.
    pub(crate) fn tried(&self) -> &Credentials {
        self.member.as_ref().unwrap_or(&self.root)
    }

    /// What the root has once a password was found to be right that is kept under `secret`. Nothing if that is what it
    /// has.
    pub(crate) fn settled(self, secret: Option<String>) -> Option<Credentials> {
        match (secret, self.member) {
            (None, None) => None,
            (secret, None) => Some(Credentials { secret, old_hashes: Vec::new(), ..self.root }),
            (secret, Some(member)) => Some(Credentials {
                secret: secret.or(member.secret),
                old_hashes: Vec::new(),
                password_source: member.password_source,
                ..self.root
            }),
        }
    }
}

fn has_any(credentials: &Credentials) -> bool {
    credentials.secret.is_some() || !credentials.old_hashes.is_empty()
}

impl App {
    /// The users of a live user's person, as they are stored.
    pub(crate) async fn group(&self, id: UserId) -> Result<Option<GroupParts>, Refusal> {
        Ok(umoja_store::group::read(&*self.home.own.users, id).await?)
    }

    /// Opens every profile part. Nothing if a part is not live.
    pub(crate) async fn open(&self, group: GroupParts) -> Result<Option<Group>, Refusal> {
        let GroupParts { root, members, .. } = group;
        let opened = std::iter::once(root).chain(members).map(|parts| self.open_user(parts));
        let mut opened = try_join_all(opened).await?.into_iter();
        let Some(root) = opened.next().flatten() else { return Ok(None) };
        Ok(opened.collect::<Option<Vec<_>>>().map(|members| Group { root, members }))
    }

    /// Opens one user's profile part.
    pub(crate) async fn open_user(&self, parts: Parts) -> Result<Option<Stored>, Refusal> {
        let (Some(profile), Some(credentials)) = (parts.profile, parts.credentials) else { return Ok(None) };
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

    /// The credentials that decide. Of users that are not merged, the credentials part is opened and nothing else.
    ///
    /// Before a member's are tried the profiles are opened: a pointer that somebody wrote into the table must not let
    /// one user in as another.
    pub(crate) async fn deciding(&self, group: &GroupParts) -> Result<Deciding, Refusal> {
        let root = self.open_credentials(&group.root).await?;
        if group.members.is_empty() || has_any(&root) {
            return Ok(Deciding { root, member: None });
        }
        self.open(group.clone()).await?;
        for parts in &group.members {
            let member = self.open_credentials(parts).await?;
            if has_any(&member) {
                return Ok(Deciding { root, member: Some(member) });
            }
        }
        Ok(Deciding { root, member: None })
    }

    async fn open_credentials(&self, parts: &Parts) -> Result<Credentials, Refusal> {
        match &parts.credentials {
            Some(record) => Ok(self.sealer.open(record).await?),
            None => Ok(Credentials::default()),
        }
    }
}

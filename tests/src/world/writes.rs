//! Writes as the API does them, without its requests: read, decide, seal, commit with the claims, again on conflict.

use std::collections::BTreeMap;

use umoja_schema::{
    AccountStatus, Attributes, BlindIndex, Claim, ClaimItem, Credentials, Email, Facts, Hlc, IdentifierKind, Identity,
    Log, LogRow, OldHash, Part, PartRecord, ProfileFacts, UserId, Version,
};
use umoja_store::apply::{commit_own, conflicts, plan_claims, plan_members};
use umoja_store::ports::{Clock as _, Commit, Condition, Entropy, PartWrite, StoreError, Users, Writes};
use umoja_store::seal::{SealError, Sealed};

use super::{World, WorldRegion};

/// Why a write was not done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another live user of the region has the identifier.
    #[error("the identifier is taken")]
    Taken,
    /// There is no such live user in the region.
    #[error("no such user")]
    Unknown,
    /// The stored stamp is too far ahead of the region's clock.
    #[error("a stamp is too far ahead")]
    FarFuture,
    /// No KMS could be used.
    #[error(transparent)]
    Sealing(#[from] SealError),
    /// The table did not answer: the write may have been done.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl World {
    /// Registers a user with an e-mail address and a password's hash.
    pub async fn register(&self, at: usize, email: &str, secret: &str) -> Result<UserId, Refused> {
        let region = &self.regions[at];
        let now = region.clock.now();
        let entropy: &dyn Entropy = &*self.entropy;
        let id = UserId::v7(now.0, entropy.array());
        let version = Version { erased: false, hlc: Hlc::at(now), origin: region.name.clone() };
        let facts = ProfileFacts {
            created_at: now,
            claims: self.claims_on(region, email),
            links: [("acme".parse().expect("a company"), now)].into(),
            merged_into: None,
        };
        let identity = Identity { email: Some(email.to_owned()), ..Identity::default() };
        let credentials = Credentials { secret: Some(secret.to_owned()), ..Credentials::default() };
        let status = Facts::Credentials { status: AccountStatus::Active };
        let none = Attributes::new;
        let profile = region.sealer.seal(id, version.clone(), Facts::Profile(facts), &identity, none()).await?;
        let credentials = region.sealer.seal(id, version.clone(), status, &credentials, none()).await?;
        if self.commit(region, vec![(None, profile), (None, credentials)], Vec::new()).await? {
            return Ok(id);
        }
        // Somebody claimed it at the same moment.
        Err(Refused::Taken)
    }

    /// Changes the user's given name.
    pub async fn edit(&self, at: usize, id: UserId, name: &str) -> Result<Version, Refused> {
        let change = |identity: &mut Identity, facts: &mut Facts| {
            identity.profile.given_name = Some(name.to_owned());
            self.update_claims(at, identity, facts);
        };
        self.update(at, id, change).await
    }

    /// Changes the user's e-mail address.
    pub async fn rename(&self, at: usize, id: UserId, email: &str) -> Result<Version, Refused> {
        let claims = self.claims_on(&self.regions[at], email);
        let change = |identity: &mut Identity, facts: &mut Facts| {
            identity.email = Some(email.to_owned());
            if let Facts::Profile(facts) = facts {
                facts.claims.clone_from(&claims);
            }
        };
        self.update(at, id, change).await
    }

    /// Sets the password's hash.
    pub async fn set_password(&self, at: usize, id: UserId, secret: &str) -> Result<Version, Refused> {
        self.update(at, id, |credentials: &mut Credentials, _| credentials.secret = Some(secret.to_owned())).await
    }

    /// Gives the user a hash of another system in place of a password.
    pub async fn set_old_hash(&self, at: usize, id: UserId, old: OldHash) -> Result<Version, Refused> {
        let change = |credentials: &mut Credentials, _: &mut Facts| {
            credentials.secret = None;
            credentials.old_hashes = vec![old.clone()];
        };
        self.update(at, id, change).await
    }

    /// Disables the user.
    pub async fn disable(&self, at: usize, id: UserId) -> Result<Version, Refused> {
        let status = AccountStatus::Disabled;
        self.update(at, id, |_: &mut Credentials, facts| *facts = Facts::Credentials { status }).await
    }

    /// Merges one user into another, or undoes it.
    pub async fn merge(&self, at: usize, id: UserId, into: Option<UserId>) -> Result<Version, Refused> {
        let change = |identity: &mut Identity, facts: &mut Facts| {
            if let Facts::Profile(facts) = facts {
                facts.merged_into = into;
            }
            self.update_claims(at, identity, facts);
        };
        self.update(at, id, change).await
    }

    /// Erases the user: tombstones over both parts, and a receipt.
    pub async fn erase(&self, at: usize, id: UserId) -> Result<(), Refused> {
        let region = &self.regions[at];
        loop {
            let parts = region.home.own.users.parts(id).await?;
            let (Some(profile), Some(credentials)) = (parts.profile, parts.credentials) else {
                return Err(Refused::Unknown);
            };
            let newest = profile.version.hlc.max(credentials.version.hlc);
            let hlc = Hlc::next(region.clock.now(), Some(newest)).map_err(|_| Refused::FarFuture)?;
            let version = Version { erased: true, hlc, origin: region.name.clone() };
            let tombstone = |part| PartRecord::tombstone(id, part, version.clone());
            let receipt = LogRow {
                user: id,
                key: format!("erase#{hlc}"),
                at: hlc,
                origin: region.name.clone(),
                kind: "erase".into(),
                fields: Attributes::new(),
            };
            let writes =
                vec![(Some(profile), tombstone(Part::Profile)), (Some(credentials), tombstone(Part::Credentials))];
            if self.commit(region, writes, vec![(Log::Receipts, receipt)]).await? {
                return Ok(());
            }
        }
    }

    /// Reads and opens what a sealed part holds, as a region's services would.
    pub async fn read<T: Sealed>(&self, at: usize, id: UserId) -> Result<T, Refused> {
        let region = &self.regions[at];
        let stored = region.home.own.users.part(id, T::PART).await?.ok_or(Refused::Unknown)?;
        if stored.live().is_none() {
            return Err(Refused::Unknown);
        }
        Ok(region.sealer.open(&stored).await?)
    }

    /// Whom a look-up by e-mail address finds in a region.
    pub async fn find(&self, at: usize, email: &str) -> Option<UserId> {
        let region = &self.regions[at];
        let indexes: Vec<BlindIndex> = self.claims_on(region, email).into_keys().collect();
        let items = region.store.claims(&indexes).await.expect("a store can be read");
        ClaimItem::winner_of(&items).map(|(id, _)| id)
    }

    /// A part as a region stores it.
    pub async fn stored(&self, at: usize, id: UserId, part: Part) -> Option<PartRecord> {
        self.regions[at].store.part(id, part).await.expect("a store can be read")
    }

    /// The claims on an e-mail address: one for each live index key.
    fn claims_on(&self, region: &WorldRegion, email: &str) -> BTreeMap<BlindIndex, Claim> {
        let email = Email::parse(email).expect("an e-mail address");
        let indexes = region.secrets().indexes(IdentifierKind::Email, None, email.normalised());
        let claims = indexes.into_iter().map(|(key_version, index)| {
            let claim = Claim {
                kind: IdentifierKind::Email,
                key_version,
                claimed_at: region.clock.now(),
                region: region.name.clone(),
                verified: false,
                company: None,
                unknown: Attributes::new(),
            };
            (index, claim)
        });
        let claims: BTreeMap<_, _> = claims.collect();
        self.known().indexes.extend(claims.keys());
        claims
    }

    /// Brings the claims of a profile that is written up to date.
    fn update_claims(&self, at: usize, identity: &Identity, facts: &mut Facts) {
        if let Facts::Profile(facts) = facts
            && let Some(claims) = umoja_store::claims::current(self.regions[at].secrets(), &facts.claims, identity)
        {
            self.known().indexes.extend(claims.keys());
            facts.claims = claims;
        }
    }

    async fn update<T: Sealed>(
        &self,
        at: usize,
        id: UserId,
        change: impl Fn(&mut T, &mut Facts),
    ) -> Result<Version, Refused> {
        let region = &self.regions[at];
        loop {
            let stored = region.home.own.users.part(id, T::PART).await?.ok_or(Refused::Unknown)?;
            let mut facts = stored.live().ok_or(Refused::Unknown)?.facts.clone();
            let mut plaintext: T = region.sealer.open(&stored).await?;
            change(&mut plaintext, &mut facts);
            let hlc = Hlc::next(region.clock.now(), Some(stored.version.hlc)).map_err(|_| Refused::FarFuture)?;
            let version = Version { erased: false, hlc, origin: region.name.clone() };
            let unknown = stored.unknown.clone();
            let next = region.sealer.seal(id, version.clone(), facts, &plaintext, unknown).await?;
            if self.commit(region, vec![(Some(stored), next)], Vec::new()).await? {
                return Ok(version);
            }
        }
    }

    /// True if it was done; false if another write got in between.
    async fn commit(
        &self,
        region: &WorldRegion,
        parts: Vec<(Option<PartRecord>, PartRecord)>,
        mut rows: Vec<(Log, LogRow)>,
    ) -> Result<bool, Refused> {
        let users = &*region.home.own.users;
        let (mut claims, mut members) = (Vec::new(), Vec::new());
        for (stored, next) in parts.iter().filter(|(_, next)| next.part == Part::Profile) {
            let none = BTreeMap::new();
            let before = stored.as_ref().map_or(&none, PartRecord::claims);
            claims = plan_claims(users, next.id, before, next.claims()).await?;
            // The address of before under another index key is nothing new.
            let keeps = before.keys().any(|index| next.claims().contains_key(index));
            let newly =
                |write: &&umoja_store::ports::ClaimWrite| !keeps && write.after.claimants.contains_key(&next.id);
            if claims.iter().filter(newly).any(|write| write.before.claimants.keys().any(|other| *other != next.id)) {
                return Err(Refused::Taken);
            }
            rows.extend(conflicts(next.id, &next.version, &claims, &region.name, |_| false));
            members.extend(plan_members(stored.as_ref(), next));
        }
        let parts = parts.into_iter().map(|(stored, record)| {
            let condition = stored.map_or(Condition::Absent, |stored| Condition::VersionIs(stored.version));
            PartWrite { record, condition }
        });
        let writes = Writes { parts: parts.collect(), claims, members, rows, ..Writes::default() };
        if commit_own(users, &writes).await? != Commit::Done {
            return Ok(false);
        }
        self.acknowledge(&writes);
        Ok(true)
    }
}

//! One company's changes of users, by the rules of `umoja-accounts`, and the users that regions store.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use umoja_accounts::{
    Accounts, Changed, Context, Erase, Error, Merge, PasswordChange, PasswordRules, Patch, Person, Register, Rule,
    Said, SetStatus, Unmerge, Update,
};
use umoja_crypto::{Password, Weakness};
use umoja_schema::api::Selector;
use umoja_schema::{
    AccountStatus, Actor, BlindIndex, Company, IdentifierItem, IdentifierKind, Part, PartRecord, PersonVersion, UserId,
    Version,
};
use umoja_store::ports::{Attempt, Busy, Clock as _, Hasher, NewPassword, Verdict};
use umoja_store::seal::Sealed;

use super::World;

/// The company that makes all changes.
const COMPANY: &str = "acme";

/// Stores a secret as it is given, and accepts every password as the current one.
struct Verbatim(String);

#[async_trait]
impl Hasher for Verbatim {
    async fn hash(&self, _: NewPassword) -> Result<Result<String, Weakness>, Busy> {
        Ok(Ok(self.0.clone()))
    }

    async fn verify(&self, _: Attempt) -> Result<Verdict, Busy> {
        Ok(Verdict::Verified)
    }
}

impl World {
    /// Registers a user with an e-mail address and a stored secret.
    pub async fn register(&self, at: usize, email: &str, secret: &str) -> Result<UserId, Error> {
        let context = self.context(at);
        let patch = Patch::of_new(&context, [self.address(at, email)], None)?;
        let register = Register { patch, password: Some(Password::attempt(secret)) };
        let registered = register.run(&self.accounts(at, secret), &context).await?;
        self.acknowledge(&registered.person);
        Ok(registered.id)
    }

    /// Changes the given name. Returns the version of the user's profile.
    pub async fn edit(&self, at: usize, id: UserId, name: &str) -> Result<Version, Error> {
        let patch = Patch::new(&self.context(at), [], Some(json!({ "given_name": name })))?;
        self.update(at, id, patch).await
    }

    /// Changes the e-mail address. Returns the version of the user's profile.
    pub async fn rename(&self, at: usize, id: UserId, email: &str) -> Result<Version, Error> {
        let patch = Patch::new(&self.context(at), [self.address(at, email)], None)?;
        self.update(at, id, patch).await
    }

    /// Sets the stored secret.
    pub async fn set_password(&self, at: usize, id: UserId, secret: &str) -> Result<(), Error> {
        let (current, new) = (Password::attempt("the current one"), Password::attempt(secret));
        let change = PasswordChange { id, current, new };
        match change.run(&self.accounts(at, secret), &self.context(at)).await? {
            Changed::Changed(version) => self.acknowledge_version(&version),
            Changed::Rejected => return Err(Error::Disabled),
        }
        Ok(())
    }

    /// Disables the user.
    pub async fn disable(&self, at: usize, id: UserId) -> Result<(), Error> {
        let person = self.rule(at, SetStatus { id, status: AccountStatus::Disabled, reason: None }).await?;
        self.acknowledge(&person);
        Ok(())
    }

    /// Merges one user into another, or unmerges it.
    pub async fn merge(&self, at: usize, id: UserId, into: Option<UserId>) -> Result<(), Error> {
        let person = match into {
            Some(survivor) => {
                self.rule(at, Merge { survivor, duplicate: id, preview: false, min_version: None }).await?
            }
            None => self.rule(at, Unmerge { id, min_version: None }).await?,
        };
        self.acknowledge(&person);
        Ok(())
    }

    /// Erases the user's person.
    pub async fn erase(&self, at: usize, id: UserId) -> Result<(), Error> {
        let receipt = self.rule(at, Erase { selector: Selector::Id(id), reason: None, min_version: None }).await?;
        for id in receipt.erased_with.into_iter().chain([id]) {
            let parts = self.regions[at].tables.users.parts(id).await?;
            parts
                .version()
                .iter()
                .for_each(|version| self.acknowledge_version(&PersonVersion::of(version.clone(), [])));
        }
        Ok(())
    }

    /// Reads and decrypts a part, as a region's services would.
    pub async fn read<T: Sealed>(&self, at: usize, id: UserId) -> Result<T, Error> {
        let region = &self.regions[at];
        let stored = region.home.own.users.part(id, T::PART).await?;
        let live = stored.filter(|stored| stored.live().is_some()).ok_or(Error::NotFound)?;
        Ok(region.sealer.open(&live).await?)
    }

    /// The user that a look-up by e-mail address finds in a region.
    pub async fn find(&self, at: usize, email: &str) -> Option<UserId> {
        let indexes = self.indexes(at, email);
        let items = self.regions[at].tables.users.ownerships(&indexes).await.expect("a store can be read");
        IdentifierItem::winner_of(&items).map(|(id, _)| id)
    }

    /// A part as a region stores it.
    pub async fn stored(&self, at: usize, id: UserId, part: Part) -> Option<PartRecord> {
        self.regions[at].tables.users.part(id, part).await.expect("a store can be read")
    }

    async fn update(&self, at: usize, id: UserId, patch: Patch) -> Result<Version, Error> {
        let person = self.rule(at, Update { id, patch, if_version: None }).await?;
        self.acknowledge(&person);
        let user = person.get(id).ok_or(Error::NotFound)?;
        Ok(user.profile.version.clone())
    }

    /// Makes a change that sets no password.
    async fn rule<R: Rule>(&self, at: usize, rule: R) -> Result<R::Done, Error> {
        rule.run(&self.accounts(at, ""), &self.context(at)).await
    }

    /// The accounts of a region, in which every password has this stored secret.
    pub fn accounts(&self, at: usize, secret: &str) -> Accounts {
        let hasher = Arc::new(Verbatim(secret.to_owned()));
        Accounts {
            people: self.regions[at].people(),
            hasher,
            passwords: PasswordRules { min_chars: 1, min_score: 0 },
            old_systems: None,
            mailer: None,
        }
    }

    /// A request of the company to a region.
    pub fn context(&self, at: usize) -> Context {
        let company = Arc::new(company());
        let actor = Actor::Company { id: company.id.clone(), kid: "key".to_owned() };
        Context { actor, company, now: self.regions[at].clock.now(), request: None }
    }

    /// An address of a user. It is recorded as owned.
    fn address<'a>(&self, at: usize, email: &'a str) -> (IdentifierKind, Said<'a>) {
        self.indexes(at, email);
        (IdentifierKind::Email, Said { value: Some(Some(email)), verified: None })
    }

    /// The indexes of an address, one for each live index key.
    fn indexes(&self, at: usize, email: &str) -> Vec<BlindIndex> {
        let parsed = self.context(at).parse(IdentifierKind::Email, email).expect("an e-mail address");
        let indexes = self.regions[at].secrets().indexes(IdentifierKind::Email, None, &parsed.normalised);
        let indexes: Vec<_> = indexes.into_iter().map(|(_, index)| index).collect();
        self.note_owned(indexes.iter().copied());
        indexes
    }

    /// Records the versions that a rule answered with.
    fn acknowledge(&self, person: &Person) {
        self.acknowledge_version(&person.version());
        person.users().for_each(|user| self.note_owned(user.facts.ownerships.keys().copied()));
    }
}

fn company() -> Company {
    Company {
        id: COMPANY.parse().expect("a company"),
        revision: 0,
        name: COMPANY.to_owned(),
        enabled: true,
        ends: 0,
        trusted: false,
        scopes: Vec::new(),
        phone_country: None,
        username_restriction: None,
        old_system: None,
        status_page: None,
        require_mfa: None,
        providers: Vec::new(),
        registration: false,
        mfa_by_mail: false,
        rate_limit: None,
        api_keys: Vec::new(),
        keys: Vec::new(),
        unknown: serde_json::Map::new(),
    }
}

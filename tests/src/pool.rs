//! A user pool of Amazon Cognito that feeds a company, as far as its triggers see it: it stores a confirmation before
//! it calls the trigger of it, and makes no user if the trigger before the sign-up fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use umoja_accounts::{Accounts, PasswordRules};
use umoja_ingest::cognito::{CLAIM, Cognito, Reconciled, TriggerError, UMOJA_ID};
use umoja_schema::SourceKind;
use umoja_schema::ingest::{self, PoolDirection};
use umoja_store::ports::{Entropy, PoolPage, StoreError, UserPool};

use crate::deployment::Deployment;
use crate::provider::Provider;

/// The id of the pool.
pub const POOL: &str = "af-south-1_Pool1";

/// A user of the pool.
#[derive(Debug, Clone)]
pub struct PoolUser {
    /// Its id in the pool.
    pub sub: String,
    /// Its address.
    pub email: String,
    /// True if the address was confirmed.
    pub is_confirmed: bool,
    /// True if the person still has the password of an administrator.
    pub is_by_admin: bool,
    /// False if an administrator has disabled the user.
    pub is_enabled: bool,
    /// Umoja's id, if Umoja said it when the pool asked for the user.
    pub umoja_id: Option<String>,
}

/// A pool, and the triggers that it calls in one region.
pub struct Pool {
    /// The source that the pool is.
    pub provider: Provider,
    cognito: Cognito,
    users: Mutex<BTreeMap<String, PoolUser>>,
}

impl Pool {
    /// The pool of the shop, which calls the region `at`.
    pub async fn new(d: &Deployment, at: usize, direction: PoolDirection) -> Self {
        let mut provider = Provider::new(d, SourceKind::Cognito, "shop", at).await;
        provider.source.pool = ingest::UserPool::new(POOL, direction);
        provider.store(d).await;
        let cognito = triggers(d, at, &provider);
        Self { provider, cognito, users: Mutex::default() }
    }

    /// Another instance of the function, which has read the source as it is stored now.
    pub fn restart(&mut self, d: &Deployment, at: usize) {
        self.cognito = triggers(d, at, &self.provider);
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<String, PoolUser>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A user of the pool.
    pub fn user(&self, name: &str) -> Option<PoolUser> {
        self.users().get(name).cloned()
    }

    /// All users of the pool.
    pub fn all(&self) -> Vec<(String, PoolUser)> {
        self.users().iter().map(|(name, user)| (name.clone(), user.clone())).collect()
    }

    /// An administrator disables or enables a user.
    pub fn enable(&self, name: &str, is_enabled: bool) {
        if let Some(user) = self.users().get_mut(name) {
            user.is_enabled = is_enabled;
        }
    }

    /// Compares the pool with the store.
    ///
    /// # Errors
    /// If the store or the source does not allow it.
    pub async fn reconcile(&self) -> Result<Reconciled, TriggerError> {
        self.cognito.reconcile(self).await
    }

    /// An administrator deletes a user.
    pub fn delete(&self, name: &str) {
        self.users().remove(name);
    }

    /// The event of a trigger.
    pub fn event(&self, source: &str, name: &str, attributes: Value) -> Value {
        json!({
            "version": "1", "region": "af-south-1", "userPoolId": POOL, "userName": name, "triggerSource": source,
            "callerContext": { "awsSdkVersion": "1", "clientId": "app" },
            "request": { "userAttributes": attributes, "validationData": null }, "response": {},
        })
    }

    /// Calls the function.
    ///
    /// # Errors
    /// What the function answers.
    pub async fn call(&self, event: Value) -> Result<Value, TriggerError> {
        self.cognito.handle(event).await
    }

    /// A person signs up. With `fails`, Cognito itself fails after its trigger.
    ///
    /// # Errors
    /// What the trigger answers: Cognito makes no user then.
    pub async fn sign_up(&self, d: &Deployment, name: &str, email: &str, fails: bool) -> Result<(), TriggerError> {
        self.call(self.event("PreSignUp_SignUp", name, json!({ "email": email }))).await?;
        if !fails {
            self.add(d, name, email, false);
        }
        Ok(())
    }

    /// An administrator makes a user, whose address counts as verified.
    ///
    /// # Errors
    /// What the trigger answers: Cognito makes no user then.
    pub async fn create(&self, d: &Deployment, name: &str, email: &str) -> Result<(), TriggerError> {
        let attributes = json!({ "email": email, "email_verified": "true" });
        self.call(self.event("PreSignUp_AdminCreateUser", name, attributes)).await?;
        self.add(d, name, email, true);
        if let Some(user) = self.users().get_mut(name) {
            user.is_by_admin = true;
        }
        Ok(())
    }

    fn add(&self, d: &Deployment, name: &str, email: &str, is_confirmed: bool) {
        let entropy: &dyn Entropy = &*d.world.entropy;
        let sub = format!("sub-{}", u64::from_le_bytes(entropy.array()));
        let user = PoolUser {
            sub,
            email: email.to_owned(),
            is_confirmed,
            is_by_admin: false,
            is_enabled: true,
            umoja_id: None,
        };
        self.users().entry(name.to_owned()).or_insert(user);
    }

    /// A person confirms a sign-up with the code. Cognito stores that first.
    ///
    /// # Errors
    /// What the trigger answers: the user stays confirmed.
    pub async fn confirm(&self, name: &str) -> Result<(), TriggerError> {
        let attributes = {
            let mut users = self.users();
            let user = users.get_mut(name).expect("a user of the pool");
            user.is_confirmed = true;
            attributes(user)
        };
        self.call(self.event("PostConfirmation_ConfirmSignUp", name, attributes)).await.map(drop)
    }

    /// A person logs in: Umoja's id in the ID token.
    ///
    /// # Errors
    /// What the trigger before the token answers: there is no token then.
    pub async fn token(&self, name: &str) -> Result<String, TriggerError> {
        let user = self.user(name).expect("a user of the pool");
        let event = self.event("TokenGeneration_Authentication", name, attributes(&user));
        let answer = self.call(event).await?;
        let claims = &answer["response"]["claimsOverrideDetails"]["claimsToAddOrOverride"];
        Ok(claims[CLAIM].as_str().expect("a claim").to_owned())
    }

    /// A person whom the pool does not know logs in, or has forgotten the password (`None`).
    ///
    /// # Errors
    /// What the trigger answers: the pool stays without the user.
    pub async fn migrate(&self, d: &Deployment, name: &str, password: Option<&str>) -> Result<Value, TriggerError> {
        let source = if password.is_some() { "UserMigration_Authentication" } else { "UserMigration_ForgotPassword" };
        let mut event = self.event(source, name, Value::Null);
        event["request"] = json!({ "password": password });
        let answer = self.call(event).await?["response"].clone();
        let attributes = &answer["userAttributes"];
        let text = |name: &str| attributes[name].as_str().map(str::to_owned);
        self.add(d, name, &text("email").unwrap_or_default(), true);
        if let Some(user) = self.users().get_mut(name) {
            user.umoja_id = text(UMOJA_ID);
        }
        Ok(answer)
    }
}

/// The function that the pool of a provider calls in a region.
pub fn triggers(d: &Deployment, at: usize, provider: &Provider) -> Cognito {
    let region = &d.world.regions[at];
    let accounts = Accounts {
        people: region.people(),
        hasher: Arc::clone(&d.hasher) as _,
        passwords: PasswordRules { min_chars: 8, min_score: 3 },
        old_systems: None,
        mailer: None,
    };
    Cognito::new(accounts, region.hashing(region.secrets()), provider.source.id.clone())
}

/// What the pool says of a user.
fn attributes(user: &PoolUser) -> Value {
    let status = if user.is_confirmed { "CONFIRMED" } else { "UNCONFIRMED" };
    let mut attributes = json!({
        "sub": user.sub, "email": user.email, "email_verified": user.is_confirmed.to_string(),
        "cognito:user_status": status,
    });
    if let Some(id) = &user.umoja_id {
        attributes[UMOJA_ID] = id.as_str().into();
    }
    attributes
}

/// How many users a page of the list has.
const PAGE: usize = 3;

#[async_trait]
impl UserPool for Pool {
    async fn users(&self, pool: &str, after: Option<&str>) -> Result<PoolPage, StoreError> {
        assert_eq!(pool, POOL);
        let users = self.users();
        let mut left = users.iter().filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
        let page: Vec<_> = left.by_ref().take(PAGE).collect();
        let next = left.next().and_then(|_| page.last().map(|(name, _)| (*name).clone()));
        Ok(PoolPage { users: page.into_iter().map(|(name, user)| listed(name, user)).collect(), next })
    }
}

/// A user as `ListUsers` has it.
fn listed(name: &str, user: &PoolUser) -> Map<String, Value> {
    let Value::Object(attributes) = attributes(user) else { return Map::new() };
    let attributes = attributes.into_iter().filter(|(name, _)| name != "cognito:user_status");
    let attributes: Vec<Value> = attributes.map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    let status = match user {
        PoolUser { is_by_admin: true, .. } => "FORCE_CHANGE_PASSWORD",
        PoolUser { is_confirmed: true, .. } => "CONFIRMED",
        _ => "UNCONFIRMED",
    };
    Map::from_iter([
        ("Username".to_owned(), name.into()),
        ("Attributes".to_owned(), attributes.into()),
        ("Enabled".to_owned(), user.is_enabled.into()),
        ("UserStatus".to_owned(), status.into()),
        ("UserCreateDate".to_owned(), 1_799_000_000.into()),
    ])
}

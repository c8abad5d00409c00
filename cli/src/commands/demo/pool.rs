//! A user pool of the demo. Amazon Cognito is not here: the demo calls the handler that the function in AWS runs, with the
//! events that Cognito sends.

use std::sync::Arc;

use serde_json::{Value, json};
use umoja_accounts::import::Hashing;
use umoja_accounts::{Accounts, PasswordRules, People};
use umoja_crypto::{EngineChoice, Params, Passwords};
use umoja_host::InlineHasher;
use umoja_ingest::cognito::{CLAIM, Cognito, TriggerError};
use umoja_schema::{IngestSource, SourceId};
use umoja_store::Home;
use umoja_store::keyring::KeyRing;
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use super::narrator::Narrator;
use super::stage::{Stage, Who};
use crate::CliError;

/// How long a write waits for the key services of peers, in milliseconds.
const PEER_WRAP_BUDGET_MS: u64 = 300;

/// The triggers of the pool of a source, in one region.
struct Pool {
    id: String,
    cognito: Cognito,
}

impl Pool {
    async fn new(home: &Home, source: &IngestSource) -> Result<Self, CliError> {
        let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
        let id = source.pool.as_ref().map(|pool| pool.id.clone());
        let id = id.ok_or_else(|| CliError::Failed("the source has no pool".into()))?;
        let sealer = Sealer::new(KeyRing::new(home, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy));
        let secrets = Secrets::load(&*home.registry, sealer.ring()).await.map_err(|error| failed(&error))?;
        let people = People { home: home.clone(), sealer: Arc::new(sealer), secrets: Arc::new(secrets) };
        // Passwords of a pool stay in the pool, so none is hashed.
        let passwords = Passwords::new(Params::OWASP, EngineChoice::Auto, None)?;
        let passwords = Arc::new(passwords.with_keys(people.secrets.password_keys()));
        let accounts = Accounts {
            people,
            hasher: Arc::new(InlineHasher::new(Arc::clone(&passwords))),
            passwords: PasswordRules { min_chars: 8, min_score: 3 },
            old_systems: None,
            mailer: None,
        };
        let source: SourceId = source.id.clone();
        Ok(Self { id, cognito: Cognito::new(accounts, Hashing::Threads(passwords), source) })
    }

    /// Calls the trigger for a user of the pool.
    async fn call(&self, trigger: &str, sub: &str, email: &str, is_confirmed: bool) -> Result<Value, TriggerError> {
        let attributes = json!({ "sub": sub, "email": email, "email_verified": is_confirmed.to_string() });
        let event = json!({
            "version": "2", "userPoolId": self.id, "userName": sub, "triggerSource": trigger,
            "request": { "userAttributes": attributes }, "response": {},
        });
        Box::pin(self.cognito.handle(event)).await
    }
}

/// Plays the chapter in a region that has the pool, and another one.
pub(super) async fn fed(
    stage: &Stage,
    source: &IngestSource,
    narrator: &Narrator,
    (at, other): (usize, usize),
) -> Result<(), CliError> {
    let (here, there) = (stage.name(at), stage.name(other));
    narrator.chapter("A user pool of Cognito feeds the store: its events, without Amazon's service");
    let pool = Pool::new(stage.home(at), source).await?;
    let random: [u8; 16] = stage.entropy.array();
    let sub = hex::encode(random);
    let (email, by_sub) = (format!("pendo.{sub}@example.com"), json!({ "external_id": sub }));
    narrator
        .check(&format!("Pendo signs up in the pool of {here}, unconfirmed: no user"), async {
            answered(pool.call("PreSignUp_SignUp", &sub, &email, false).await)?;
            stage.call(at, Who::Soko, "lookup", by_sub.clone(), 404).await?;
            stage.call(at, Who::Soko, "lookup", json!({ "email": email }), 404).await?;
            Ok("admitted, 404".into())
        })
        .await?;
    let id = narrator
        .step("she confirms and logs in: her tokens have Umoja's id", async {
            answered(pool.call("PostConfirmation_ConfirmSignUp", &sub, &email, true).await)?;
            let answer = answered(pool.call("TokenGeneration_Authentication", &sub, &email, true).await)?;
            let claim = |token: &str| {
                let place = format!("/response/claimsAndScopeOverrideDetails/{token}/claimsToAddOrOverride/{CLAIM}");
                answer.pointer(&place).cloned()
            };
            match (claim("idTokenGeneration"), claim("accessTokenGeneration")) {
                (Some(id), Some(same)) if id == same => Ok((id.clone(), format!("{CLAIM} {id}"))),
                _ => Err(CliError::Failed("the tokens have no id".into())),
            }
        })
        .await?;
    narrator
        .check(&format!("{there} knows her by the pool's id, as the user of her tokens"), async {
            let user = stage.until("her", async || {
                let answer = stage.ask(other, Who::Soko, "lookup", by_sub.clone()).await?;
                Ok((answer.status == 200).then(|| answer.body["user"].clone()))
            });
            let user = user.await?;
            let is_hers = user["id"] == id && user["email"] == json!(email) && user["email_verified"] == json!(true);
            is_hers
                .then(|| "200, the address verified".to_owned())
                .ok_or_else(|| CliError::Failed("another user".into()))
        })
        .await?;
    narrator
        .check("a second user of the pool with her address is rejected", async {
            let rival = hex::encode(stage.entropy.array::<16>());
            match pool.call("PreSignUp_SignUp", &rival, &email, false).await {
                Err(TriggerError::Taken) => Ok("before the sign-up".into()),
                _ => Err(CliError::Failed("it was not rejected".into())),
            }
        })
        .await
}

fn answered(answer: Result<Value, TriggerError>) -> Result<Value, CliError> {
    answer.map_err(|error| CliError::Failed(error.to_string()))
}

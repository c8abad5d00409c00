//! The triggers of a user pool of Amazon Cognito, which calls the function and waits for five seconds:
//! [`umoja_ingest::cognito`].

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_aws::Service;
use umoja_ingest::cognito::{Cognito, TriggerError, is_note};
use umoja_runtime::aws::Needs;
use umoja_runtime::people::people;
use umoja_runtime::region::{Build, Live, NotReady, Settings};
use umoja_schema::SourceId;
use umoja_schema::names::environment;
use umoja_store::Home;

use crate::environment::{Environment, EnvironmentError};
use crate::function::Function;
use crate::people::Hashers;

/// The services that a sign-up calls. As with the API, the keys of two parts are wrapped at the same time.
pub const NEEDS: Needs = Needs { own: &[Service::Kms, Service::Sqs], peers: &[Service::Kms, Service::Kms] };

/// Builds the triggers.
pub struct BuildCognito {
    hashers: Hashers,
    source: SourceId,
    peer_wrap_budget_ms: u64,
}

impl BuildCognito {
    /// The triggers of the pool of the source that the environment names. Chooses the password engine once for the life
    /// of the instance.
    ///
    /// # Errors
    /// If the environment names no source, or if no engine computes the published test vectors on this machine.
    pub fn new(of: &Environment) -> Result<Self, Error> {
        let source = of.source.clone().ok_or(EnvironmentError::of(environment::SOURCE))?;
        Ok(Self { hashers: Hashers::new()?, source, peer_wrap_budget_ms: of.peer_wrap_budget_ms })
    }
}

/// The triggers, if the region serves.
pub struct Triggers(Option<Cognito>);

#[async_trait]
impl Build for BuildCognito {
    type Service = Triggers;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Triggers, NotReady> {
        if !settings.own.state.serves() {
            return Ok(Triggers(None));
        }
        let people = people(home, settings, self.peer_wrap_budget_ms).await?;
        let (accounts, hashing) = self.hashers.accounts(people);
        Ok(Triggers(Some(Cognito::new(accounts, hashing, self.source.clone()))))
    }
}

impl Triggers {
    /// The triggers; `None` while the region does not serve.
    pub(crate) const fn serving(&self) -> Option<&Cognito> {
        self.0.as_ref()
    }
}

/// Answers a trigger.
///
/// # Errors
/// [`TriggerError`], which Cognito shows to the person.
pub async fn handle(function: &Function<BuildCognito>, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let answer = answer(&function.live, event.payload).await;
    function.metrics.write();
    Ok(answer?)
}

async fn answer(live: &Live<BuildCognito>, event: Value) -> Result<Value, TriggerError> {
    let service = live.service().await;
    let reason = match &service {
        Ok(triggers) => match triggers.serving() {
            Some(cognito) => return cognito.handle(event).await,
            None => "the region does not serve".to_owned(),
        },
        Err(reason) => reason.to_string(),
    };
    tracing::error!(reason, "not ready");
    if is_note(&event) { Ok(event) } else { Err(TriggerError::Unavailable) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use serde_json::json;
    use umoja_crypto::{EngineChoice, Params, Passwords};
    use umoja_runtime::testing::{Regions, document};
    use umoja_store::RegionState::{self, Frozen, Serving};

    fn live(regions: &Arc<Regions>) -> Live<BuildCognito> {
        let passwords = || Passwords::new(Params { m_kib: 8, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap();
        let build = BuildCognito {
            hashers: Hashers::inline(passwords),
            source: "shop-pool".parse().unwrap(),
            peer_wrap_budget_ms: 0,
        };
        Live::new(Arc::clone(regions) as _, build, regions.own().clone(), Arc::clone(&regions.clock) as _)
    }

    fn event(source: &str) -> Value {
        json!({ "userPoolId": "eu_1", "userName": "ann", "triggerSource": source, "request": { "userAttributes": {} } })
    }

    async fn asked(state: Option<RegionState>, source: &str) -> Result<Value, TriggerError> {
        let regions = Regions::new(&["eu", "us"]);
        if let Some(state) = state {
            regions.put(&document(&[("eu", state), ("us", Serving)])).await;
            regions.put_secrets().await;
        }
        answer(&live(&regions), event(source)).await
    }

    #[tokio::test]
    async fn while_the_region_does_not_serve_only_a_login_that_is_noted_passes() {
        for state in [None, Some(Frozen)] {
            let note = "PostAuthentication_Authentication";
            assert_eq!(asked(state, note).await, Ok(event(note)));
            for source in ["PreSignUp_SignUp", "TokenGeneration_Authentication"] {
                assert_eq!(asked(state, source).await, Err(TriggerError::Unavailable));
            }
        }
    }

    #[tokio::test]
    async fn without_its_source_a_pool_is_rejected() {
        let rejected = asked(Some(Serving), "PreSignUp_SignUp").await;
        assert_eq!(rejected, Err(TriggerError::NotAllowed("there is no such source")));
    }
}

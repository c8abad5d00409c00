//! The old systems of companies, each asked by the adapter of its kind.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_accounts::OldSystems;
#[cfg(feature = "aws")]
use umoja_aws::CognitoLogin;
use umoja_host::OldEndpoint;
use umoja_schema::OldSystem;
use umoja_store::ports::{LegacyAnswer, LegacyError, LegacyLogin, Question};

/// Asks endpoints of companies, and user pools of Cognito in a program that has the SDK of AWS.
struct ByKind {
    endpoint: OldEndpoint,
    #[cfg(feature = "aws")]
    pools: CognitoLogin,
}

/// The old systems of a process.
pub fn old_systems(endpoint: OldEndpoint) -> Arc<OldSystems> {
    let by_kind = ByKind {
        endpoint,
        #[cfg(feature = "aws")]
        pools: CognitoLogin::default(),
    };
    Arc::new(OldSystems::new(Arc::new(by_kind)))
}

#[async_trait]
impl LegacyLogin for ByKind {
    async fn verify(&self, question: &Question<'_>) -> Result<LegacyAnswer, LegacyError> {
        match question.system {
            OldSystem::Http { .. } => self.endpoint.verify(question).await,
            #[cfg(feature = "aws")]
            OldSystem::Cognito { .. } => self.pools.verify(question).await,
            #[cfg(not(feature = "aws"))]
            OldSystem::Cognito { .. } => Err(LegacyError::Rejected("this program was built without AWS")),
        }
    }
}

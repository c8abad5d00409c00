//! Single sign-on behind a REST API: [`umoja_oidc`].

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::response::Response;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use umoja_accounts::OldSystems;
use umoja_aws::Service;
use umoja_crypto::EngineError;
use umoja_host::{HttpsOutbound, OldEndpoint};
use umoja_oidc::Provider;
use umoja_oidc::browser::{ClientAddress, with_pages};
use umoja_runtime::aws::Needs;
use umoja_runtime::old_systems::old_systems;
use umoja_runtime::people::people;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_store::Home;
use umoja_store::keyring::PEER_WRAP_BUDGET_MS;
use umoja_store::ports::{Mailer, Outbound};

use crate::environment::Environment;
use crate::function::Function;
use crate::mail::mailer;
use crate::people::Hashers;
use crate::routes::{Routes, answer, of_gateway};

/// The services that single sign-on calls: of a peer its tables, where a code of the peer is spent, and its KMS, while the own
/// one is down.
pub const NEEDS: Needs = Needs { own: &[Service::Kms, Service::Sqs], peers: &[Service::DynamoDb, Service::Kms] };

/// Builds the routes of single sign-on.
pub struct BuildOidc {
    hashers: Hashers,
    /// Lives as long as the instance, because it remembers which of them are out.
    old_systems: Arc<OldSystems>,
    outbound: Arc<dyn Outbound>,
    issuer: Option<String>,
    mailer: Option<Arc<dyn Mailer>>,
}

impl BuildOidc {
    /// Chooses the password engine once for the life of the instance. Without an issuer in the environment there are no routes.
    ///
    /// # Errors
    /// If no engine computes the published test vectors on this machine.
    pub fn new(environment: &Environment) -> Result<Self, EngineError> {
        Ok(Self {
            hashers: Hashers::new()?,
            old_systems: old_systems(OldEndpoint::new()),
            outbound: Arc::new(HttpsOutbound::new()),
            issuer: environment.issuer.clone(),
            mailer: mailer(environment),
        })
    }
}

#[async_trait]
impl Build for BuildOidc {
    type Service = Routes;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Routes, NotReady> {
        let Some(issuer) = &self.issuer else { return Ok(Routes::none()) };
        let (mut accounts, _) = self.hashers.accounts(people(home, settings, PEER_WRAP_BUDGET_MS).await?);
        accounts.old_systems = Some(Arc::clone(&self.old_systems));
        accounts.mailer.clone_from(&self.mailer);
        let provider = Arc::new(Provider::new(accounts, issuer, Arc::clone(&self.outbound)));
        Ok(Routes::new(settings, || with_pages(issuer, umoja_oidc::router(provider))))
    }
}

/// Answers a request of API Gateway.
pub async fn handle(function: &Function<BuildOidc>, request: lambda_http::Request) -> Response {
    let address = address(&request);
    let mut request = of_gateway(request);
    if let Some(address) = address {
        request.extensions_mut().insert(ClientAddress(address));
    }
    let response = answer(&function.live, request).await;
    function.metrics.write();
    response
}

/// The address that connected to the gateway, as the gateway says. No header says it: any caller could write one.
fn address(request: &lambda_http::Request) -> Option<IpAddr> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_ref()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use lambda_http::Body;
    use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;
    use umoja_crypto::{EngineChoice, Params, Passwords};
    use umoja_runtime::region::Live;
    use umoja_runtime::testing::{Regions, document};
    use umoja_store::RegionState::{self, Frozen, Serving};

    const ISSUER: &str = "https://login.example";

    async fn status(state: RegionState, issuer: Option<&str>, path: &str) -> u16 {
        let regions = Regions::new(&["eu", "us"]);
        regions.put(&document(&[("eu", state), ("us", Serving)])).await;
        let passwords = || Passwords::new(Params { m_kib: 8, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap();
        let build = BuildOidc {
            hashers: Hashers::inline(passwords),
            old_systems: old_systems(OldEndpoint::new()),
            outbound: Arc::new(HttpsOutbound::new()),
            issuer: issuer.map(str::to_owned),
            mailer: None,
        };
        let live = Live::new(Arc::clone(&regions) as _, build, regions.own().clone(), Arc::clone(&regions.clock) as _);
        let request = Request::get(format!("https://id.execute-api/oidc{path}")).body(Body::Empty).unwrap();
        answer(&live, of_gateway(request.with_raw_http_path(path))).await.status().as_u16()
    }

    #[tokio::test]
    async fn a_region_that_serves_publishes_what_the_provider_can_do() {
        assert_eq!(status(Serving, Some(ISSUER), "/.well-known/openid-configuration").await, 200);
        assert_eq!(status(Serving, Some(ISSUER), "/.well-known/oauth-authorization-server").await, 200);
        assert_eq!(status(Serving, Some(ISSUER), "/v1/users/lookup").await, 404);
    }

    #[tokio::test]
    async fn nothing_is_served_without_an_issuer_or_by_a_frozen_region() {
        for path in ["/.well-known/openid-configuration", "/oauth2/token"] {
            assert_eq!(status(Serving, None, path).await, 503);
            assert_eq!(status(Frozen, Some(ISSUER), path).await, 503);
        }
    }

    #[test]
    fn the_address_of_a_browser_is_the_gateways_word_and_no_headers() {
        let request = || Request::get("/").header("x-forwarded-for", "192.0.2.9").body(Body::Empty).unwrap();
        assert_eq!(address(&request()), None);
        let mut context = ApiGatewayProxyRequestContext::default();
        context.identity.source_ip = Some("192.0.2.1".to_owned());
        let request = request().with_request_context(RequestContext::ApiGatewayV1(context));
        assert_eq!(address(&request), "192.0.2.1".parse().ok());
    }
}

//! The routes of sources, behind a REST API of API Gateway: [`umoja_ingest`]'s acceptor. The function can open nothing
//! that it accepts.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_aws::{Deployment, Service};
use umoja_ingest::{Acceptor, router};
use umoja_runtime::aws::Needs;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_schema::Region;
use umoja_store::Home;
use umoja_store::ports::Queue;

use crate::environment::Environment;
use crate::routes::Routes;

/// The services that accepting events calls.
pub const NEEDS: Needs = Needs { own: &[Service::Sns], peers: &[] };

/// Makes what rings the queue of events in a region from that queue.
type Bell = Box<dyn Fn(&Region, Arc<dyn Queue>) -> Arc<dyn Queue> + Send + Sync>;

/// Builds the routes of sources.
pub struct BuildIngest {
    bell: Bell,
}

impl BuildIngest {
    /// Rings through the topic of the environment; without one, the queue itself.
    pub fn new(deployment: &Deployment, environment: &Environment) -> Self {
        let (deployment, topic) = (deployment.clone(), environment.topic.clone());
        Self {
            bell: Box::new(move |region, queue| match &topic {
                Some(arn) => deployment.through_topic(region, arn, queue),
                None => queue,
            }),
        }
    }
}

#[async_trait]
impl Build for BuildIngest {
    type Service = Routes;
    const SECRETS: bool = false;

    async fn build(&self, mut home: Home, settings: &Settings) -> Result<Routes, NotReady> {
        home.own.ingest = (self.bell)(&home.own.name, home.own.ingest);
        Ok(Routes::new(settings, || router(Arc::new(Acceptor::new(home)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_runtime::region::Live;
    use umoja_runtime::testing::{Regions, document};
    use umoja_store::RegionState;
    use umoja_store::RegionState::{Frozen, Serving};

    async fn posted(state: RegionState) -> (u16, Option<String>) {
        use lambda_http::RequestExt as _;
        let regions = Regions::new(&["eu", "us"]);
        regions.put(&document(&[("eu", state), ("us", Serving)])).await;
        let build = BuildIngest { bell: Box::new(|_, queue| queue) };
        let live = Live::new(Arc::clone(&regions) as _, build, regions.own().clone(), Arc::clone(&regions.clock) as _);
        let request = axum::http::Request::post("https://id.execute-api/stage/v1/sources/shop/events")
            .header("x-api-key", "none")
            .body(lambda_http::Body::Text("{}".to_owned()))
            .unwrap();
        let request = crate::routes::of_gateway(request.with_raw_http_path("/v1/sources/shop/events"));
        let response = crate::routes::answer(&live, request).await;
        let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge)
    }

    #[tokio::test]
    async fn the_stage_is_no_part_of_the_path() {
        assert_eq!(posted(Serving).await, (401, Some("Bearer".to_owned())));
    }

    #[tokio::test]
    async fn a_frozen_region_accepts_no_event() {
        assert_eq!(posted(Frozen).await, (503, None));
    }
}

//! Clients: what the regions share, and the clients of each region.

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::Region as SdkRegion;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use umoja_schema::Region;
use umoja_store::ports::Queue;

use crate::connections::{Connections, Service};
use crate::{DynamoDb, KmsKeys, SqsQueue, TopicQueue, UserPools};

/// Time-outs and retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The time-out of connecting.
    pub connect: Duration,
    /// The time-out of one attempt, including connecting.
    pub attempt: Duration,
    /// The number of attempts by the SDK. 1 leaves retries to the caller, as simulations and queue consumers require.
    pub attempts: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { connect: Duration::from_secs(1), attempt: Duration::from_secs(3), attempts: 3 }
    }
}

/// What the clients of all regions share: credentials and the pool of connections.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) shared: SdkConfig,
    /// The pool; `None` in a process without network.
    pub(crate) connections: Option<Connections>,
}

impl Session {
    /// Takes credentials from the environment, as every AWS program does (variables, profile, container, instance).
    pub async fn from_environment(options: &Options) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(options.connect)
            .operation_attempt_timeout(options.attempt)
            .operation_timeout(options.attempt * options.attempts.max(1))
            .build();
        let connections = Connections::new(options.connect);
        let shared = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(connections.clone())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(options.attempts.max(1)))
            .load()
            .await;
        Self { shared, connections: Some(connections) }
    }

    /// A session whose requests are answered in this process: no network, no time-outs, no retries.
    #[cfg(feature = "in-process")]
    pub fn in_process(engine: &crate::in_process::InProcess) -> Self {
        use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
        let credentials = Credentials::new("in-process", "in-process", None, None, "in-process");
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(engine.clone())
            .timeout_config(TimeoutConfig::disabled())
            .retry_config(RetryConfig::disabled())
            .build();
        Self { shared, connections: None }
    }

    /// Opens a connection to each of these services of regions in parallel, so that the first request does not pay for
    /// DNS, TCP and TLS. A service that is listed twice gets two connections, for two concurrent requests. An endpoint
    /// replaces AWS's own, as in [`Self::region`]. Returns when all are open, or after `within`; the remaining
    /// connections continue to be opened. Failures are ignored here, because the first request reports them.
    pub async fn connect(&self, services: Vec<(Region, Service, Option<String>)>, within: Duration) {
        let Some(connections) = &self.connections else { return };
        let urls = services.into_iter().map(async |(region, service, endpoint)| {
            match endpoint.or_else(|| self.shared.endpoint_url().map(str::to_owned)) {
                Some(endpoint) => Some(endpoint),
                None => service.url(&region, &self.shared).await,
            }
        });
        let mut opening = JoinSet::new();
        for url in join_all(urls).await.into_iter().flatten() {
            let connections = connections.clone();
            opening.spawn(async move {
                if let Err(reason) = connections.open(&url).await {
                    tracing::debug!(url, reason, "a connection was not opened in advance");
                }
            });
        }
        let all = async { while opening.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::debug!("some connections are not open yet");
            opening.detach_all();
        }
    }

    /// The clients of one region. `endpoint` replaces AWS's own (an emulator, a private link).
    pub fn region(&self, region: &Region, endpoint: Option<&str>) -> AwsRegion {
        let shared = self.shared_of(region);
        // Set on the service's own configuration, because `AWS_ENDPOINT_URL` overrides an endpoint on the shared one.
        macro_rules! client {
            ($service:ident) => {{
                let mut config = $service::config::Builder::from(&shared);
                if let Some(endpoint) = endpoint {
                    config.set_endpoint_url(Some(endpoint.to_owned()));
                }
                $service::Client::from_conf(config.build())
            }};
        }
        AwsRegion { dynamodb: client!(aws_sdk_dynamodb), kms: client!(aws_sdk_kms), sqs: client!(aws_sdk_sqs) }
    }
}

impl Session {
    /// The user pools of a region. They are no part of [`AwsRegion`], so that a function without them does not have the
    /// client in its package.
    pub fn user_pools(&self, region: &Region, endpoint: Option<&str>) -> UserPools {
        let mut config = aws_sdk_cognitoidentityprovider::config::Builder::from(&self.shared_of(region));
        if let Some(endpoint) = endpoint {
            config.set_endpoint_url(Some(endpoint.to_owned()));
        }
        UserPools::new(aws_sdk_cognitoidentityprovider::Client::from_conf(config.build()))
    }

    /// `queue`, rung through the topic with this ARN in a region. The client is made only here, because one function
    /// needs it and clients lengthen a cold start.
    pub fn topic(&self, region: &Region, endpoint: Option<&str>, arn: &str, queue: Arc<dyn Queue>) -> TopicQueue {
        let mut config = aws_sdk_sns::config::Builder::from(&self.shared_of(region));
        if let Some(endpoint) = endpoint {
            config.set_endpoint_url(Some(endpoint.to_owned()));
        }
        TopicQueue::new(aws_sdk_sns::Client::from_conf(config.build()), arn, queue)
    }

    fn shared_of(&self, region: &Region) -> SdkConfig {
        self.shared.to_builder().region(SdkRegion::new(region.as_str().to_owned())).build()
    }
}

/// The clients of one region.
#[derive(Debug, Clone)]
pub struct AwsRegion {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) kms: aws_sdk_kms::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
}

impl AwsRegion {
    /// The tables `<prefix>-users`, `<prefix>-identifiers`, ...
    pub fn tables(&self, prefix: &str) -> DynamoDb {
        DynamoDb::new(self.dynamodb.clone(), prefix)
    }

    /// One KMS key, by its ARN or id. No call uses another key, whatever a blob says.
    pub fn keys(&self, key_id: &str) -> KmsKeys {
        KmsKeys::new(self.kms.clone(), key_id)
    }

    /// One queue and its dead-letter queue, by their URLs. The infrastructure sets the redrive policy.
    pub fn queue(&self, url: &str, dead_letter_url: &str) -> SqsQueue {
        SqsQueue::new(self.sqs.clone(), url, dead_letter_url)
    }
}

//! The functions of AWS Lambda: thin mains over the same libraries that `umoja serve` runs.
//!
//! | binary | event | does |
//! |---|---|---|
//! | `api` | HTTP API (payload format 2.0) | [`umoja_api`]'s router, once the region serves |
//! | `replicator` | DynamoDB stream | [`umoja_replicator`]; answers the lowest failed sequence |
//! | `feed` | DynamoDB stream | [`umoja_replicator::Feed`], and rings for webhooks and targets; answers the lowest failed sequence |
//! | `deliver` | SQS | [`umoja_provisioner::Deliveries`]: posts to webhooks, and brings accounts of targets up to date |
//! | `reconcile-targets` | schedule | rings again for webhooks and targets at which something is due |
//! | `reconcile-writes` | schedule | drains every peer's retry queue, peers in parallel |
//! | `reconcile-keys` | schedule | wraps keys that regions lack |
//! | `reconcile-merges` | schedule | merges users that two trusted companies verified to be one person |
//! | `anti-entropy` | schedule | compares the region with its peers and its users with derived tables, repairs what differs |
//! | `ingest` | REST API (proxy event) | [`umoja_ingest`]'s acceptor: seals the events of sources into the inbox, and rings |
//! | `ingest-worker` | SQS; schedule | applies the events of the inbox; rings again for those that wait |
//! | `scim` | HTTP API (payload format 2.0) | the SCIM server, once the region serves |
//! | `oidc` | REST API (proxy event) | single sign-on, once the region serves |
//! | `cognito` | Amazon Cognito, for each trigger of a user pool | [`umoja_ingest::cognito`]: sign-ups, tokens, migrations |
//! | `reconcile-sources` | schedule | compares a user pool with the store, repairs what only one of them has |
//!
//! # Start
//!
//! A function gets its prefix and region from the environment ([`environment`]) and everything else from the settings
//! items of its region's table ([`umoja_runtime::region`]), which it reads again while it lives. During its start it
//! opens connections to every peer that it will call ([`umoja_runtime::aws`]): otherwise a first request would spend
//! most of its time on TLS. It uses one thread: an instance has less than two cores and one event at a time.
//!
//! # Metrics
//!
//! Metrics use `metrics_cloudwatch_embedded`, without its Lambda part, over the `metrics` facade: four small crates,
//! and it writes only where and when it is called. `metrique` (awslabs) is made for one wide record per request,
//! sampled and queued to a sink. That is a good model, but a hundred crates more than six numbers need.
//!
//! # Errors
//!
//! An answer describes a failure in words that do not change. The details are in the log ([`log`]), with the request id
//! and the trace id, and never contain personal data.

pub mod anti_entropy;
pub mod api;
pub mod cognito;
pub mod deliver;
pub mod environment;
pub mod feed;
pub mod function;
pub mod ingest;
pub mod ingest_worker;
pub mod log;
mod mail;
pub mod metrics;
pub mod oidc;
pub mod people;
pub mod queue_batch;
pub mod reconcile;
pub mod reconcile_sources;
pub mod reconcile_targets;
pub mod replicator;
pub mod routes;
pub mod scim;
pub mod stream;

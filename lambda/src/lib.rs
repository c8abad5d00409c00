//! The functions of AWS Lambda: thin mains over the same libraries that `umoja serve` runs.
//!
//! | binary | event | does |
//! |---|---|---|
//! | `api` | HTTP API (payload format 2.0) | [`umoja_api`]'s router, once the region serves |
//! | `replicator` | DynamoDB stream | [`umoja_replicator`]; answers the lowest failed sequence |
//! | `reconcile-writes` | schedule | drains every peer's retry queue, peers in parallel |
//! | `reconcile-keys` | schedule | wraps keys that regions lack |
//! | `reconcile-merges` | schedule | merges users that two trusted companies say are one person |
//! | `sweep` | schedule | compares the region with its peers and its users with derived tables, mends what differs |
//!
//! # Start
//!
//! A function is told its prefix and region by the environment ([`environment`]) and everything else by the settings
//! items of its region's table ([`umoja_runtime::region`]), which it reads again while it lives. While it starts, it opens connections
//! to every peer that it will call ([`umoja_runtime::aws`]): a first request would otherwise spend most of its time on TLS. One thread
//! does it all: an instance has less than two cores and one event at a time.
//!
//! # Metrics
//!
//! By `metrics_cloudwatch_embedded`, without its Lambda part, over the `metrics` facade: four small crates, and it
//! writes where and when it is told to. `metrique` (awslabs) is made for one wide record per request, sampled and
//! queued to a sink; that is a good model and a hundred crates more than six numbers need.
//!
//! # Errors
//!
//! An answer says what failed in words that do not change; what exactly it was is in the log ([`log`]), with the request
//! id and the trace id, and never anything personal.

pub mod api;
pub mod environment;
pub mod function;
pub mod log;
pub mod metrics;
pub mod reconcile;
pub mod replicator;
pub mod stream;
pub mod sweep;

//! The store's ports on AWS: `Users`, `Logs`, `Registry` and `Requests` on DynamoDB, `Keys` on KMS, `Queue` on SQS.
//! The only crate that names the AWS SDK.
//!
//! A [`Session`] holds what regions share (credentials, connections); [`Session::region`] gives the clients of one
//! region, and those give the adapters:
//!
//! ```ignore
//! let session = Session::from_environment(&Options::default()).await;
//! let region = session.region(&"eu-west-1".parse()?, None);
//! let tables: Arc<DynamoDb> = Arc::new(region.tables("umoja"));
//! let keys = region.keys(key_arn);
//! let retries = region.queue(url, dead_letter_url);
//! ```
//!
//! What went wrong is told by the store's errors: which call on which table, and AWS's error code. AWS's messages are
//! left out, because some quote values.

mod attribute;
mod dynamodb;
mod error;
#[cfg(feature = "in-process")]
pub mod in_process;
mod kms;
#[cfg(feature = "provision")]
pub mod provision;
mod session;
mod sqs;
pub mod tables;

pub use dynamodb::DynamoDb;
pub use kms::KmsKeys;
pub use session::{AwsRegion, Options, Session};
pub use sqs::SqsQueue;

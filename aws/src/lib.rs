//! The store's ports on AWS: `Users`, `Logs`, `Items`, `Inbox`, `Registry`, `Requests`, `Attempts` and `Checkpoints` on
//! DynamoDB, `Keys` on KMS, `Queue` on SQS and through SNS, `UserPool` and `LegacyLogin` on Cognito, `Mailer` on SES. The only crate
//! that names the AWS SDK.
//!
//! A [`Session`] holds what regions share (credentials, connections). A [`Deployment`] makes from it the ports of a
//! region and of its peers, as the deployment's settings list them:
//!
//! ```ignore
//! let session = Session::from_environment(&Options::default()).await;
//! let deployment = Deployment::new(session, "umoja");
//! let home = deployment.home(own, &regions, clock, entropy);
//! ```
//!
//! An error names the call, the table and AWS's error code. AWS's messages are left out, because some quote values.

mod attribute;
mod cognito_login;
mod connections;
mod dynamodb;
mod error;
mod home;
#[cfg(feature = "in-process")]
pub mod in_process;
mod kms;
#[cfg(feature = "provision")]
pub mod provision;
mod ses;
mod session;
mod signed;
mod sqs;
pub mod tables;
mod topic;
mod user_pools;

pub use cognito_login::CognitoLogin;
pub use connections::Service;
pub use dynamodb::DynamoDb;
pub use home::Deployment;
pub use kms::KmsKeys;
pub use ses::SesMailer;
pub use session::{AwsRegion, Options, Session};
pub use sqs::SqsQueue;
pub use topic::TopicQueue;
pub use user_pools::UserPools;

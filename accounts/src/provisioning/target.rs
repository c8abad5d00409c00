//! What a request needs of the deliveries of its region.

use async_trait::async_trait;
use umoja_schema::api::Planned;
use umoja_schema::{Target, UserId};
use umoja_store::ports::StoreError;

use super::Params;
use crate::Error;

/// The deliveries to targets, as requests use them: by the table `due` in a long-running process, and by a queue where
/// functions deliver.
#[async_trait]
pub trait Provisions: Send + Sync {
    /// Says that a request about the account of a user was noted. In the home of the target the delivery then begins at
    /// once. Elsewhere there is nothing to do: the request is replicated to the home, and rings there. So a ring that
    /// fails is late and never lost.
    ///
    /// # Errors
    /// If the ring was not noted.
    async fn ring(&self, target: &Target, user: UserId) -> Result<(), StoreError>;

    /// What a delivery would do now, if a request had these parameters. It changes nothing and asks no target.
    ///
    /// # Errors
    /// If the store fails, or the user cannot be opened.
    async fn plan(&self, target: &Target, user: UserId, params: Option<&Params>) -> Result<Planned, Error>;
}

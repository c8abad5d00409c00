//! Replaces `region.rs` if `umoja` is built without the feature `aws`.

use umoja_schema::Region;

use super::Serve;
use crate::output::Output;
use crate::{CliError, CloudError};

impl Serve {
    #[allow(clippy::unused_async, reason = "its counterpart waits")]
    pub(super) async fn region(&self, _: &str, _: Option<Region>, _: Output) -> Result<(), CliError> {
        Err(CloudError::NotBuilt.into())
    }
}

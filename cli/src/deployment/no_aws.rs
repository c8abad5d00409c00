//! Replaces `aws.rs` if `umoja` is built without the feature `aws`: every connection fails.

use std::sync::Arc;

use umoja_schema::Region;
use umoja_store::ports::{Clock, Entropy, Keys, Registry};
use umoja_store::{Home, Infrastructure, RegionEntry};

use crate::CloudError;

/// A type without values.
pub(super) enum Aws {}

impl Aws {
    pub(super) async fn connect(_prefix: &str) -> Result<Self, CloudError> {
        Err(CloudError::NotBuilt)
    }

    pub(super) fn prefix(&self) -> &str {
        match *self {}
    }

    pub(super) fn home(
        &self,
        _own: &Infrastructure,
        _regions: &[RegionEntry],
        _clock: Arc<dyn Clock>,
        _entropy: Arc<dyn Entropy>,
    ) -> Home {
        match *self {}
    }

    pub(super) fn keys(&self, _region: &Region, _arn: &str) -> Arc<dyn Keys> {
        match *self {}
    }

    pub(super) fn verified(&self, _own: &Infrastructure, _clock: Arc<dyn Clock>) -> Arc<dyn Registry> {
        match *self {}
    }

    pub(super) fn registry(&self, _region: &Region) -> Arc<dyn Registry> {
        match *self {}
    }
}

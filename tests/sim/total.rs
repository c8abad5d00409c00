//! The totals of all runs.

use std::collections::BTreeMap;
use std::time::Duration;

use umoja_tests::sim::{Coverage, Failure};

use crate::options::Store;

/// The totals.
#[derive(Default)]
pub(crate) struct Total {
    pub(crate) runs: BTreeMap<&'static str, u64>,
    pub(crate) steps: u64,
    pub(crate) coverage: Coverage,
    pub(crate) failed: Option<(u64, Store, Failure)>,
    pub(crate) took: Duration,
}

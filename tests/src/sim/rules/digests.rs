//! Rows about accounts without what the target has accepted.

use umoja_schema::TargetAccount;
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_store::ports::Writes;

/// Leaves out of rows what the target has accepted.
pub(super) fn forget_digests(writes: &mut Writes) {
    for write in writes.items.iter_mut().filter(|write| write.item.table == &TARGET_ACCOUNTS) {
        if let Ok(row) = TargetAccount::from_item(&write.item) {
            write.item = TargetAccount { digest: None, ..row }.to_item(write.item.version.clone());
        }
    }
}

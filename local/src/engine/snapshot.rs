//! Several reads of one state.

use rusqlite::Connection;

use super::fault::Fault;

/// A read transaction, which ends with this. All statements of it see one state, and take the locks of one.
pub(crate) struct Snapshot<'c>(&'c Connection);

impl<'c> Snapshot<'c> {
    pub(crate) fn of(connection: &'c Connection) -> Result<Self, Fault> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if let Err(error) = ended {
            tracing::warn!(%error, "a read of the local database cannot be ended");
        }
    }
}

//! Errors inside an operation.

use umoja_store::ports::StoreError;

/// Why an operation failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Engine(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// The error for the caller. Engine errors name statements and constraints, never values; they are logged.
    pub(super) fn into_store_error(self, what: &str) -> StoreError {
        use rusqlite::ErrorCode as Code;
        let error = match self {
            Self::Store(error) => return error,
            Self::Engine(error) => error,
        };
        tracing::warn!(what, %error, "the local database failed");
        match error.sqlite_error_code() {
            Some(
                Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::SystemIoFailure
                | Code::DiskFull
                | Code::CannotOpen
                | Code::OutOfMemory
                | Code::OperationInterrupted
                | Code::FileLockingProtocolFailed
                | Code::SchemaChanged,
            ) => StoreError::Unavailable(what.to_owned()),
            _ => StoreError::Rejected(what.to_owned()),
        }
    }
}

//! Errors inside an operation.

use rusqlite::types::FromSqlError;
use umoja_schema::ItemError;
use umoja_store::ports::StoreError;

/// Why an operation failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Engine(rusqlite::Error),
    Store(StoreError),
}

/// The one rule for stored values: a value that is not of the type of its column is damage of its item, and not a failure
/// of the database. SQLite stores a value of any type in any column.
impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        match error {
            InvalidColumnType(..) | FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) => {
                Self::Store(ItemError::new("column").into())
            }
            error => Self::Engine(error),
        }
    }
}

impl From<FromSqlError> for Fault {
    fn from(error: FromSqlError) -> Self {
        rusqlite::Error::from(error).into()
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The value that was read; `None` if it is unreadable.
pub(crate) fn readable<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Err(Fault::Store(StoreError::Unreadable(_))) => Ok(None),
        read => read.map(Some),
    }
}

impl Fault {
    /// The database did not do a write and reported no error, as a trigger can make it.
    pub(crate) fn ignored() -> Self {
        Self::Store(StoreError::Rejected("a write that changes no row".to_owned()))
    }

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

//! Many rows: several at the same time, reported in the order of the file.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, StreamExt as _};
use tokio::task::JoinHandle;

use umoja_accounts::import::{Done, Failed, Reason, Rejected, Stopped};

/// A record of a source.
#[derive(Debug, Clone)]
pub struct Entry<R> {
    /// Its beginning: the line, from 1, or for formats without lines the record, from 1.
    pub line: u64,
    /// The bytes of the source up to its end.
    pub bytes_read: u64,
    /// The row, or the reason of its rejection.
    pub row: Result<R, Rejected>,
}

/// A row that is done. Every row before it is also done.
#[derive(Debug)]
pub struct Seen {
    /// Its beginning, as [`Entry::line`].
    pub line: u64,
    /// The bytes of the source up to its end.
    pub bytes_read: u64,
    /// The outcome.
    pub outcome: Result<Done, Reason>,
}

/// Why an import ended before its end. Every reported row is done.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E, S> {
    /// The source cannot be read further.
    #[error(transparent)]
    Source(E),
    /// The region or its keys failed.
    #[error(transparent)]
    Stopped(Stopped),
    /// The callback failed.
    #[error(transparent)]
    Callback(S),
}

/// Imports rows, up to `at_once` at the same time, each in its own task. `seen` is called for each row in the order of
/// the source; at that time the row and all before it are done. Only the rows in progress are in memory.
///
/// # Errors
/// [`RunError`] with the cause. Rows in progress are cancelled; it is safe to import them again, because a second
/// import of a row has no effect.
pub async fn run<R, E, S, F>(
    entries: impl Iterator<Item = Result<Entry<R>, E>>,
    at_once: usize,
    import: impl Fn(R) -> F,
    mut seen: impl FnMut(Seen) -> Result<(), S>,
) -> Result<(), RunError<E, S>>
where
    F: Future<Output = Result<Done, Failed>> + Send + 'static,
{
    let started = entries.map(|entry| {
        entry.map(|Entry { line, bytes_read, row }| {
            let task = row.map(|row| Task(tokio::spawn(import(row))));
            (line, bytes_read, task)
        })
    });
    let ended = stream::iter(started).map(async |entry| {
        let (line, bytes_read, task) = entry.map_err(RunError::Source)?;
        let outcome = match task {
            Err(rejected) => Err(Reason::from(rejected)),
            Ok(task) => match task.await {
                Ok(done) => Ok(done),
                Err(Failed::Rejected(reason)) => Err(reason),
                Err(Failed::Stopped(stopped)) => return Err(RunError::Stopped(stopped)),
            },
        };
        Ok(Seen { line, bytes_read, outcome })
    });
    let mut ended = std::pin::pin!(ended.buffered(at_once.max(1)));
    while let Some(done) = ended.next().await {
        seen(done?).map_err(RunError::Callback)?;
    }
    Ok(())
}

/// A row in progress; cancelled when dropped.
struct Task(JoinHandle<Result<Done, Failed>>);

impl Future for Task {
    type Output = Result<Done, Failed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|ended| ended.unwrap_or(Err(Failed::Stopped(Stopped::Thread))))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

//! Many rows: so many at once, told in the order of the file.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, StreamExt as _};
use tokio::task::JoinHandle;

use umoja_accounts::import::{Done, Failed, Reason, Refused, Stopped};

/// A record of a source.
#[derive(Debug, Clone)]
pub struct Entry<R> {
    /// Where it begins: the line, from 1, or for formats without lines the record, from 1.
    pub line: u64,
    /// How much of the source was read by its end, in bytes.
    pub bytes_read: u64,
    /// What it says.
    pub row: Result<R, Refused>,
}

/// A row that is done, and with it every one before it.
#[derive(Debug)]
pub struct Seen {
    /// Where it begins.
    pub line: u64,
    /// How much of the source was read by its end, in bytes.
    pub bytes_read: u64,
    /// What became of it.
    pub outcome: Result<Done, Reason>,
}

/// Why an import ended before its end. What was told as seen is done.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E, S> {
    /// The source cannot be read on.
    #[error(transparent)]
    Source(E),
    /// The region or its keys failed.
    #[error(transparent)]
    Stopped(Stopped),
    /// Whoever was told.
    #[error(transparent)]
    Told(S),
}

/// Imports rows, up to `at_once` at the same time, each as a task of its own. `seen` is told of each in the order of the
/// source: once it is told of one, that one and all before it are done. Memory is that of the rows under way.
///
/// # Errors
/// [`RunError`] says what ended it. Rows under way are given up; importing them again is importing them once.
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
            Err(refused) => Err(Reason::from(refused)),
            Ok(task) => match task.await {
                Ok(done) => Ok(done),
                Err(Failed::Refused(reason)) => Err(reason),
                Err(Failed::Stopped(stopped)) => return Err(RunError::Stopped(stopped)),
            },
        };
        Ok(Seen { line, bytes_read, outcome })
    });
    let mut ended = std::pin::pin!(ended.buffered(at_once.max(1)));
    while let Some(done) = ended.next().await {
        seen(done?).map_err(RunError::Told)?;
    }
    Ok(())
}

/// A row under way; given up when dropped.
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

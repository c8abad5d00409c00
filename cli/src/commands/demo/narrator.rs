//! Reports the story: a list of ticked steps for people, one document for programs.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::json;
use umoja_schema::{Millis, Region};
use umoja_store::ports::Clock;

use crate::CliError;
use crate::output::{Output, table};

/// The result of a step, in a few words.
pub(super) type Outcome = Result<String, CliError>;

/// The result of a check, in these words.
pub(super) fn expect(holds: bool, result: &str) -> Outcome {
    if holds {
        Ok(result.to_owned())
    } else {
        Err(CliError::Failed(format!("expected \"{result}\", but the answer was different")))
    }
}

/// Prints each step with its result and duration.
pub(super) struct Narrator {
    output: Output,
    clock: Arc<dyn Clock>,
    started: Millis,
    steps: Mutex<Vec<Step>>,
    chapter: Mutex<String>,
}

/// One step of the story.
#[derive(Debug, Clone, Serialize)]
struct Step {
    chapter: String,
    #[serde(rename = "step")]
    what: String,
    result: String,
    ms: u64,
    ok: bool,
}

impl Narrator {
    pub(super) fn new(output: Output, clock: Arc<dyn Clock>) -> Self {
        let started = clock.now();
        Self { output, clock, started, steps: Mutex::default(), chapter: Mutex::default() }
    }

    /// Prints where the story plays.
    pub(super) fn begin(&self, dir: &Path, urls: &[(Region, String)]) {
        let mut rows = vec![vec!["directory".to_owned(), dir.display().to_string()]];
        rows.extend(urls.iter().map(|(name, url)| vec![name.to_string(), url.clone()]));
        rows.push(vec!["companies".into(), "soko and safari, trusted to verify, with all scopes".into()]);
        let ms = self.clock.now().since(self.started);
        self.output.say(&format!("Umoja: one account everywhere\n\n{}\n  ready after {ms} ms", table(&rows)));
    }

    /// Begins a new chapter.
    pub(super) fn chapter(&self, title: &str) {
        title.clone_into(&mut self.chapter.lock().unwrap_or_else(PoisonError::into_inner));
        self.output.say(&format!("\n{title}"));
    }

    /// Does a step and prints its result.
    pub(super) async fn step<T>(
        &self,
        step: &str,
        work: impl Future<Output = Result<(T, String), CliError>>,
    ) -> Result<T, CliError> {
        let started = self.clock.now();
        let done = work.await;
        let ms = self.clock.now().since(started);
        let (ok, result) = match &done {
            Ok((_, result)) => (true, result.clone()),
            Err(error) => (false, error.to_string()),
        };
        let mark = if ok { '✓' } else { '✗' };
        self.output.say(&format!("  {mark} {step:<66} {ms:>5} ms  {result}"));
        let chapter = self.chapter.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let outcome = Step { chapter, what: step.to_owned(), result, ms, ok };
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        match done {
            Ok((value, _)) => Ok(value),
            Err(error) => {
                self.document(None, false);
                Err(CliError::Failed(format!("the demo failed at \"{step}\": {error}")))
            }
        }
    }

    /// The same for a step without a value.
    pub(super) async fn check(&self, step: &str, work: impl Future<Output = Outcome>) -> Result<(), CliError> {
        self.step(step, async { work.await.map(|result| ((), result)) }).await
    }

    /// Prints the end of the story.
    pub(super) fn end(&self, file: &Path) {
        let ms = self.clock.now().since(self.started);
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner).len();
        let file_shown = file.display();
        self.output.say(&format!(
            "\nAll {steps} steps succeeded in {ms} ms.\n{file_shown} has the URLs and keys for any HTTP client."
        ));
        self.document(Some(file), true);
    }

    fn document(&self, file: Option<&Path>, ok: bool) {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ms = self.clock.now().since(self.started);
        if self.output.json {
            self.output.answer(&json!({ "ok": ok, "ms": ms, "demo_json": file, "steps": steps }), String::new);
        }
    }
}

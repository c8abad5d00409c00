//! Many runs on a few threads. Each run stays on one thread.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use umoja_tests::sim::{Coverage, Failure, Runner};

use crate::options::{Options, Store};
use crate::report;
use crate::total::Total;

struct Done {
    seed: u64,
    store: Store,
    steps: usize,
    result: Result<Coverage, Failure>,
}

/// True if no run failed. The first failed run is shrunk and printed.
pub(crate) fn hold(options: &Options) -> bool {
    let total = all(options);
    report::total(options, &total);
    match &total.failed {
        Some((seed, store, failure)) => {
            report::failure(options, &format!("seed {seed}"), &options.plan(*seed), *store, failure);
            false
        }
        None => true,
    }
}

#[allow(clippy::disallowed_methods, reason = "measures real time, which the runs do not see")]
fn all(options: &Options) -> Total {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let began = Instant::now();
    let mut total = Total::default();
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..options.threads() {
            let (sender, next, stop) = (sender.clone(), &next, &stop);
            scope.spawn(move || work(options, next, stop, &sender));
        }
        drop(sender);
        let mut shown = Instant::now();
        for done in receiver {
            *total.runs.entry(done.store.name()).or_default() += 1;
            total.steps += done.steps as u64;
            match done.result {
                Ok(coverage) => total.coverage.add(&coverage),
                Err(failure) => {
                    stop.store(true, Ordering::Relaxed);
                    // The lowest seed is reported, so that the same command reports the same run.
                    if total.failed.as_ref().is_none_or(|(seed, ..)| done.seed < *seed) {
                        total.failed = Some((done.seed, done.store, failure));
                    }
                }
            }
            if options.seconds.is_some_and(|seconds| began.elapsed() > Duration::from_secs(seconds)) {
                stop.store(true, Ordering::Relaxed);
            }
            if !options.json && shown.elapsed() > Duration::from_secs(2) {
                shown = Instant::now();
                report::progress(total.runs.values().sum(), options.runs, began.elapsed());
            }
        }
    });
    total.took = began.elapsed();
    total
}

fn work(options: &Options, next: &AtomicU64, stop: &AtomicBool, done: &mpsc::Sender<Done>) {
    let runners = [Store::Local, Store::Dynamodb].map(|store| Runner::new(store.tables(), None));
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.runs {
            return;
        }
        let seed = options.seed.wrapping_add(number);
        let store = options.store_of(seed);
        let plan = options.plan(seed);
        let runner = &runners[usize::from(store == Store::Dynamodb)];
        let sent = done.send(Done { seed, store, steps: plan.steps.len(), result: runner.run(&plan) });
        if sent.is_err() {
            return;
        }
    }
}

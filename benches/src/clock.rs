//! Time on the wall and on the processor.
#![allow(clippy::disallowed_methods, reason = "measuring time is what this program is for")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

use crate::error::BenchError;

/// Wall-clock time since its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch(Instant);

impl Watch {
    /// Starts.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub(crate) fn secs(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

impl Watch {
    /// Waits until this number of seconds after the start.
    pub(crate) async fn until(self, secs: f64) {
        let left = Duration::try_from_secs_f64(secs - self.secs()).unwrap_or_default();
        tokio::time::sleep(left).await;
    }
}

/// The time of day, in seconds since 1970.
pub(crate) fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Waits on this thread.
pub(crate) fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Processor time of a running process so far, all its threads together, in seconds.
pub(crate) fn cpu_of(process: u32) -> Result<f64, BenchError> {
    let unreadable = BenchError::System("the processor time of a process");
    let Ok(pid) = i32::try_from(process) else { return Err(unreadable) };
    clock_getcpuclockid(Pid::from_raw(pid)).and_then(secs).map_err(|_| unreadable)
}

/// Processor time of the calling thread so far, in seconds.
pub(crate) fn cpu_of_thread() -> Result<f64, BenchError> {
    secs(ClockId::CLOCK_THREAD_CPUTIME_ID).map_err(|_| BenchError::System("the processor time of a thread"))
}

fn secs(clock: ClockId) -> nix::Result<f64> {
    Ok(Duration::from(clock.now()?).as_secs_f64())
}

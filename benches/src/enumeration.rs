//! Whether the time of a rejected login reveals that a user exists. The logins are of unknown users, of users with a
//! wrong password, and of disabled users, in a random order over one connection.

use std::path::Path;

use serde_json::json;
use umoja_host::OsEntropy;
use umoja_store::ports::Entropy;

use crate::company::Shot;
use crate::error::BenchError;
use crate::figure::{Limit, Report, count, median, percentile};
use crate::hash::PASSWORD;
use crate::http_load::Load;
use crate::server::Server;
use crate::stage::Stage;

/// The most difference of the median of one kind from that of wrong passwords, in percent.
const APART: Limit = Limit::AtMost(2.0);
/// The number of resamples for the interval.
const RESAMPLES: usize = 1_000;

const KINDS: [&str; 3] = ["wrong password", "unknown user", "disabled user, right password"];

/// Each user is tried once, because a user with more failures has to wait.
pub(crate) fn measure(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    let each = if quick { 10 } else { 700 };
    report.group("enumeration", &format!("{each} rejected logins of each kind, one connection, in a random order"));
    let stage = Stage::with_users(dir, 2 * each)?;
    let server = Server::start(stage.path(), stage.urls())?;
    let load = Load::new(&stage, &server)?;
    load.disable(each..2 * each)?;
    let mut plan: Vec<(usize, usize)> =
        (0..KINDS.len()).flat_map(|kind| (0..each).map(move |number| (kind, number))).collect();
    let mut dice = Dice::new();
    for last in (1..plan.len()).rev() {
        plan.swap(last, dice.below(last + 1));
    }
    let mut connections = load.connect(1)?;
    let mut took: [Vec<f64>; KINDS.len()] = Default::default();
    // Requests are signed a few at a time, because each is valid for a minute.
    for some in plan.chunks(100) {
        let shots = some.iter().map(|(kind, number)| {
            let (email, password) = match kind {
                0 => (stage.email(*number), "another password"),
                1 => (format!("absent.{number}@example.com"), "another password"),
                _ => (stage.email(each + number), PASSWORD),
            };
            stage.company().shot(&stage.urls()[0], "authenticate", json!({ "email": email, "password": password }))
        });
        let shots = shots.collect::<Result<Vec<Shot>, _>>()?;
        let volley = load.fire(&mut connections, shots, |answer| answer.get("authenticated") == Some(&json!(false)))?;
        for ((kind, _), ms) in some.iter().zip(&volley.took_ms) {
            took[*kind].push(ms * 1000.0);
        }
    }
    let wrong = &took[0];
    for (kind, took) in KINDS.iter().zip(&took) {
        report.add(format!("{kind}: median"), median(took), "us");
    }
    for (kind, took) in KINDS.iter().zip(&took).skip(1) {
        let apart: Vec<f64> =
            (0..RESAMPLES).map(|_| median(&dice.resample(took)) - median(&dice.resample(wrong))).collect();
        report.add(format!("{kind}: longer than a wrong password, 2.5th percentile"), percentile(&apart, 0.025), "us");
        report.add(format!("{kind}: longer than a wrong password, 97.5th percentile"), percentile(&apart, 0.975), "us");
        report.add(format!("{kind}: chance that it takes longer than a wrong password"), chance(took, wrong), "");
        let difference = (median(took) - median(wrong)).abs() / median(wrong) * 100.0;
        report.judge(format!("{kind}: medians apart"), difference, "%", APART);
    }
    server.stop()
}

/// How often a value of the first list is greater than one of the second (Mann and Whitney's U over its greatest
/// value): 0.5 if the lists do not differ.
fn chance(ones: &[f64], others: &[f64]) -> f64 {
    let mut others = others.to_vec();
    others.sort_by(f64::total_cmp);
    let below = |one: &f64| {
        let (less, not_more) =
            (others.partition_point(|other| other < one), others.partition_point(|other| other <= one));
        count(less) + count(not_more - less) / 2.0
    };
    ones.iter().map(below).sum::<f64>() / (count(ones.len()) * count(others.len()))
}

/// Random numbers; xorshift64* is enough to shuffle with.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let entropy: &dyn Entropy = &OsEntropy;
        Self(u64::from_le_bytes(entropy.array()) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap_or_default() % bound
    }

    fn resample(&mut self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|_| values[self.below(values.len())]).collect()
    }
}

//! Bare argon2id: the lower bound of the cost of a login.

use umoja_crypto::{EngineChoice, Params, Password, Passwords, Verification};

use crate::clock::{Watch, cpu_of_thread};
use crate::error::BenchError;
use crate::figure::{Report, count, median};

/// The password of every measured user.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// bcrypt of cost 10: a slow hash, stored as it is.
pub(crate) const BCRYPT: &str = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// An engine with the parameters that `umoja serve` uses, and a stored hash of [`PASSWORD`].
pub(crate) struct Hashing {
    passwords: Passwords,
    stored: String,
}

/// The cost of a slice of hashing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    /// Processor time of one hash, in milliseconds.
    pub(crate) cpu_ms: f64,
    /// Hashes in a second, of all threads together.
    pub(crate) rate: f64,
}

impl Hashing {
    /// Chooses an engine.
    pub(crate) fn new(choice: EngineChoice) -> Result<Self, BenchError> {
        let passwords = Passwords::new(Params::OWASP, choice, None)?;
        let stored = passwords.hash(&Password::attempt(PASSWORD), [7; 16]);
        Ok(Self { passwords, stored })
    }

    /// True if this is the password.
    pub(crate) fn verifies(&self, password: &Password) -> bool {
        self.passwords.verify(password, &self.stored) == Verification::Verified
    }

    /// The stored hash.
    pub(crate) fn stored(&self) -> &str {
        &self.stored
    }

    /// Verifies the password `each` times on each of some threads.
    pub(crate) fn slice(&self, threads: usize, each: usize) -> Result<Slice, BenchError> {
        let work = || {
            let before = cpu_of_thread()?;
            let password = Password::attempt(PASSWORD);
            for _ in 0..each {
                if !self.verifies(&password) {
                    return Err(BenchError::Broken("a stored hash"));
                }
            }
            Ok(cpu_of_thread()? - before)
        };
        let watch = Watch::start();
        let cpu: f64 = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let ended = running.into_iter().map(|thread| thread.join().map_err(|_| BenchError::Broken("a hash"))?);
            ended.sum::<Result<f64, BenchError>>()
        })?;
        let hashes = count(threads * each);
        Ok(Slice { cpu_ms: cpu * 1000.0 / hashes, rate: hashes / watch.secs() })
    }
}

/// Each engine with one thread and with two, in turns.
pub(crate) fn measure(report: &mut Report, quick: bool) -> Result<(), BenchError> {
    report.group("hash", "argon2id, m = 19456 KiB, t = 2, p = 1, memory kept and wiped between hashes");
    let (rounds, each) = if quick { (1, 2) } else { (15, 40) };
    let engines = [
        ("argon2-rust, the default", Hashing::new(EngineChoice::Fast)?),
        ("argon2, the reference", Hashing::new(EngineChoice::Reference)?),
    ];
    let plan: Vec<_> = engines.iter().flat_map(|engine| [(engine, 1), (engine, 2)]).collect();
    let mut slices = vec![Vec::new(); plan.len()];
    for _ in 0..rounds {
        for (slices, ((_, hashing), threads)) in slices.iter_mut().zip(&plan) {
            slices.push(hashing.slice(*threads, each)?);
        }
    }
    for (slices, ((name, _), threads)) in slices.iter().zip(&plan) {
        let of = |field: fn(&Slice) -> f64| median(&slices.iter().map(field).collect::<Vec<_>>());
        let threads = if *threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
        report.add(format!("{name}, {threads}: CPU of a hash"), of(|slice| slice.cpu_ms), "ms");
        report.add(format!("{name}, {threads}: rate"), of(|slice| slice.rate), "1/s");
    }
    Ok(())
}

//! The two implementations of argon2 behind one small interface, and the self-check between them.
//!
//! RustCrypto's `argon2` is the reference. `argon2-rust` is about three times faster and younger, so it is used only
//! after it has given the published answers on this processor. Both keep their memory between hashes and wipe it.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, AssociatedData, Block, ParamsBuilder, Version};
use argon2_rust::params::{Memory, TagLen};
use zeroize::Zeroize;

use super::phc::{CostError, Params};
use super::variant::Variant;

/// The choice of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The fast engine if it passes its self-check, otherwise the reference.
    #[default]
    Auto,
    /// The fast engine; the start fails if it is not sound.
    Fast,
    /// The reference engine.
    Reference,
}

/// Why there is no engine to hash with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The configured parameters are not acceptable.
    #[error(transparent)]
    Params(#[from] CostError),
    /// The chosen engine does not give the published answers here.
    #[error("the {0} engine fails its self-check on this machine")]
    SelfCheck(&'static str),
}

/// The hash could not be computed: parameters out of range, or no memory.
#[derive(Debug)]
pub(super) struct Failed;

/// All inputs of one hash.
pub(super) struct Job<'a> {
    pub(super) variant: Variant,
    pub(super) params: Params,
    pub(super) password: &'a [u8],
    pub(super) salt: &'a [u8],
    pub(super) secret: &'a [u8],
    pub(super) data: &'a [u8],
}

/// An implementation of argon2 that keeps its memory.
pub(super) trait Engine: Send + Sync {
    fn name(&self) -> &'static str;

    /// Fills `out` with the tag, or fails without a panic.
    fn hash(&self, job: &Job<'_>, out: &mut [u8]) -> Result<(), Failed>;
}

/// Memory kept for the next hash: at most one piece for each hash that ran at the same time.
struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, memory: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

/// `argon2-rust`: SIMD found at run time.
pub(super) struct Fast {
    pool: Pool<argon2_rust::Hasher>,
    /// Memory beyond this, in KiB, is from a costly legacy hash and is freed.
    keep_kib: u32,
}

impl Fast {
    pub(super) const NAME: &'static str = "argon2-rust";

    pub(super) fn new(keep_kib: u32) -> Self {
        Self { pool: Pool::new(), keep_kib }
    }
}

impl Engine for Fast {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn hash(&self, job: &Job<'_>, out: &mut [u8]) -> Result<(), Failed> {
        let params = argon2_rust::Params::builder()
            .memory(Memory::kib(u64::from(job.params.m_kib)))
            .passes(job.params.t)
            .lanes(job.params.p)
            .tag_len(TagLen::bytes(out.len() as u64))
            .build()
            .map_err(|_| Failed)?;
        let algorithm = match job.variant.algorithm {
            Algorithm::Argon2d => argon2_rust::Algorithm::Argon2d,
            Algorithm::Argon2i => argon2_rust::Algorithm::Argon2i,
            Algorithm::Argon2id => argon2_rust::Algorithm::Argon2id,
        };
        let version = match job.variant.version {
            Version::V0x10 => argon2_rust::Version::V0x10,
            Version::V0x13 => argon2_rust::Version::V0x13,
        };
        let argon2 = argon2_rust::Argon2::new(algorithm, version, params);
        let mut hasher = self.pool.take().unwrap_or_else(|| argon2.hasher());
        hasher.set_argon2(argon2);
        // The hasher wipes its memory itself, whether or not the hash succeeds.
        let result = hasher.hash_into_with_ad(job.password, job.salt, job.secret, job.data, out);
        if job.params.m_kib > self.keep_kib {
            hasher.clear();
        }
        self.pool.give(hasher);
        result.map_err(|_| Failed)
    }
}

/// RustCrypto's `argon2`.
pub(super) struct Reference {
    pool: Pool<Vec<Block>>,
    keep_kib: u32,
}

impl Reference {
    pub(super) const NAME: &'static str = "argon2";

    pub(super) fn new(keep_kib: u32) -> Self {
        Self { pool: Pool::new(), keep_kib }
    }
}

impl Engine for Reference {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn hash(&self, job: &Job<'_>, out: &mut [u8]) -> Result<(), Failed> {
        let mut builder = ParamsBuilder::new();
        builder.m_cost(job.params.m_kib).t_cost(job.params.t).p_cost(job.params.p).output_len(out.len());
        builder.data(AssociatedData::new(job.data).map_err(|_| Failed)?);
        let params = builder.build().map_err(|_| Failed)?;
        let blocks = params.block_count();
        let Variant { algorithm, version } = job.variant;
        let argon2 = argon2::Argon2::new_with_secret(job.secret, algorithm, version, params).map_err(|_| Failed)?;

        let mut memory = self.pool.take().unwrap_or_default();
        if memory.len() < blocks {
            // A fallible reservation: a costly legacy hash must not abort a process that is short of memory.
            memory.try_reserve_exact(blocks - memory.len()).map_err(|_| Failed)?;
            memory.resize(blocks, Block::new());
        }
        let result = argon2.hash_password_into_with_memory(job.password, job.salt, out, &mut memory[..blocks]);
        memory[..blocks].iter_mut().for_each(Zeroize::zeroize);
        if job.params.m_kib <= self.keep_kib {
            self.pool.give(memory);
        }
        result.map_err(|_| Failed)
    }
}

/// The engine of a choice, after its self-check.
pub(super) fn choose(choice: EngineChoice, keep_kib: u32) -> Result<Arc<dyn Engine>, EngineError> {
    // Neither engine allocates memory before its first hash.
    let fast: Arc<dyn Engine> = Arc::new(Fast::new(keep_kib));
    let reference: Arc<dyn Engine> = Arc::new(Reference::new(keep_kib));
    match choice {
        EngineChoice::Auto => first_sound([fast, reference].into_iter()),
        EngineChoice::Fast => first_sound([fast].into_iter()),
        EngineChoice::Reference => first_sound([reference].into_iter()),
    }
}

fn first_sound(candidates: impl Iterator<Item = Arc<dyn Engine>>) -> Result<Arc<dyn Engine>, EngineError> {
    let mut failed = Reference::NAME;
    for engine in candidates {
        if self_check(&*engine) {
            return Ok(engine);
        }
        failed = engine.name();
    }
    Err(EngineError::SelfCheck(failed))
}

/// Two published answers that together cover every lane, the secret, associated data and data-dependent addressing.
fn self_check(engine: &dyn Engine) -> bool {
    // RFC 9106 section 5.3.
    let rfc = Job {
        variant: Variant::OURS,
        params: Params { m_kib: 32, t: 3, p: 4 },
        password: &[1; 32],
        salt: &[2; 16],
        secret: &[3; 8],
        data: &[4; 12],
    };
    // phc-winner-argon2, src/test.c: Argon2id, version 19, t = 2, m = 2^8, p = 1.
    let reference = Job {
        variant: Variant::OURS,
        params: Params { m_kib: 256, t: 2, p: 1 },
        password: b"password",
        salt: b"somesalt",
        secret: &[],
        data: &[],
    };
    answers(engine, &rfc, "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")
        && answers(engine, &reference, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe")
}

fn answers(engine: &dyn Engine, job: &Job<'_>, expected: &str) -> bool {
    let mut out = [0; 32];
    engine.hash(job, &mut out).is_ok() && hex::encode(out) == expected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Broken;

    impl Engine for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn hash(&self, _: &Job<'_>, out: &mut [u8]) -> Result<(), Failed> {
            out.fill(7);
            Ok(())
        }
    }

    #[test]
    fn both_engines_pass_their_self_check() {
        assert!(self_check(&Fast::new(256)));
        assert!(self_check(&Reference::new(256)));
    }

    #[test]
    fn both_engines_give_the_published_answers_of_argon2d_and_argon2i() {
        for (ident, expected) in [
            // RFC 9106 sections 5.1 and 5.2; section 5.3 is in the self-check.
            ("argon2d", "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb"),
            ("argon2i", "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8"),
        ] {
            let job = Job {
                variant: Variant::of(ident, Some(19)).unwrap(),
                params: Params { m_kib: 32, t: 3, p: 4 },
                password: &[1; 32],
                salt: &[2; 16],
                secret: &[3; 8],
                data: &[4; 12],
            };
            assert!(answers(&Fast::new(256), &job, expected));
            assert!(answers(&Reference::new(256), &job, expected));
        }
    }

    #[test]
    fn an_engine_with_wrong_answers_is_not_used() {
        let engine = first_sound([Arc::new(Broken) as Arc<dyn Engine>, Arc::new(Reference::new(8))].into_iter());
        assert_eq!(engine.ok().map(|engine| engine.name()), Some(Reference::NAME));
        let none = first_sound([Arc::new(Broken) as Arc<dyn Engine>].into_iter());
        assert_eq!(none.err(), Some(EngineError::SelfCheck("broken")));
    }

    #[test]
    fn memory_is_reused_and_wiped_or_freed() {
        let (fast, reference) = (Fast::new(64), Reference::new(64));
        let mut job = Job {
            variant: Variant::OURS,
            params: Params { m_kib: 64, t: 1, p: 1 },
            password: b"password",
            salt: b"somesalt",
            secret: &[],
            data: &[],
        };
        for _ in 0..3 {
            fast.hash(&job, &mut [0; 32]).unwrap();
            reference.hash(&job, &mut [0; 32]).unwrap();
        }
        assert_eq!(fast.pool.0.lock().unwrap().len(), 1);
        let kept = reference.pool.0.lock().unwrap();
        assert!(kept.len() == 1 && kept[0].iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
        drop(kept);

        job.params.m_kib = 128;
        fast.hash(&job, &mut [0; 32]).unwrap();
        reference.hash(&job, &mut [0; 32]).unwrap();
        assert!(fast.pool.0.lock().unwrap().iter().all(|hasher| hasher.reserved_blocks() == 0));
        assert!(reference.pool.0.lock().unwrap().is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn both_engines_agree_over_random_parameters(
            ident in prop::sample::select(vec!["argon2d", "argon2i", "argon2id"]),
            version in prop::sample::select(vec![None, Some(19)]),
            p in 1u32..5, extra in 0u32..300, t in 1u32..4, length in 4usize..80,
            password in prop::collection::vec(any::<u8>(), 0..80),
            salt in prop::collection::vec(any::<u8>(), 8..49),
            secret in prop::collection::vec(any::<u8>(), 0..33),
            data in prop::collection::vec(any::<u8>(), 0..33),
        ) {
            let job = Job {
                variant: Variant::of(ident, version).unwrap(),
                params: Params { m_kib: 8 * p + extra, t, p },
                password: &password, salt: &salt, secret: &secret, data: &data,
            };
            let (mut fast, mut reference) = (vec![0; length], vec![1; length]);
            Fast::new(1024).hash(&job, &mut fast).unwrap();
            Reference::new(1024).hash(&job, &mut reference).unwrap();
            prop_assert_eq!(fast, reference);
        }
    }
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};

use umoja_crypto::{EngineChoice, Params, Password, PasswordKeys, Policy, legacy};
use umoja_schema::{LegacyHash, Millis};
use umoja_store::ports::Permit;

use super::*;

fn passwords() -> Arc<Passwords> {
    Arc::new(Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap())
}

fn company(id: &str) -> CompanyId {
    id.parse().unwrap()
}

fn attempt(password: &str, secret: Option<&str>, old: &[&str]) -> Attempt {
    let company = company("acme");
    let legacy_hashes =
        old.iter().map(|hash| LegacyHash { company: company.clone(), hash: (*hash).to_owned() }).collect();
    Attempt {
        permit: Permit::for_a_test(),
        company,
        password: Password::attempt(password),
        secret: secret.map(Into::into),
        legacy_hashes,
        salt: [7; 16],
        keys: Arc::default(),
    }
}

#[test]
fn only_the_right_password_is_verified() {
    let passwords = passwords();
    let secret = passwords.hash(&Password::attempt("right"), [1; 16]);
    assert_eq!(decide(&passwords, &attempt("right", Some(&secret), &[])), Verdict::Verified);
    assert_eq!(decide(&passwords, &attempt("wrong", Some(&secret), &[])), Verdict::Wrong);
    assert_eq!(decide(&passwords, &attempt("right", None, &[])), Verdict::Wrong);
    assert_eq!(decide(&passwords, &attempt("right", Some("damaged"), &[])), Verdict::Wrong);
}

#[test]
fn outdated_parameters_are_upgraded() {
    let passwords = passwords();
    let outdated = Passwords::new(Params { m_kib: 32, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap();
    let secret = outdated.hash(&Password::attempt("right"), [1; 16]);
    let todays = passwords.hash(&Password::attempt("right"), [7; 16]);
    assert_eq!(decide(&passwords, &attempt("right", Some(&secret), &[])), Verdict::Upgrade(todays));
    assert_eq!(decide(&passwords, &attempt("wrong", Some(&secret), &[])), Verdict::Wrong);
}

#[test]
fn any_matching_legacy_hash_is_upgraded() {
    let passwords = passwords();
    // Published examples: hashcat's of SSHA (password `hashcat`), and crypt_blowfish's (password `U*U`).
    let ssha = "{SSHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==";
    let wrapped = legacy::import(&passwords, ssha, [3; 16]).unwrap();
    let bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let ours = |password| Verdict::Upgrade(passwords.hash(&Password::attempt(password), [7; 16]));
    for old in [&[bcrypt, wrapped.as_str()][..], &[&wrapped, bcrypt]] {
        assert_eq!(decide(&passwords, &attempt("hashcat", None, old)), ours("hashcat"));
        assert_eq!(decide(&passwords, &attempt("U*U", None, old)), ours("U*U"));
        assert_eq!(decide(&passwords, &attempt("wrong", None, old)), Verdict::Wrong);
    }
}

#[test]
fn a_hash_made_with_a_secret_needs_that_secret() {
    use umoja_crypto::legacy::{ForeignHash, HashKey, HashKeys, TextEncoding};
    // hashcat's example hash 11000, PrestaShop: the password is `hashcat`.
    let digest = TextEncoding::Hex.decode("f22cade043e7214200206dbffca49fd9").unwrap();
    let cookie_key = "27167508161455764247627144160038845437138252877014827848";
    let key = HashKey::Secret(TextEncoding::Utf8.decode(cookie_key).unwrap());
    let keys = HashKeys::default().with("shop", key).unwrap();
    let without = passwords();
    let stored = ForeignHash::presta_shop("shop", &digest).unwrap().to_stored(&without, [3; 16]);
    let keys = Arc::new(PasswordKeys::from(keys));
    let with = |password| Attempt { keys: Arc::clone(&keys), ..attempt(password, None, &[&stored]) };
    let todays = without.hash(&Password::attempt("hashcat"), [7; 16]);
    assert_eq!(decide(&without, &with("hashcat")), Verdict::Upgrade(todays));
    assert_eq!(decide(&without, &with("wrong")), Verdict::Wrong);
    assert_eq!(decide(&without, &attempt("hashcat", None, &[&stored])), Verdict::Wrong);
}

#[test]
fn outdated_peppers_are_upgraded_and_unknown_ones_are_wrong() {
    use umoja_crypto::Pepper;
    let pepper = |id: &str| Pepper::new(id, [id.as_bytes()[0]; 32]).unwrap();
    let keys = |former: &[&str], now: Option<&str>, next: Option<&str>| {
        let former_peppers = former.iter().map(|id| pepper(id)).collect();
        let (pepper, next_pepper) = (now.map(pepper), next.map(pepper));
        Arc::new(PasswordKeys { pepper, next_pepper, former_peppers, ..PasswordKeys::default() })
    };
    let passwords = passwords();
    let hash = |keys: Arc<PasswordKeys>| passwords.with_keys(keys).hash(&Password::attempt("right"), [7; 16]);
    let (none, one) = (|| keys(&[], None, None), || keys(&[], Some("1"), None));
    let (plain, first, second) = (hash(none()), hash(one()), hash(keys(&[], Some("2"), None)));
    let to = |hash: &str| Verdict::Upgrade(hash.to_owned());
    let stages = [
        (none(), [Verdict::Verified, Verdict::Wrong, Verdict::Wrong]),
        (keys(&[], None, Some("1")), [Verdict::Verified, Verdict::Verified, Verdict::Wrong]),
        (one(), [to(&first), Verdict::Verified, Verdict::Wrong]),
        (keys(&[], Some("1"), Some("2")), [to(&first), Verdict::Verified, Verdict::Verified]),
        (keys(&["1"], Some("2"), None), [to(&second), to(&second), Verdict::Verified]),
    ];
    for (keys, wanted) in stages {
        for (stored, wanted) in [&plain, &first, &second].into_iter().zip(wanted) {
            let made = |password| Attempt { keys: Arc::clone(&keys), ..attempt(password, Some(stored), &[]) };
            assert_eq!(decide(&passwords, &made("right")), wanted);
            assert_eq!(decide(&passwords, &made("wrong")), Verdict::Wrong);
        }
    }
}

#[test]
fn legacy_hashes_are_not_tried_once_there_is_a_secret() {
    let passwords = passwords();
    let secret = passwords.hash(&Password::attempt("new"), [1; 16]);
    let bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    assert_eq!(decide(&passwords, &attempt("U*U", Some(&secret), &[bcrypt])), Verdict::Wrong);
}

#[tokio::test]
async fn the_pool_and_the_inline_hasher_agree() {
    let hashers: [Box<dyn Hasher>; 2] = [
        Box::new(InlineHasher::new(passwords())),
        Box::new(HashPool::new(passwords(), PoolSettings::default(), clock())),
    ];
    for hasher in hashers {
        let new = |password| NewPassword {
            company: company("acme"),
            password: Password::attempt(password),
            policy: Some(Policy::new(0, ["ada lovelace"])),
            salt: [1; 16],
            keys: Arc::default(),
        };
        assert_eq!(hasher.hash(new("lovelace")).await, Ok(Err(Weakness::Personal)));
        // What an old system has verified is kept.
        let kept = hasher.hash(NewPassword { policy: None, ..new("lovelace") }).await.unwrap().unwrap();
        assert_eq!(hasher.verify(attempt("lovelace", Some(&kept), &[])).await, Ok(Verdict::Verified));
        let secret = hasher.hash(new("correct horse")).await.unwrap().unwrap();
        assert_eq!(hasher.verify(attempt("correct horse", Some(&secret), &[])).await, Ok(Verdict::Verified));
        assert_eq!(hasher.verify(attempt("wrong", Some(&secret), &[])).await, Ok(Verdict::Wrong));
    }
}

#[tokio::test]
async fn a_breached_password_or_an_unreadable_list_is_rejected() {
    let password = "correct horse battery staple";
    let [sha1, _] = Password::attempt(password).breach_hashes();
    let line = hex::encode_upper(sha1) + ":1";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("list");
    crate::breached::build(line.as_bytes(), std::fs::File::create(&path).unwrap(), 1).unwrap();
    let list = || crate::BreachedList::open(&path).unwrap();
    let new = |password| NewPassword {
        company: company("acme"),
        password: Password::attempt(password),
        policy: Some(Policy::new(3, [])),
        salt: [1; 16],
        keys: Arc::default(),
    };
    let pool = HashPool::new(passwords(), PoolSettings::default(), clock()).with_breached(list());
    assert_eq!(pool.hash(new(password)).await, Ok(Err(Weakness::Breached)));
    assert!(pool.hash(new("correct horse battery stapler")).await.unwrap().is_ok());
    let pool = HashPool::new(passwords(), PoolSettings::default(), clock()).with_breached(list());
    std::fs::File::options().write(true).open(&path).unwrap().set_len(20).unwrap();
    assert!(pool.hash(new(password)).await.is_err());
    let secret = passwords().hash(&Password::attempt(password), [1; 16]);
    assert_eq!(pool.verify(attempt(password, Some(&secret), &[])).await, Ok(Verdict::Verified));
}

/// Work that reports its start and runs until it is released.
struct Gate {
    started: mpsc::Sender<&'static str>,
    release: Arc<Mutex<mpsc::Receiver<()>>>,
}

struct Gates {
    gate: Gate,
    started: mpsc::Receiver<&'static str>,
    release: mpsc::Sender<()>,
}

impl Gates {
    fn new() -> Self {
        let ((started, has_started), (release, released)) = (mpsc::channel(), mpsc::channel());
        Self { gate: Gate { started, release: Arc::new(Mutex::new(released)) }, started: has_started, release }
    }

    fn work(&self, of: &'static str) -> impl FnOnce(&Passwords) + Send + 'static {
        let (started, release) = (self.gate.started.clone(), Arc::clone(&self.gate.release));
        move |_| {
            started.send(of).unwrap();
            release.lock().unwrap().recv().unwrap();
        }
    }

    /// Lets a hash end, and returns the company of the next one.
    fn next(&self) -> &'static str {
        self.release.send(()).unwrap();
        self.started.recv().unwrap()
    }
}

/// Hashes take no time on this clock unless it is moved, so the mean stays at its initial value of 10 ms.
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock(AtomicU64::new(1_000)))
}

fn pool_with(at_once: usize, wait_ms: u64, clock: Arc<TestClock>) -> Arc<HashPool> {
    let settings = PoolSettings { at_once, wait: Duration::from_millis(wait_ms) };
    Arc::new(HashPool::new(passwords(), settings, clock))
}

fn pool(at_once: usize, wait_ms: u64) -> Arc<HashPool> {
    pool_with(at_once, wait_ms, clock())
}

fn run_of(of: &'static str, pool: &Arc<HashPool>, gates: &Gates) -> tokio::task::JoinHandle<Result<(), Busy>> {
    let (pool, work) = (Arc::clone(pool), gates.work(of));
    tokio::spawn(async move { pool.run(&company(of), work).await })
}

fn run(pool: &Arc<HashPool>, gates: &Gates) -> tokio::task::JoinHandle<Result<(), Busy>> {
    run_of("acme", pool, gates)
}

async fn until_waiting(pool: &HashPool, many: usize) {
    while pool.waiting() < many {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_hashes_are_limited_by_the_setting() {
    let (pool, gates) = (pool(2, 60_000), Gates::new());
    let tasks: Vec<_> = (0..10).map(|_| run(&pool, &gates)).collect();
    for _ in 0..2 {
        gates.started.recv().unwrap();
    }
    until_waiting(&pool, 8).await;
    assert!(gates.started.try_recv().is_err(), "a third one started");
    for _ in 0..10 {
        gates.release.send(()).unwrap();
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert_eq!((pool.waiting(), pool.turns.running()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnected_caller_keeps_its_turn_until_its_hash_ends() {
    let (pool, gates) = (pool(1, 60_000), Gates::new());
    let gone = run(&pool, &gates);
    gates.started.recv().unwrap();
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    assert_eq!(pool.turns.running(), 1, "its hash still runs");

    let next = run(&pool, &gates);
    until_waiting(&pool, 1).await;
    assert!(gates.started.try_recv().is_err());
    gates.next();
    gates.release.send(()).unwrap();
    assert_eq!(next.await.unwrap(), Ok(()));
    assert_eq!(pool.turns.running(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_left_the_queue_are_not_hashed() {
    let (pool, gates) = (pool(1, 60_000), Gates::new());
    let first = run(&pool, &gates);
    gates.started.recv().unwrap();
    let gone: Vec<_> = (0..5).map(|_| run_of("gone", &pool, &gates)).collect();
    until_waiting(&pool, 5).await;
    let stays = run_of("stays", &pool, &gates);
    until_waiting(&pool, 6).await;
    for task in &gone {
        task.abort();
    }
    for task in gone {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert_eq!(pool.waiting(), 1, "a caller that disconnects leaves the queue");
    assert_eq!(gates.next(), "stays");
    gates.release.send(()).unwrap();
    assert_eq!((first.await.unwrap(), stays.await.unwrap()), (Ok(()), Ok(())));
    assert_eq!(pool.turns.running(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_delays_other_companies_by_one_hash() {
    let (pool, gates) = (pool(1, 60_000), Gates::new());
    let mut tasks = vec![run_of("storm", &pool, &gates)];
    assert_eq!(gates.started.recv().unwrap(), "storm");
    for many in 1..=6 {
        tasks.push(run_of("storm", &pool, &gates));
        until_waiting(&pool, many).await;
    }
    for (many, of) in [(7, "calm"), (8, "calm"), (9, "third")] {
        tasks.push(run_of(of, &pool, &gates));
        until_waiting(&pool, many).await;
    }
    let order: Vec<_> = (0..9).map(|_| gates.next()).collect();
    assert_eq!(order, ["storm", "calm", "third", "storm", "calm", "storm", "storm", "storm", "storm"]);
    gates.release.send(()).unwrap();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_forward_keeps_no_caller_waiting() {
    let clock = clock();
    let (pool, gates) = (pool_with(1, 1_000, Arc::clone(&clock)), Gates::new());
    let first = run(&pool, &gates);
    gates.started.recv().unwrap();
    clock.0.fetch_add(24 * 60 * 60 * 1000, Ordering::Relaxed);
    gates.release.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
    let second = run(&pool, &gates);
    gates.started.recv().unwrap();
    assert_eq!(pool.rejects(&company("acme")), None);
    gates.release.send(()).unwrap();
    assert_eq!(second.await.unwrap(), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_waits_are_rejected_for_each_company_separately() {
    // Two hashes at once, 10 ms each: the twentieth caller waits 100 ms.
    let (pool, gates) = (pool(2, 100), Gates::new());
    let mut tasks: Vec<_> = (0..2).map(|_| run_of("storm", &pool, &gates)).collect();
    for _ in 0..2 {
        gates.started.recv().unwrap();
    }
    for many in 1..=20 {
        assert_eq!(pool.rejects(&company("storm")), None);
        tasks.push(run_of("storm", &pool, &gates));
        until_waiting(&pool, many).await;
    }
    let busy = Busy { retry_after_secs: 1 };
    assert_eq!(pool.rejects(&company("storm")), Some(busy));
    assert_eq!(pool.run(&company("storm"), |_| ()).await, Err(busy));
    assert_eq!(pool.rejects(&company("calm")), None);
    tasks.push(run_of("calm", &pool, &gates));
    until_waiting(&pool, 21).await;
    for task in &tasks[2..] {
        task.abort();
    }
    for _ in 0..2 {
        gates.release.send(()).unwrap();
    }
    for task in tasks {
        let _ended = task.await;
    }
    assert_eq!((pool.waiting(), pool.turns.running()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_legacy_hashes_shorten_the_queue() {
    let clock = clock();
    let (pool, gates) = (pool_with(1, 100, Arc::clone(&clock)), Gates::new());
    for _ in 0..40 {
        let task = run(&pool, &gates);
        gates.started.recv().unwrap();
        clock.0.fetch_add(500, Ordering::Relaxed);
        gates.release.send(()).unwrap();
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    let last = run(&pool, &gates);
    gates.started.recv().unwrap();
    assert_eq!(pool.run(&company("acme"), |_| ()).await, Err(Busy { retry_after_secs: 1 }), "the wait is 350 ms");
    gates.release.send(()).unwrap();
    assert_eq!(last.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_becomes_too_long_ends() {
    let (pool, gates) = (pool(1, 1000), Gates::new());
    let first = run(&pool, &gates);
    tokio::task::yield_now().await;
    let second = run(&pool, &gates);
    until_waiting(&pool, 1).await;
    // Virtual time does not move while a hash runs, unless the test advances it.
    tokio::time::advance(Duration::from_millis(1501)).await;
    assert_eq!(second.await.unwrap(), Err(Busy { retry_after_secs: 1 }));
    gates.release.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
}

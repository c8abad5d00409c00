//! The workload in its own process: prints `name value` lines.

use std::{
    io::BufRead,
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::engine::{Op, Reader, Result, Store, Writer, open};

const LARGEST_GROUP: usize = 256;
const LOADING_GROUP: u64 = 10_000;
/// Numbers of the users written while measuring; the loaded ones count from zero.
const NEW: u64 = 1 << 40;
/// Numbers of the users written until the process is killed.
const DOOMED: u64 = 1 << 41;
const SECOND: u64 = 1 << 42;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.next().to_le_bytes()));
        bytes
    }
}

fn id(user: u64) -> [u8; 16] {
    Random(user ^ 0x756d_6f6a_6100_0000).bytes()
}

/// All data of a user follows from the number. The body does not compress, like ciphertext.
fn op(user: u64) -> Op {
    Op { id: id(user), ownership: Random(!user).bytes(), body: Random(user).bytes::<2048>().to_vec() }
}

type Waiting = (Op, SyncSender<bool>);

/// The writer of the local adapter: receive the waiting operations, commit once, answer all.
fn write_groups(mut writer: Box<dyn Writer>, waiting: Receiver<Waiting>) -> Result<()> {
    while let Ok(first) = waiting.recv() {
        let (ops, answers): (Vec<_>, Vec<_>) =
            std::iter::once(first).chain(waiting.try_iter().take(LARGEST_GROUP - 1)).unzip();
        for (existed, answer) in writer.commit(&ops, true)?.into_iter().zip(answers) {
            let _ = answer.send(existed); // the client may have left
        }
    }
    Ok(())
}

/// One client: new users (even turns) and changes of stored ones (odd turns), until stopped.
fn client(seed: u64, users: u64, queue: SyncSender<Waiting>, new: &AtomicU64, stop: &AtomicBool) -> Vec<Duration> {
    let mut random = Random(seed);
    let mut latencies = Vec::new();
    let (answer, answered) = sync_channel(1);
    while !stop.load(Ordering::Relaxed) {
        let change = latencies.len() % 2 == 1;
        let user = if change { random.next() % users } else { new.fetch_add(1, Ordering::Relaxed) };
        let op = op(user);
        let start = Instant::now();
        if queue.send((op, answer.clone())).is_err() {
            break;
        }
        assert_eq!(answered.recv(), Ok(change), "the condition check gave a wrong answer");
        latencies.push(start.elapsed());
    }
    latencies
}

/// Point gets of stored users; returns the rate and the CPU microseconds of each.
fn read(mut reader: Box<dyn Reader>, users: u64, time: Duration) -> Result<(f64, f64)> {
    let mut random = Random(7);
    let (start, cpu) = (Instant::now(), thread_cpu()?);
    let mut gets = 0_u32;
    while start.elapsed() < time {
        for _ in 0..64 {
            let body = reader.get(&id(random.next() % users))?.ok_or("a stored user is missing")?;
            assert_eq!(body.len(), 2048);
        }
        gets += 64;
    }
    Ok((f64::from(gets) / start.elapsed().as_secs_f64(), (thread_cpu()? - cpu) / f64::from(gets)))
}

/// CPU microseconds of this thread so far.
fn thread_cpu() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split(' ').next().ok_or("no schedstat")?.parse::<f64>()? / 1000.0)
}

/// Resident memory: the current value and the peak.
fn resident_mib() -> Result<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mib = |name| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        Ok(line.trim_end_matches("kB").trim().parse::<u64>()? >> 10)
    };
    Ok((mib("VmRSS:")?, mib("VmHWM:")?))
}

fn measure(store: &dyn Store, clients: u64, users: u64, new: &AtomicU64, time: Duration, reading: bool) -> Result<()> {
    let (queue, waiting) = sync_channel(1024);
    let stop = AtomicBool::new(false);
    let writer = store.writer()?;
    let reader = store.reader()?;
    let (mut latencies, gets, lasted) = thread::scope(|scope| -> Result<_> {
        let start = Instant::now();
        let group = scope.spawn(move || write_groups(writer, waiting));
        let clients: Vec<_> = (0..clients)
            .map(|seed| (seed, queue.clone(), &stop))
            .map(|(seed, queue, stop)| scope.spawn(move || client(seed, users, queue, new, stop)))
            .collect();
        drop(queue);
        let gets = if reading {
            Some(read(reader, users, time)?)
        } else {
            thread::sleep(time);
            None
        };
        stop.store(true, Ordering::Relaxed);
        let latencies: Vec<_> = clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
        let lasted = start.elapsed();
        group.join().expect("no panic")?;
        Ok((latencies, gets, lasted))
    })?;
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    let rate = latencies.len() as f64 / lasted.as_secs_f64();
    match gets {
        Some((gets, cpu)) => println!("both writes/s, gets/s, us CPU a get|{rate:.0}, {gets:.0}, {cpu:.1}"),
        None => println!("{clients} clients: writes/s, p50 / p99 ms|{rate:.0}, {:.2} / {:.2}", at(50), at(99)),
    }
    Ok(())
}

/// Loads up to the size, then measures writes and reads.
pub fn stage(engine: &str, dir: &Path, from: u64, users: u64, time: Duration) -> Result<()> {
    let store = open(engine, Some(dir))?;
    let start = Instant::now();
    load(store.writer()?, from, users)?;
    println!("load/s|{:.0}", (users - from) as f64 / start.elapsed().as_secs_f64());
    let new = AtomicU64::new(NEW + users * 1000);
    for clients in [1, 16, 64] {
        measure(&*store, clients, users, &new, time, false)?;
    }
    let (gets, cpu) = read(store.reader()?, users, time)?;
    println!("gets/s, us CPU|{gets:.0}, {cpu:.1}");
    measure(&*store, 16, users, &new, time, true)?;
    let (now, peak) = resident_mib()?;
    println!("RSS MiB after, peak|{now}, {peak}");
    Ok(())
}

fn load(mut writer: Box<dyn Writer>, from: u64, users: u64) -> Result<()> {
    for group in (from..users).step_by(LOADING_GROUP as usize) {
        let ops: Vec<_> = (group..users.min(group + LOADING_GROUP)).map(op).collect();
        writer.commit(&ops, false)?;
    }
    Ok(())
}

/// Writes until killed, and prints the number of each acknowledged user.
pub fn doomed(engine: &str, dir: &Path) -> Result<()> {
    let store = open(engine, Some(dir))?;
    let (queue, waiting) = sync_channel::<Waiting>(1024);
    let writer = store.writer()?;
    let new = AtomicU64::new(DOOMED);
    thread::scope(|scope| {
        for _ in 0..16 {
            let (queue, new) = (queue.clone(), &new);
            scope.spawn(move || {
                let (answer, answered) = sync_channel(1);
                loop {
                    let user = new.fetch_add(1, Ordering::Relaxed);
                    if queue.send((op(user), answer.clone())).is_err() || answered.recv().is_err() {
                        break;
                    }
                    println!("{user}");
                }
            });
        }
        drop(queue);
        write_groups(writer, waiting)
    })
}

/// Opens the database, times the first get, then looks up every user whose number it reads.
pub fn reopen(engine: &str, dir: &Path) -> Result<()> {
    let start = Instant::now();
    let store = open(engine, Some(dir))?;
    let mut reader = store.reader()?;
    reader.get(&id(0))?.ok_or("the first user is missing")?;
    println!("open ms|{:.0}", start.elapsed().as_secs_f64() * 1000.0);
    println!("idle RSS MiB|{}", resident_mib()?.0);
    let (mut looked_for, mut missing) = (0, 0);
    for user in std::io::stdin().lock().lines() {
        let op = op(user?.parse()?);
        looked_for += 1;
        missing += u64::from(reader.get(&op.id)?.is_none_or(|body| body != op.body));
    }
    if looked_for > 0 {
        println!("missing of acknowledged|{missing} of {looked_for}");
    }
    Ok(())
}

/// Tries to read and to write while another process writes.
pub fn second(engine: &str, dir: &Path) -> Result<()> {
    let store = open(engine, Some(dir))?;
    store.reader()?.get(&id(0))?.ok_or("the first user is missing")?;
    let (start, mut writer) = (Instant::now(), store.writer()?);
    for user in SECOND..SECOND + 20 {
        writer.commit(&[op(user)], true)?;
    }
    println!("second process|reads; writes in {:.1} ms", start.elapsed().as_secs_f64() * 50.0);
    Ok(())
}

/// The in-memory mode: one caller, no group.
pub fn memory(engine: &str, time: Duration) -> Result<()> {
    let start = Instant::now();
    let store = open(engine, None)?;
    println!("memory: open us|{}", start.elapsed().as_micros());
    let mut writer = store.writer()?;
    let mut users = 0;
    let start = Instant::now();
    while start.elapsed() < time {
        writer.commit(&[op(users)], true)?;
        users += 1;
    }
    let (gets, _) = read(store.reader()?, users, time)?;
    println!("memory: writes/s, gets/s|{:.0}, {gets:.0}", users as f64 / time.as_secs_f64());
    Ok(())
}

//! Measures the embedded databases that the local adapter could use; see docs/engines.md. Linux only (`/proc`).

mod engine;
mod work;

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use engine::{ENGINES, Result};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let time = |seconds: &str| Ok::<_, std::num::ParseFloatError>(Duration::from_secs_f64(seconds.parse()?));
    match arguments[..] {
        ["stage", engine, dir, from, users, seconds] => {
            work::stage(engine, Path::new(dir), from.parse()?, users.parse()?, time(seconds)?)
        }
        ["doomed", engine, dir] => work::doomed(engine, Path::new(dir)),
        ["reopen", engine, dir] => work::reopen(engine, Path::new(dir)),
        ["second", engine, dir] => work::second(engine, Path::new(dir)),
        ["memory", engine, seconds] => work::memory(engine, time(seconds)?),
        _ => compare(&arguments),
    }
}

/// Runs every engine through every size, the engines in turn at each step, each step in its own process.
fn compare(arguments: &[&str]) -> Result<()> {
    let mut dir = std::env::temp_dir();
    let mut sizes = "1000,100000,1000000";
    let mut seconds = "2";
    let mut engines = ENGINES.join(",");
    for pair in arguments.chunks(2) {
        match *pair {
            ["--dir", value] => dir = PathBuf::from(value),
            ["--sizes", value] => sizes = value,
            ["--seconds", value] => seconds = value,
            ["--engines", value] => engines = value.to_owned(),
            _ => return Err("usage: engines [--dir D] [--sizes N,N] [--seconds S] [--engines A,B]".into()),
        }
    }
    let dir = dir.join(format!("umoja-engines-{}", std::process::id()));
    let engines: Vec<_> = engines.split(',').collect();
    let outcome = compare_in(&dir, &engines, &sizes.split(',').collect::<Vec<_>>(), seconds);
    std::fs::remove_dir_all(&dir)?;
    outcome
}

fn compare_in(dir: &Path, engines: &[&str], sizes: &[&str], seconds: &str) -> Result<()> {
    println!("SQLite {}", rusqlite::version());
    let dirs: Vec<_> = engines.iter().map(|engine| dir.join(engine)).collect();
    dirs.iter().try_for_each(std::fs::create_dir_all)?;
    let text = |dir: &Path| dir.to_str().map(str::to_owned).ok_or("the path is not UTF-8");
    let mut from = "0";
    for users in sizes {
        let mut table = Table::default();
        for (engine, dir) in engines.iter().zip(&dirs) {
            table.add(engine, &step(&["stage", engine, &text(dir)?, from, users, seconds], ""));
            table.add(engine, &step(&["reopen", engine, &text(dir)?], ""));
            table.add(engine, &format!("files MiB|{}", size(dir)? >> 20));
        }
        table.print(&format!("{users} users"), engines);
        from = users;
    }
    let mut table = Table::default();
    for (engine, dir) in engines.iter().zip(&dirs) {
        let dir = text(dir)?;
        table.add(engine, &killed(engine, &dir)?);
        table.add(engine, &step(&["memory", engine, seconds], ""));
    }
    table.print("kill -9, a second process, memory", engines);
    Ok(())
}

/// Kills a writing process after a second one tried to join, and checks that the acknowledged writes are there.
fn killed(engine: &str, dir: &str) -> Result<String> {
    let acknowledged = PathBuf::from(dir).join("acknowledged");
    let mut child = Command::new(std::env::current_exe()?)
        .args(["doomed", engine, dir])
        .stdout(std::fs::File::create(&acknowledged)?)
        .spawn()?;
    thread::sleep(Duration::from_secs(2));
    let second = step(&["second", engine, dir], "");
    thread::sleep(Duration::from_secs(1));
    child.kill()?;
    child.wait()?;
    let numbers = std::fs::read_to_string(&acknowledged)?;
    let whole_lines = &numbers[..numbers.rfind('\n').map_or(0, |end| end + 1)];
    Ok(format!("{second}{}", step(&["reopen", engine, dir], whole_lines)).replace("open ms|", "open after kill ms|"))
}

/// Runs one step in its own process; an error becomes part of its report.
fn step(arguments: &[&str], input: &str) -> String {
    let run = || -> Result<String> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("no stdin")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        let mut report = String::from_utf8(output.stdout)?;
        if !output.status.success() {
            let why = String::from_utf8(output.stderr)?;
            let why = why.trim().replace(['\n', '|'], " ");
            report.push_str(&format!("{} failed|{why}\n", arguments[0]));
        }
        Ok(report)
    };
    run().unwrap_or_else(|error| format!("{} failed|{error}\n", arguments[0]))
}

fn size(path: &Path) -> Result<u64> {
    if !path.is_dir() {
        return Ok(std::os::unix::fs::MetadataExt::blocks(&path.metadata()?) * 512);
    }
    std::fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}

/// Rows in order of first mention, one column an engine.
#[derive(Default)]
struct Table {
    rows: Vec<String>,
    cells: BTreeMap<(String, String), String>,
}

impl Table {
    fn add(&mut self, engine: &str, report: &str) {
        for (name, value) in report.lines().filter_map(|line| line.split_once('|')) {
            if !self.rows.iter().any(|row| row == name) {
                self.rows.push(name.to_owned());
            }
            self.cells.insert((name.to_owned(), engine.to_owned()), value.to_owned());
        }
    }

    fn print(&self, title: &str, engines: &[&str]) {
        println!("\n| {title} | {} |\n|---|{}", engines.join(" | "), "---|".repeat(engines.len()));
        for row in &self.rows {
            let cell = |engine: &&str| self.cells.get(&(row.clone(), (*engine).to_owned())).map_or("", String::as_str);
            println!("| {row} | {} |", engines.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
    }
}

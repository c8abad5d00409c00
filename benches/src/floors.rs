//! Look-ups and logins beside their floors ([`crate::floor`]), in turns: the processor time of two processes that are sent
//! the same requests over as many connections. Both are read from the kernel's clock of the process, which counts only
//! the time in which its threads ran, so that other work of the machine disturbs both by what it takes of the caches, and by
//! nothing else.

use std::path::Path;

use umoja_crypto::EngineChoice;

use crate::error::{BenchError, io};
use crate::figure::{Limit, Report, median};
use crate::floor::Settings;
use crate::hash::Hashing;
use crate::http_load::{CONNECTIONS, Load, Operation, of};
use crate::load::Connections;
use crate::server::Server;
use crate::stage::{Stage, free_port};

/// The most processor time of a look-up, as a multiple of its floor.
const LOOKUP: Limit = Limit::AtMost(1.5);
/// The least share of an authenticate's processor time that its floor is.
const AUTHENTICATE: Limit = Limit::AtLeast(0.97);

/// The bytes of a signed answer to a login that is not admitted, about.
pub(crate) const REJECTED: usize = 700;

/// Starts the floor of a stage, whose answers have the size of the region's.
pub(crate) fn start(stage: &Stage, load: &Load<'_>) -> Result<(Server, String), BenchError> {
    let port = free_port().map_err(io("a port"))?;
    let key = stage.company().record().keys.first().ok_or(BenchError::Broken("the company's key"))?;
    let settings = Settings {
        port,
        base_url: stage.urls()[0].clone(),
        alg: key.alg.clone(),
        public_key_pem: key.public_key_pem.clone(),
        found: load.answer(Operation::Lookup)?,
        authenticated: load.answer(Operation::Authenticate)?,
        rejected: REJECTED,
    };
    let url = format!("http://127.0.0.1:{port}");
    Ok((Server::start_floor(stage.path(), &url, &settings)?, url))
}

/// One operation over some connections, at the region and at the floor.
struct Pair {
    connections: usize,
    region: Connections,
    floor: Connections,
    /// The processor time of a request: the region's, the floor's, and of a bare hash, in microseconds.
    cpu_us: Vec<[f64; 3]>,
}

/// Short slices in turns: bare hashes, the floor, the region. A ratio is the median of those of neighbouring slices.
pub(crate) fn measure(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    let users = if quick { 20 } else { 1_000 };
    report.group("floors", &format!("server CPU of `umoja serve` beside that of a bare server, {users} users"));
    let stage = Stage::with_users(dir, users)?;
    let server = Server::start(stage.path(), stage.urls())?;
    let mut load = Load::new(&stage, &server)?;
    let (floor, url) = start(&stage, &load)?;
    let hashing = Hashing::new(EngineChoice::Auto)?;
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    for (operation, rounds, each) in [(Operation::Authenticate, 40, 32), (Operation::Lookup, 40, 400)] {
        let (rounds, each) = if quick { (1, 4) } else { (rounds, each) };
        let pair = |connections| {
            let (region, floor) = (load.connect(connections)?, load.connect_to(&url, connections)?);
            Ok(Pair { connections, region, floor, cpu_us: Vec::new() })
        };
        let mut pairs = CONNECTIONS.into_iter().map(pair).collect::<Result<Vec<_>, BenchError>>()?;
        for round in 0..=rounds {
            for pair in &mut pairs {
                let threads = if pair.connections == 1 { 1 } else { cores };
                let hashes = if operation == Operation::Authenticate { each / threads } else { 1 };
                let bare = hashing.slice(threads, hashes)?.cpu_ms * 1000.0;
                let least = load.cpu_us_of(&floor, operation, &mut pair.floor, each)?;
                let region = load.slice(operation, &mut pair.region, each)?.cpu_us();
                // The first round warms up.
                if round > 0 {
                    pair.cpu_us.push([region, least, bare]);
                }
            }
        }
        for pair in pairs {
            let name = format!("{}, {}", operation.name(), of(pair.connections));
            let of = |figure: fn(&[f64; 3]) -> f64| median(&pair.cpu_us.iter().map(figure).collect::<Vec<_>>());
            report.add(format!("{name}: server CPU"), of(|[region, ..]| *region), "us");
            report.add(format!("{name}: floor"), of(|[_, floor, _]| *floor), "us");
            if operation == Operation::Authenticate {
                report.add(format!("{name}: a bare hash"), of(|[.., bare]| *bare), "us");
                report.add(format!("{name}: bare hash / server CPU"), of(|[region, _, bare]| bare / region), "");
                let ratio = of(|[region, floor, _]| floor / region);
                report.judge(format!("{name}: floor / server CPU"), ratio, "", AUTHENTICATE);
            } else {
                report.judge(
                    format!("{name}: server CPU / floor"),
                    of(|[region, floor, _]| region / floor),
                    "",
                    LOOKUP,
                );
            }
        }
    }
    floor.stop()?;
    server.stop()
}

//! The parts of a long-running process: routers on ports, the pump behind them, a shutdown that lets requests finish,
//! and the metrics exporter.
//!
//! | module | contents | used by |
//! |---|---|---|
//! | [`region`], [`api`] | a region that follows the deployment's settings, and its API | `umoja serve --prefix`, the functions |
//! | [`old_systems`] | the old systems of companies, by their kind | `umoja serve`, the functions |
//! | [`people`] | the people of a region under the deployment's settings | [`api`], the functions that write people |
//! | [`listeners`] | routers on ports, limits on connections, and the graceful end | `umoja serve` |
//! | [`file_size`] | writes beyond the largest size of a file fail, and do not end the process | `umoja` |
//! | [`record`], [`counting`] | recording of metrics, by the names of [`umoja_schema::names::metric`] | `umoja serve`, the functions |
//! | [`pump`], [`directory`] (`directory`) | every region of a directory, with the work of streams and schedules | `umoja serve --dir` |
//! | [`backlog`] (`directory`) | what a region has not replicated yet | `umoja serve --dir`, `umoja status` |
//! | [`bulk`] (`directory`) | bulk work that waits for the other regions | `umoja import` |
//! | [`aws`] (`aws`) | the ports of a region on AWS | `umoja serve --prefix`, the functions |
//! | [`cloud`] (`aws`) | one region's API, on a port | `umoja serve --prefix` |
//! | [`exporter`] (`prometheus`, `otlp`) | the metrics of a process, for collectors | `umoja serve --metrics`, `--otlp` |

pub mod api;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "directory")]
pub mod backlog;
#[cfg(feature = "directory")]
pub mod bulk;
#[cfg(feature = "aws")]
pub mod cloud;
pub mod counting;
#[cfg(feature = "directory")]
pub mod directory;
#[cfg(feature = "prometheus")]
pub mod exporter;
pub mod file_size;
pub mod listeners;
pub mod log;
pub mod old_systems;
pub mod people;
#[cfg(feature = "directory")]
pub mod pump;
pub mod record;
pub mod region;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(feature = "directory")]
pub use pump::{Pump, PumpSettings, RegionPump};

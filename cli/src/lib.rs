//! The `umoja` command, as a library so that tests and benchmarks can use its parts: [`Deployment`] is a directory with
//! every region of a deployment, which `umoja_runtime` serves, and [`Client`] calls it with signed requests. [`Cloud`]
//! is a deployment in AWS. Operators' commands work on [`Regions`], wherever the deployment runs.

pub mod client;
mod commands;
pub mod config;
pub mod credentials;
pub mod deployment;
mod error;
mod files;
pub mod form;
mod http;
pub mod links;
mod output;
mod server;
mod shell;
mod sockets;

pub use client::{Answer, Client, ClientError, Observer, Raw};
pub use commands::main;
pub use config::{Config, RegionConfig};
pub use credentials::{CompanyFile, CredentialsError, Signer};
pub use deployment::{Cloud, DeployedRegion, Deployment, Regions};
pub use error::{CliError, CloudError, DeploymentError, ServerError};
pub use links::Links;

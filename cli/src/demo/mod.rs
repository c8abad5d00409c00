//! demo
use crate::{output::Output, CliError};
/// Demo
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {}
impl Demo { pub(crate) async fn run(self, _: Output) -> Result<(), CliError> { Ok(()) } }

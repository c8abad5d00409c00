//! `umoja hash-keys`: the secrets with which other systems made their password hashes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use umoja_host::OsEntropy;
use umoja_migrate::formats::keys;

use crate::CliError;
use crate::commands::target::{Opened, Target};
use crate::deployment::served::settings_are_read;
use crate::files;
use crate::output::Output;

/// The secrets with which other systems made their password hashes.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Add),
    List(List),
}

/// Add the keys of a file to every region's settings.
#[derive(Debug, Args)]
#[command(long_about = "Add the keys of a file to every region's settings: peppers, HMAC keys, and the parameters of \
Firebase projects, each under an id that imported hashes name. They are sealed under a key that is derived from the \
deployment's secrets. An id belongs to its key for ever; adding the same key again changes nothing.

The file is JSON: {\"ID\": {\"secret\": \"...\", \"encoding\": \"utf8\"}, \"ID\": {\"firebase\": {\"signer_key\": \
\"...\", \"salt_separator\": \"...\", \"rounds\": 8, \"mem_cost\": 14}}}. An encoding is utf8, hex or base64; an id is \
1 to 32 of a-z, 0-9 and -. Delete the file afterwards, or keep it as a secret.

In AWS every instance knows the keys within 90 seconds; in a directory the command waits for the process that serves it.

It needs the credentials that `umoja init` needs.")]
#[command(after_help = "Examples:
  umoja hash-keys add keys.json --dir DIR
  umoja hash-keys add keys.json --prefix PREFIX --region eu-west-1")]
struct Add {
    /// The file of keys.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// List the ids of the keys. The keys themselves are never shown.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  umoja hash-keys list --dir DIR")]
struct List {
    #[command(flatten)]
    target: Target,
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Add(add) => add.run(output).await,
            Action::List(list) => list.run(output).await,
        }
    }
}

impl Add {
    async fn run(self, output: Output) -> Result<(), CliError> {
        let failed = |why: &dyn std::fmt::Display| CliError::Failed(format!("{}: {why}", self.file.display()));
        let bytes = files::small(&self.file).map_err(|error| failed(&error))?;
        let keys = keys::parse(&bytes).map_err(|error| failed(&error))?;
        let _alone = self.target.alone()?;
        let opened = self.target.open().await?;
        let added = opened.regions_now().await?.add_hash_keys(&keys.hash_keys, &OsEntropy).await?;
        if let Opened::Local(deployment) = &opened {
            settings_are_read(deployment).await?;
        }
        output.answer(&json!({ "added": added }), || {
            if added.is_empty() {
                "All of these keys were added before.".into()
            } else {
                format!("Added {}.", added.join(", "))
            }
        });
        Ok(())
    }
}

impl List {
    async fn run(self, output: Output) -> Result<(), CliError> {
        let ids = self.target.regions().await?.hash_key_ids().await?;
        output.answer(&json!({ "hash_keys": ids }), || {
            if ids.is_empty() { "There are no hash keys.".into() } else { ids.join("\n") }
        });
        Ok(())
    }
}

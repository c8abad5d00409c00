//! The command line: one file per command.

mod age;
mod audit;
mod backup;
mod clients;
mod company;
mod conflicts;
mod deliver;
mod demo;
mod digest;
mod doctor;
mod events;
#[cfg(test)]
mod examples;
mod export;
mod factors;
mod foreign;
mod hash_keys;
mod import;
mod inbox;
mod init;
mod issued;
mod jobs;
mod known;
mod listed;
mod logging;
mod named;
mod offered;
mod opens;
mod passwords;
mod pools;
mod providers;
mod reason;
mod redrive;
mod reencrypt;
mod region;
mod requests;
mod restore;
mod rotate;
mod serve;
mod sessions;
mod shells;
mod sign;
mod source;
mod status;
mod target;
mod targets;
mod user;
mod verify;
mod webhook;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::CliError;
use crate::output::Output;

/// One account everywhere: users that every region accepts and every region can read, encrypted.
#[derive(Debug, Parser)]
#[command(name = "umoja", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  umoja demo                                       # regions, outages, repairs
  umoja init --dir DIR --regions eu-west-1,af-south-1
  umoja company add soko --scopes all --dir DIR --out soko.json
  umoja source add soko-auth0 --company soko --kind auth0 --dir DIR \\
      --out soko-auth0.json
  umoja serve --dir DIR
  umoja status --dir DIR
  umoja status --prefix PREFIX --region eu-west-1  # the same in AWS

Exit codes: 0 done, 1 failed or needs attention, 2 an invalid command line (audit show, digest and doctor: not \
everything could be read), 3 records of an import were rejected, 4 a login of `import --prove` failed.")]
struct Cli {
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Serve(Box<serve::Serve>),
    Region(region::Command),
    Audit(audit::Command),
    Events(events::Command),
    Company(company::Command),
    Source(source::Command),
    Target(targets::Command),
    Webhook(webhook::Command),
    Client(clients::Command),
    Provider(providers::Command),
    Sessions(sessions::Command),
    Factors(factors::Command),
    Conflicts(conflicts::Command),
    Import(Box<import::Import>),
    Export(export::Export),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Rotate(rotate::Command),
    Redrive(redrive::Redrive),
    #[command(name = "re-encrypt")]
    Reencrypt(reencrypt::Reencrypt),
    User(user::Command),
    Requests(requests::Command),
    Verify(verify::Verify),
    Passwords(passwords::Command),
    HashKeys(hash_keys::Command),
    Status(status::Status),
    Digest(digest::DigestCommand),
    Doctor(doctor::Doctor),
    Sign(sign::Sign),
    Demo(demo::Demo),
    Completions(shells::Completions),
    Man(shells::Man),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match serve::file::with_file(&Cli::command(), arguments.into_iter().collect()) {
        Ok(arguments) => arguments,
        Err(error) => {
            Output { json: false }.error(&error);
            return ExitCode::from(error.exit_code());
        }
    };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output with code 0, mistakes to standard error with code 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output { json: cli.json };
    // Only password hashing blocks: names of foreign systems are resolved on threads of their own. As many threads as hash
    // at once stay warm.
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(cores).enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(async {
            if let Err(error) = umoja_runtime::file_size::fail_beyond_limit() {
                return Err(CliError::Failed(format!("signals cannot be received: {error}")));
            }
            logging::check()?;
            dispatch(cli.command, output).await
        }),
        Err(error) => Err(CliError::Failed(format!("the threads cannot be started: {error}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !matches!(error, CliError::Said | CliError::Unseen | CliError::RowsRejected) {
                output.error(&error);
            }
            ExitCode::from(error.exit_code())
        }
    }
}

async fn dispatch(command: Command, output: Output) -> Result<(), CliError> {
    match command {
        Command::Init(init) => init.run(output).await,
        Command::Serve(serve) => serve.run(output).await,
        Command::Region(region) => region.run(output).await,
        Command::Audit(audit) => audit.run(output).await,
        Command::Events(events) => events.run(output).await,
        Command::Company(company) => company.run(output).await,
        Command::Source(source) => source.run(output).await,
        Command::Target(target) => target.run(output).await,
        Command::Webhook(webhook) => webhook.run(output).await,
        Command::Client(client) => client.run(output).await,
        Command::Provider(provider) => provider.run(output).await,
        Command::Sessions(sessions) => sessions.run(output).await,
        Command::Factors(factors) => factors.run(output).await,
        Command::Conflicts(conflicts) => conflicts.run(output).await,
        Command::Import(import) => import.run(output).await,
        Command::Export(export) => export.run(output).await,
        Command::Backup(backup) => backup.run(output),
        Command::Restore(restore) => restore.run(output).await,
        Command::Rotate(rotate) => rotate.run(output).await,
        Command::Redrive(redrive) => redrive.run(output).await,
        Command::Reencrypt(reencrypt) => reencrypt.run(output).await,
        Command::User(user) => user.run(output).await,
        Command::Requests(requests) => requests.run(output).await,
        Command::Verify(verify) => verify.run(output).await,
        Command::HashKeys(keys) => keys.run(output).await,
        Command::Passwords(passwords) => passwords.run(output),
        Command::Status(status) => status.run(output).await,
        Command::Digest(digest) => digest.run(output).await,
        Command::Doctor(doctor) => doctor.run(output).await,
        Command::Sign(sign) => sign.run(output).await,
        Command::Completions(completions) => {
            completions.run(Cli::command());
            Ok(())
        }
        Command::Man(man) => man.run(Cli::command(), output),
        Command::Demo(demo) => Box::pin(demo.run(output)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_has_a_help_text() {
        fn check(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} has no help text");
            for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
                assert!(argument.get_help().is_some(), "{path} --{} has no help text", argument.get_id());
            }
            let leaf = command.get_subcommands().next().is_none();
            assert!(!leaf || command.get_after_help().is_some(), "{path} has no example");
            command.get_subcommands().for_each(|sub| check(sub, &format!("{path} {}", sub.get_name())));
        }
        check(&Cli::command(), "umoja");
    }
}

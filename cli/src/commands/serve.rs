//! `umoja serve`: every region of a deployment in one process.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use umoja_host::{BreachedError, BreachedList};
use umoja_schema::Region;

use super::logging::{self, LogFormat};
use super::target::Dir;
use crate::CliError;
use crate::config::Config;
use crate::deployment::Deployment;
use crate::output::{Output, table};
use crate::server::{ServeLock, Server, ServerSettings};

/// Serve every region of a deployment: one port per region, replication and repairs behind them.
#[derive(Debug, Args)]
#[command(long_about = "Serve every region of a deployment: one port per region, replication and repairs behind them.

Addresses, ports and public URLs are kept in DIR/deployment.json, because a region's URL is the `aud` that clients sign. \
Other commands work while the deployment is served; what they change takes effect within 5 seconds. Ends on SIGINT and \
SIGTERM after the requests that are under way. Logs go to standard error; UMOJA_LOG says what is logged \
(info, debug, umoja_api=debug, ...).")]
#[command(after_help = "Examples:
  umoja serve --dir DIR
  umoja serve --dir DIR --port-base 8400 --log-format json
  umoja serve --dir DIR --listen 0.0.0.0 --behind-tls \\
      --public-url eu-west-1=https://eu.id.example.com --public-url af-south-1=https://af.id.example.com")]
pub(super) struct Serve {
    #[command(flatten)]
    dir: Dir,
    /// The address to listen on [default: as before, at first 127.0.0.1].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
    /// The port of the first region; the others follow it. 0 takes any free ports [default: as before].
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// The base URL that clients use for a region, where a proxy stands before it; once per region.
    #[arg(long, value_name = "REGION=URL", value_parser = public_url)]
    public_url: Vec<(Region, String)>,
    /// Say that a proxy ends TLS before this process; needed to listen on more than this machine.
    #[arg(long)]
    behind_tls: bool,
    /// Refuse new passwords that are in this list, which `umoja passwords build` makes [default: as before, at first none].
    #[arg(long, value_name = "FILE")]
    breached_passwords: Option<PathBuf>,
    /// The form of log lines.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

fn public_url(text: &str) -> Result<(Region, String), String> {
    let (region, url) = text.split_once('=').ok_or("give it as REGION=URL")?;
    let region = region.parse::<Region>().map_err(|error| error.to_string())?;
    let parsed: http::Uri = url.parse().map_err(|_| "that is not a URL")?;
    let whole = matches!(parsed.scheme_str(), Some("http" | "https")) && parsed.authority().is_some();
    if !whole || url.ends_with('/') || url.contains(['?', '#']) {
        return Err("give the URL with its scheme and without a trailing slash: https://eu.id.example.com".into());
    }
    Ok((region, url.to_owned()))
}

impl Serve {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let dir = self.dir.dir.clone();
        let mut deployment = Deployment::open(&dir)?;
        let config = self.configured(deployment.config())?;
        let lock = ServeLock::take(&deployment).await?;
        deployment.reconfigure(|stored| *stored = config)?;
        logging::start(self.log_format, "info");
        let mut stopped = stop_signal()?;
        let mut settings = ServerSettings::default();
        let minutes = deployment.config().sweep_every_mins;
        settings.pump.sweep = (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)));
        let server = Server::start_locked(&mut deployment, settings, lock).await?;
        let regions: Vec<_> = server.urls().iter().map(|(name, url)| json!({ "name": name, "url": url })).collect();
        let rows: Vec<Vec<String>> =
            server.urls().iter().map(|(name, url)| vec![name.to_string(), url.clone()]).collect();
        output.answer(&json!({ "dir": dir, "regions": regions }), || {
            format!("Serving {}:\n{}Stop with Ctrl-C.", dir.display(), table(&rows))
        });
        stopped.wait().await;
        tracing::info!("stopping");
        server.stop().await;
        Ok(())
    }

    fn configured(&self, stored: &Config) -> Result<Config, CliError> {
        let mut config = stored.clone();
        config.listen = self.listen.unwrap_or(config.listen);
        if let Some(path) = &self.breached_passwords {
            let failed = |error: BreachedError| CliError::Failed(format!("{}: {error}", path.display()));
            // One that cannot be used is not kept.
            BreachedList::open(path).map_err(failed)?;
            config.breached_passwords = Some(std::path::absolute(path).map_err(|error| failed(error.into()))?);
        }
        if let Some(base) = self.port_base {
            for (n, region) in config.regions.iter_mut().enumerate() {
                let port = u16::try_from(n).ok().and_then(|n| base.checked_add(n));
                let too_high = || CliError::Usage("there are not enough ports from --port-base on".into());
                region.port = if base == 0 { 0 } else { port.ok_or_else(too_high)? };
            }
        }
        for (name, url) in &self.public_url {
            let region = config.regions.iter_mut().find(|region| region.name == *name);
            let unknown = || CliError::Usage(format!("--public-url: the deployment has no region {name}"));
            region.ok_or_else(unknown)?.public_url = Some(url.clone());
        }
        if !config.listen.is_loopback() {
            if !self.behind_tls {
                return Err(CliError::Usage(format!(
                    "{} can be reached from other machines, and requests hold personal data: let a proxy end TLS \
                     before this process and say so with --behind-tls, or listen on 127.0.0.1",
                    config.listen
                )));
            }
            if let Some(region) = config.regions.iter().find(|region| region.public_url.is_none()) {
                let name = &region.name;
                return Err(CliError::Usage(format!("say what clients call {name}: --public-url {name}=https://...")));
            }
        }
        Ok(config)
    }
}

/// SIGINT or SIGTERM.
pub(crate) struct StopSignal {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

/// Listens for the signals that end a process, from now on.
pub(crate) fn stop_signal() -> Result<StopSignal, CliError> {
    let listen = |kind| signal(kind).map_err(|error| CliError::Failed(format!("signals cannot be received: {error}")));
    Ok(StopSignal { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
}

impl StopSignal {
    /// Waits for one of them.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

//! `umoja serve`: every region of a deployment in a directory, or one region's API of a deployment in AWS.

mod clients;
mod directory;
pub(super) mod file;
mod mail;
mod metrics;
mod proxies;
#[cfg_attr(not(feature = "aws"), path = "no_region.rs")]
mod region;
mod tls;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use umoja_host::{BreachedError, BreachedList};
use umoja_schema::Region;

use self::clients::Clients;
use self::mail::MailOptions;
use self::metrics::Metrics;
use self::proxies::ProxyOptions;
use self::tls::TlsOptions;
use super::logging::LogFormat;
use super::target::{Place, Target};
use crate::CliError;
use crate::output::Output;

const HEADING_DIR: &str = "With --dir";
const HEADING_PREFIX: &str = "With --prefix";

/// Serve a deployment: every region of a directory, or one region's API of a deployment in AWS.
#[derive(Debug, Args)]
#[command(long_about = "Serve a deployment: every region of a directory, or one region's API of a deployment in AWS.

With --dir: one port per region, with --issuer-port one more before all of them, for single sign-on, and replication and repairs in the background. Addresses, ports and public URLs are \
stored in DIR/deployment.json, because a region's URL is the `aud` that clients sign. Other commands work while the \
deployment is served; their changes take effect within 5 seconds.

With --prefix: the API of the region --region, with the rights of the function `api`, from a container or a virtual \
machine. Replication and schedules stay with the functions. The deployment's settings are read again every 30 seconds.

On SIGINT and SIGTERM the process completes the requests that are under way and ends. Logs go to standard error. The \
lines of a request have its request id, which is in the answer's header `Request-Id`. UMOJA_LOG selects what is logged \
(info, debug, umoja_api=debug, ...).

--config FILE reads the options of this command from a TOML file: the members are the names of the options without the hyphens before \
them, a switch is true or false, and --public-url is a table of regions. A member that is no option is an error. Paths are taken as on the \
command line. Ports that systemd has opened (a socket unit) are used: clients wait while the process is replaced.")]
#[command(after_help = "Examples:
  umoja serve --dir DIR
  umoja serve --dir DIR --port-base 8400 --log-format json \\
      --metrics 127.0.0.1:9464
  umoja serve --dir DIR --issuer-port 7400
  umoja serve --dir DIR --smtp smtps://login@mail.example.com \\
      --smtp-password-file smtp-password --mail-from no-reply@id.example.com
  umoja serve --dir DIR --listen 0.0.0.0 --behind-tls \\
      --public-url eu-west-1=https://eu.id.example.com \\
      --public-url af-south-1=https://af.id.example.com
  umoja serve --dir DIR --listen 0.0.0.0 \\
      --tls-cert fullchain.pem --tls-key privkey.pem \\
      --public-url eu-west-1=https://eu.id.example.com:7300 \\
      --public-url af-south-1=https://af.id.example.com:7301
  umoja serve --config umoja.toml
  umoja serve --prefix umoja --region eu-west-1 --listen 0.0.0.0 --behind-tls \\
      --issuer https://login.example.com --log-format json")]
pub(super) struct Serve {
    #[command(flatten)]
    target: Target,
    /// The address to listen on [default: as before, at first 127.0.0.1].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
    /// The base URL that clients use for a region behind a proxy; once per region. In a directory it is stored, and
    /// REGION=default removes it.
    #[arg(long, value_name = "REGION=URL", value_parser = public_url)]
    public_url: Vec<(Region, Option<String>)>,
    /// A proxy ends TLS before this process; needed to listen for other machines without --tls-cert.
    #[arg(long)]
    behind_tls: bool,
    /// Reject new passwords that are in this list, which `umoja passwords build` makes [default: as before, at first
    /// none].
    #[arg(long, value_name = "FILE")]
    breached_passwords: Option<PathBuf>,
    /// The port of the first region; the others follow it. 0 takes any free ports [default: as before].
    #[arg(long, value_name = "PORT", help_heading = HEADING_DIR, conflicts_with_all = ["prefix", "region", "port"])]
    port_base: Option<u16>,
    /// A port for single sign-on, which stands for routing by latency: each connection is handed to a region that serves, by turns. 0 takes
    /// any free one. It is stored, and `default` takes it back, with the URL of --issuer [default: as before, at first none].
    #[arg(long, value_name = "PORT", help_heading = HEADING_DIR, conflicts_with_all = ["prefix", "region", "port"], value_parser = issuer_port)]
    issuer_port: Option<IssuerPort>,
    /// The issuer of single sign-on: the URL that leads browsers and clients to the regions. In a directory it is that of a proxy before
    /// --issuer-port; it is stored, and `default` removes it [default: as before, at first http://localhost:PORT]. With --prefix, single
    /// sign-on is served only if it is given.
    #[arg(long, value_name = "URL", value_parser = issuer)]
    issuer: Option<BaseUrl>,
    /// The region's port. 0 takes any free one [default: 7300].
    #[arg(long, value_name = "PORT", help_heading = HEADING_PREFIX, conflicts_with = "dir")]
    port: Option<u16>,
    /// Let the old system of a company be on this machine, also without TLS.
    #[arg(long, help_heading = HEADING_DIR, conflicts_with = "prefix")]
    old_system_loopback: bool,
    /// Let webhooks be on this machine, also without TLS: to try them out.
    #[arg(long, help_heading = HEADING_DIR, conflicts_with = "prefix")]
    outbound_loopback: bool,
    /// Read options from this file (TOML) too: its members are the names of options, such as port-base = 7300. An option that is given
    /// here wins over the file.
    #[arg(long, value_name = "FILE")]
    #[allow(dead_code, reason = "it is read before the arguments are complete")]
    config: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsOptions,
    #[command(flatten)]
    mail: MailOptions,
    #[command(flatten)]
    clients: Clients,
    #[command(flatten)]
    proxies: ProxyOptions,
    #[command(flatten)]
    metrics: Metrics,
    /// The form of log lines.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// Reads `REGION=URL`; `None` for `REGION=default`.
fn public_url(text: &str) -> Result<(Region, Option<String>), String> {
    let (region, url) = text.split_once('=').ok_or("give it as REGION=URL")?;
    let region = region.parse::<Region>().map_err(|error| error.to_string())?;
    Ok((region, base_url(url)?))
}

/// The base URL that clients use; `None` for this machine's own.
type BaseUrl = Option<String>;

/// Reads a base URL; `None` for `default`.
fn base_url(url: &str) -> Result<BaseUrl, String> {
    if url == "default" {
        return Ok(None);
    }
    let parsed: http::Uri = url.parse().map_err(|_| "that is not a URL")?;
    let host = parsed.host().filter(|_| !url.ends_with('/') && !url.contains(['?', '#']));
    match (parsed.scheme_str(), host) {
        (Some("https"), Some(_)) => Ok(Some(url.to_owned())),
        (Some("http"), Some(host)) if is_loopback(host) => Ok(Some(url.to_owned())),
        (Some("http"), Some(_)) => Err("requests hold personal data, so other machines need https://".into()),
        _ => Err("give the URL with its scheme and without a trailing slash: https://eu.id.example.com".into()),
    }
}

/// The port of the issuer; `None` for none.
type IssuerPort = Option<u16>;

/// Reads the port of the issuer; `None` for `default`.
fn issuer_port(text: &str) -> Result<IssuerPort, String> {
    if text == "default" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "give a port from 0 to 65535, or default for none".to_owned())
}

/// Reads the URL of an issuer, whose routes and well-known documents are at the root of a host.
fn issuer(url: &str) -> Result<BaseUrl, String> {
    let issuer = base_url(url)?;
    let parsed: Option<http::Uri> = issuer.as_ref().and_then(|url| url.parse().ok());
    if parsed.is_some_and(|url| url.path() != "/")
        || issuer.as_ref().is_some_and(|url| *url != url.to_ascii_lowercase())
    {
        return Err("an issuer has no path and no capital letters: https://login.example.com".into());
    }
    Ok(issuer)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl Serve {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        self.metrics.check(self.behind_tls)?;
        match self.target.place()? {
            Place::Directory(_) if self.port.is_some() => Err(CliError::Usage(
                "--port goes with --prefix; a directory's ports are counted from --port-base".into(),
            )),
            Place::Directory(dir) => self.directory(&dir, output).await,
            Place::Cloud { .. } if self.port_base.is_some() => {
                Err(CliError::Usage("--port-base goes with --dir; with --prefix there is one --port".into()))
            }
            Place::Cloud { prefix, region } => self.region(&prefix, region, output).await,
        }
    }

    /// Rejects an address that other machines reach, unless a proxy ends TLS.
    fn check_listen(&self, listen: IpAddr) -> Result<(), CliError> {
        if listen.is_loopback() || self.behind_tls || self.tls.is_given() {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "{listen} can be reached from other machines, and requests hold personal data: give a certificate by --tls-cert, \
             let a proxy end TLS before this process and set --behind-tls, or listen on 127.0.0.1"
        )))
    }

    /// Opens the list of breached passwords.
    fn breached(&self) -> Result<Option<(PathBuf, BreachedList)>, CliError> {
        let Some(path) = &self.breached_passwords else { return Ok(None) };
        let failed = |error: BreachedError| CliError::Failed(format!("{}: {error}", path.display()));
        let list = BreachedList::open(path).map_err(failed)?;
        Ok(Some((std::path::absolute(path).map_err(|error| failed(error.into()))?, list)))
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) struct StopSignal {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

/// Starts to listen for the signals that end a process.
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

#[cfg(test)]
mod tests {
    use super::{issuer, public_url};

    #[test]
    fn a_public_url_is_https_or_on_this_machine() {
        for url in [
            "https://eu.id.example.com",
            "https://10.0.0.1:8443/id",
            "http://localhost:80",
            "http://127.0.0.1:7300",
            "http://[::1]:1",
        ] {
            assert_eq!(public_url(&format!("eu-west-1={url}")).unwrap().1.as_deref(), Some(url));
        }
        for url in
            ["http://eu.id.example.com", "http://10.0.0.1", "https://x.example/", "ftp://x.example", "x.example", ""]
        {
            assert!(public_url(&format!("eu-west-1={url}")).is_err(), "{url}");
        }
        assert_eq!(public_url("eu-west-1=default").unwrap().1, None);
    }

    #[test]
    fn an_issuer_is_the_root_of_a_host() {
        for url in ["https://login.example.com", "https://login.example.com:8443", "http://localhost:7400"] {
            assert_eq!(issuer(url).unwrap().as_deref(), Some(url));
        }
        for url in
            ["https://example.com/login", "https://example.com/", "https://Login.example.com", "http://example.com"]
        {
            assert!(issuer(url).is_err(), "{url}");
        }
        assert_eq!(issuer("default").unwrap(), None);
    }
}

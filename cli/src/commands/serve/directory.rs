//! Serves every region of a directory.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use umoja_schema::names::metric::{self, Program};

use super::metrics::Exporting;
use super::{Serve, StopSignal, stop_signal};
use crate::CliError;
use crate::commands::logging;
use crate::config::Config;
use crate::deployment::Deployment;
use crate::output::{Output, note, table};
use crate::server::{ServeLock, Server, ServerSettings};
use crate::sockets::Sockets;

/// What a process does that serves a directory.
const RECORDING: &[Program] = &[Program::Api, Program::Background, Program::Directory];

/// A directory that is being served.
struct Served {
    server: Server,
    exporting: Exporting,
    stopped: StopSignal,
}

impl Serve {
    pub(super) async fn directory(&self, dir: &Path, output: Output) -> Result<(), CliError> {
        if self.mail.without_server().is_some() {
            return Err(CliError::Usage("--mail-from is the sender of mail by a server: add --smtp URL".into()));
        }
        let mut deployment = Deployment::open(dir)?;
        let lock = ServeLock::take(dir).await?;
        let mut before = deployment.config().clone();
        deployment.reconfigure(|stored| {
            before = stored.clone();
            *stored = self.configured(stored)?;
            Ok::<_, CliError>(())
        })?;
        let known = before.known_issuer();
        match self.start(dir, &deployment, lock).await {
            Ok(served) => Self::serve(dir, served, known, output).await,
            Err(error) => {
                // What was asked for was never served, so the next start is as before.
                deployment.reconfigure(|stored| {
                    stored.take_back(&before);
                    Ok::<_, CliError>(())
                })?;
                Err(error)
            }
        }
    }

    async fn start(&self, dir: &Path, deployment: &Deployment, lock: ServeLock) -> Result<Served, CliError> {
        logging::start_serving(self.log_format);
        let stopped = stop_signal()?;
        let exporting = self.metrics.start(&metric::recorded_by(RECORDING)).await?;
        let mut settings = ServerSettings {
            limits: self.clients.limits(),
            tls: self.tls.open()?,
            proxies: self.proxies.all(self.behind_tls),
            sockets: Sockets::of_environment(),
            old_system_loopback: self.old_system_loopback,
            outbound_loopback: self.outbound_loopback,
            mailer: self.mail.mailer(deployment.config().is_for_trying_out().then_some(dir))?,
            ..ServerSettings::default()
        };
        let minutes = deployment.config().anti_entropy_every_mins;
        settings.pump.anti_entropy = (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)));
        let server = Server::start(deployment, settings, lock).await?;
        Ok(Served { server, exporting, stopped })
    }

    /// Serves until it is stopped. `known` is the issuer of before.
    async fn serve(dir: &Path, served: Served, known: Option<String>, output: Output) -> Result<(), CliError> {
        let Served { mut server, exporting, mut stopped } = served;
        let regions: Vec<_> = server.urls().iter().map(|(name, url)| json!({ "name": name, "url": url })).collect();
        let rows: Vec<Vec<String>> =
            server.urls().iter().map(|(name, url)| vec![name.to_string(), url.clone()]).collect();
        let issuer = server.issuer();
        let changed = known.filter(|known| issuer.as_ref() != Some(known));
        if let Some(known) = &changed {
            let now = issuer.as_ref().map_or("there is none now".to_owned(), |url| format!("is {url} now"));
            note(&format!(
                "The issuer was {known}, and {now}: every application has to be set to it, and people sign in again."
            ));
        }
        let answer = json!({
            "dir": dir, "regions": regions, "issuer": issuer, "issuer_before": changed, "metrics": exporting.url(),
        });
        output.answer(&answer, || {
            let before = issuer.map_or_else(String::new, |url| format!("{url} leads to each of them by turns.\n"));
            format!("Serving {}:\n{}{before}{}Stop with Ctrl-C.", dir.display(), table(&rows), exporting.text())
        });
        tokio::select! {
            () = stopped.wait() => {}
            () = server.follow() => {}
        }
        tracing::info!("stopping");
        server.stop().await;
        exporting.stop().await;
        Ok(())
    }

    fn configured(&self, stored: &Config) -> Result<Config, CliError> {
        let mut config = stored.clone();
        config.listen = self.listen.unwrap_or(config.listen);
        // A list that cannot be used is not stored.
        if let Some((path, _)) = self.breached()? {
            config.breached_passwords = Some(path);
        }
        if let Some(base) = self.port_base {
            for (n, region) in config.regions.iter_mut().enumerate() {
                let port = u16::try_from(n).ok().and_then(|n| base.checked_add(n));
                let too_high = || CliError::Usage("there are not enough ports above --port-base".into());
                region.port = if base == 0 { 0 } else { port.ok_or_else(too_high)? };
            }
        }
        if let Some(port) = self.issuer_port {
            config.issuer_port = port;
            // Its URL is that of the port.
            config.issuer = config.issuer.take().filter(|_| port.is_some());
        }
        if let Some(url) = &self.issuer {
            config.issuer.clone_from(url);
        }
        if config.issuer.is_some() && config.issuer_port.is_none() {
            return Err(CliError::Usage("--issuer is the URL of a port: add --issuer-port PORT".into()));
        }
        for (name, url) in &self.public_url {
            let region = config.regions.iter_mut().find(|region| region.name == *name);
            let unknown = || CliError::Usage(format!("--public-url: the deployment has no region {name}"));
            region.ok_or_else(unknown)?.public_url.clone_from(url);
        }
        self.check_listen(config.listen)?;
        let needs_urls = !config.listen.is_loopback() || self.tls.is_given();
        if needs_urls && let Some(region) = config.regions.iter().find(|region| region.public_url.is_none()) {
            let name = &region.name;
            return Err(CliError::Usage(format!(
                "set the URL that clients use for {name}: --public-url \
                 {name}=https://..."
            )));
        }
        let plain = config.urls().into_iter().map(|(_, url)| url).chain(config.issuer_url());
        if let Some(url) = plain.filter(|url| self.tls.is_given() && url.starts_with("http:")).last() {
            return Err(CliError::Usage(format!(
                "the ports speak TLS, so {url} has to be https://...: set the URL by --public-url or --issuer"
            )));
        }
        if needs_urls && config.issuer_port.is_some() && config.issuer.is_none() {
            return Err(CliError::Usage("set the URL that clients use for the issuer: --issuer https://...".into()));
        }
        Ok(config)
    }
}

//! Serves every region of a directory.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use umoja_schema::names::metric::{self, Program};

use super::{Serve, stop_signal};
use crate::CliError;
use crate::commands::logging;
use crate::config::Config;
use crate::deployment::Deployment;
use crate::output::{Output, table};
use crate::server::{ServeLock, Server, ServerSettings};

/// What a process does that serves a directory.
const RECORDING: &[Program] = &[Program::Api, Program::Background, Program::Directory];

impl Serve {
    pub(super) async fn directory(&self, dir: &Path, output: Output) -> Result<(), CliError> {
        if self.mail.without_server().is_some() {
            return Err(CliError::Usage("--mail-from is the sender of mail by a server: add --smtp URL".into()));
        }
        let mut deployment = Deployment::open(dir)?;
        let lock = ServeLock::take(dir).await?;
        deployment.reconfigure(|stored| {
            *stored = self.configured(stored)?;
            Ok::<_, CliError>(())
        })?;
        logging::start_serving(self.log_format);
        let mut stopped = stop_signal()?;
        let exporting = self.metrics.start(&metric::recorded_by(RECORDING)).await?;
        let mut settings = ServerSettings {
            limits: self.clients.limits(),
            old_system_loopback: self.old_system_loopback,
            outbound_loopback: self.outbound_loopback,
            mailer: self.mail.mailer(deployment.config().is_for_trying_out().then_some(dir))?,
            ..ServerSettings::default()
        };
        let minutes = deployment.config().anti_entropy_every_mins;
        settings.pump.anti_entropy = (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)));
        let mut server = Server::start(&deployment, settings, lock).await?;
        let regions: Vec<_> = server.urls().iter().map(|(name, url)| json!({ "name": name, "url": url })).collect();
        let rows: Vec<Vec<String>> =
            server.urls().iter().map(|(name, url)| vec![name.to_string(), url.clone()]).collect();
        let issuer = server.issuer();
        let answer = json!({ "dir": dir, "regions": regions, "issuer": issuer, "metrics": exporting.url() });
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
        config.issuer_port = self.issuer_port.or(config.issuer_port);
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
        if !config.listen.is_loopback()
            && let Some(region) = config.regions.iter().find(|region| region.public_url.is_none())
        {
            let name = &region.name;
            return Err(CliError::Usage(format!(
                "set the URL that clients use for {name}: --public-url \
                 {name}=https://..."
            )));
        }
        if !config.listen.is_loopback() && config.issuer_port.is_some() && config.issuer.is_none() {
            return Err(CliError::Usage("set the URL that clients use for the issuer: --issuer https://...".into()));
        }
        Ok(config)
    }
}

//! Serves one region's API of a deployment in AWS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::json;
use umoja_aws::SesMailer;
use umoja_host::SystemClock;
use umoja_runtime::api::{ApiSettings, SignOn, recorded};
use umoja_runtime::cloud::RegionServer;
use umoja_schema::Region;
use umoja_store::ports::Mailer;

use super::{Serve, stop_signal};
use crate::CliError;
use crate::commands::logging;
use crate::commands::target::no_region;
use crate::output::Output;
use crate::server::listener;
use crate::sockets::Sockets;

/// The default port.
const PORT: u16 = 7300;

impl Serve {
    pub(super) async fn region(&self, prefix: &str, region: Option<Region>, output: Output) -> Result<(), CliError> {
        let region = region.ok_or_else(no_region)?;
        let listen = self.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.check_listen(listen)?;
        let settings = ApiSettings {
            breached: self.breached()?.map(|(_, list)| list),
            public_url: self.public_url_of(&region)?,
            mailer: self.mailer(&region)?,
            issuer: self.issuer.clone().flatten(),
            sign_on: self.issuer.clone().flatten().map(SignOn::at),
            ..ApiSettings::default()
        };
        let tls = self.tls.open()?;
        logging::start_serving(self.log_format);
        let mut stopped = stop_signal()?;
        let exporting = self.metrics.start(&recorded()).await?;
        let address = SocketAddr::new(listen, self.port.unwrap_or(PORT));
        let failed = |error| CliError::Failed(format!("{address} cannot be listened on: {error}"));
        let listener = listener(address, (&Sockets::of_environment(), false)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let server = RegionServer::start(
            prefix,
            region.clone(),
            listener,
            settings,
            self.clients.limits().within_descriptors(),
            (tls, self.proxies.all(self.behind_tls)),
        )
        .await?;
        let url = server.url().await;
        let reason = url.as_ref().err().map(ToString::to_string);
        let answer = json!({
            "prefix": prefix, "region": region, "address": address, "url": url.as_ref().ok(), "not_ready": reason,
            "metrics": exporting.url(),
        });
        output.answer(&answer, || {
            let name = match &url {
                Ok(url) => format!("Serving {region} of {prefix} on {address}; clients call it {url}."),
                Err(reason) => format!("Listening on {address} for {region} of {prefix}, and not ready: {reason}."),
            };
            format!("{name}\n{}Stop with Ctrl-C.", exporting.text())
        });
        stopped.wait().await;
        tracing::info!("stopping");
        server.stop().await;
        exporting.stop().await;
        Ok(())
    }

    /// What sends mail: a server, or SES of the region.
    fn mailer(&self, region: &Region) -> Result<Option<Arc<dyn Mailer>>, CliError> {
        let ses = |from: &str| Arc::new(SesMailer::new(region.clone(), from, Arc::new(SystemClock))) as _;
        Ok(self.mail.mailer(None)?.or_else(|| self.mail.without_server().map(ses)))
    }

    fn public_url_of(&self, region: &Region) -> Result<Option<String>, CliError> {
        match &*self.public_url {
            [] => Ok(None),
            [(name, url)] if name == region => Ok(url.clone()),
            _ => Err(CliError::Usage(format!(
                "with --prefix, --public-url names the region that is served: {region}=https://..."
            ))),
        }
    }
}

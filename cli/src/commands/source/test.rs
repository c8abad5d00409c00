//! `umoja source test`: posts an event as the provider would, and follows it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::Args;
use http::{Method, Request, Uri, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};
use umoja_crypto::{Algorithm, SigningKey};
use umoja_schema::{InboxEvent, InboxState, IngestSource, Region, SourceId, SourceKind};

use super::known::known;
use super::shown::{has_gateway, url, why_waiting};
use crate::CliError;
use crate::commands::inbox;
use crate::commands::target::Target;
use crate::deployment::Regions;
use crate::files;
use crate::http::{Http, rejected};
use crate::output::{Output, table};
use crate::shell;

/// How long the events are left alone between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Post an event as the provider would and follow it, or print a curl line that posts one.
#[derive(Debug, Args)]
#[command(
    long_about = "Post the events of a file to a region that is being served, as the provider would, and follow \
them until they are applied or parked. The file is the body of one request, as the provider sends it. The keys are those \
that `umoja source add --out` or `rotate --out` wrote; a source that signs its events signs these too. The events are \
real: they change the users whom they name.

The events are found as those of the source that were not in the inboxes before. If the source posts at the same time, \
its own events are shown too.

Without --event the command prints a curl line that posts a file. The exit code is 0 if every event was applied or \
ignored.

In AWS it also needs dynamodb:Scan on PREFIX-inbox in every region, and the key of the gateway of the region that is posted \
to, unless the gateway wants none."
)]
#[command(after_help = "Examples:
  umoja source test soko-auth0 --dir DIR
  umoja source test soko-auth0 --event event.json \\
      --keys soko-auth0.json --dir DIR
  umoja source test soko-auth0 --event event.json \\
      --keys soko-auth0.json --at af-south-1 --dir DIR")]
pub(super) struct Test {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
    /// The body to post.
    #[arg(long, value_name = "FILE", requires = "keys")]
    event: Option<PathBuf>,
    /// The keys of the source, as `umoja source add --out` wrote them.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A file with the key of the region's gateway, in AWS: `terraform output -raw sources_key` prints it.
    #[arg(long, value_name = "FILE")]
    gateway_key: Option<PathBuf>,
    /// The region that is posted to [default: the home].
    #[arg(long, value_name = "REGION")]
    at: Option<Region>,
    /// How long to follow the events, in seconds.
    #[arg(long, value_name = "N", default_value_t = 60)]
    wait_secs: u64,
}

/// The keys of a source, as they were issued.
#[derive(Deserialize)]
struct Keys {
    id: SourceId,
    api_key: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    private_key_pem: Option<String>,
}

/// The events of the source, by their keys.
type Events = BTreeMap<[u8; 32], InboxEvent>;

impl Keys {
    fn read(path: &Path, id: &SourceId) -> Result<Self, CliError> {
        let bytes = files::small(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
        let keys: Option<Self> = serde_json::from_slice(&bytes).ok();
        keys.filter(|keys| keys.id == *id)
            .ok_or_else(|| CliError::Usage(format!("{} does not have the keys of the source {id}", path.display())))
    }

    /// The request that the provider would send.
    fn request(
        &self,
        url: &str,
        gateway_key: Option<&str>,
        body: Vec<u8>,
        id: &str,
        secs: u64,
    ) -> Result<Request<Full<bytes::Bytes>>, CliError> {
        let mut request =
            Request::builder().method(Method::POST).uri(url).header(header::CONTENT_TYPE, "application/json");
        request = match gateway_key {
            Some(key) => {
                request.header("x-api-key", key).header(header::AUTHORIZATION, format!("Bearer {}", self.api_key))
            }
            None => request.header("x-api-key", &self.api_key),
        };
        if let (Some(kid), Some(pem)) = (&self.kid, &self.private_key_pem) {
            let unusable = |error: &dyn std::fmt::Display| CliError::Failed(format!("the private key: {error}"));
            let alg = Algorithm::from_name("EdDSA").ok_or_else(|| unusable(&"its algorithm is unknown"))?;
            let key = SigningKey::from_private_pem(kid, alg, pem).map_err(|error| unusable(&error))?;
            let message = [id.as_bytes(), b".", secs.to_string().as_bytes(), b".", &body].concat();
            request = request
                .header("webhook-id", id)
                .header("webhook-timestamp", secs)
                .header("webhook-signature", format!("v1a,{}", STANDARD.encode(key.sign(&message))));
        }
        request.body(Full::new(body.into())).map_err(|_| CliError::Failed("the API key has unusable characters".into()))
    }
}

impl Test {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let source = known(&deployment, &self.id).await?;
        if let Some(pool) = &source.pool {
            return Err(CliError::Usage(format!(
                "the triggers of the pool {} call a function of Umoja, and nothing is posted to the source {}",
                pool.id, self.id
            )));
        }
        let region = deployment.get(self.at.as_ref().unwrap_or(&source.home))?;
        let url = url(&source, region).ok_or_else(|| {
            CliError::Failed(format!("{} has no URL yet: serve it with `umoja serve` first", region.name()))
        })?;
        let keys = self.keys.as_deref().map(|path| Keys::read(path, &self.id)).transpose()?;
        let (Some(path), Some(keys)) = (&self.event, &keys) else {
            let line = curl(&source, &url, keys.as_ref(), has_gateway(&source, region));
            output.answer(&json!({ "id": self.id, "url": url, "curl": line }), || {
                let signed = "Its events have to be signed; --event and --keys do that.";
                if source.signing_keys.is_empty() { line.clone() } else { format!("{line}\n{signed}") }
            });
            return Ok(());
        };
        if source.kind == SourceKind::Scim {
            return Err(CliError::Usage("a SCIM client posts no events; leave --event out for a curl line".into()));
        }
        let body = files::small(path).map_err(|source| CliError::File { path: path.clone(), source })?.to_vec();
        check_served(&origin(&url.parse().unwrap_or_default()), region.url.as_deref()).await?;
        let before: BTreeSet<[u8; 32]> = events(&deployment, &source).await?.into_keys().collect();
        let id = format!("msg_{}", hex::encode(deployment.entropy.array::<12>()));
        let gateway_key = self.gateway_key.as_deref().map(line_of).transpose()?;
        let request = keys.request(&url, gateway_key.as_deref(), body, &id, deployment.clock.now().secs())?;
        let raw = Http::new(&origin(request.uri()))?.send(request).await?;
        if raw.status != 202 {
            return Err(rejected(&raw).into());
        }
        let receipt: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
        let followed = self.follow(&deployment, &source, &before, receipt["accepted"].as_u64().unwrap_or(0)).await?;
        let is_well = followed.values().all(|event| matches!(event.state, InboxState::Done | InboxState::Ignored));
        let events: Vec<Value> = followed
            .iter()
            .map(|(key, event)| {
                json!({ "key": URL_SAFE_NO_PAD.encode(key), "state": event.state, "reason": event.reason,
                    "detail": event.detail, "left_out": event.left_out })
            })
            .collect();
        let company = deployment.company(&source.company).await?;
        let answer = json!({ "id": self.id, "url": url, "receipt": receipt, "events": events,
            "company_enabled": company.as_ref().map(|company| company.enabled) });
        output.answer(&answer, || {
            let rows: Vec<Vec<String>> = followed.iter().map(|(key, event)| row(key, event)).collect();
            let known = receipt["known"].as_u64().filter(|known| *known > 0);
            let known = known.map(|known| format!("{known} were accepted before, and are not followed.\n"));
            let waits = why_waiting(company.as_ref()).unwrap_or_default();
            let paused = if source.enabled { "" } else { "The source is paused, so they wait.\n" };
            format!(
                "Accepted by {}: {}\n{}{}{paused}{waits}",
                region.name(),
                receipt["accepted"],
                table(&rows),
                known.unwrap_or_default()
            )
        });
        if is_well { Ok(()) } else { Err(CliError::Said) }
    }

    /// The new events, once none of them waits, or as they are after the time of `--wait-secs`.
    async fn follow(
        &self,
        deployment: &Regions,
        source: &IngestSource,
        before: &BTreeSet<[u8; 32]>,
        accepted: u64,
    ) -> Result<Events, CliError> {
        let started = deployment.clock.now();
        loop {
            let mut seen = events(deployment, source).await?;
            seen.retain(|key, _| !before.contains(key));
            let is_done =
                seen.len() as u64 >= accepted && seen.values().all(|event| event.state != InboxState::Waiting);
            let is_late = deployment.clock.now().since(started) >= self.wait_secs.saturating_mul(1000);
            if is_done || is_late || !source.enabled {
                return Ok(seen);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// The events of a source, as its home has them, or else another region. The home is read last: another region is done
/// with an event when the home has it.
async fn events(deployment: &Regions, source: &IngestSource) -> Result<Events, CliError> {
    let mut events = Events::new();
    let mut regions: Vec<_> = deployment.list.iter().collect();
    regions.sort_by_key(|region| *region.name() == source.home);
    for region in regions {
        let seen = inbox::each(region, deployment.clock.now(), async |stored| {
            if stored.event.source == source.id {
                events.insert(stored.key, stored.event);
            }
            Ok(())
        });
        seen.await.map_err(|error| region.failed(error))?;
    }
    Ok(events)
}

fn row(key: &[u8; 32], event: &InboxEvent) -> Vec<String> {
    let state = match event.state {
        InboxState::Waiting => "waits",
        InboxState::Done => "applied",
        InboxState::Ignored => "ignored: its type is unknown",
        InboxState::Parked => "PARKED",
        InboxState::Open => "waits for a confirmation",
    };
    let mut why: Vec<String> = event.reason.iter().chain(&event.detail).cloned().collect();
    why.extend((!event.left_out.is_empty()).then(|| format!("LEFT OUT: {}", event.left_out.join(", "))));
    vec![URL_SAFE_NO_PAD.encode(key), state.to_owned(), why.join(": ")]
}

/// Checks that the region answers at its own URL before a key is sent there: something else may listen at the port by now.
/// What a gateway stands before is not asked.
async fn check_served(origin: &str, base: Option<&str>) -> Result<(), CliError> {
    let Some(base) = base.map(|base| base.trim_end_matches('/')).filter(|base| *base == origin) else { return Ok(()) };
    let other =
        |why: String| CliError::Failed(format!("the deployment is not being served at {base}{why}; run `umoja serve`"));
    let request = Request::builder().uri(format!("{base}/.well-known/umoja.json")).body(Full::default());
    let request = request.map_err(|_| other(String::new()))?;
    let raw = Http::new(base)?.send(request).await.map_err(|error| other(format!(" ({error})")))?;
    let said: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
    let is_region = said["issuer"].as_str().is_some_and(|url| url.trim_end_matches('/') == base);
    if raw.status == 200 && is_region { Ok(()) } else { Err(other(" (something else answers there)".to_owned())) }
}

/// The scheme, host and port of a URL. The URL of a gateway has a stage in its path.
fn origin(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", url.scheme_str().unwrap_or("https"))
}

/// The only line of a file.
fn line_of(path: &Path) -> Result<String, CliError> {
    let bytes = files::small(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(CliError::Usage(format!("{} does not have a key", path.display())));
    }
    Ok(text.to_owned())
}

/// A curl line that does what the provider does.
fn curl(source: &IngestSource, url: &str, keys: Option<&Keys>, has_gateway: bool) -> String {
    let api_key = keys.map_or("API_KEY", |keys| keys.api_key.as_str());
    let start = "curl --silent --show-error";
    if source.kind == SourceKind::Scim {
        let header = shell::word(&format!("authorization: Bearer {api_key}"));
        return format!("{start} --header {header} {}", shell::word(&format!("{url}/Users?count=1")));
    }
    let header = if has_gateway {
        let token = shell::word(&format!("authorization: Bearer {api_key}"));
        format!("{} --header {token}", shell::word("x-api-key: GATEWAY_KEY"))
    } else {
        shell::word(&format!("x-api-key: {api_key}"))
    };
    format!(
        "{start} --header 'content-type: application/json' --header {header} --data-binary @event.json {}",
        shell::word(url)
    )
}

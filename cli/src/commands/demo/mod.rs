//! `umoja demo`: the whole system on this machine, and a story that demonstrates its guarantees.

mod applications;
mod authenticator;
mod browser;
mod factors;
mod fed;
mod narrator;
mod on_time;
mod pool;
mod sign_on;
mod sources;
mod stage;
mod story;
mod targets;
mod watched;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use umoja_host::SystemClock;
use umoja_schema::{CompanyId, Region, ReturnUrlId, Scope, StatusPage};

use super::company::new_company;
use super::init::default_regions;
use super::logging::{self, LogFormat};
use super::serve::stop_signal;
use super::target::Place;
use crate::config::Config;
use crate::credentials::CompanyFile;
use crate::deployment::Deployment;
use crate::output::{Output, table};
use crate::server::ServeLock;
use crate::shell;
use crate::{CliError, files};
use applications::Applications;
use narrator::Narrator;
use sources::{Posting, Scim, Sources};
use stage::Stage;
use targets::{Listed, RETURN_URL, Targets};

/// The name of the file from which programs learn how to call the demo.
const FILE: &str = "demo.json";

/// The environment of a demo's deployment. The story plays in no other.
const ENV: &str = "demo";

/// The colour of the head of the status page.
const COLOUR: &str = "#0b6e4f";

/// The companies of the story.
const COMPANIES: [(&str, &str); 2] = [("soko", "Soko, a shop"), ("safari", "Safari, a travel agency")];

/// See it work: regions on this machine, two companies, and a story with outages and repairs.
#[derive(Debug, Args)]
#[command(
    long_about = "See it work: starts regions on this machine, makes two companies, and plays a story over HTTP: \
register in one region and authenticate in another; cut a region off, keep writing, heal; take a region's key service \
away, keep writing, see the repair; one person known to two companies; a disabled user; one login for two applications while \
a region is out; a passkey, a second factor and the pages of an account; an identity provider and a user pool that feed the store; two remote systems that get their accounts \
while a page shows it; an erasure with receipts.

After a story without a failure, the command writes DIR/demo.json with the regions' URLs, the companies' keys those \
of the sources, the targets, a status page and the clients of single sign-on with people who can sign in, so that any HTTP client can call the regions, and keeps serving until Ctrl-C. The exit code is 1 if any step fails."
)]
#[command(after_help = "Examples:
  umoja demo
  umoja demo --dir DIR --regions eu-west-1,af-south-1,us-east-1
  umoja demo --dir DIR --exit --json")]
pub(crate) struct Demo {
    /// Where to keep the regions: a new directory, or that of an earlier demo [default: a new temporary one].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The regions, two or more [default: those of DIR, or eu-west-1,af-south-1].
    #[arg(long, value_delimiter = ',', value_name = "REGION,...")]
    regions: Option<Vec<Region>>,
    /// End after the story instead of serving until Ctrl-C.
    #[arg(long)]
    exit: bool,
}

/// `demo.json`.
#[derive(Serialize)]
struct DemoFile<'a> {
    regions: Vec<DemoRegion<'a>>,
    companies: &'a [CompanyFile],
    sources: Vec<Posting>,
    scim: Vec<Scim>,
    targets: Vec<Listed<'a>>,
    status_page: StatusPageFile,
    oidc: Oidc<'a>,
}

/// Single sign-on, in `demo.json`.
#[derive(Serialize)]
struct Oidc<'a> {
    issuer: &'a str,
    clients: Vec<applications::Listed<'a>>,
    people: &'a [applications::Login],
}

/// A status page with a live ticket, in `demo.json`.
#[derive(Serialize)]
struct StatusPageFile {
    url: String,
}

#[derive(Serialize)]
struct DemoRegion<'a> {
    name: &'a Region,
    url: &'a str,
}

impl Demo {
    pub(crate) async fn run(self, output: Output) -> Result<(), CliError> {
        // The story causes outages, and the regions' log lines about them would hide it. UMOJA_LOG shows them.
        logging::start(LogFormat::Text, "off");
        let narrator = Narrator::new(output, Arc::new(SystemClock));
        let deployment = self.deployment()?;
        let lock = ServeLock::take(deployment.dir()).await?;
        deployment.ensure_secrets().await?;
        let dir = deployment.dir().to_owned();
        // The file of an earlier demo is out of date, and a program may be waiting for the new one.
        remove(&dir.join(FILE))?;
        let companies = register(&deployment).await?;
        let soko = &companies.first().ok_or_else(|| CliError::Failed("the story has two companies".into()))?.id;
        let sources = Sources::add(&deployment, soko).await?;
        let targets = Targets::start(&deployment, soko).await?;
        let applications = Applications::add(&deployment, &companies).await?;
        let mut stopped = stop_signal()?;
        let mut stage = Stage::set(&deployment, &companies, lock).await?;
        narrator.begin(&dir, stage.urls());

        let cast = story::Cast { company: soko, sources: &sources, targets: &targets, applications: &applications };
        let played = tokio::select! {
            played = story::play(&stage, &cast, &narrator) => played,
            () = stopped.wait() => Err(CliError::Failed("the demo was stopped before its end".into())),
        };
        let (url, people) = match played {
            Ok(played) => played,
            Err(error) => {
                stage.end().await;
                return Err(error);
            }
        };
        let regions = stage.urls().iter().map(|(name, url)| DemoRegion { name, url }).collect();
        let first = stage.urls().first().map_or("", |(_, url)| url);
        let (sources, scim) = (sources.posting(first), sources.scim(first));
        let status_page = StatusPageFile { url: url.clone() };
        let issuer = stage.issuer().unwrap_or_default();
        let oidc = Oidc { issuer: &issuer, clients: applications.listed(), people: &people };
        let targets = targets.listed();
        let file = DemoFile { regions, companies: &companies, sources, scim, targets, status_page, oidc };
        write(&dir.join(FILE), &file)?;
        narrator.end(&dir.join(FILE));
        if !self.exit {
            output.say(&commands_to_try(&dir, stage.urls(), &url, &issuer));
            tokio::select! {
                () = stopped.wait() => {}
                () = stage.follow() => {}
            }
        }
        stage.end().await;
        Ok(())
    }

    fn deployment(&self) -> Result<Deployment, CliError> {
        let dir = self.dir.clone().unwrap_or_else(fresh_dir);
        let deployment = if let Some(existing) = Config::read(&dir)? {
            self.reject_other(&dir, &existing)?;
            let mut deployment = Deployment::open(&dir)?;
            deployment.reconfigure(|config| {
                config.issuer_port.get_or_insert(0);
                Ok::<_, CliError>(())
            })?;
            deployment
        } else {
            let regions = self.regions.clone().map_or_else(default_regions, Ok)?;
            if regions.len() < 2 {
                return Err(CliError::Usage("the demo needs at least two regions".into()));
            }
            Deployment::create(&dir, Config { env: ENV.into(), issuer_port: Some(0), ..Config::new(&regions, 0) })?
        };
        Ok(deployment)
    }

    /// Rejects a directory that does not belong to a demo, or has other regions.
    fn reject_other(&self, dir: &Path, existing: &Config) -> Result<(), CliError> {
        let shown = dir.display();
        if existing.env != ENV {
            return Err(CliError::Failed(format!(
                "{shown} holds a deployment that is not a demo's; use another --dir"
            )));
        }
        let names: Vec<Region> = existing.regions.iter().map(|region| region.name.clone()).collect();
        if self.regions.as_ref().is_some_and(|regions| *regions != names) {
            let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            return Err(CliError::Failed(format!("{shown} has the regions {names}; use another --dir for others")));
        }
        Ok(())
    }
}

fn fresh_dir() -> PathBuf {
    use umoja_store::ports::Entropy;
    let entropy: &dyn Entropy = &umoja_host::OsEntropy;
    std::env::temp_dir().join(format!("umoja-demo-{}", hex::encode(entropy.array::<4>())))
}

/// The companies of the story, with new keys.
async fn register(deployment: &Deployment) -> Result<Vec<CompanyFile>, CliError> {
    let mut files = Vec::new();
    for (id, name) in COMPANIES {
        let id: CompanyId = id.parse().map_err(|error| CliError::Failed(format!("{error}")))?;
        let (mut company, file) = new_company(&deployment.regions(), &id, name, Scope::ALL.to_vec(), true)?;
        company.status_page = Some(status_page(name)?);
        deployment.put_company(&company).await?;
        write(&company_file(deployment.dir(), &id), &file)?;
        files.push(file);
    }
    Ok(files)
}

/// How the status page looks for a company's people.
fn status_page(name: &str) -> Result<StatusPage, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    let id: ReturnUrlId = RETURN_URL.parse().map_err(|error| failed(&error))?;
    Ok(StatusPage {
        name: name.split(',').next().map(str::to_owned),
        colour: Some(COLOUR.parse().map_err(|error| failed(&error))?),
        return_urls: [(id, "https://soko.example/account".to_owned())].into(),
        ..StatusPage::default()
    })
}

fn company_file(dir: &Path, id: &CompanyId) -> PathBuf {
    dir.join(format!("{id}.json"))
}

fn remove(path: &Path) -> Result<(), CliError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(CliError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), CliError> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    files::replace_private(path, &text).map_err(|source| CliError::File { path: path.to_owned(), source })
}

fn commands_to_try(dir: &Path, urls: &[(Region, String)], page: &str, issuer: &str) -> String {
    let umoja = std::env::current_exe().map_or_else(|_| "umoja".into(), |path| shell::word(&path.to_string_lossy()));
    let [soko, safari] = COMPANIES.map(|(id, _)| shell::word(&dir.join(format!("{id}.json")).to_string_lossy()));
    let place = Place::Directory(dir.to_owned());
    let (Some((_, here)), Some((_, there))) = (urls.first(), urls.get(1)) else { return String::new() };
    let register =
        json!({ "email": "you@example.com", "password": "choose a long one", "profile": { "given_name": "You" } });
    let authenticate = json!({ "email": "you@example.com", "password": "choose a long one" });
    let rows = urls.iter().map(|(name, url)| vec![name.to_string(), url.clone()]).collect::<Vec<_>>();
    format!(
        "
The regions stay up until Ctrl-C:
{}
Try, in another terminal:

  # register in one region, and check that the answer is signed
  echo '{register}' |
    {umoja} sign --send --company-file {soko} --url {here}/v1/users/register

  # a moment later, log in in the other, as the other company
  sleep 1; echo '{authenticate}' |
    {umoja} sign --send --company-file {safari} --url {there}/v1/users/authenticate

  # the same with curl: the answer is a signed token
  echo '{authenticate}' |
    {umoja} sign --company-file {soko} --url {there}/v1/users/authenticate |
    curl --silent --header 'content-type: application/jwt' \\
      --header \"x-api-key: $(sed -n 's/.*\"api_key\": \"\\(.*\\)\",/\\1/p' {soko})\" \\
      --data @- {there}/v1/users/authenticate

  # a status page with a live ticket, for a browser
  echo '{page}'

  # single sign-on: what the libraries of applications need to know
  curl --silent {issuer}/.well-known/openid-configuration

  # the state and health of the regions
  {umoja} status {place}
  curl --silent {here}/.well-known/umoja.json",
        table(&rows)
    )
}

//! `umoja source add`: makes a source with its keys.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use umoja_schema::ingest::{Allowed, InboxPublicKey};
use umoja_schema::{ApiKeyHash, CompanyId, CompanyKey, IngestSource, Region, SourceId, SourceKind};

use super::known::{check_allowed, check_home, check_legacy, mapping};
use super::pool::{PoolArguments, check_pool};
use super::shown::{self, has_gateway, url_lines, urls};
use super::tokens::TokenArguments;
use crate::CliError;
use crate::commands::company;
use crate::commands::issued::{Out, new_api_key, new_key_pair, own_key};
use crate::commands::target::Target;
use crate::deployment::Regions;
use crate::deployment::secrets::WRAP_BUDGET_MS;
use crate::output::Output;

/// The version of the first key pair to which events are sealed.
const FIRST_INBOX_KEY: u32 = 1;

/// The algorithm of signatures `v1a` of Standard Webhooks.
const SIGNATURES: &str = "EdDSA";

/// Add a source in every region. Its keys are shown once.
#[derive(Debug, Args)]
#[command(
    long_about = "Add a source in every region. Its API key is shown once and stored nowhere: write it to a file \
with --out, or pass the JSON on. The source posts its events to one of the URLs with the header `x-api-key`, or as a \
bearer token. Any region accepts them; the URL of the home region saves a step.

With --sign the command makes a key pair (Ed25519) too, and shows the private key once. Then an event is accepted only \
if it is also signed as Standard Webhooks says: headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, which \
is `v1a,` and the signature in base64. --public-key takes a key pair that the other system made itself.

A source speaks for its company only: a deletion or a suspension at the provider concerns the link to the company. \
--may-disable lets a suspension disable the user for all companies, and --may-erase lets a deletion erase a person to \
whom no other company is linked. The company needs the scope users:status or users:erase for that.

A source of the kind generic needs a mapping, in the language of import mappings with the member `events` \
(docs/migrate.md).

A source of the kind cognito may have a user pool, whose triggers call a function of Umoja (terraform/modules/cognito). A \
pool has one direction: with from-pool, who signs up in the pool becomes a user of Umoja, and the company needs the scope \
users:register; with to-pool, a user of Umoja who logs in becomes a user of the pool, and the company needs the scope \
users:authenticate.

--legacy-get lets a source of the kind auth0 send events as an old Action does, in the query string of a GET, until it is \
replaced. The topic has to be TOPIC and is passed to nothing. Of the message only the id of the user is kept: such an event \
makes a user that is not known yet, without an address, and changes no other.

--issuer and --audience let the company show a token that the provider has issued to a user, in the place of the user's id \
(docs/provisioning.md). The regions read the keys of the issuer at its /.well-known/openid-configuration.

In AWS a gateway stands before sources other than SCIM clients. It wants a key of its own in `x-api-key`, which \
`terraform output -raw sources_key` prints for each region; the API key of the source is then sent as a bearer token. \
A sender of one header needs its API key in the gateway too: docs/sources.md.

In AWS, the commands of `umoja source` need credentials that may, in every region: dynamodb:GetItem, PutItem, DeleteItem \
and Scan on PREFIX-settings; GetItem and Scan on PREFIX-companies. `add` also needs kms:Decrypt with the key of \
the region that is asked first."
)]
#[command(after_help = "Examples:
  umoja source add soko-auth0 --company soko --kind auth0 --dir DIR \\
      --out soko-auth0.json
  umoja source add soko-auth0 --company soko --kind auth0 --sign \\
      --home eu-west-1 --dir DIR --json > soko-auth0.json
  umoja source add soko-crm --company soko --kind generic \\
      --mapping crm.json --dir DIR
  umoja source add soko-pool --company soko --kind cognito \\
      --pool eu-west-1_AbCdEf123 --direction from-pool --dir DIR
  umoja source add soko-scim --company soko --kind scim \\
      --prefix PREFIX --region eu-west-1 --out soko-scim.json")]
pub(super) struct Add {
    /// Its id, such as soko-auth0: a part of its URL.
    id: SourceId,
    #[command(flatten)]
    target: Target,
    /// The company whose users it feeds.
    #[arg(long, value_name = "COMPANY")]
    company: CompanyId,
    /// What kind of system it is: auth0, cognito, okta, keycloak, scim or generic.
    #[arg(long, value_parser = kind)]
    kind: SourceKind,
    /// The region that applies its events [default: the first region].
    #[arg(long, value_name = "REGION")]
    home: Option<Region>,
    /// The mapping of its events, for the kind generic.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    #[command(flatten)]
    pool: PoolArguments,
    /// Let a suspension at the provider disable the user for all companies.
    #[arg(long)]
    may_disable: bool,
    /// Let a deletion at the provider erase a person to whom no other company is linked.
    #[arg(long)]
    may_erase: bool,
    /// Make a key pair with which it has to sign its events.
    #[arg(long, conflicts_with = "public_key")]
    sign: bool,
    /// The public key (Ed25519, PEM) of a key pair that it made itself, with which it has to sign its events.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Take the old form of an Action too: a GET whose query string has this topic, a subject and a message.
    #[arg(long, value_name = "TOPIC", conflicts_with_all = ["sign", "public_key"])]
    legacy_get: Option<String>,
    #[command(flatten)]
    tokens: TokenArguments,
    /// Write the keys to a new file that only its owner can read, instead of printing them.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What its owner gets once.
#[derive(Serialize)]
struct Issued<'a> {
    id: &'a SourceId,
    company: &'a CompanyId,
    kind: SourceKind,
    home: &'a Region,
    urls: Vec<Value>,
    api_key_id: String,
    api_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key_pem: Option<String>,
}

pub(super) fn kind(text: &str) -> Result<SourceKind, String> {
    let names = || SourceKind::ALL.map(SourceKind::as_str).join(", ");
    SourceKind::from_name(text).ok_or_else(|| format!("choose one of {}", names()))
}

/// A source that does not sign, may do nothing beyond its company, and has this API key.
pub(crate) async fn new_source(
    deployment: &Regions,
    (id, kind): (&SourceId, SourceKind),
    company: &CompanyId,
    home: &Region,
    api_key: ApiKeyHash,
) -> Result<IngestSource, CliError> {
    Ok(IngestSource {
        id: id.clone(),
        revision: 0,
        company: company.clone(),
        kind,
        home: home.clone(),
        enabled: true,
        api_keys: vec![api_key],
        signing_keys: Vec::new(),
        inbox_key: inbox_key(deployment).await?,
        hash_key: URL_SAFE_NO_PAD.encode(deployment.entropy.array::<32>()),
        allowed: Allowed::default(),
        mapping: None,
        pool: None,
        legacy_get: None,
        tokens: None,
        unknown: Map::new(),
    })
}

impl Add {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        if self.kind == SourceKind::Scim && (self.sign || self.public_key.is_some()) {
            return Err(CliError::Usage("a SCIM client does not sign its requests; leave the key pair out".into()));
        }
        check_legacy(self.kind, false, self.legacy_get.as_deref())?;
        let mapping = mapping(self.kind, self.mapping.as_deref())?;
        let pool = self.pool.pool(self.kind)?;
        let tokens = self.tokens.tokens(self.kind)?;
        let (deployment, _alone) = self.target.changing_documents().await?;
        let allowed = Allowed { disable: self.may_disable, erase: self.may_erase };
        let fed = company::known(&deployment, &self.company).await?;
        check_allowed(&fed, allowed)?;
        if let Some(pool) = &pool {
            check_pool(&deployment, (&self.id, &fed), pool).await?;
        }
        let home = match &self.home {
            Some(home) => home.clone(),
            None => deployment.list.first().map_or(deployment.first()?.name(), |first| first.name()).clone(),
        };
        check_home(&deployment, &home)?;
        let exists = || {
            CliError::Failed(format!(
                "the source {0} exists already; give it a new API key with `umoja source rotate {0}`",
                self.id
            ))
        };
        let known: Option<IngestSource> = deployment.document(&self.id).await?;
        if known.is_some_and(|known| !known.is_ended()) {
            return Err(exists());
        }
        let (api_key, hash) = new_api_key(&deployment)?;
        let kid = format!("{}-1", self.id);
        let (signing_key, private) = match &self.public_key {
            Some(path) => (Some(own_key(path, SIGNATURES, kid)?), None),
            None if self.sign => {
                let (key, private) = new_key_pair(&deployment, kid);
                (Some(key), Some(private))
            }
            None => (None, None),
        };
        let source = IngestSource {
            signing_keys: signing_key.iter().cloned().collect(),
            allowed,
            mapping,
            pool,
            legacy_get: self.legacy_get.clone(),
            tokens,
            ..new_source(&deployment, (&self.id, self.kind), &self.company, &home, hash.clone()).await?
        };
        let out = Out::new(self.out.as_deref())?;
        let adding = deployment.change(&self.id, |stored: Option<IngestSource>| match stored {
            // A write whose answer was lost may have stored it already.
            Some(stored)
                if !stored.is_ended() && stored != (IngestSource { revision: stored.revision, ..source.clone() }) =>
            {
                Err(exists())
            }
            _ => Ok(source.clone()),
        });
        let stored = match adding.await {
            Ok(changed) => changed.everywhere,
            Err(error) => {
                out.map_or(Ok(()), Out::remove)?;
                return Err(error);
            }
        };
        // If at least one region has stored it, its keys are issued.
        let (kid, alg) = signing_key.map(|CompanyKey { kid, alg, .. }| (kid, alg)).unzip();
        let issued = Issued {
            id: &source.id,
            company: &source.company,
            kind: source.kind,
            home: &source.home,
            urls: urls(&source, &deployment),
            api_key_id: hash.id,
            api_key,
            kid,
            alg,
            private_key_pem: private,
        };
        match out {
            Some(mut out) => {
                out.write(&issued)?;
                let path = out.path().display().to_string();
                let answer = serde_json::json!({ "id": issued.id, "api_key_id": issued.api_key_id,
                    "kid": issued.kid, "urls": issued.urls, "file": path });
                output.answer(&answer, || {
                    format!(
                        "{}\nIts keys are in {path}.\n{}",
                        added(&source, &deployment),
                        self.next(&source, &deployment)
                    )
                });
            }
            None => output.answer(&issued, || {
                format!("{}\n{}\n{}", added(&source, &deployment), shown_once(&issued), self.next(&source, &deployment))
            }),
        }
        stored
    }

    /// What to do next, as commands that can be pasted.
    fn next(&self, source: &IngestSource, deployment: &Regions) -> String {
        let (id, place) = (&source.id, self.target.arguments());
        if let Some(pool) = &source.pool {
            return format!(
                "Next: set the triggers of the pool {} with terraform/modules/cognito (source = \"{id}\"), and look at it:\n  umoja source show {id} {place}",
                pool.id
            );
        }
        let gateway = if deployment.list.iter().any(|region| has_gateway(source, region)) {
            " (as a bearer token; `x-api-key` has the gateway's key)"
        } else {
            ""
        };
        format!(
            "Next: give the URL and the key{gateway} to {}, and try it:\n  umoja source test {id} {place}\n  umoja source show {id} {place}",
            shown::system(source.kind)
        )
    }
}

/// The public key of the deployment to which events are sealed. The region that applies them derives the private key
/// from the deployment's secrets.
async fn inbox_key(deployment: &Regions) -> Result<InboxPublicKey, CliError> {
    let secrets = deployment.first()?.secrets(&deployment.ring(WRAP_BUDGET_MS)?).await?;
    let key = secrets.inbox_key(FIRST_INBOX_KEY).public_key();
    Ok(InboxPublicKey { version: FIRST_INBOX_KEY, public_key: URL_SAFE_NO_PAD.encode(key.to_bytes()) })
}

fn added(source: &IngestSource, deployment: &Regions) -> String {
    let IngestSource { id, company, kind, home, .. } = source;
    let places = match (kind, &source.pool) {
        (_, Some(pool)) => format!("The triggers of the pool {} call a function of Umoja; nothing is posted.", pool.id),
        (SourceKind::Scim, None) => format!("Its tenant URL is one of\n{}", url_lines(source, deployment)),
        _ => format!("It posts to one of\n{}", url_lines(source, deployment)),
    };
    format!(
        "The source {id} ({}) feeds the users of {company}; {home} applies its events. {}",
        kind.as_str(),
        places.trim_end()
    )
}

fn shown_once(issued: &Issued<'_>) -> String {
    let api_key = match issued.kind {
        SourceKind::Scim => format!("{} (the secret token)", issued.api_key),
        _ => issued.api_key.clone(),
    };
    let key_id = match (&issued.kid, &issued.alg) {
        (Some(kid), Some(alg)) => format!("\n  key id   {kid} ({alg})"),
        _ => String::new(),
    };
    let private_key = issued.private_key_pem.as_deref().map(|pem| format!("\n\n{pem}")).unwrap_or_default();
    format!("\nShown once, kept nowhere:\n  API key  {api_key}{key_id}{private_key}\n")
}

//! The options that `umoja client add` and `umoja client set` share.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use umoja_crypto::jws::Jwk;
use umoja_schema::client::check_redirect_uri;
use umoja_schema::{Client, ClientAuthMethod, GrantType, OidcAlgorithm, RequireMfa, SubjectType};

use crate::CliError;
use crate::commands::foreign;
use crate::commands::offered::{Offered, offered, replace_offered};

/// The scopes that stand for a person.
const SCOPES: [&str; 6] = ["openid", "profile", "email", "phone", "address", "offline_access"];

/// What may be said of a client. What is not said stays.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The name that persons are shown.
    #[arg(long)]
    name: Option<String>,
    /// A URI to which codes are sent, exactly; for a loopback address the port may be *.
    #[arg(long = "redirect-uri", value_name = "URI", value_parser = redirect_uri)]
    redirect_uris: Vec<String>,
    /// A URI to which a browser may go after a logout, exactly.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI", value_parser = redirect_uri)]
    post_logout_redirect_uris: Vec<String>,
    /// The URL to which the end of a session is posted.
    #[arg(long, value_name = "URL", value_parser = foreign::url_with_query)]
    backchannel_logout_uri: Option<String>,
    /// By what it gets tokens: `authorization_code`, `refresh_token`, `client_credentials` or `device_code`; once for each.
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
    grants: Vec<GrantType>,
    /// How it proves who it is: `client_secret_basic`, `client_secret_post` or `private_key_jwt`.
    #[arg(long, value_name = "METHOD", value_parser = method)]
    auth_method: Option<ClientAuthMethod>,
    /// A file with its public keys, a JWK set.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<PathBuf>,
    /// The URL of its public keys.
    #[arg(long, value_name = "URL", value_parser = foreign::url)]
    jwks_uri: Option<String>,
    /// Let `jwks_uri` and the URL of logouts be of this machine, to try them out.
    #[arg(long)]
    outbound_loopback: bool,
    /// By what its id tokens are signed: ES256 or RS256.
    #[arg(long, value_name = "ALG")]
    id_token_alg: Option<OidcAlgorithm>,
    /// The scopes that it may ask for, separated by commas.
    #[arg(long, value_name = "SCOPE,...", value_delimiter = ',', value_parser = scope)]
    scopes: Vec<String>,
    /// The audience of its access tokens: the URL of the API that takes them. Clients of other companies cannot have it.
    #[arg(long, value_name = "URL", value_parser = audience)]
    audience: Option<String>,
    /// Give it subjects of its own, under the host that names its sector.
    #[arg(long, value_name = "HOST")]
    pairwise: Option<String>,
    /// Whether persons are not asked for consent, because the client is of the company itself.
    #[arg(long, value_name = "BOOL")]
    first_party: Option<bool>,
    /// Whether its access tokens are bound to a key (DPoP).
    #[arg(long, value_name = "BOOL")]
    dpop: Option<bool>,
    /// Whether it has to push its requests (PAR).
    #[arg(long, value_name = "BOOL")]
    require_par: Option<bool>,
    /// How long ago a person may have signed in, in seconds.
    #[arg(long, value_name = "SECS")]
    default_max_age: Option<u64>,
    /// When persons have to show a second factor: never, `if_enrolled`, always, or as the company says with `company`.
    #[arg(long, value_name = "WHEN", value_parser = require_mfa)]
    require_mfa: Option<Mfa>,
    /// How long its access tokens are valid, in seconds.
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(30..=3600))]
    access_token_secs: Option<u64>,
    /// How long its refresh tokens are valid, in seconds.
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(60..=31_536_000))]
    refresh_token_secs: Option<u64>,
    /// A provider at which persons may sign in instead, in the order of the page; `none` takes all away. See `umoja provider`.
    #[arg(long = "provider", value_name = "PROVIDER", value_parser = offered)]
    providers: Vec<Offered>,
}

/// When a second factor is needed; `None` as the company says.
#[derive(Debug, Clone, Copy)]
struct Mfa(Option<RequireMfa>);

/// What of the options was read from files and checked.
pub(super) struct Checked<'o> {
    options: &'o Options,
    jwks: Option<Value>,
}

impl Options {
    /// Reads the file of keys, and rejects URLs that are not called.
    pub(super) fn checked(&self) -> Result<Checked<'_>, CliError> {
        let urls = [("--jwks-uri", &self.jwks_uri), ("--backchannel-logout-uri", &self.backchannel_logout_uri)];
        for (what, url) in urls.into_iter().filter_map(|(what, url)| Some((what, url.as_deref()?))) {
            foreign::check(what, url, self.outbound_loopback, "--outbound-loopback")?;
        }
        let jwks = match &self.jwks {
            None => None,
            Some(path) => {
                let text = std::fs::read(path).map_err(|source| CliError::File { path: path.clone(), source })?;
                let set = serde_json::from_slice::<Value>(&text).ok().filter(is_jwk_set);
                Some(set.ok_or_else(|| {
                    CliError::Usage(format!(
                        "{} is no JWK set of public keys for ES256, EdDSA, RS256 or PS256",
                        path.display()
                    ))
                })?)
            }
        };
        Ok(Checked { options: self, jwks })
    }
}

impl Checked<'_> {
    /// The audience that was given.
    pub(super) fn audience(&self) -> Option<&str> {
        self.options.audience.as_deref()
    }

    /// The providers that were given.
    pub(super) fn providers(&self) -> &[Offered] {
        &self.options.providers
    }

    /// Writes what was said into a client, and checks the whole.
    pub(super) fn apply(&self, client: &mut Client) -> Result<(), CliError> {
        let (options, jwks) = (self.options, &self.jwks);
        replace(&mut client.name, options.name.as_ref());
        replace_all(&mut client.redirect_uris, &options.redirect_uris);
        replace_all(&mut client.post_logout_redirect_uris, &options.post_logout_redirect_uris);
        replace_all(&mut client.grant_types, &options.grants);
        replace_all(&mut client.scopes, &options.scopes);
        if options.backchannel_logout_uri.is_some() {
            client.backchannel_logout_uri.clone_from(&options.backchannel_logout_uri);
        }
        client.token_endpoint_auth_method = options.auth_method.unwrap_or(client.token_endpoint_auth_method);
        if jwks.is_some() || options.jwks_uri.is_some() {
            client.jwks.clone_from(jwks);
            client.jwks_uri.clone_from(&options.jwks_uri);
        }
        client.id_token_signed_response_alg = options.id_token_alg.unwrap_or(client.id_token_signed_response_alg);
        if options.audience.is_some() {
            client.audience.clone_from(&options.audience);
        }
        if let Some(sector) = &options.pairwise {
            client.subject_type = SubjectType::Pairwise;
            client.sector_identifier = Some(sector.clone());
        }
        client.first_party = options.first_party.unwrap_or(client.first_party);
        client.dpop_bound_access_tokens = options.dpop.unwrap_or(client.dpop_bound_access_tokens);
        client.require_pushed_authorization_requests =
            options.require_par.unwrap_or(client.require_pushed_authorization_requests);
        replace_offered(&mut client.providers, &options.providers);
        client.default_max_age = options.default_max_age.or(client.default_max_age);
        if let Some(Mfa(require)) = options.require_mfa {
            client.require_mfa = require;
        }
        client.access_token_secs = options.access_token_secs.unwrap_or(client.access_token_secs);
        client.refresh_token_secs = options.refresh_token_secs.unwrap_or(client.refresh_token_secs);
        client.check().map_err(|flaw| CliError::Usage(flaw.to_string()))
    }
}

fn replace<T: Clone>(member: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        member.clone_from(given);
    }
}

fn replace_all<T: Clone>(members: &mut Vec<T>, given: &[T]) {
    if !given.is_empty() {
        *members = given.to_vec();
    }
}

fn is_jwk_set(set: &Value) -> bool {
    let keys = set.get("keys").and_then(Value::as_array);
    keys.is_some_and(|keys| !keys.is_empty() && keys.iter().all(|key| Jwk::parse(key).is_ok()))
}

fn redirect_uri(text: &str) -> Result<String, String> {
    check_redirect_uri(text).map(|()| text.to_owned()).map_err(|flaw| flaw.to_string())
}

fn grant(text: &str) -> Result<GrantType, String> {
    match text {
        "device_code" => Ok(GrantType::DeviceCode),
        _ => GrantType::from_name(text).ok_or_else(|| {
            "there is no such grant; give authorization_code, refresh_token, client_credentials or device_code, and --grant once \
             for each"
                .to_owned()
        }),
    }
}

fn require_mfa(text: &str) -> Result<Mfa, String> {
    if text == "company" {
        return Ok(Mfa(None));
    }
    let require = RequireMfa::from_name(text).ok_or("give never, if_enrolled, always, or company")?;
    Ok(Mfa(Some(require)))
}

/// An audience: a URL or another name, without spaces.
fn audience(text: &str) -> Result<String, String> {
    let is_audience = (1..=512).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    if is_audience { Ok(text.to_owned()) } else { Err("an audience has 1 to 512 characters without spaces".into()) }
}

fn method(text: &str) -> Result<ClientAuthMethod, String> {
    let method = ClientAuthMethod::from_name(text).filter(|method| *method != ClientAuthMethod::None);
    method.ok_or_else(|| "give client_secret_basic, client_secret_post or private_key_jwt".to_owned())
}

/// A scope (RFC 6749 section 3.3).
fn scope(text: &str) -> Result<String, String> {
    let is_scope =
        !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_graphic() && !"\"\\".contains(c));
    if !is_scope {
        return Err("a scope has 1 to 64 characters without spaces and quotes".into());
    }
    let is_slip = |known: &&str| *known != text && strsim::osa_distance(known, &text.to_lowercase()) <= 1;
    match SCOPES.into_iter().find(is_slip).filter(|_| !SCOPES.contains(&text)) {
        None => Ok(text.to_owned()),
        Some(meant) => Err(format!(
            "did you mean {meant}? The scopes for persons are {}; any other name is a scope of your own, and has to differ by more \
             than a letter",
            SCOPES.join(", ")
        )),
    }
}

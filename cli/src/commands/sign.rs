//! `umoja sign`: a signed request from a body, for use with curl.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use umoja_client::{Client, Company};
use umoja_crypto::{numbers, surrogates};
use umoja_host::{OsEntropy, SystemClock};
use umoja_store::ports::Clock as _;

use crate::CliError;
use crate::commands::issued::Out;
use crate::credentials::{CompanyFile, Signer};
use crate::output::Output;
use crate::shell;

/// Sign a request: reads the body from standard input and prints the token to send.
#[derive(Debug, Args)]
#[command(
    long_about = "Sign a request: reads the body (the claim `body`, a JSON object) from standard input and prints \
the token (compact JWS) to send. A token is valid for 60 seconds and for one use. With --send, an https URL is verified \
by the certificate authorities of this machine, or by those of the file that SSL_CERT_FILE names."
)]
#[command(after_help = "Examples:
  echo '{\"email\":\"amina@example.com\"}' | umoja sign --company-file soko.json \\
      --url URL/v1/users/lookup
  eval \"$(echo '{\"email\":\"amina@example.com\"}' |
      umoja sign --company-file soko.json --url URL/v1/users/lookup --curl)\"
  echo '{\"email\":\"amina@example.com\"}' | umoja sign --company-file soko.json \\
      --url URL/v1/users/lookup --send")]
pub(super) struct Sign {
    /// The company's file, as `umoja company add --json` printed it.
    #[arg(long, value_name = "FILE")]
    company_file: PathBuf,
    /// The URL of the operation: the region's base URL and the path.
    #[arg(long, value_name = "URL")]
    url: String,
    /// An idempotency key, so that the request can be repeated.
    #[arg(long, value_name = "KEY")]
    idk: Option<String>,
    /// Print a curl command that sends the request. It holds the API key.
    #[arg(long, conflicts_with = "send")]
    curl: bool,
    /// Send the request and print the answer, after checking that the region signed it.
    #[arg(long)]
    send: bool,
    /// With --send, write the signed answer to this new file too; `umoja verify` verifies it at any time later.
    #[arg(long, value_name = "FILE", requires = "send")]
    save: Option<PathBuf>,
}

impl Sign {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let start = self.url.find("/v1/").ok_or_else(|| {
            CliError::Usage(
                "--url has to be a region's base URL and the path of an operation: \
                 http://127.0.0.1:7300/v1/users/lookup"
                    .into(),
            )
        })?;
        let (base_url, path) = self.url.split_at(start);
        let signer = Signer::new(&CompanyFile::read(&self.company_file)?)?;
        let body = read_body()?;
        if self.send {
            return self.send(output, base_url, path, &body).await;
        }
        let request = signer.sign(base_url, path, body, self.idk.as_deref(), SystemClock.now(), &OsEntropy);
        if self.curl {
            let curl = curl(&self.url, signer.api_key(), &request.token);
            output.answer(&json!({ "token": request.token, "curl": curl }), || curl.clone());
        } else {
            output.answer(&json!({ "token": request.token }), || request.token.clone());
        }
        Ok(())
    }

    async fn send(&self, output: Output, base_url: &str, path: &str, body: &Value) -> Result<(), CliError> {
        let company = Company::read(&self.company_file).map_err(umoja_client::Error::from)?;
        // One attempt, because who tries something out wants to see what happens to it.
        let client = Client::builder(company).region(base_url).attempts(1).build()?;
        let client = self.idk.as_ref().map_or_else(|| client.clone(), |key| client.idempotent(key));
        // Made before the request has any effect, so that the answer is not lost if the path cannot be written.
        let out = Out::of_option("save", self.save.as_deref())?;
        let answered = match client.call::<Value, Value>(path, body).await {
            Ok(answer) => {
                let (status, token) = (answer.status(), answer.token().to_owned());
                Ok((status, answer.into_body(), token))
            }
            Err(umoja_client::Error::Problem(problem)) => match problem.token.clone() {
                Some(token) => Ok((problem.status, problem.body, token)),
                None => Err(umoja_client::Error::Problem(problem)),
            },
            Err(error) => Err(error),
        };
        match (&answered, out) {
            (Ok((.., token)), Some(mut out)) => out.write_bytes(token.as_bytes())?,
            // The error matters more than a file that cannot be removed.
            (Err(_), Some(out)) => drop(out.remove()),
            (_, None) => {}
        }
        let (status, body, _) = answered?;
        let pretty = serde_json::to_string_pretty(&body).unwrap_or_default();
        output.answer(&json!({ "status": status, "body": body }), || format!("{status}\n{pretty}"));
        if status < 400 { Ok(()) } else { Err(CliError::Said) }
    }
}

fn read_body() -> Result<Value, CliError> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| CliError::Failed(format!("standard input cannot be read: {error}")))?;
    if !numbers::are_kept(text.as_bytes()) {
        let rule = "a number of the body cannot be kept exactly; give it as a text";
        return Err(CliError::Usage(rule.into()));
    }
    if !surrogates::are_paired(text.as_bytes()) {
        return Err(CliError::Usage("a text of the body has half a character, such as `\\ud83d` alone".into()));
    }
    match serde_json::from_str(&text) {
        Ok(body @ Value::Object(_)) => Ok(body),
        _ => Err(CliError::Usage("give the body on standard input as a JSON object".into())),
    }
}

fn curl(url: &str, api_key: &str, token: &str) -> String {
    let (url, header) = (shell::word(url), shell::word(&format!("x-api-key: {api_key}")));
    format!(
        "curl --silent --show-error --header 'content-type: application/jwt' --header {header} --data {token} {url}"
    )
}

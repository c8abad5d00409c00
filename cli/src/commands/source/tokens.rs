//! The tokens of a source's provider that stand for users.

use clap::Args;
use umoja_schema::SourceKind;
use umoja_schema::ingest::SourceTokens;

use crate::CliError;

/// Whose tokens the company of the source may show in the place of a user's id.
#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    /// The issuer of the provider, exactly as its tokens have it (`iss`). Its tokens may then stand for users in `provision`.
    #[arg(long, value_name = "URL", requires = "audience")]
    issuer: Option<String>,
    /// For whom these tokens have to be (`aud`, or `client_id` without one); may be repeated, and replaces those before.
    #[arg(long, value_name = "AUDIENCE", requires = "issuer")]
    audience: Vec<String>,
}

impl TokenArguments {
    /// The tokens, which a source of every kind but SCIM may have.
    pub(super) fn tokens(&self, kind: SourceKind) -> Result<Option<SourceTokens>, CliError> {
        let Some(issuer) = &self.issuer else { return Ok(None) };
        if kind == SourceKind::Scim {
            return Err(CliError::Usage(
                "--issuer does not go with the kind scim: its users are known by `userName`, and a token says `sub`"
                    .into(),
            ));
        }
        let tokens = SourceTokens::new(issuer, self.audience.clone());
        tokens.map(Some).ok_or_else(|| {
            CliError::Usage(format!(
                "--issuer is a URL (https://HOST/PATH, without a query), and there are 1 to {} audiences of up to 256 characters without spaces",
                SourceTokens::MAX_AUDIENCES
            ))
        })
    }
}

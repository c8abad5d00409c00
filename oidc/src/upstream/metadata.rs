//! The metadata of a provider (OpenID Connect Discovery 1.0 section 4).

use serde_json::Value;
use umoja_schema::foreign_url::{location, location_with_query};

use super::Fault;

/// Where the endpoints of a provider are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Where a browser goes.
    pub authorization: String,
    /// Where a code is redeemed.
    pub token: String,
    /// Where the keys are.
    pub jwks: String,
    /// Where more is said of a person.
    pub userinfo: Option<String>,
    /// Whether each answer names the issuer (RFC 9207 section 3).
    pub names_itself: bool,
}

/// The URL of the metadata of an issuer.
pub fn url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

impl Metadata {
    /// Reads the metadata of an issuer. It has to be that of exactly this issuer (section 4.3).
    ///
    /// # Errors
    /// [`Fault::Provider`].
    pub fn read(issuer: &str, body: &[u8]) -> Result<Self, Fault> {
        let value: Value = serde_json::from_slice(body).map_err(|_| Fault::Provider("the metadata is no JSON"))?;
        let text = |name: &str| value[name].as_str();
        if text("issuer") != Some(issuer) {
            return Err(Fault::Provider("the metadata is that of another issuer"));
        }
        let called = |name: &str| text(name).filter(|url| location(url).is_some()).map(str::to_owned);
        let authorization = text("authorization_endpoint").filter(|url| location_with_query(url).is_some());
        let (Some(authorization), Some(token), Some(jwks)) =
            (authorization.map(str::to_owned), called("token_endpoint"), called("jwks_uri"))
        else {
            return Err(Fault::Provider("the metadata lacks an endpoint that can be called"));
        };
        let names_itself = value["authorization_response_iss_parameter_supported"] == true;
        Ok(Self { authorization, token, jwks, userinfo: called("userinfo_endpoint"), names_itself })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://accounts.example";

    fn read(name: &str, value: Value) -> Result<Metadata, Fault> {
        let mut document = json!({
            "issuer": ISSUER, "authorization_endpoint": "https://accounts.example/authorize?a=b",
            "token_endpoint": "https://accounts.example/token", "jwks_uri": "https://keys.example/jwks",
        });
        document[name] = value;
        Metadata::read(ISSUER, document.to_string().as_bytes())
    }

    #[test]
    fn metadata_of_another_issuer_is_rejected() {
        assert!(read("x", json!(1)).is_ok_and(|metadata| !metadata.names_itself));
        assert!(read("authorization_response_iss_parameter_supported", json!(true)).unwrap().names_itself);
        for issuer in ["https://accounts.example/", "https://Accounts.example", "https://evil.example"] {
            assert!(read("issuer", json!(issuer)).is_err(), "{issuer}");
        }
    }

    #[test]
    fn an_endpoint_that_is_not_called_is_rejected() {
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for url in
                [json!(null), json!("http://accounts.example/x"), json!("javascript:x"), json!("https://a@b.example/")]
            {
                assert!(read(name, url.clone()).is_err(), "{name} {url}");
            }
        }
    }

    #[test]
    fn the_slash_at_the_end_of_an_issuer_is_not_doubled() {
        assert_eq!(url("https://a.example/t/"), "https://a.example/t/.well-known/openid-configuration");
        assert_eq!(url(ISSUER), "https://accounts.example/.well-known/openid-configuration");
    }
}

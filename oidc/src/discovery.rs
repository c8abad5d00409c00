//! The metadata of the provider (OpenID Connect Discovery 1.0 section 3, RFC 8414), the same at both well-known paths.

use serde_json::{Value, json};
use umoja_schema::{ClientAuthMethod, OidcAlgorithm, SubjectType};

use crate::assurance::CLASSES;
use crate::back_channel::{GRANTS, INTROSPECT, JWKS, REVOKE, TOKEN, USERINFO};
use crate::claims;
use crate::device::AUTHORIZATION;
use crate::request::ResponseMode;

/// Where the metadata is.
pub const WELL_KNOWN: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The endpoints: the names of their metadata, and their paths.
const ENDPOINTS: [(&str, &str); 9] = [
    ("authorization_endpoint", "/oauth2/authorize"),
    ("pushed_authorization_request_endpoint", "/oauth2/par"),
    ("token_endpoint", TOKEN),
    ("userinfo_endpoint", USERINFO),
    ("jwks_uri", JWKS),
    ("revocation_endpoint", REVOKE),
    ("introspection_endpoint", INTROSPECT),
    ("device_authorization_endpoint", AUTHORIZATION),
    ("end_session_endpoint", "/oauth2/logout"),
];

/// The claims of every id token.
const CLAIMS: [&str; 9] = ["iss", "sub", "aud", "iat", "exp", "auth_time", "sid", "acr", "amr"];

/// The metadata of an issuer, which has no trailing slash.
pub fn metadata(issuer: &str) -> Value {
    let methods: Vec<_> = ClientAuthMethod::ALL.iter().map(|method| method.as_str()).collect();
    let proving: Vec<_> = methods.iter().filter(|method| **method != ClientAuthMethod::None.as_str()).collect();
    let signed = ["ES256", "RS256", "EdDSA"];
    let of_persons = claims::SCOPES.iter().map(|(scope, _)| *scope);
    let scopes: Vec<_> = ["openid", "offline_access"].into_iter().chain(of_persons).collect();
    let of_persons = claims::SCOPES.iter().flat_map(|(_, claims)| claims.iter().copied());
    let claims: Vec<_> = CLAIMS.into_iter().chain(of_persons).collect();
    let mut metadata = json!({
        "issuer": issuer,
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::NAMES,
        "grant_types_supported": GRANTS.iter().map(|grant| grant.as_str()).collect::<Vec<_>>(),
        "subject_types_supported": SubjectType::ALL.iter().map(|subject| subject.as_str()).collect::<Vec<_>>(),
        "id_token_signing_alg_values_supported": OidcAlgorithm::ALL.iter().map(|alg| alg.as_str()).collect::<Vec<_>>(),
        "scopes_supported": scopes,
        "claims_supported": claims,
        "acr_values_supported": CLASSES,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": signed,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": signed,
        "introspection_endpoint_auth_methods_supported": proving,
        "introspection_endpoint_auth_signing_alg_values_supported": signed,
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
        "prompt_values_supported": ["none", "login", "consent", "select_account", "create"],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_request_uri_registration": false,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    });
    for (name, path) in ENDPOINTS {
        metadata[name] = format!("{issuer}{path}").into();
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    // oidcc-discovery-endpoint-verification, oidcc-config-certification
    #[test]
    fn the_metadata_has_what_is_required_and_no_way_that_is_rejected() {
        let metadata = metadata("https://id.example");
        assert_eq!(metadata["issuer"], "https://id.example");
        for (name, path) in ENDPOINTS {
            assert_eq!(metadata[name], format!("https://id.example{path}"));
        }
        for name in ["response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"] {
            assert!(!metadata[name].as_array().unwrap().is_empty(), "{name}");
        }
        // RS256 is required, and `none` and `plain` are nowhere but among the methods of public clients.
        assert!(metadata["id_token_signing_alg_values_supported"].as_array().unwrap().contains(&json!("RS256")));
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
        let text = metadata.to_string();
        for absent in ["plain", "implicit", "\"password\"", "token id_token", "HS256"] {
            assert!(!text.contains(absent), "{absent}");
        }
        // The default of an absent `request_uri_parameter_supported` is true.
        assert_eq!(metadata["request_uri_parameter_supported"], false);
    }
}

//! The paths of the routes that the back ends of clients call.

/// The path of the token endpoint.
pub const TOKEN: &str = "/oauth2/token";
/// The path at which a client learns of the person of a token.
pub const USERINFO: &str = "/oauth2/userinfo";
/// The path at which a client ends a token.
pub const REVOKE: &str = "/oauth2/revoke";
/// The path at which a resource server asks for the state of a token.
pub const INTROSPECT: &str = "/oauth2/introspect";
/// The path of the keys.
pub const JWKS: &str = "/oauth2/jwks";

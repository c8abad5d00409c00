//! What the page for signing in says of other providers.

use super::area;

area!("federation":
    SIGN_IN_WITH = "sign_in_with",
    CONNECT = "connect",
    NO_PROVIDER = "no_provider",
    NOT_RECENT = "not_recent",
    NOT_THERE = "not_there",
    NOT_ALLOWED = "not_allowed",
    NOT_CONNECTED = "not_connected",
);

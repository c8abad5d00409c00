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
    CONNECT_NAMED = "connect_named",
    UNREACHABLE = "unreachable",
    LOGINS = "logins",
    LOGINS_ARE = "logins_are",
    NO_LOGINS = "no_logins",
    CONNECTED_ON = "connected_on",
    REMOVE_LOGIN = "remove_login",
    CONNECT_WITH = "connect_with",
    CONFIRM = "confirm",
    CONFIRM_NAMED = "confirm_named",
    CONNECT_NOW = "connect_now",
    NOT_NOW = "not_now",
    WAS_CONNECTED = "was_connected",
    LOGIN_REMOVED = "login_removed",
    LAST_WAY = "last_way",
    TAKEN = "taken",
);

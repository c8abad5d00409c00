//! What the status page says. Its program gets all of these texts.

use super::area;

area!("status":
    TITLE = "title",
    LOADING = "loading",
    PROGRESS = "progress",
    ALL = "all",
    PARTLY = "partly",
    PENDING = "pending",
    SLOW = "slow",
    DONE = "done",
    INACTIVE = "inactive",
    FAILED = "failed",
    HELD = "held",
    NOT_IN_SCOPE = "not_in_scope",
    EXPIRED = "expired",
    NO_TICKET = "no_ticket",
    OFFLINE = "offline",
    BACK = "back",
    CLOSE = "close",
    SCRIPT = "script",
);

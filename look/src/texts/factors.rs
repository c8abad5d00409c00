//! What the pages say of second factors.

use super::area;

area!("factors":
    TITLE = "title",
    CODE = "code",
    CODE_HINT = "code_hint",
    WRONG_CODE = "wrong_code",
    WRONG_PASSKEY = "wrong_passkey",
    USE_PASSKEY = "use_passkey",
    ENROL_FIRST = "enrol_first",
    ENROL = "enrol",
    FACTORS = "factors",
    PASSKEY = "passkey",
    APPLICATION = "application",
    RECOVERY = "recovery",
    REMOVE = "remove",
    CODES_LEFT = "codes_left",
    NEW_CODES = "new_codes",
    CODES_ONCE = "codes_once",
    ADD_PASSKEY = "add_passkey",
    ADD_APPLICATION = "add_application",
    SCAN = "scan",
    PICTURE = "picture",
    CODE_SHOWN = "code_shown",
    LABEL = "label",
    ADD = "add",
    WAS_ADDED = "was_added",
    WAS_REMOVED = "was_removed",
    KNOWN = "known",
    FULL = "full",
    NO_PASSKEY = "no_passkey",
);

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
);

//! What the pages say on which a person makes an account, and the mails that go with them.

use super::area;

area!("register":
    TITLE = "title",
    ADDRESS = "address",
    ASK = "ask",
    NO_ADDRESS = "no_address",
    SENT = "sent",
    GIVEN_NAME = "given_name",
    FAMILY_NAME = "family_name",
    MAKE = "make",
    SIGN_IN_INSTEAD = "sign_in_instead",
    KNOWN = "known",
    SUBJECT = "subject",
    TEXT = "text",
    KNOWN_SUBJECT = "known_subject",
    KNOWN_TEXT = "known_text",
);

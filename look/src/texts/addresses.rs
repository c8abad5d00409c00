//! What the page says on which a person changes its addresses, and the mails that go with it.

use super::area;

area!("addresses":
    TITLE = "title",
    EMAIL = "email",
    PHONE = "phone",
    VERIFIED = "verified",
    UNVERIFIED = "unverified",
    NONE = "none",
    NEW = "new",
    NEW_IS = "new_is",
    NO_ADDRESS = "no_address",
    SEND = "send",
    SENT = "sent",
    CONFIRM = "confirm",
    CHANGED = "changed",
    REMOVED = "removed",
    REMOVE = "remove",
    TAKEN = "taken",
    LAST = "last",
    NO_MAIL = "no_mail",
    SUBJECT = "subject",
    TEXT = "text",
    NOTICE_SUBJECT = "notice_subject",
    NOTICE_TEXT = "notice_text",
);

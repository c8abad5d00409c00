//! What mails with codes say, and the pages on which a person sets a new password by such a code.

use super::area;

area!("mail":
    VERIFY_SUBJECT = "verify_subject",
    VERIFY_TEXT = "verify_text",
    RESET_SUBJECT = "reset_subject",
    RESET_TEXT = "reset_text",
    SIGN_IN_SUBJECT = "sign_in_subject",
    SIGN_IN_TEXT = "sign_in_text",
    FORGOTTEN = "forgotten",
    NEW_PASSWORD_TITLE = "new_password_title",
    ASK = "ask",
    SEND = "send",
    SEND_AGAIN = "send_again",
    SENT = "sent",
    CODE = "code",
    NEW_PASSWORD = "new_password",
    SET = "set",
    WRONG = "wrong",
    TOO_MANY = "too_many",
    WEAK = "weak",
    SHORT = "short",
    DONE = "done",
    DONE_TEXT = "done_text",
    SIGNED_OUT = "signed_out",
);

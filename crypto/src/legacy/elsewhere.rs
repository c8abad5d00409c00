//! What stands in the place of a hash and is none.

use super::ForeignHash;

/// Schemes of LDAP that name another server, which knows the password: OpenLDAP's pass-through, Heimdal's `smbk5pwd`.
const SCHEMES: [&str; 5] = ["{sasl}", "{k5key}", "{kerberos}", "{unix}", "{totp}"];

/// What shadow(5) and the tools around it write for an account without a password.
const SHADOW: [&str; 8] = ["*", "x", "!", "!!", "!*", "*LK*", "*NP*", "NP"];

impl ForeignHash {
    /// Whether a text says that there is no password hash here: another server verifies the password (`{SASL}`,
    /// `{K5KEY}`), or the account has none (Django's `!...`, `{CRYPT}*`). The user is imported without a password.
    pub fn is_elsewhere(text: &str) -> bool {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let lower = text.to_ascii_lowercase();
        let crypt = if lower.starts_with("{crypt}") { &text["{crypt}".len()..] } else { text };
        SCHEMES.iter().any(|scheme| lower.starts_with(scheme))
            || SHADOW.contains(&crypt)
            // `set_unusable_password` of Django: an exclamation mark and random letters.
            || text.strip_prefix('!').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_names_another_server_or_no_password_is_no_hash() {
        for text in ["{SASL}u@EXAMPLE.COM", "{sasl}x", "{K5KEY}", "{CRYPT}*", "{CRYPT}!!", "*LK*", "!", "!Xy9", " x\n"]
        {
            assert!(ForeignHash::is_elsewhere(text), "{text}");
        }
        for text in [
            "",
            "{SSHA}!b+mdvnTo8NPegaWqufxq/u84uXNzNGx0NWFsdA==",
            "{CRYPT}!$6$salt$hash",
            "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
            "!$2y$10$abc",
            "{CRYPT}ab8/DTvQZYqFU",
            "{CLEAR}x",
        ] {
            assert!(!ForeignHash::is_elsewhere(text), "{text}");
        }
    }
}

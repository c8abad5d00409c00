//! What another system did with the password before it computed the hash.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::chain::Chain;
use super::codec::php_trim;
use super::digest::Digest;
use super::keys::HashKeys;

/// The step before the family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Before {
    #[default]
    Unchanged,
    /// WordPress 6.8: base64 of HMAC-SHA-384 under the key `wp-sha384`, the password trimmed as WordPress does.
    WordPress,
    /// Digests and peppers: Django's `bcrypt_sha256`, Meteor, Devise.
    Chain(Chain),
}

impl Before {
    /// One digest in hexadecimal digits.
    pub(super) fn hex_of(digest: Digest) -> Self {
        Chain::new(vec![super::step::Step::plain(digest)], None, &[], false).map_or(Self::Unchanged, Self::Chain)
    }

    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Chain(chain) => chain.key(),
            Self::Unchanged | Self::WordPress => None,
        }
    }

    /// Whether the family is given bytes that are no text.
    pub(super) fn is_binary(&self) -> bool {
        matches!(self, Self::Chain(chain) if chain.is_binary())
    }

    pub(super) fn nanos(&self) -> u64 {
        match self {
            Self::Chain(chain) => chain.nanos(),
            Self::Unchanged | Self::WordPress => 0,
        }
    }

    pub(super) fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unchanged => Vec::new(),
            Self::WordPress => vec![("b", "wp".to_owned())],
            Self::Chain(chain) => {
                let key = chain.key().map(|key| ("bk", key.to_owned()));
                [("b", chain.name())].into_iter().chain(key).collect()
            }
        }
    }

    /// `None` if the secret is not among the keys.
    pub(super) fn run(&self, password: Zeroizing<Vec<u8>>, keys: &HashKeys) -> Option<Zeroizing<Vec<u8>>> {
        use base64::Engine;
        match self {
            Self::Unchanged => Some(password),
            Self::WordPress => {
                let mac = Digest::Sha384.hmac(b"wp-sha384", &password);
                Some(Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(&*mac).into_bytes()))
            }
            Self::Chain(chain) => chain.text(&password, keys),
        }
    }
}

/// What becomes of the typed text before it is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typed {
    /// It counts as it is.
    #[default]
    Exact,
    /// PHP's `trim`, on the way to the hash and at every log-in: Drupal.
    Trimmed,
    /// WordPress: PHP's `addslashes` by its forms, then `trim`. What came by another way than a form, such as
    /// its command line, has no slashes; so a text with quotes is tried in both forms.
    Slashed,
    /// Normalisation form NFKC: better-auth, Lucia.
    Nfkc,
}

impl Typed {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::Trimmed => "trim",
            Self::Slashed => "slash",
            Self::Nfkc => "nfkc",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Trimmed, Self::Slashed, Self::Nfkc].into_iter().find(|typed| typed.name() == name)
    }

    /// The most texts that [`forms`](Self::forms) returns.
    pub(super) fn most(self) -> u64 {
        if self == Self::Slashed { 2 } else { 1 }
    }

    /// The texts to try.
    pub(super) fn forms(self, typed: &str) -> Vec<Zeroizing<String>> {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        match self {
            Self::Exact => vec![text(typed)],
            Self::Trimmed => vec![text(php_trim(typed))],
            Self::Nfkc => vec![Zeroizing::new(typed.nfkc().collect())],
            Self::Slashed => {
                let (slashed, plain) = (add_slashes(typed), php_trim(typed));
                let slashed = text(php_trim(&slashed));
                if *slashed == plain { vec![slashed] } else { vec![slashed, text(plain)] }
            }
        }
    }
}

/// PHP's `addslashes`.
fn add_slashes(typed: &str) -> Zeroizing<String> {
    let mut slashed = Zeroizing::new(String::with_capacity(typed.len() * 2));
    for letter in typed.chars() {
        match letter {
            '\0' => slashed.push_str("\\0"),
            '\'' | '"' | '\\' => {
                slashed.push('\\');
                slashed.push(letter);
            }
            _ => slashed.push(letter),
        }
    }
    slashed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wordpress_forms_add_slashes_and_trim() {
        let forms = |typed| Typed::Slashed.forms(typed).iter().map(|form| form.to_string()).collect::<Vec<_>>();
        assert_eq!(forms(" plain\t"), ["plain"]);
        assert_eq!(forms("it's \"my\" c:\\x "), [r#"it\'s \"my\" c:\\x"#, r#"it's "my" c:\x"#]);
        assert_eq!(forms("a\0b"), ["a\\0b", "a\0b"]);
    }

    #[test]
    fn only_php_s_blanks_are_trimmed() {
        let forms = |typed| Typed::Trimmed.forms(typed)[0].to_string();
        assert_eq!(forms("\u{b}\r x y \0\n"), "x y");
        assert_eq!(forms("\u{a0}x\u{2003}"), "\u{a0}x\u{2003}");
        assert_eq!(*Typed::Nfkc.forms("e\u{301}\u{fb01}")[0], "\u{e9}fi");
    }
}

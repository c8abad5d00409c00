//! What a site expects.

/// The site, and what it expects of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The id of the site (RP ID): a host name.
    pub site: &'a str,
    /// The origin of the site's pages.
    pub origin: &'a str,
    /// The challenge that the site gave.
    pub challenge: &'a [u8],
    /// Whether the authenticator has to have verified the person, by a PIN or a finger for instance.
    pub user_verification: bool,
}

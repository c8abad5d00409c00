//! The URLs of foreign systems.

/// The most characters of a URL.
const MAX_URL: usize = 512;

/// Whether a text is the URL of a foreign system: `https`, or `http` for a loopback address, without user, query and
/// fragment. So it is encrypted on its way, and says no more than a place.
pub fn is_foreign_url(text: &str) -> bool {
    let (rest, is_plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return false,
    };
    let is_clean = text.len() <= MAX_URL && text.chars().all(|c| c.is_ascii_graphic() && !"@?#\\\"<>".contains(c));
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split_once(']').map_or("", |(address, _)| address),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    is_clean && !host.is_empty() && (!is_plain || is_loopback)
}

//! The URLs of foreign systems.

use std::net::IpAddr;

use crate::public_address::is_public;

/// The most characters of a URL.
const MAX_URL: usize = 512;

/// Where a foreign system is, as far as its URL says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// At a name, or at an address of the public internet. What the name resolves to is known when it is called.
    Public,
    /// On the machine that calls it: a loopback address, or a name of one.
    ThisMachine,
    /// At an address that is not of the public internet. No option lets it be called.
    Private,
}

/// Where a text says that a foreign system is. `None` if the text is no URL of one: `https`, or `http` for this machine,
/// without user, query and fragment. So what is sent is encrypted on its way, and the URL says no more than a place.
pub fn location(text: &str) -> Option<Location> {
    let (rest, is_plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, rest) => (rest?, true),
    };
    let is_clean = text.len() <= MAX_URL && text.chars().all(|c| c.is_ascii_graphic() && !"@?#\\\"<>".contains(c));
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split_once(']').map_or("", |(address, _)| address),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let location = of_host(host).filter(|_| is_clean)?;
    (!is_plain || location == Location::ThisMachine).then_some(location)
}

/// The same of a text whose URL may have a query, because a client reads it at a path of its own (OpenID Connect Back-Channel Logout 1.0
/// section 2.2).
pub fn location_with_query(text: &str) -> Option<Location> {
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let is_clean = text.len() <= MAX_URL && query.chars().all(|c| c.is_ascii_graphic() && !"#\\\"<>".contains(c));
    location(place).filter(|_| is_clean)
}

fn of_host(host: &str) -> Option<Location> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(match address.to_canonical() {
            address if address.is_loopback() => Location::ThisMachine,
            address if is_public(address) => Location::Public,
            _ => Location::Private,
        });
    }
    let last = host.rsplit('.').next().filter(|label| !label.is_empty())?;
    // Resolvers read such a host as an address, in a form that could hide one: `127.1`, `0x7f000001`.
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    match last {
        _ if is_number => None,
        "localhost" => Some(Location::ThisMachine),
        _ => Some(Location::Public),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_whether_a_system_is_here_inside_or_outside() {
        for (text, expected) in [
            ("https://crm.example/users", Location::Public),
            ("https://localhost.example/", Location::Public),
            ("https://8.8.8.8:8443/", Location::Public),
            ("https://[2606:4700::1111]/", Location::Public),
            ("https://localhost/", Location::ThisMachine),
            ("https://LOCALHOST.:8443/", Location::ThisMachine),
            ("http://crm.localhost:80/", Location::ThisMachine),
            ("https://127.8.9.10/", Location::ThisMachine),
            ("http://[::1]:8080/", Location::ThisMachine),
            ("https://[::ffff:127.0.0.1]/", Location::ThisMachine),
            ("https://10.0.0.1/", Location::Private),
            ("https://192.168.1.1./", Location::Private),
            ("https://169.254.169.254/latest", Location::Private),
            ("https://[fe80::1]/", Location::Private),
            ("https://[fd00:ec2::254]/", Location::Private),
            ("https://0.0.0.0/", Location::Private),
        ] {
            assert_eq!(location(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_query_is_no_part_of_the_place() {
        let at = |text| location_with_query(text);
        assert_eq!(at("https://shop.example/callback?logout=backchannel"), Some(Location::Public));
        assert_eq!(at("http://127.0.0.1:80/?a=b/c@d?e"), Some(Location::ThisMachine));
        assert_eq!(at("https://10.0.0.1/?a=b"), Some(Location::Private));
        for text in [
            "https://shop.example/?a=#b",
            "https://shop.example/?a b",
            "https://a@shop.example/?b",
            "http://shop.example/?a",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_encrypted_or_hides_an_address_is_no_url() {
        for text in [
            "http://crm.example/",
            "http://10.0.0.1/",
            "http://8.8.8.8/",
            "https://2130706433/",
            "https://127.1/",
            "https://0x7f.0x1/",
            "https://crm.0X7F000001/",
            "https://.",
            "https://user@crm.example/",
        ] {
            assert_eq!(location(text), None, "{text}");
        }
    }
}

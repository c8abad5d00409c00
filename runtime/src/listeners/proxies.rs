//! Where the one is who asks: the address that has opened the connection, or the word of a proxy that is known.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
pub use ipnet::IpNet;

/// By which header a proxy says for whom it asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`: addresses with commas between them.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The proxies in front of a process.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// Their addresses. Each has to add the address that it sees to the header, or to replace the header by it.
    pub trusted: Vec<IpNet>,
    /// The header that they write.
    pub header: ForwardedBy,
    /// All callers come through a proxy, so the address of a connection is never that of a caller.
    pub are_before_all: bool,
}

impl Proxies {
    /// The address of who asks, by the address that opened the connection and the headers of the request. `None` if that is not known: an
    /// address that may be a proxy's is that of many, and is not counted as one.
    pub(super) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if !self.is_trusted(peer) {
            // A program of this machine may be a proxy that was not named.
            return (!self.are_before_all && !peer.is_loopback()).then_some(peer);
        }
        let mut said = self.said(headers);
        // Each proxy has added the address before it, the last one at the end. What stands before the first address that is no proxy's, the
        // caller may have written itself.
        loop {
            let address = address(self.header, said.next()?)?.to_canonical();
            if !self.is_trusted(address) {
                return Some(address);
            }
        }
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// What the headers say, the last word first.
    fn said<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let name = match self.header {
            ForwardedBy::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ForwardedBy::Forwarded => header::FORWARDED,
        };
        headers.get_all(name).iter().rev().flat_map(|value| value.to_str().unwrap_or_default().rsplit(','))
    }
}

/// The address in one element of a header. `None` for anything else, such as `unknown` and names that hide an address (RFC 7239 section 6).
fn address(header: ForwardedBy, element: &str) -> Option<IpAddr> {
    let node = match header {
        ForwardedBy::XForwardedFor => element.trim(),
        ForwardedBy::Forwarded => {
            // A comma within quotes would end the element in another place than its writer means.
            let is_whole = !element.contains('\\') && element.matches('"').count().is_multiple_of(2);
            let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
            let mut nodes = pairs.filter(|(name, _)| is_whole && name.eq_ignore_ascii_case("for"));
            let (_, node) = nodes.next().filter(|_| nodes.next().is_none())?;
            node.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(node)
        }
    };
    let bare = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(node);
    bare.parse().ok().or_else(|| Some(node.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn proxies(trusted: &[&str], header: ForwardedBy) -> Proxies {
        let trusted = trusted.iter().map(|network| network.parse().unwrap()).collect();
        Proxies { trusted, header, are_before_all: false }
    }

    fn caller(proxies: &Proxies, peer: &str, lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
            headers.append("forwarded", HeaderValue::from_str(line).unwrap());
        }
        proxies.caller(peer.parse().unwrap(), &headers).map(|address| address.to_string())
    }

    #[test]
    fn without_a_named_proxy_no_header_counts_and_this_machine_is_no_caller() {
        let none = Proxies::default();
        assert_eq!(caller(&none, "192.0.2.1", &["198.51.100.7"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(caller(&none, "::ffff:192.0.2.1", &[]).as_deref(), Some("192.0.2.1"));
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(caller(&none, peer, &["198.51.100.7"]), None, "{peer}");
        }
        let behind = Proxies { are_before_all: true, ..Proxies::default() };
        assert_eq!(caller(&behind, "10.0.0.1", &["198.51.100.7"]), None);
    }

    #[test]
    fn the_word_of_a_named_proxy_counts_and_not_what_the_caller_wrote_before_it() {
        let own = proxies(&["127.0.0.1/32", "10.0.0.0/8"], ForwardedBy::XForwardedFor);
        for (lines, is) in [
            (&["198.51.100.7"][..], Some("198.51.100.7")),
            (&["203.0.113.9, 198.51.100.7"], Some("198.51.100.7")),
            (&["203.0.113.9", "198.51.100.7, 10.1.2.3"], Some("198.51.100.7")),
            (&["198.51.100.7:4711"], Some("198.51.100.7")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["198.51.100.7, unknown"], None),
            (&["198.51.100.7,"], None),
            (&["10.1.2.3"], None),
            (&[], None),
        ] {
            assert_eq!(caller(&own, "127.0.0.1", lines).as_deref(), is, "{lines:?}");
        }
        assert_eq!(caller(&own, "192.0.2.1", &["198.51.100.7"]).as_deref(), Some("192.0.2.1"), "no proxy of ours");
    }

    #[test]
    fn an_element_of_forwarded_is_read_as_its_proxy_wrote_it() {
        let own = proxies(&["127.0.0.1/32"], ForwardedBy::Forwarded);
        for (line, is) in [
            ("for=198.51.100.7", Some("198.51.100.7")),
            ("for=203.0.113.9, proto=https;For=198.51.100.7;host=id.example", Some("198.51.100.7")),
            ("for=\"[2001:db8::1]:4711\"", Some("2001:db8::1")),
            ("for=\"[2001:db8::1]\"", Some("2001:db8::1")),
            ("for=\"198.51.100.7:80\"", Some("198.51.100.7")),
            // A caller opened a quote that its proxy closes.
            ("for=203.0.113.9;x=\", for=198.51.100.7", Some("198.51.100.7")),
            // A caller named a host that is to pass as an element.
            ("for=198.51.100.7;host=\"a,for=203.0.113.9;x=\"", None),
            ("for=198.51.100.7;host=\"a;for=203.0.113.9\"", None),
            ("for=198.51.100.7;host=\"a\\\",for=203.0.113.9\"", None),
            ("for=unknown", None),
            ("for=_hidden", None),
            ("198.51.100.7", None),
        ] {
            assert_eq!(caller(&own, "127.0.0.1", &[line]).as_deref(), is, "{line}");
        }
    }
}

//! The proxies in front of a process that serves.

use std::net::IpAddr;

use clap::{Args, ValueEnum};
use umoja_runtime::listeners::{ForwardedBy, IpNet, Proxies};

const HEADING: &str = "Connections";

/// The proxies, and how they say for whom they ask.
#[derive(Debug, Args)]
pub(super) struct ProxyOptions {
    /// A proxy in front: an address, or a network such as 10.0.0.0/8; once for each. Only its header says where a browser is, by which
    /// wrong passwords, codes and mails are counted. It has to add the address that it sees to the header, or replace the header
    /// [default: the address that connects, but for this machine's own and with --behind-tls].
    #[arg(long, help_heading = HEADING, value_name = "NETWORK", value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// The header of these proxies.
    #[arg(long, help_heading = HEADING, value_name = "NAME", requires = "trusted_proxy", value_enum, default_value_t)]
    forwarded_by: HeaderOfProxy,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum HeaderOfProxy {
    /// Addresses with commas between them.
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

/// Reads a network, or an address as the network of itself.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "give an address or a network: 127.0.0.1 or 10.0.0.0/8".to_owned())
}

impl ProxyOptions {
    /// The proxies. `are_before_all` is whether every caller comes through one.
    pub(super) fn all(&self, are_before_all: bool) -> Proxies {
        let header = match self.forwarded_by {
            HeaderOfProxy::XForwardedFor => ForwardedBy::XForwardedFor,
            HeaderOfProxy::Forwarded => ForwardedBy::Forwarded,
        };
        Proxies { trusted: self.trusted_proxy.clone(), header, are_before_all }
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        for (text, is) in [("127.0.0.1", "127.0.0.1/32"), ("10.0.0.0/8", "10.0.0.0/8"), ("::1", "::1/128")] {
            assert_eq!(network(text).unwrap().to_string(), is);
        }
        for text in ["proxy.example", "10.0.0.0/33", ""] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}

//! The URLs of foreign systems that operators give: a URL that is not called is rejected when it is given.

use clap::Args;
use umoja_schema::foreign_url::{Location, location, location_with_query};

use crate::CliError;

/// The option that lets what Umoja calls be on this machine.
#[derive(Debug, Args)]
pub(super) struct OutboundLoopback {
    /// Let the URL be one of this machine, to try it out. `umoja serve` calls it with the same option only.
    #[arg(long)]
    outbound_loopback: bool,
}

impl OutboundLoopback {
    /// Rejects a URL that is not called.
    pub(super) fn check(&self, url: &str) -> Result<(), CliError> {
        check("--url", url, self.outbound_loopback, "--outbound-loopback")
    }
}

/// Reads the URL of a foreign system.
pub(super) fn url(text: &str) -> Result<String, String> {
    if location(text).is_some() {
        return Ok(text.to_owned());
    }
    Err("give it as https://HOST/PATH, without user, query and fragment (http for a loopback address only)".into())
}

/// Reads the URL of a foreign system that may have a query.
pub(super) fn url_with_query(text: &str) -> Result<String, String> {
    if location_with_query(text).is_some() {
        return Ok(text.to_owned());
    }
    Err("give it as https://HOST/PATH, without user and fragment (http for a loopback address only)".into())
}

/// Rejects the URL of the option `what` if it is not called. `permits` is the option that permits this machine.
pub(super) fn check(what: &str, url: &str, is_permitted: bool, permits: &str) -> Result<(), CliError> {
    match location_with_query(url) {
        Some(Location::Public) => Ok(()),
        Some(Location::ThisMachine) if is_permitted => Ok(()),
        Some(Location::ThisMachine) => Err(CliError::Usage(format!(
            "{what} {url} is on this machine, which is not called: to try it out, give {permits} to this command and to \
             `umoja serve`"
        ))),
        Some(Location::Private) => Err(CliError::Usage(format!(
            "{what} {url} is at an address of a private network, which is never called; {permits} permits this machine \
             only, such as http://127.0.0.1:8080/"
        ))),
        None => Err(CliError::Usage(format!("{what} {url} is no URL that is called"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(url: &str, outbound_loopback: bool) -> Option<String> {
        OutboundLoopback { outbound_loopback }.check(url).err().map(|error| error.to_string())
    }

    #[test]
    fn a_url_that_is_not_called_is_rejected_with_the_option_that_permits_it() {
        for url in ["https://localhost/x", "http://127.0.0.1:8080/x", "https://[::1]/x"] {
            assert!(said(url, false).unwrap().contains("--outbound-loopback"), "{url}");
            assert_eq!(said(url, true), None, "{url}");
        }
        for url in ["https://10.0.0.1/x", "https://169.254.169.254/latest", "https://[fe80::1]/x"] {
            for is_permitted in [false, true] {
                assert!(said(url, is_permitted).unwrap().contains("never called"), "{url}");
            }
        }
        assert_eq!(said("https://crm.example/x", false), None);
    }
}

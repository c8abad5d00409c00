//! Where a caller is.

use std::net::IpAddr;

use axum::http::Extensions;

/// The address of a browser or a device. The server that knows it puts it into the extensions of the request. It is hashed before any use.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of a request, if its server knows it.
    pub(crate) fn of(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get::<Self>().map(|address| address.0)
    }
}

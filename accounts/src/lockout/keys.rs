//! What is counted, under keyed hashes.

use std::net::{IpAddr, Ipv6Addr};

use umoja_schema::api::Selector;
use umoja_schema::{BlindIndex, UserId};
use umoja_store::person::PersonParts;

use super::limits::HOUR_MS;
use crate::{Context, Error, People};

/// A client's address at a company, under keyed hashes.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) failures: [u8; 32],
    /// The identifiers that failed from this address in this hour.
    pub(super) identifiers: [u8; 32],
}

impl Address {
    pub(super) fn of(people: &People, context: &Context, ip: IpAddr) -> Self {
        let (network, hour) = (network(ip).to_string(), (context.now.0 / HOUR_MS).to_string());
        let company = context.company.id.as_str();
        let failures = people.secrets.request_hash(&["attempts of a client", company, &network]);
        let identifiers = people.secrets.request_hash(&["identifiers of a client", company, &network, &hour]);
        Self { failures, identifiers }
    }
}

/// The address range of one client: an IPv4 address, or the first 64 bits of an IPv6 address (RFC 6177 section 2).
pub fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

/// The target of an attempt, under keyed hashes.
pub(crate) struct Target {
    pub(super) identifier: [u8; 32],
    /// The user id to read and to count for if the identifier has no owner.
    pub(crate) stand_in: UserId,
    /// The indexes of the identifier; `None` for the id of a user.
    pub(crate) indexes: Option<Vec<BlindIndex>>,
}

impl Target {
    /// The target of an identifier as the caller wrote it.
    pub(crate) fn of(people: &People, context: &Context, selector: &Selector) -> Result<Self, Error> {
        let indexes = match selector {
            Selector::Id(id) => return Ok(Self::of_id(people, *id)),
            Selector::Identifier(kind, text) => people.indexes(context, *kind, text)?,
        };
        let identifier = indexes.last().map(|index| of_index(people, &index.to_string())).unwrap_or_default();
        let mut stand_in = [0; 16];
        stand_in.copy_from_slice(&identifier[..16]);
        Ok(Self { identifier, stand_in: UserId::v8(stand_in), indexes: Some(indexes) })
    }

    /// The keyed hash of the identifier.
    pub(crate) const fn identifier(&self) -> &[u8; 32] {
        &self.identifier
    }

    /// The target of a user's id.
    pub(crate) fn of_id(people: &People, id: UserId) -> Self {
        let identifier = people.secrets.request_hash(&["attempts by id", &id.to_string()]);
        Self { identifier, stand_in: id, indexes: None }
    }
}

pub(super) fn of_index(people: &People, index: &str) -> [u8; 32] {
    people.secrets.request_hash(&["attempts by identifier", index])
}

pub(super) fn of_person(people: &People, id: UserId) -> [u8; 32] {
    people.secrets.request_hash(&["attempts at a person", &id.to_string()])
}

pub(super) fn of_codes(people: &People, person: UserId) -> [u8; 32] {
    people.secrets.request_hash(&["attempts at codes of a person", &person.to_string()])
}

/// The primary account of a person, or the stand-in.
pub(super) fn primary_of(person: Option<&PersonParts>, stand_in: UserId) -> UserId {
    person.and_then(|person| person.primary.id()).unwrap_or(stand_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_a_64_bit_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
    }
}

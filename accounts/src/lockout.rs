//! The lock-out after too many failed password attempts. The counts are in the region's table `attempts`, under keyed
//! hashes. All instances of a region share them, and each region counts for itself.
//!
//! - The **identifier** of the request, whether or not it has an owner. It is counted before the password is checked,
//!   so that parallel attempts get no more answers than sequential ones.
//! - The **person** whom the identifier found, or a stand-in if it found no person. A failure is counted after the
//!   check, so that other identifiers of the same person do not evade the first count for long.
//! - The **client**, by its address: failures over all identifiers.
//! - A **device** that has logged in as this person has its own attempts, which no other client can use up.
//!
//! If the table does not answer, logins continue without it, and a metric counts them. Otherwise an attacker who makes
//! the table unavailable would lock all users out. If the table only throttles, the attempt is rejected and has to be
//! retried. Otherwise a flood of requests would evade the count.

use std::net::{IpAddr, Ipv6Addr};

use metrics::counter;
use umoja_schema::api::Selector;
use umoja_schema::names::metric;
use umoja_schema::{Millis, PartRecord, UserId};
use umoja_store::person::PersonParts;
use umoja_store::ports::{Counted, Limit, StoreError, Tally};

use crate::{Context, Error, People};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// The limit for one identifier. The fifth failure within an hour locks it for 2 seconds, and each further one for
/// twice as long, up to a quarter of an hour.
const IDENTIFIER: Limit =
    Limit { at_once: 5, shortest_ms: 2_000, longest_ms: HOUR_MS / 4, window_ms: HOUR_MS, slides: true };

/// The limit for all identifiers of one person together.
const PERSON: Limit = Limit { at_once: 20, ..IDENTIFIER };

/// The limit for one client over all identifiers. Its hour does not slide, because many people may share one address.
const CLIENT: Limit = Limit { at_once: 100, slides: false, ..IDENTIFIER };

/// The attempts of a known device since its last login. After these it counts as an unknown device.
const DEVICE: u32 = 5;

/// How long a device is remembered after a login, in milliseconds.
const REMEMBER_MS: u64 = 30 * 24 * HOUR_MS;

/// If this number of identifiers failed from one client within an hour, it is logged once.
const MANY_IDENTIFIERS: u64 = 20;

/// The origin of an attempt.
#[derive(Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The company's id of the device. Address and device are hashed before any use.
    pub device: Option<String>,
}

/// A client's address, under keyed hashes.
#[derive(Clone, Copy)]
struct Address {
    failures: [u8; 32],
    /// The identifiers that failed from this address in this hour.
    identifiers: [u8; 32],
}

impl Address {
    fn of(people: &People, context: &Context, ip: IpAddr) -> Self {
        let (network, hour) = (network(ip).to_string(), (context.now.0 / HOUR_MS).to_string());
        let failures = people.secrets.request_hash(&["attempts of a client", &network]);
        let identifiers = people.secrets.request_hash(&["identifiers of a client", &network, &hour]);
        Self { failures, identifiers }
    }
}

/// The address range of one client: an IPv4 address, or the first 64 bits of an IPv6 address (RFC 6177 section 2).
fn network(ip: IpAddr) -> IpAddr {
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
    identifier: [u8; 32],
    /// The user id to read and to count for if the identifier has no owner.
    pub(crate) stand_in: UserId,
}

impl Target {
    /// The target of an identifier as the caller wrote it.
    pub(crate) fn of(people: &People, context: &Context, selector: &Selector) -> Result<Self, Error> {
        let (kind, text) = match selector {
            Selector::Id(id) => return Ok(Self::of_id(people, *id)),
            Selector::Identifier(kind, text) => (*kind, text),
        };
        let parsed = context.parse(kind, text)?;
        let (_, company) = context.slot(kind);
        let index = people.secrets.indexes(kind, company.as_ref(), &parsed.normalised).pop();
        let identifier = index.map(|(_, index)| of_index(people, &index.to_string())).unwrap_or_default();
        let mut stand_in = [0; 16];
        stand_in.copy_from_slice(&identifier[..16]);
        Ok(Self { identifier, stand_in: UserId::v8(stand_in) })
    }

    /// The target of a user's id.
    pub(crate) fn of_id(people: &People, id: UserId) -> Self {
        Self { identifier: people.secrets.request_hash(&["attempts by id", &id.to_string()]), stand_in: id }
    }
}

fn of_index(people: &People, index: &str) -> [u8; 32] {
    people.secrets.request_hash(&["attempts by identifier", index])
}

fn of_person(people: &People, id: UserId) -> [u8; 32] {
    people.secrets.request_hash(&["attempts at a person", &id.to_string()])
}

/// The primary account of a person, or the stand-in.
fn primary_of(person: Option<&PersonParts>, stand_in: UserId) -> UserId {
    person.and_then(|person| person.primary.id()).unwrap_or(stand_in)
}

/// An attempt that may be made. Its outcome has to be reported with [`Entry::end`].
#[must_use]
pub(crate) struct Entry<'a> {
    people: &'a People,
    now: Millis,
    company: &'a str,
    identifier: [u8; 32],
    person: [u8; 32],
    address: Option<Address>,
    device: Option<[u8; 32]>,
    entered: Entered,
}

/// The count under which an attempt was admitted.
enum Entered {
    /// The device's own count.
    Device(Tally),
    /// The counts of unknown devices. `None` where the table did not answer.
    Stranger { identifier: Option<Tally>, person: Option<Tally> },
}

impl<'a> Entry<'a> {
    /// Counts an attempt before the password is checked.
    pub(crate) async fn begin(
        people: &'a People,
        context: &'a Context,
        target: &Target,
        person: Option<&PersonParts>,
        origin: &Origin,
    ) -> Result<Self, Error> {
        let id = primary_of(person, target.stand_in);
        let company = context.company.id.as_str();
        let device = origin
            .device
            .as_ref()
            .map(|device| people.secrets.request_hash(&["device of a person", &id.to_string(), company, device]));
        let mut entry = Self {
            people,
            now: context.now,
            company,
            identifier: target.identifier,
            person: of_person(people, id),
            address: origin.ip.map(|ip| Address::of(people, context, ip)),
            device,
            entered: Entered::Stranger { identifier: None, person: None },
        };
        entry.entered = entry.enter().await?;
        Ok(entry)
    }

    async fn enter(&self) -> Result<Entered, Error> {
        let (attempts, now) = (&self.people.home.attempts, self.now);
        if let Some(device) = &self.device
            && let Some(tally) = answered(attempts.count_known(device, DEVICE, now).await)?.flatten()
        {
            return Ok(Entered::Device(tally));
        }
        let of_address = async {
            match &self.address {
                Some(address) => attempts.tally(&address.failures, now).await,
                None => Ok(None),
            }
        };
        let counts = tokio::join!(
            attempts.count(&self.identifier, &IDENTIFIER, now),
            attempts.tally(&self.person, now),
            of_address
        );
        let (identifier, person, address) = (answered(counts.0)?, answered(counts.1)?.flatten(), answered(counts.2)?);
        let identifier = match identifier {
            Some(Counted::Locked(until)) => return Err(self.locked(metric::LOCKED_IDENTIFIERS, until)),
            Some(Counted::Let(tally)) => Some(tally),
            None => None,
        };
        let closed = |tally: Option<Tally>| tally.map(|tally| tally.locked_until).filter(|until| *until > now);
        let other = closed(person).map(|until| (metric::LOCKED_PERSONS, until));
        let other = other.or_else(|| closed(address.flatten()).map(|until| (metric::LOCKED_CLIENTS, until)));
        if let Some((kind, until)) = other {
            if let Some(tally) = identifier {
                logged(attempts.give_back(&self.identifier, &tally).await);
            }
            return Err(self.locked(kind, until));
        }
        Ok(Entered::Stranger { identifier, person })
    }

    /// The error of a lock. It is the same for every count, so that it does not reveal which one is locked.
    fn locked(&self, kind: &'static str, until: Millis) -> Error {
        counter!(kind).increment(1);
        tracing::info!(
            event = kind,
            company = self.company,
            "a login attempt was rejected without a check of its password"
        );
        let secs = until.since(self.now).div_ceil(1000).max(1);
        Error::Locked { retry_after_secs: u32::try_from(secs).unwrap_or(u32::MAX) }
    }

    /// Reports the outcome: the password was right; it was wrong, or no user may log in with it; or it could not be
    /// checked.
    pub(crate) async fn end<T>(self, made: &Result<Option<T>, Error>) {
        match made {
            Ok(Some(_)) => self.succeeded().await,
            Ok(None) => self.failed().await,
            Err(_) => self.not_made().await,
        }
    }

    async fn succeeded(self) {
        let attempts = &self.people.home.attempts;
        match self.entered {
            // The attempt itself stays counted, because giving it back after every login would cost a second write.
            Entered::Device(tally) => {
                let is_old = tally.expires_at.since(self.now) < REMEMBER_MS / 2;
                if let Some(device) = self.device.filter(|_| tally.count > 1 || is_old) {
                    logged(attempts.remember(&device, self.now.plus(REMEMBER_MS)).await);
                }
            }
            Entered::Stranger { identifier, person } => {
                if identifier.is_some_and(|tally| tally.count > 1) {
                    logged(attempts.forget(&self.identifier).await);
                }
                if person.is_some() {
                    logged(attempts.forget(&self.person).await);
                }
                if let Some(device) = &self.device {
                    logged(attempts.remember(device, self.now.plus(REMEMBER_MS)).await);
                }
            }
        }
    }

    async fn failed(self) {
        counter!(metric::LOGIN_FAILURES).increment(1);
        tracing::info!(event = metric::LOGIN_FAILURES, company = self.company, "a login attempt failed");
        let attempts = &self.people.home.attempts;
        let of_person = async {
            if matches!(self.entered, Entered::Stranger { .. }) {
                logged(attempts.count(&self.person, &PERSON, self.now).await);
            }
        };
        let of_address = async {
            if let Some(address) = &self.address {
                logged(attempts.count(&address.failures, &CLIENT, self.now).await);
            }
        };
        // A count of 1 means that the identifier has not failed lately, so it probably is a further one of this client.
        let of_identifiers = async {
            if let (Some(address), Entered::Stranger { identifier: Some(Tally { count: 1, .. }), .. }) =
                (&self.address, &self.entered)
            {
                let hour_ends = Millis((self.now.0 / HOUR_MS + 1) * HOUR_MS);
                if logged(attempts.add(&address.identifiers, 1, hour_ends).await) == Some(MANY_IDENTIFIERS) {
                    self.report_many();
                }
            }
        };
        tokio::join!(of_person, of_address, of_identifiers);
    }

    fn report_many(&self) {
        counter!(metric::STUFFING_CLIENTS).increment(1);
        tracing::warn!(
            event = metric::STUFFING_CLIENTS,
            company = self.company,
            identifiers = MANY_IDENTIFIERS,
            "logins with many identifiers failed from one client"
        );
    }

    async fn not_made(self) {
        let attempts = &self.people.home.attempts;
        let given_back = match (&self.entered, &self.device) {
            (Entered::Device(tally), Some(device)) => attempts.give_back(device, tally).await,
            (Entered::Stranger { identifier: Some(tally), .. }, _) => attempts.give_back(&self.identifier, tally).await,
            _ => Ok(()),
        };
        logged(given_back);
    }
}

/// Resets the counts of a user who proved their identity in another way, for all identifiers of the person.
pub(crate) async fn forgive(people: &People, person: &PersonParts) {
    let profiles = person.users().filter_map(|parts| parts.profile.as_ref());
    let of_profile = |profile: &PartRecord| {
        let ownerships = profile.ownerships().keys().map(|index| of_index(people, &index.to_string()));
        ownerships.chain([Target::of_id(people, profile.id).identifier]).collect::<Vec<_>>()
    };
    let mut keys: Vec<[u8; 32]> = profiles.flat_map(of_profile).collect();
    keys.extend(person.primary.id().map(|id| of_person(people, id)));
    for forgotten in futures_util::future::join_all(keys.iter().map(|key| people.home.attempts.forget(key))).await {
        logged(forgotten);
    }
}

/// The error for a reset token that was not issued for the company. It is not counted as a failed attempt: a tag of 256
/// bits cannot be guessed, and otherwise a caller who knows the id of a user could keep the user from resetting the
/// password.
pub(crate) fn forged_token(context: &Context) -> Error {
    counter!(metric::FORGED_RESET_TOKENS).increment(1);
    tracing::info!(event = metric::FORGED_RESET_TOKENS, company = %context.company.id, "a reset token was not genuine");
    Error::ResetTokenInvalid
}

/// An answer of the table, or `None` if the table did not answer.
fn answered<T>(result: Result<T, StoreError>) -> Result<Option<T>, Error> {
    match result {
        Err(StoreError::Throttled(_)) => Err(Error::Contended),
        result => Ok(logged(result)),
    }
}

/// An answer of the table for a count on which no decision depends.
fn logged<T>(result: Result<T, StoreError>) -> Option<T> {
    result
        .inspect_err(|error| {
            counter!(metric::UNCOUNTED_LOGINS).increment(1);
            tracing::warn!(%error, event = metric::UNCOUNTED_LOGINS, "a login attempt was not counted");
        })
        .ok()
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

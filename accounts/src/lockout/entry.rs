//! One attempt at a password: it is counted, compared, and its outcome is counted.

use std::net::IpAddr;

use metrics::counter;
use umoja_crypto::Password;
use umoja_schema::names::metric;
use umoja_schema::{Credentials, Millis};
use umoja_store::person::PersonParts;
use umoja_store::ports::{Attempt, Limit, Permit, Permitted, StoreError, Tally, Verdict};

use super::keys::{Address, Target, of_person, primary_of};
use super::limits::{CLIENT, DEVICE, HOUR_MS, IDENTIFIER, LONGEST_MS, MANY_IDENTIFIERS, PERSON, REMEMBER_MS};
use crate::{Accounts, Context, Error};

/// The origin of an attempt.
#[derive(Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The company's id of the device. Address and device are hashed before any use.
    pub device: Option<String>,
}

/// An attempt that may be made. Its outcome has to be reported with [`Entry::end`].
#[must_use]
pub(crate) struct Entry<'a> {
    accounts: &'a Accounts,
    context: &'a Context,
    identifier: [u8; 32],
    person: [u8; 32],
    address: Option<Address>,
    device: Option<[u8; 32]>,
    entered: Entered,
    /// The permission for the next comparison. `None` once it is used.
    permit: Option<Permit>,
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
    ///
    /// # Errors
    /// [`Error::Locked`] if no attempt is allowed now.
    pub(crate) async fn begin(
        accounts: &'a Accounts,
        context: &'a Context,
        target: &Target,
        person: Option<&PersonParts>,
        origin: &Origin,
    ) -> Result<Self, Error> {
        let id = primary_of(person, target.stand_in);
        let (company, secrets) = (context.company.id.as_str(), &accounts.secrets);
        let device = origin
            .device
            .as_ref()
            .map(|device| secrets.request_hash(&["device of a person", &id.to_string(), company, device]));
        let mut entry = Self {
            accounts,
            context,
            identifier: target.identifier,
            person: of_person(accounts, id),
            address: origin.ip.map(|ip| Address::of(accounts, context, ip)),
            device,
            entered: Entered::Stranger { identifier: None, person: None },
            permit: None,
        };
        entry.permit = Some(entry.enter().await?);
        Ok(entry)
    }

    /// Compares the password with stored credentials. The first comparison is the attempt that was counted at the
    /// beginning. Each further one, after the credentials changed meanwhile, is counted as another attempt.
    ///
    /// # Errors
    /// [`Error::Locked`] if no further attempt is allowed now, and [`Error::Busy`].
    pub(crate) async fn compare(&mut self, password: &Password, stored: &Credentials) -> Result<Verdict, Error> {
        let permit = match self.permit.take() {
            Some(permit) => permit,
            None => self.enter().await?,
        };
        let (accounts, company) = (self.accounts, &self.context.company.id);
        let attempt = Attempt {
            permit,
            company: company.clone(),
            password: password.clone(),
            secret: stored.secret.clone(),
            legacy_hashes: stored.legacy_hashes.clone(),
            salt: accounts.home.entropy.array(),
            keys: accounts.secrets.password_keys(),
        };
        Ok(accounts.hasher.verify(attempt).await?)
    }

    /// Counts an attempt.
    async fn enter(&mut self) -> Result<Permit, Error> {
        let (attempts, now) = (&*self.accounts.home.attempts, self.context.now);
        if let Some(device) = &self.device
            && let Some((permit, tally)) = answered(Permit::count_known(attempts, device, DEVICE, now).await)?.flatten()
        {
            self.entered = Entered::Device(tally);
            return Ok(permit);
        }
        let of_address = async {
            match &self.address {
                Some(address) => attempts.tally(&address.failures, now).await,
                None => Ok(None),
            }
        };
        let counts = tokio::join!(
            Permit::count(attempts, &self.identifier, &IDENTIFIER, now),
            attempts.tally(&self.person, now),
            of_address
        );
        let (permit, identifier) = match counts.0 {
            Permitted::Throttled => return Err(Error::Contended),
            Permitted::Locked(until) => return Err(self.locked(metric::LOCKED_IDENTIFIERS, until)),
            Permitted::Counted(permit, tally) => (permit, Some(tally)),
            Permitted::Uncounted(permit, error) => {
                logged::<()>(Err(error));
                (permit, None)
            }
        };
        let (person, address) = (answered(counts.1)?.flatten(), answered(counts.2)?.flatten());
        let closed = |limit: &Limit, tally: Option<Tally>| tally.and_then(|tally| limit.locked_until(&tally, now));
        let other = closed(&PERSON, person).map(|until| (metric::LOCKED_PERSONS, until));
        let other = other.or_else(|| closed(&CLIENT, address).map(|until| (metric::LOCKED_CLIENTS, until)));
        if let Some((kind, until)) = other {
            if let Some(tally) = identifier {
                logged(attempts.give_back(&self.identifier, &tally).await);
            }
            return Err(self.locked(kind, until));
        }
        self.entered = Entered::Stranger { identifier, person };
        Ok(permit)
    }

    /// The error of a lock. It is the same for every count, so that it does not reveal which one is locked.
    fn locked(&self, kind: &'static str, until: Millis) -> Error {
        counter!(kind).increment(1);
        tracing::info!(
            event = kind,
            company = self.context.company.id.as_str(),
            "a login attempt was rejected without a check of its password"
        );
        let secs = until.since(self.context.now).min(LONGEST_MS).div_ceil(1000).max(1);
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
        let attempts = &self.accounts.home.attempts;
        match self.entered {
            // The attempt itself stays counted, because giving it back after every login would cost a second write. No one else
            // can use up or see this count.
            Entered::Device(tally) => {
                let is_old = tally.expires_at.since(self.context.now) < REMEMBER_MS / 2;
                if let Some(device) = self.device.filter(|_| tally.count > 1 || is_old) {
                    logged(attempts.remember(&device, self.context.now.plus(REMEMBER_MS)).await);
                }
            }
            Entered::Stranger { identifier, person } => {
                // Also the attempt itself: otherwise the next failures would show that someone has logged in lately.
                if identifier.is_some() {
                    logged(attempts.forget(&self.identifier).await);
                }
                if person.is_some() {
                    logged(attempts.forget(&self.person).await);
                }
                if let Some(device) = &self.device {
                    logged(attempts.remember(device, self.context.now.plus(REMEMBER_MS)).await);
                }
            }
        }
    }

    async fn failed(self) {
        counter!(metric::LOGIN_FAILURES).increment(1);
        tracing::info!(
            event = metric::LOGIN_FAILURES,
            company = self.context.company.id.as_str(),
            "a login attempt failed"
        );
        let attempts = &self.accounts.home.attempts;
        let of_person = async {
            if matches!(self.entered, Entered::Stranger { .. }) {
                logged(attempts.count(&self.person, &PERSON, self.context.now).await);
            }
        };
        let of_address = async {
            if let Some(address) = &self.address {
                logged(attempts.count(&address.failures, &CLIENT, self.context.now).await);
            }
        };
        // A count of 1 means that the identifier has not failed lately, so it probably is a further one of this client.
        let of_identifiers = async {
            if let (Some(address), Entered::Stranger { identifier: Some(Tally { count: 1, .. }), .. }) =
                (&self.address, &self.entered)
            {
                let hour_ends = Millis((self.context.now.0 / HOUR_MS + 1) * HOUR_MS);
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
            company = self.context.company.id.as_str(),
            identifiers = MANY_IDENTIFIERS,
            "logins with many identifiers failed from one client"
        );
    }

    async fn not_made(self) {
        let attempts = &self.accounts.home.attempts;
        let given_back = match (&self.entered, &self.device) {
            (Entered::Device(tally), Some(device)) => attempts.give_back(device, tally).await,
            (Entered::Stranger { identifier: Some(tally), .. }, _) => attempts.give_back(&self.identifier, tally).await,
            _ => Ok(()),
        };
        logged(given_back);
    }
}

/// An answer of the table, or `None` if the table did not answer.
fn answered<T>(result: Result<T, StoreError>) -> Result<Option<T>, Error> {
    match result {
        Err(StoreError::Throttled(_)) => Err(Error::Contended),
        result => Ok(logged(result)),
    }
}

/// An answer of the table for a count on which no decision depends.
pub(super) fn logged<T>(result: Result<T, StoreError>) -> Option<T> {
    result
        .inspect_err(|error| {
            counter!(metric::UNCOUNTED_LOGINS).increment(1);
            tracing::warn!(%error, event = metric::UNCOUNTED_LOGINS, "a login attempt was not counted");
        })
        .ok()
}

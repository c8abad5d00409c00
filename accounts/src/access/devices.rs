//! Devices that wait for a person to let them in (RFC 8628).
//!
//! What a device asks for is a row that every region gets, so that the person can answer in any region, and the device learns it in any. The
//! row is under an id that is derived from the code that the person types, with a secret of the deployment: who reads the table does not
//! learn the code.

use std::collections::BTreeSet;

use umoja_schema::access::DeviceRequest;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attributes, Millis, UserId, Version};
use umoja_store::ports::StoreError;

use crate::accounts::until_written;
use crate::items::replace;
use crate::{Error, People};

/// What a device asks for.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// The id of the request.
    pub jti: String,
    /// The client.
    pub client: String,
    /// The scopes.
    pub scopes: BTreeSet<String>,
    /// When the code ends.
    pub expires_at: Millis,
}

impl People {
    fn device_id(&self, user_code: &str) -> UserId {
        let hash = self.secrets.request_hash(&["device", user_code]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        UserId::v8(id)
    }

    /// Stores what a device asks for under the code that a person types. False if the code is in use.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn begin_device(&self, user_code: &str, new: NewDevice) -> Result<bool, Error> {
        let NewDevice { jti, client, scopes, expires_at } = new;
        let (id, unknown) = (self.device_id(user_code), Attributes::new());
        let request = DeviceRequest { id, jti, client, scopes, answer: None, expires_at, unknown };
        self.add(|version| request.to_item(version)).await
    }

    /// The request under a code. `None` if there is none, it has ended, or it has not arrived in this region.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn device(&self, user_code: &str) -> Result<Option<DeviceRequest>, Error> {
        Ok(self.stored_device(user_code).await?.map(|(_, request)| request))
    }

    /// Stores what a person answers to a request. The first answer counts. False if there is another one, or the request is not there.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn answer_device(&self, user_code: &str, jti: &str, answer: &str) -> Result<bool, Error> {
        until_written!({
            let Some((version, request)) = self.stored_device(user_code).await? else { return Ok(Some(false)) };
            if request.jti != jti || request.answer.is_some() {
                return Ok(Some(false));
            }
            let answered = DeviceRequest { answer: Some(answer.to_owned()), ..request };
            let item = answered.to_item(self.next_version(false, Some(&version))?);
            Ok(replace(self, Some(&version), item).await?.then_some(true))
        })
    }

    async fn stored_device(&self, user_code: &str) -> Result<Option<(Version, DeviceRequest)>, Error> {
        let (home, id) = (&self.home, self.device_id(user_code));
        let stored = home.own.items.item(&ACCESS, id, &DeviceRequest::key()).await?;
        let Some(item) = stored.filter(|item| !item.version.erased && !item.is_expired(home.clock.now())) else {
            return Ok(None);
        };
        let request = DeviceRequest::from_item(&item).map_err(StoreError::from)?;
        Ok(Some((item.version, request)))
    }
}

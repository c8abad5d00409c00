//! The grant of a device (RFC 8628 section 3.4 and 3.5).

use umoja_store::ports::{Counted, Limit};

use super::authorization_code::redeem;
use super::request::TokenRequest;
use crate::device::{DeviceAnswer, DeviceCode};
use crate::problem::Problem;
use crate::tokens::Issued;

/// How often a device may ask: nearly as often as it was asked to, so that a fast clock does no harm.
const POLLS: Limit = Limit { at_once: 1, shortest_ms: 4_000, longest_ms: 4_000, window_ms: 60_000, slides: true };

/// The tokens of the person who has let the device in.
pub(super) async fn grant(request: &TokenRequest<'_>) -> Result<Issued, Problem> {
    let TokenRequest { provider, client, form, .. } = request;
    let (people, now) = (&provider.accounts.people, provider.now());
    let text = form.get("device_code").ok_or(Problem::Request("device_code is missing"))?;
    let device = DeviceCode::open(&people.secrets, text, &client.id).ok_or(Problem::Grant)?;
    if now >= device.expires_at {
        return Err(Problem::ExpiredToken);
    }
    // A table that does not answer keeps no device out: the person has to answer all the same.
    let key = people.secrets.request_hash(&["device poll", &device.jti]);
    if let Ok(Counted::Locked(_)) = people.home.attempts.count(&key, &POLLS, now).await {
        return Err(Problem::SlowDown);
    }
    // What is not here has not arrived.
    let waiting = people.device(&device.user_code).await?.ok_or(Problem::AuthorizationPending)?;
    if waiting.jti != device.jti {
        return Err(Problem::ExpiredToken);
    }
    let answer = waiting.answer.ok_or(Problem::AuthorizationPending)?;
    let answer = DeviceAnswer::open(&people.secrets, &answer, &device).ok_or(Problem::Grant)?;
    let code = answer.allowed.ok_or(Problem::AccessDenied)?;
    redeem(request, code, device.once(), now).await
}

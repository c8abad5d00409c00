//! Answers that come alike for every name and every address.

use std::time::Duration;

use tokio::time::sleep;
use umoja_accounts::Error;
use umoja_accounts::mail::Letter;

/// When it is answered. Reading a user and writing an audit row takes a tenth of it.
const ANSWER: Duration = Duration::from_secs(1);

/// What was begun, after a fixed time. The mail, if there is one, is sent beside it: whether it can be sent, and how long that takes, must not
/// be seen, and is logged.
///
/// # Errors
/// Those of what is begun.
pub(super) async fn alike(
    work: impl Future<Output = Result<(String, Option<Letter>), Error>>,
) -> Result<String, Error> {
    let begun = async {
        let (challenge, letter) = work.await?;
        if let Some(letter) = letter {
            tokio::spawn(letter.send());
        }
        Ok(challenge)
    };
    let (begun, ()) = tokio::join!(begun, sleep(ANSWER));
    begun
}

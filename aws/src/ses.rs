//! Mail by Amazon SES: `SendEmail` of its API of version 2, in the region of the process. The role needs `ses:SendEmail` on the identity
//! of the sender.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_types::base64;
use aws_smithy_types::byte_stream::ByteStream;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;
use umoja_schema::{Email, Region};
use umoja_store::ports::{Clock, Mail, MailError, Mailer};
use zeroize::Zeroizing;

use crate::home::endpoint;
use crate::signed::{Call, Unsigned, signed};
use crate::{Options, Session};

/// The longest that a mail may take.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The most bytes of an answer.
const MAX_ANSWER: usize = 64 * 1024;

/// The most bytes of an encoded word's text: 75 characters with its frame (RFC 2047 section 2).
const WORD: usize = 45;

/// Sends mail by SES, with the credentials of the environment. A process that sends none opens no session.
pub struct SesMailer {
    session: OnceCell<Session>,
    region: Region,
    from: String,
    clock: Arc<dyn Clock>,
}

impl SesMailer {
    /// Mail by SES of this region, from this address.
    pub fn new(region: Region, from: &str, clock: Arc<dyn Clock>) -> Self {
        Self { session: OnceCell::new(), region, from: from.to_owned(), clock }
    }

    /// With the credentials of a session.
    #[must_use]
    pub fn with_session(self, session: Session) -> Self {
        Self { session: OnceCell::from(session), ..self }
    }

    async fn pass(&self, mail: &Mail<'_>) -> Result<(), MailError> {
        let body = Zeroizing::new(self.body(mail)?);
        let session = self.session.get_or_init(async || Session::from_environment(&Options::default()).await).await;
        let connections = session.connections.as_ref().ok_or(MailError::Rejected("this process has no network"))?;
        let named = endpoint(&self.region).or_else(|| session.shared.endpoint_url().map(str::to_owned));
        let root = named.unwrap_or_else(|| format!("https://email.{}.amazonaws.com", self.region));
        let url = format!("{}/v2/email/outbound-emails", root.trim_end_matches('/'));
        let call = Call {
            service: "ses",
            region: self.region.as_str(),
            url: &url,
            headers: &[("content-type", "application/json")],
            body: &body,
            at_secs: self.clock.now().secs(),
        };
        let request = signed(&session.shared, &call).await.map_err(|why| match why {
            Unsigned::Credentials => MailError::Unavailable("there are no credentials"),
            Unsigned::Rejected => MailError::Rejected("the request cannot be signed"),
        })?;
        let response = connections.send(request).await.map_err(|_| MailError::Unavailable("no connection"))?;
        let status = response.status().as_u16();
        let kind = response.headers().get("x-amzn-errortype").unwrap_or_default().to_owned();
        let answer = bounded(ByteStream::new(response.into_body())).await?;
        read(status, &kind, &answer)
    }

    fn body(&self, mail: &Mail<'_>) -> Result<String, MailError> {
        if [mail.subject, mail.from_name].iter().any(|text| text.chars().any(char::is_control)) {
            return Err(MailError::Rejected("a header has a control character"));
        }
        let is_plain = !mail.to.chars().any(|c| c.is_control() || c.is_whitespace() || ",;<>".contains(c));
        if !is_plain || Email::parse(mail.to).is_err() {
            return Err(MailError::Rejected("the address is none"));
        }
        let text = |data: &str| json!({ "Data": data, "Charset": "UTF-8" });
        let body = json!({
            "FromEmailAddress": format!("{} <{}>", encoded(mail.from_name), self.from),
            "Destination": { "ToAddresses": [mail.to] },
            "Content": { "Simple": { "Subject": text(mail.subject), "Body": { "Text": text(mail.text) } } },
        });
        Ok(body.to_string())
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail<'_>) -> Result<(), MailError> {
        let sent = tokio::time::timeout(TIMEOUT, self.pass(mail)).await;
        sent.unwrap_or(Err(MailError::Unavailable("it did not answer in time")))
    }
}

/// A name as encoded words, which have no character that means something in a header.
fn encoded(name: &str) -> String {
    let (mut words, mut word) = (String::new(), String::new());
    let mut end = |word: &mut String| {
        let gap = if words.is_empty() { "" } else { " " };
        let _ = write!(words, "{gap}=?utf-8?b?{}?=", base64::encode(&word));
        word.clear();
    };
    for c in name.chars() {
        if word.len() + c.len_utf8() > WORD {
            end(&mut word);
        }
        word.push(c);
    }
    end(&mut word);
    words
}

async fn bounded(mut body: ByteStream) -> Result<Vec<u8>, MailError> {
    let mut answer = Vec::new();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|_| MailError::Unavailable("the connection broke off"))?;
        if bytes.len() > MAX_ANSWER - answer.len() {
            return Err(MailError::Unavailable("its answer is too long"));
        }
        answer.extend_from_slice(&bytes);
    }
    Ok(answer)
}

#[derive(Deserialize)]
struct Failed {
    #[serde(rename = "__type", alias = "code")]
    kind: String,
}

/// What an answer means. Its message is not read, because it may quote an address.
fn read(status: u16, header: &str, body: &[u8]) -> Result<(), MailError> {
    if status == 200 {
        return Ok(());
    }
    let failed: Option<Failed> = serde_json::from_slice(body).ok();
    let kind = failed.map_or_else(|| header.to_owned(), |failed| failed.kind);
    let kind = kind.split(':').next().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    match kind {
        "TooManyRequestsException" | "LimitExceededException" => {
            Err(MailError::Unavailable("it has too many requests"))
        }
        "SendingPausedException" | "AccountSuspendedException" => {
            Err(MailError::Unavailable("sending is paused for the account"))
        }
        "MessageRejected" => Err(MailError::Rejected("it does not take the mail")),
        "MailFromDomainNotVerifiedException" => Err(MailError::Rejected("the sender's domain is not verified")),
        _ if status == 429 || status >= 500 => Err(MailError::Unavailable("it has an error")),
        _ => Err(MailError::Rejected("it rejects the request; check the identity and the permission")),
    }
}

#[cfg(test)]
mod tests;

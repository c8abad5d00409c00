//! Mail by SMTP (RFC 5321), for submission to the server of an operator (RFC 6409).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use umoja_store::ports::{Clock, Entropy, Mail, MailError, Mailer};
use zeroize::Zeroizing;

use super::{Checked, address};

/// The longest that one answer of the server may take.
const ANSWER: Duration = Duration::from_secs(5);

/// The longest that a mail may take, with connecting.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most connections of a process.
const CONNECTIONS: u32 = 8;

/// How long a connection without a mail stays open.
const IDLE: Duration = Duration::from_mins(1);

/// A server that takes mail for others. It is printed without its user.
#[derive(Clone)]
pub struct SmtpServer {
    host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    user: Option<String>,
    password: Option<Zeroizing<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// TLS from the first byte (RFC 8314 section 3.3).
    Tls,
    /// TLS after the command STARTTLS, without which nothing is sent (RFC 3207).
    StartTls,
    /// None: on this machine only.
    Plain,
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpServer({}:{}, {:?})", self.host, self.port, self.security)
    }
}

impl SmtpServer {
    /// Reads `smtps://[USER@]HOST[:PORT]` (TLS, port 465) or `smtp://[USER@]HOST[:PORT]` (STARTTLS, port 587; on this machine
    /// without TLS, port 25).
    ///
    /// # Errors
    /// A sentence about what is wrong, which has nothing of the text.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        const FORM: &str = "give the server as smtps://USER@HOST:465 or smtp://USER@HOST:587";
        let uri: Uri = url.parse().map_err(|_| FORM)?;
        let authority = uri.authority().ok_or(FORM)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let (security, port) = match uri.scheme_str() {
            Some("smtps") => (Security::Tls, 465),
            Some("smtp") if is_here => (Security::Plain, 25),
            Some("smtp") => (Security::StartTls, 587),
            _ => return Err(FORM),
        };
        if host.is_empty() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(FORM);
        }
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| user.to_owned());
        if user.as_ref().is_some_and(|user| user.contains(':')) {
            return Err("others can read the password in a URL: give it in a file");
        }
        let port = authority.port_u16().unwrap_or(port);
        // A name of a user is often an address, whose `@` a URL has as an escape.
        let user = user.map(|user| user.replace("%40", "@"));
        Ok(Self { host, port, security, user, password: None })
    }

    /// True if the URL names a user, who needs a password.
    pub fn has_user(&self) -> bool {
        self.user.is_some()
    }

    /// With the password of the user.
    #[must_use]
    pub fn with_password(self, password: Zeroizing<String>) -> Self {
        Self { password: Some(password), ..self }
    }
}

/// Sends mail by one server, over connections that stay open for a minute.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl SmtpMailer {
    /// Mail by this server, from the address `from`. It opens no connection yet, and has to be called within a runtime.
    ///
    /// # Errors
    /// A sentence, if `from` is no address, or TLS cannot be used.
    pub fn new(
        server: SmtpServer,
        from: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, &'static str> {
        let from = address(from).ok_or("the address of the sender is none")?;
        let tls = || TlsParameters::new_rustls(server.host.clone()).map_err(|_| "TLS cannot be used");
        let tls = match server.security {
            Security::Tls => Tls::Wrapper(tls()?),
            Security::StartTls => Tls::Required(tls()?),
            Security::Plain => Tls::None,
        };
        // The name of this machine is not for other servers to know.
        let hello = ClientId::Domain(from.domain().to_owned());
        let pool = PoolConfig::new().max_size(CONNECTIONS).idle_timeout(IDLE);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host)
            .port(server.port)
            .tls(tls)
            .hello_name(hello)
            .timeout(Some(ANSWER))
            .pool_config(pool);
        if let Some(user) = server.user {
            let password = server.password.ok_or("the user of the mail server has no password")?;
            builder = builder.credentials(Credentials::new(user, password.to_string()));
        }
        Ok(Self { transport: builder.build(), from, clock, entropy })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail<'_>) -> Result<(), MailError> {
        let message = Checked::new(mail, &self.from)?.message(mail, &*self.clock, &*self.entropy)?;
        let sent = tokio::time::timeout(TIMEOUT, self.transport.send(message)).await;
        let Ok(sent) = sent else { return Err(MailError::Unavailable("it did not answer in time")) };
        // What the server says may repeat the address.
        sent.map(drop).map_err(|error| match error {
            error if error.is_permanent() => MailError::Rejected("the server does not take it"),
            error if error.is_tls() => MailError::Unavailable("TLS failed"),
            error if error.is_transient() => MailError::Unavailable("the server asks to try again"),
            error if error.is_client() => MailError::Rejected("the server lacks what the mail or the settings need"),
            _ => MailError::Unavailable("no connection"),
        })
    }
}

//! A mail server that keeps what it gets, and the reader of its messages.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use umoja_store::contract::mailer::Arrived;

#[derive(Default)]
struct Kept {
    senders: Vec<String>,
    arrived: Vec<Arrived>,
}

pub(super) struct Sink {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl Sink {
    /// A server that takes mail of every user, or of this user with this password.
    pub(super) fn start(login: Option<(&str, &str)>) -> Self {
        let login = login.map(|(user, password)| STANDARD.encode(format!("\0{user}\0{password}")));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, kept) = (listener.local_addr().unwrap(), Arc::<Mutex<Kept>>::default());
        let shared = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, login) = (Arc::clone(&shared), login.clone());
                std::thread::spawn(move || converse(stream, &kept, login.as_deref()));
            }
        });
        Self { address, kept }
    }

    pub(super) fn url(&self, user: &str) -> String {
        format!("smtp://{user}{}", self.address)
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.kept.lock().unwrap().arrived.clone()
    }

    pub(super) fn senders(&self) -> Vec<String> {
        self.kept.lock().unwrap().senders.clone()
    }
}

fn converse(mut stream: TcpStream, kept: &Mutex<Kept>, login: Option<&str>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut sender, mut to, mut may_send) = (String::new(), String::new(), login.is_none());
    stream.write_all(b"220 sink\r\n").ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        let within =
            || line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).unwrap_or_default().0.to_owned();
        let answer = match line.to_ascii_uppercase().split([' ', ':']).next()? {
            "EHLO" => "250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN",
            "AUTH" if line.rsplit_once(' ').map(|(_, given)| given) == login => {
                may_send = true;
                "235 welcome"
            }
            "AUTH" => "535 who are you",
            _ if !may_send && !line.eq_ignore_ascii_case("quit") => "530 log in",
            "MAIL" => {
                sender = within();
                "250 ok"
            }
            "RCPT" if within().starts_with("unknown@") => "550 no such mailbox",
            "RCPT" if within().starts_with("later@") => "450 later",
            "RCPT" => {
                to = within();
                "250 ok"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").ok()?;
                let message = read_message(&mut reader)?;
                let mut kept = kept.lock().unwrap();
                kept.senders.push(sender.clone());
                kept.arrived.push(arrived(Some(&to), &message));
                "250 kept"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").ok()?;
                return Some(());
            }
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
    }
}

/// The message up to the line with a dot, without the dots that were added (RFC 5321 section 4.5.2).
fn read_message(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok().filter(|read| *read > 0)?;
        assert!(line.ends_with(b"\r\n") && line.len() <= 1000, "a line of SMTP");
        if line == b".\r\n" {
            return Some(message);
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

/// What a message says, delivered to the address of the envelope.
pub(super) fn arrived(envelope: Option<&str>, message: &[u8]) -> Arrived {
    let text = String::from_utf8(message.to_vec()).unwrap().replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap();
    let head = head.replace("\n ", " ");
    let header = |name: &str| {
        let mut lines =
            head.lines().filter_map(|line| line.split_once(": ").filter(|(said, _)| said.eq_ignore_ascii_case(name)));
        lines.next().map(|(_, value)| value).unwrap_or_default()
    };
    let to = header("to").to_owned();
    assert!(envelope.is_none_or(|envelope| envelope == to));
    let (name, _) = header("from").rsplit_once(" <").unwrap();
    let body = match header("content-transfer-encoding") {
        "quoted-printable" => quoted_printable(body, false),
        "base64" => STANDARD.decode(body.replace('\n', "")).unwrap(),
        "7bit" | "8bit" => body.as_bytes().to_vec(),
        other => panic!("{other}"),
    };
    let text = String::from_utf8(body).unwrap().replace("\r\n", "\n").trim_end_matches('\n').to_owned();
    Arrived { to, from_name: unquoted(&words(name)), subject: words(header("subject")), text }
}

/// The text within quotation marks (RFC 5322 section 3.2.4).
fn unquoted(text: &str) -> String {
    let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return text.to_owned() };
    let (mut plain, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap() } else { c });
    }
    plain
}

/// A header without its encoded words (RFC 2047). The space between two of them is none.
fn words(text: &str) -> String {
    let decoded = |word: &str| {
        let mut parts = word.strip_prefix("=?utf-8?")?.strip_suffix("?=")?.splitn(2, '?');
        match (parts.next()?, parts.next()?) {
            ("b", text) => STANDARD.decode(text).ok(),
            ("q", text) => Some(quoted_printable(text, true)),
            _ => None,
        }
    };
    let (mut bytes, mut was_encoded) = (Vec::new(), true);
    for word in text.split(' ') {
        let encoded = decoded(word);
        if !(bytes.is_empty() || was_encoded && encoded.is_some()) {
            bytes.push(b' ');
        }
        was_encoded = encoded.is_some();
        bytes.extend(encoded.unwrap_or_else(|| word.as_bytes().to_vec()));
    }
    String::from_utf8(bytes).unwrap()
}

/// The bytes of a quoted-printable text (RFC 2045 section 6.7), or of a word of a header.
fn quoted_printable(text: &str, is_word: bool) -> Vec<u8> {
    let text = text.replace("=\n", "");
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'_' if is_word => b' ',
            byte => byte,
        });
    }
    bytes
}

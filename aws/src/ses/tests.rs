use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use serde_json::Value;
use umoja_schema::Millis;
use umoja_store::contract::mailer::{Arrived, PostOffice};

use super::*;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Millis {
        Millis(1_700_000_000_000)
    }
}

/// SES, as far as one call goes. It keeps the mails.
fn serve(kept: Arc<Mutex<Vec<Arrived>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || while exchange(&stream, &kept).is_some() {});
        }
    });
    url
}

fn exchange(mut stream: &TcpStream, kept: &Mutex<Vec<Arrived>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut lines, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 2 || !lines.is_empty())?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = said.parse().ok()?;
        }
        lines.push(line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    assert_eq!(lines[0], "POST /v2/email/outbound-emails HTTP/1.1");
    let signature = "AWS4-HMAC-SHA256 Credential=test/20231114/eu-west-1/ses/aws4_request";
    assert!(lines.iter().any(|line| line.contains(signature)), "{lines:?}");
    kept.lock().unwrap().push(arrived(&serde_json::from_slice(&body).unwrap()));
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"MessageId\": \"1\"} ").ok()
}

fn arrived(body: &Value) -> Arrived {
    let text = |value: &Value| value["Data"].as_str().unwrap().to_owned();
    let simple = &body["Content"]["Simple"];
    let (name, address) = body["FromEmailAddress"].as_str().unwrap().rsplit_once(' ').unwrap();
    assert_eq!(address, "<no-reply@id.example>");
    let word = |word: &str| {
        assert!(word.len() <= 75);
        let word = word.strip_prefix("=?utf-8?b?").unwrap().strip_suffix("?=").unwrap();
        String::from_utf8(base64::decode(word).unwrap()).unwrap()
    };
    Arrived {
        to: body["Destination"]["ToAddresses"][0].as_str().unwrap().to_owned(),
        from_name: name.split(' ').map(word).collect(),
        subject: text(&simple["Subject"]),
        text: text(&simple["Body"]["Text"]).trim_end_matches('\n').to_owned(),
    }
}

async fn mailer(url: &str) -> Arc<SesMailer> {
    let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"));
    let mut session = Session::from_environment(&Options::default()).await;
    session.shared = session.shared.to_builder().credentials_provider(credentials).endpoint_url(url).build();
    let ses = SesMailer::new("eu-west-1".parse().unwrap(), "no-reply@id.example", Arc::new(Fixed));
    Arc::new(ses.with_session(session))
}

async fn office() -> PostOffice {
    let kept = Arc::<Mutex<Vec<Arrived>>>::default();
    let url = serve(Arc::clone(&kept));
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    PostOffice {
        mailer: mailer(&url).await,
        dead: mailer(&format!("http://{dead}")).await,
        arrived: Box::new(move || kept.lock().unwrap().clone()),
        guard: Box::new(()),
    }
}

umoja_store::mailer_contract!(office);

#[test]
fn what_ses_says_is_an_error_that_can_pass_or_one_that_cannot() {
    let said = |status, kind: &str| read(status, "", json!({ "__type": kind, "message": "x" }).to_string().as_bytes());
    for (status, kind) in [(429, "TooManyRequestsException"), (400, "LimitExceededException"), (500, ""), (503, "x")] {
        assert!(matches!(said(status, kind), Err(MailError::Unavailable(_))), "{kind}");
    }
    for kind in ["MessageRejected", "BadRequestException", "AccessDeniedException", "NotFoundException"] {
        assert!(matches!(said(400, kind), Err(MailError::Rejected(_))), "{kind}");
    }
    let header = read(400, "SendingPausedException:http://internal.amazon.com/", b"{}");
    assert!(matches!(header, Err(MailError::Unavailable(_))));
}

#[test]
fn a_long_name_is_several_words_that_are_cut_between_characters() {
    let name = "متجر الأمل للبقالة والخضروات الطازجة في نيروبي وكمبالا ودار السلام";
    let words = encoded(name);
    assert!(words.split(' ').count() > 1 && words.split(' ').all(|word| word.len() <= 75));
}

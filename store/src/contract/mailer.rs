//! Cases of [`Mailer`].

use std::any::Any;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::ports::{Mail, MailError, Mailer};

/// A mail as a mailbox has it, with its encodings undone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrived {
    /// The address to which the server delivers it.
    pub to: String,
    /// The name beside the address of the sender.
    pub from_name: String,
    /// The subject.
    pub subject: String,
    /// The text, with a line feed between two lines. Servers add and remove empty lines at the end, so there are none.
    pub text: String,
}

/// A server that delivers mail, and one that does not answer.
pub struct PostOffice {
    /// The adapter.
    pub mailer: Arc<dyn Mailer>,
    /// An adapter whose server does not answer.
    pub dead: Arc<dyn Mailer>,
    /// What has arrived, in any order.
    pub arrived: Box<dyn Fn() -> Vec<Arrived> + Send + Sync>,
    /// A value that must live as long as the test.
    pub guard: Box<dyn Any + Send + Sync>,
}

const MAIL: Mail<'static> = Mail {
    to: "amina@example.com",
    from_name: "Duka Stores",
    subject: "Your code",
    text: "Your code is 12345678.\n\nIt is valid for 10 minutes.\n",
};

fn as_sent(mail: &Mail<'_>) -> Arrived {
    let text = mail.text.trim_end_matches('\n');
    let [to, from_name, subject, text] = [mail.to, mail.from_name, mail.subject, text].map(str::to_owned);
    Arrived { to, from_name, subject, text }
}

async fn arrives(office: &PostOffice, mail: &Mail<'_>) {
    let before = (office.arrived)();
    office.mailer.send(mail).await.unwrap();
    let arrived: Vec<_> = (office.arrived)().into_iter().filter(|arrived| !before.contains(arrived)).collect();
    assert_eq!(arrived, [as_sent(mail)]);
}

pub async fn a_mail_arrives_as_it_was_sent(office: PostOffice) {
    arrives(&office, &MAIL).await;
}

pub async fn a_mail_of_every_script_arrives_as_it_was_sent(office: PostOffice) {
    let texts = [
        ("Épicerie \"Chez Léa\", Douala", "Votre code de vérification", "Votre code : 12345678.\n"),
        (
            "متجر الأمل",
            "رمز التحقق الخاص بك لدى متجر الأمل، الصالح لعشر دقائق فقط",
            "رمزك هو 12345678.\nإنه صالح لعشر دقائق.\n",
        ),
        ("São João", "Código de confirmação", "O código é 12345678.\n"),
        ("Duka <la> Mtaa; @soko", "Msimbo wako", "Msimbo wako ni 12345678. =3D\n"),
    ];
    for (from_name, subject, text) in texts {
        arrives(&office, &Mail { from_name, subject, text, ..MAIL }).await;
    }
}

pub async fn a_line_of_any_length_and_a_line_with_a_dot_arrive_as_they_were_sent(office: PostOffice) {
    let long = format!("{}\n", "word ".repeat(500).trim_end());
    for text in [".\n", "..\n.a\n", "From here\n", long.as_str()] {
        arrives(&office, &Mail { text, ..MAIL }).await;
    }
}

pub async fn each_mail_is_sent_once_also_side_by_side(office: PostOffice) {
    let texts: Vec<_> = (0..10).map(|n| format!("Code {n}\n")).collect();
    let mails: Vec<_> = texts.iter().map(|text| Mail { text, ..MAIL }).collect();
    for sent in join_all(mails.iter().map(|mail| office.mailer.send(mail))).await {
        sent.unwrap();
    }
    let mut arrived = (office.arrived)();
    arrived.sort();
    assert_eq!(arrived, mails.iter().map(as_sent).collect::<Vec<_>>());
}

pub async fn a_text_that_would_begin_another_header_is_rejected(office: PostOffice) {
    let end = "x\r\nBcc: eve@example.com";
    for mail in [
        Mail { subject: end, ..MAIL },
        Mail { from_name: end, ..MAIL },
        Mail { to: "amina@example.com\r\nBcc: eve@example.com", ..MAIL },
        Mail { subject: "x\n y", ..MAIL },
        Mail { from_name: "x\u{0}", ..MAIL },
    ] {
        assert!(matches!(office.mailer.send(&mail).await, Err(MailError::Rejected(_))));
    }
    assert_eq!((office.arrived)(), []);
}

pub async fn what_is_no_address_is_rejected(office: PostOffice) {
    for to in ["", "amina", "@example.com", "a@example.com, b@example.com", "Amina <amina@example.com>"] {
        let sent = office.mailer.send(&Mail { to, ..MAIL }).await;
        assert!(matches!(sent, Err(MailError::Rejected(_))), "{to}");
    }
    assert_eq!((office.arrived)(), []);
}

pub async fn a_server_that_does_not_answer_is_an_error(office: PostOffice) {
    assert!(matches!(office.dead.send(&MAIL).await, Err(MailError::Unavailable(_))));
}

pub async fn an_error_has_nothing_of_the_mail(office: PostOffice) {
    let rejected = office.mailer.send(&Mail { to: "amina", ..MAIL }).await.unwrap_err();
    let unavailable = office.dead.send(&MAIL).await.unwrap_err();
    for error in [rejected, unavailable] {
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!["amina", "1234", "Duka"].iter().any(|said| text.contains(said)), "{text}");
        }
    }
}

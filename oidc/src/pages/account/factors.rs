//! The page of the factors of a person.

use std::fmt::Write as _;

use qrcode::render::svg::Color;
use qrcode::{EcLevel, QrCode};
use umoja_accounts::access::RecoveryCodes;
use umoja_crypto::totp::TotpSecret;
use umoja_look::texts::{factors as say, status};
use umoja_look::{Card, Field, Form, Page, Phrase};
use umoja_schema::access::{Factor, FactorKind};
use zeroize::Zeroizing;

use crate::pages::passkey::PROGRAM_PATH;

/// The least width of the picture of a secret, in pixels.
const WIDTH: u32 = 200;

/// What the page of the factors has.
pub struct OnFactors<'a> {
    /// The path to which the forms go.
    pub path: &'a str,
    /// The value that the forms send back.
    pub step: &'a str,
    /// What an application calls the issuer.
    pub issuer: &'a str,
    /// What an application calls the person. Personal data.
    pub name: &'a str,
    /// The factors, each with what the person calls it.
    pub factors: Vec<(&'a Factor, Option<String>)>,
    /// How many recovery codes are left.
    pub codes_left: usize,
    /// New recovery codes, which are shown once.
    pub codes: Option<&'a RecoveryCodes>,
    /// The secret of an application that is to be added.
    pub secret: Option<&'a TotpSecret>,
    /// What is asked of a passkey that is to be added.
    pub passkey: &'a str,
    /// The page of a client to which the person goes back, now that it has a second factor.
    pub back: Option<&'a Back>,
}

/// The page of a client from which a person came to add a second factor.
pub struct Back {
    /// The name of the client.
    pub client: String,
    /// The step of the page.
    pub step: String,
    /// The URI to which it leads in the end.
    pub leads_to: String,
}

/// Adds the parts of the page.
pub fn factors<'a>(page: Page<'a>, on: &OnFactors<'_>, is_faulty: bool) -> Page<'a> {
    let page = back(codes(page, on), on);
    let page = on.factors.iter().fold(page, |page, (factor, label)| match card(on, factor, label.as_deref()) {
        Some(card) => page.card(&card),
        None => page,
    });
    let has_factor = on.factors.iter().any(|(factor, _)| !matches!(factor.kind, FactorKind::Recovery { .. }));
    let page = if has_factor {
        let left = say::CODES_LEFT.with(&[("count", &on.codes_left.to_string())]);
        let form = form(on).other("codes", "new", say::NEW_CODES);
        page.card(&Card::new(say::RECOVERY, vec![left]).form(form))
    } else {
        page
    };
    add_application(add_passkey(page, on), on, is_faulty)
}

fn form(on: &OnFactors<'_>) -> Form {
    Form::post(on.path).hidden("step", on.step)
}

fn codes<'a>(page: Page<'a>, on: &OnFactors<'_>) -> Page<'a> {
    let Some(codes) = on.codes else { return page };
    let page = page.heading(say::RECOVERY).text(say::CODES_ONCE);
    codes.shown().fold(page, |page, code| page.code(&code))
}

fn back<'a>(page: Page<'a>, on: &OnFactors<'_>) -> Page<'a> {
    let Some(Back { client, step, leads_to }) = on.back else { return page };
    let form = Form::post("/factor").hidden("step", step).button(status::BACK.with(&[("company", client)]));
    page.form(&form).leads_to(Some(leads_to))
}

fn card(on: &OnFactors<'_>, factor: &Factor, label: Option<&str>) -> Option<Card> {
    let kind = match factor.kind {
        FactorKind::Passkey(_) => say::PASSKEY,
        FactorKind::Totp { .. } => say::APPLICATION,
        FactorKind::Recovery { .. } => return None,
    };
    let title = label.map_or_else(|| Phrase::from(kind), Phrase::foreign);
    let lines = if label.is_some() { vec![kind.into()] } else { Vec::new() };
    Some(Card::new(title, lines).form(form(on).other("remove", &factor.id, say::REMOVE)))
}

fn label() -> Field {
    Field::text("label", say::LABEL, "off").optional()
}

fn add_passkey<'a>(page: Page<'a>, on: &OnFactors<'_>) -> Page<'a> {
    let form = form(on).hidden("options", on.passkey).hidden("answer", "").field(label()).button(say::ADD);
    page.script(PROGRAM_PATH).heading(say::ADD_PASSKEY).form(&form)
}

fn add_application<'a>(page: Page<'a>, on: &OnFactors<'_>, is_faulty: bool) -> Page<'a> {
    let Some(secret) = on.secret else { return page };
    let text = secret.base32();
    let page = page.heading(say::ADD_APPLICATION).text(say::SCAN);
    let page = match picture(&uri(on, &text)) {
        Some(svg) => page.picture(&svg, say::PICTURE),
        None => page,
    };
    let grouped: Zeroizing<String> = Zeroizing::new(
        text.as_bytes().chunks(4).filter_map(|four| std::str::from_utf8(four).ok()).collect::<Vec<_>>().join(" "),
    );
    let code = Field::code("code", say::CODE_SHOWN).faulty(is_faulty);
    page.code(&grouped).form(&form(on).field(code).field(label()).button(say::ADD))
}

/// The URI by which applications take a secret (Key URI Format of Google Authenticator).
fn uri(on: &OnFactors<'_>, secret: &str) -> Zeroizing<String> {
    let (issuer, name) = (escaped(on.issuer), escaped(on.name));
    Zeroizing::new(format!("otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}"))
}

/// A text in a URI (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

/// The picture of a text. `None` for one that is too long.
fn picture(text: &str) -> Option<Zeroizing<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    Some(Zeroizing::new(code.render::<Color<'_>>().min_dimensions(WIDTH, WIDTH).build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_holds_the_secret_and_no_character_that_means_something_else() {
        let on = OnFactors {
            path: "/",
            step: "",
            issuer: "Soko & Co",
            name: "ada+1@example.com",
            factors: Vec::new(),
            codes_left: 0,
            codes: None,
            secret: None,
            passkey: "",
            back: None,
        };
        let uri = uri(&on, "MZXW6");
        assert_eq!(*uri, "otpauth://totp/Soko%20%26%20Co:ada%2B1%40example.com?secret=MZXW6&issuer=Soko%20%26%20Co");
        assert!(picture(&uri).unwrap().contains("<svg"));
        assert!(picture(&"x".repeat(4000)).is_none());
    }
}

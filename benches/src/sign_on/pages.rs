//! The page on which a person signs in, and what a second factor costs its form.

use http::Method;
use umoja_cli::client::Raw;
use umoja_cli::form::encoded;
use umoja_crypto::totp::TotpSecret;

use super::flow::{Browser, Known, set_cookie};
use super::umoja::{self, Deployed, cookies, step_of};
use crate::clock;
use crate::error::BenchError;
use crate::figure::{Limit, Report, count, percentile};
use crate::hash::PASSWORD;
use crate::load::unexpected;

/// The most milliseconds until the page is there, for 99 of 100.
const PAGE: Limit = Limit::AtMost(100.0);
/// The most bytes of the page.
const SIZE: Limit = Limit::AtMost(30.0 * 1024.0);
/// How long the form of a person with a second factor may take at most, beside that of one without, for 99 of 100.
const FACTOR: Limit = Limit::AtMost(1.05);
/// The users who get a second factor, and as many without.
const USERS: usize = 8;
/// The path of the page of factors, at the company of the clients.
const FACTORS: &str = "/account/factors";

/// Asks for the page, and sends its form with a right password: by turns for users with a second factor and without, over one connection.
pub(super) async fn measure(report: &mut Report, deployed: &Deployed, each: usize) -> Result<(), BenchError> {
    let known = Known { cookie: String::new(), ..deployed.known().await? };
    let mut browser = Browser::open(deployed.url(), &known).await?;
    let mut seen = Vec::new();
    for _ in 0..each {
        let request = browser.get(&known.request(&known.client(None)?.0))?;
        let (took_ms, page) = browser.send(request).await?;
        step_of(&page)?;
        seen.push((took_ms, page.body.len()));
    }
    let took_ms: Vec<f64> = seen.iter().map(|(took_ms, _)| *took_ms).collect();
    report.add("umoja: the page for signing in: p50", percentile(&took_ms, 0.50), "ms");
    report.judge("umoja: the page for signing in: p99", percentile(&took_ms, 0.99), "ms", PAGE);
    let largest = seen.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
    report.judge("umoja: the page for signing in: size", count(largest), "bytes", SIZE);
    // The users of other measurements, which begin at the first one, sign in with the password alone.
    let first = umoja::USERS - 2 * USERS;
    for user in 0..USERS {
        enrol(deployed, &mut browser, first + user).await?;
    }
    let (mut with, mut without) = (Vec::new(), Vec::new());
    // The first requests of each are slow.
    for number in 0..each + USERS {
        let user = first + number % USERS;
        for (took_ms, user, status) in [(&mut with, user, 200), (&mut without, user + USERS, 303)] {
            let (ms, raw) = deployed.enter(&mut browser, &known, user).await?;
            if raw.status != status {
                return Err(unexpected(&raw));
            }
            if number >= USERS {
                took_ms.push(ms);
            }
        }
    }
    for (who, took_ms) in [("a second factor", &with), ("one factor", &without)] {
        report.add(format!("umoja: the form with the password, {who}: p50"), percentile(took_ms, 0.50), "ms");
        report.add(format!("umoja: the form with the password, {who}: p99"), percentile(took_ms, 0.99), "ms");
    }
    let ratio = percentile(&with, 0.99) / percentile(&without, 0.99);
    report.judge("umoja: the form with the password: p99 with a second factor beside one", ratio, "", FACTOR);
    Ok(())
}

/// A user adds an application that makes codes, on the page of its account.
async fn enrol(deployed: &Deployed, browser: &mut Browser<'_>, user: usize) -> Result<(), BenchError> {
    let path = format!("{FACTORS}?company=bench");
    let request = browser.get(&path)?;
    let page = browser.send(request).await?.1;
    let mut kept = Vec::new();
    keep(&mut kept, &page);
    let email = deployed.email(user);
    let fields = [("step", step_of(&page)?), ("identifier", email), ("password", PASSWORD.to_owned())];
    let begun = post(browser, &kept, &fields).await?;
    if begun.status != 303 {
        return Err(unexpected(&begun));
    }
    keep(&mut kept, &begun);
    let mut request = browser.get(&path)?;
    set_cookie(&mut request, &kept.join("; "))?;
    let page = browser.send(request).await?.1;
    let html = String::from_utf8_lossy(&page.body);
    let secret = html.split_once("class=\"code\"").and_then(|(_, rest)| rest.split("</p>").next());
    let secret =
        secret.and_then(|piece| piece.split(['<', '>']).find_map(of_base32)).ok_or_else(|| unexpected(&page))?;
    let code = secret.code(clock::unix_secs() / 30);
    let added = post(browser, &kept, &[("step", step_of(&page)?), ("code", code)]).await?;
    if added.status == 200 { Ok(()) } else { Err(unexpected(&added)) }
}

/// Keeps the cookies of an answer in the place of former ones of the same names, as a browser does.
fn keep(kept: &mut Vec<String>, raw: &Raw) {
    for cookie in cookies(raw) {
        let name = cookie.split('=').next();
        kept.retain(|other| other.split('=').next() != name);
        kept.push(cookie);
    }
}

async fn post(browser: &mut Browser<'_>, kept: &[String], fields: &[(&str, String)]) -> Result<Raw, BenchError> {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut request = browser.request(Method::POST, FACTORS, encoded(&fields))?;
    set_cookie(&mut request, &kept.join("; "))?;
    Ok(browser.send(request).await?.1)
}

/// The secret that a page shows, in groups of letters and digits (RFC 4648 section 6).
fn of_base32(text: &str) -> Option<TotpSecret> {
    let (mut bytes, mut rest, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|byte| *byte != b' ') {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter)?;
        rest = (rest << 5 | u32::try_from(value).ok()?) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(rest >> bits & 0xff).ok()?);
        }
    }
    TotpSecret::new(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_page_is_read() {
        let secret = TotpSecret::new(&[0xa5; TotpSecret::BYTES]).unwrap();
        let shown = secret
            .base32()
            .as_bytes()
            .chunks(4)
            .map(|four| String::from_utf8_lossy(four).into_owned())
            .collect::<Vec<_>>();
        assert_eq!(of_base32(&shown.join(" ")).unwrap().expose(), secret.expose());
        assert!(of_base32(" dir=").is_none() && of_base32("").is_none());
    }
}

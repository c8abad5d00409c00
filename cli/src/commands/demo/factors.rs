//! The chapter about passkeys: one that is made in a region signs the person in elsewhere, and the pages of the account show it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::applications::{Applications, Wanted};
use super::authenticator::Authenticator;
use super::browser::{Browser, Shown, parameter, value};
use super::narrator::{Narrator, Outcome, expect};
use super::sign_on::Login;
use super::stage::Stage;
use crate::CliError;

/// What marks the form of a passkey, and what the person calls its own.
const PASSKEY: &str = "name=\"options\"";
const LABEL: &str = "My phone";
const FACTORS: &str = "/account/factors";

/// A person with a browser, and with a phone that has another one.
struct Scene<'a> {
    stage: &'a Stage,
    applications: &'a Applications,
    person: &'a Login<'a>,
    company: [(&'a str, &'a str); 1],
    issuer: String,
    browser: Browser,
    phone: Browser,
    /// The region in which the person signs in, and another one.
    urls: [&'a str; 2],
}

/// Plays the chapter with a person of a company.
pub(super) async fn play(
    stage: &Stage,
    applications: &Applications,
    (person, company): (&Login<'_>, &str),
    narrator: &Narrator,
    (here, there): (usize, usize),
) -> Result<(), CliError> {
    narrator.chapter("A passkey in the place of a password");
    let urls = [here, there].map(|region| stage.urls()[region].1.as_str());
    let issuer = stage.issuer().ok_or_else(|| failed("no issuer is served"))?;
    let (browser, phone) = (Browser::default(), Browser::default());
    let scene = Scene { stage, applications, person, company: [("company", company)], issuer, browser, phone, urls };
    let (here, there, name) = (stage.name(here), stage.name(there), person.given_name);
    let shop = applications.shop.id();
    narrator.check(&format!("{name} signs in to {shop} in {here} with a password"), scene.signs_in()).await?;
    let authenticator =
        narrator.step(&format!("{name} makes a passkey on her account page in {here}"), scene.makes()).await?;
    narrator
        .check(&format!("{shop} wants two factors in {there}: the passkey too"), scene.steps_up(&authenticator))
        .await?;
    narrator
        .check(&format!("{name} signs in on a phone in {there}: no password"), scene.by_passkey(&authenticator))
        .await?;
    narrator.check(&format!("her account in {there} shows the passkey and her devices"), scene.account()).await?;
    narrator.check(&format!("{name} takes a file with all that is held on her"), scene.export()).await
}

impl Scene<'_> {
    /// The person signs in with the password alone.
    async fn signs_in(&self) -> Outcome {
        let (at, wanted) = (self.urls[0], Wanted::new(&*self.stage.entropy));
        let asks = self.applications.shop.asks(&wanted);
        let page = page(self.browser.open(at, "/oauth2/authorize", &asks).await?)?;
        let filled = [("identifier", self.person.email), ("password", self.person.password)];
        let shown = self.browser.send(at, &page, &filled).await?;
        expect(self.class(at, shown, &wanted).await? == "1", "one factor (acr 1)")
    }

    /// An authenticator of the person makes a passkey, on the page of its factors.
    async fn makes(&self) -> Result<(Authenticator, String), CliError> {
        let at = self.urls[0];
        let on = page(self.browser.open(at, FACTORS, &self.company).await?)?;
        let (authenticator, answer) = Authenticator::make(&self.issuer, &asked(&on)?, &*self.stage.entropy)?;
        let filled = [("answer", answer.as_str()), ("label", LABEL)];
        let page = page(self.browser.send_form(at, &on, PASSKEY, &filled).await?)?;
        if page.contains(LABEL) {
            Ok((authenticator, "added, with recovery codes".into()))
        } else {
            Err(failed("the page does not show the passkey"))
        }
    }

    /// The application wants two factors of a person at another computer, once the region knows of the second one.
    async fn steps_up(&self, authenticator: &Authenticator) -> Outcome {
        let at = self.urls[1];
        let signs_in = async || {
            let (browser, wanted) = (Browser::default(), Wanted::new(&*self.stage.entropy));
            let asks = [self.applications.shop.asks(&wanted), vec![("acr_values", "2")]].concat();
            let page = page(browser.open(at, "/oauth2/authorize", &asks).await?)?;
            let filled = [("identifier", self.person.email), ("password", self.person.password)];
            let Shown::Page(page) = browser.send(at, &page, &filled).await? else {
                // The passkey has not arrived: who has no second factor signs in with one.
                return Ok(None);
            };
            if page.contains("name=\"password\"") {
                return Err(failed("the page asks for the password"));
            }
            let shown = self.shows(&browser, at, &page, authenticator).await?;
            // The row that ends what began before the passkey may arrive after the passkey. It ends this sign-in too: the person repeats it.
            Ok(self.class(at, shown, &wanted).await.ok())
        };
        let class = self.stage.until("a sign-in with the passkey in the other region", signs_in).await?;
        expect(class == "2", "two factors (acr 2)")
    }

    /// The person signs in with the passkey, in a browser that has no session.
    async fn by_passkey(&self, authenticator: &Authenticator) -> Outcome {
        let (at, wanted) = (self.urls[1], Wanted::new(&*self.stage.entropy));
        let page = page(self.phone.open(at, "/oauth2/authorize", &self.applications.shop.asks(&wanted)).await?)?;
        let shown = self.shows(&self.phone, at, &page, authenticator).await?;
        expect(self.class(at, shown, &wanted).await? == "2", "two factors (acr 2)")
    }

    /// The pages of the account, in the region in which nothing was entered.
    async fn account(&self) -> Outcome {
        let at = self.urls[1];
        let factors = page(self.phone.open(at, FACTORS, &self.company).await?)?;
        let other = async || {
            let page = page(self.phone.open(at, "/account/sessions", &self.company).await?)?;
            Ok((page.matches("name=\"end\"").count() > 1).then_some(()))
        };
        self.stage.until("the session of the other region", other).await?;
        expect(factors.contains(LABEL), "one passkey, several devices")
    }

    /// The file of the person's data.
    async fn export(&self) -> Outcome {
        let at = self.urls[1];
        let form = page(self.phone.open(at, "/account/export", &self.company).await?)?;
        let file = page(self.phone.send_form(at, &form, "action=\"/account/export\"", &[("as", "file")]).await?)?;
        let exported: Value = serde_json::from_str(&file).map_err(|_| failed("the file is no JSON"))?;
        expect(exported.is_object() && file.contains(self.person.email), "200, account.json")
    }

    /// Answers the form of a passkey.
    async fn shows(&self, browser: &Browser, at: &str, page: &str, key: &Authenticator) -> Result<Shown, CliError> {
        let answer = key.sign(&asked(page)?)?;
        browser.send_form(at, page, PASSKEY, &[("answer", &answer)]).await
    }

    /// How well the person has signed in, as the id token says it (`acr`).
    async fn class(&self, at: &str, shown: Shown, wanted: &Wanted) -> Result<String, CliError> {
        let Shown::Sent(to) = shown else { return Err(failed("the sign-in was rejected")) };
        let code = parameter(&to, "code").ok_or_else(|| failed("no code came"))?;
        let token = self.applications.shop.redeem(at, code, wanted).await?.text("id_token")?;
        let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
        let class = claims.and_then(|claims| claims["acr"].as_str().map(str::to_owned));
        class.ok_or_else(|| failed("the id token says nothing of the sign-in"))
    }
}

/// What the form of a passkey asks.
fn asked(page: &str) -> Result<String, CliError> {
    let tag = page.split("<input ").find(|input| input.contains(PASSKEY));
    tag.and_then(|tag| value(tag, "value")).ok_or_else(|| failed("the page has no form of a passkey"))
}

fn page(shown: Shown) -> Result<String, CliError> {
    match shown {
        Shown::Page(page) => Ok(page),
        Shown::Sent(_) => Err(failed("the browser was sent elsewhere")),
    }
}

fn failed(reason: &str) -> CliError {
    CliError::Failed(reason.to_owned())
}

//! The chapter about single sign-on: one login, whichever region answers.

use serde_json::json;

use super::applications::{Application, Applications, Wanted, userinfo};
use super::browser::{Browser, Shown, parameter};
use super::narrator::{Narrator, Outcome, expect};
use super::stage::Stage;
use crate::CliError;

/// A person who signs in.
pub(super) struct Login<'a> {
    pub(super) email: &'a str,
    pub(super) password: &'a str,
    pub(super) given_name: &'a str,
}

/// What the back end of an application got.
struct Tokens {
    access: String,
    refresh: String,
    id: String,
}

/// A person with a browser, and the applications that it uses.
struct Scene<'a> {
    stage: &'a Stage,
    applications: &'a Applications,
    person: &'a Login<'a>,
    browser: Browser,
    /// The region in which the person signs in, and another one.
    regions: (usize, usize),
}

/// Plays the chapter. The first region is cut off in it.
pub(super) async fn play(
    stage: &Stage,
    applications: &Applications,
    person: &Login<'_>,
    narrator: &Narrator,
    regions: (usize, usize),
) -> Result<(), CliError> {
    narrator.chapter("One login, whichever region answers");
    let (here, there) = (stage.name(regions.0), stage.name(regions.1));
    let (name, shop) = (person.given_name, applications.shop.id());
    let scene = Scene { stage, applications, person, browser: Browser::default(), regions };
    let step = format!("{name} signs in to {shop} in {here}; {there} redeems the code");
    let tokens = narrator.step(&step, scene.signs_in()).await?;
    stage.cut_off(regions.0, true);
    let continued = scene.continues(narrator, &tokens).await;
    stage.cut_off(regions.0, false);
    continued?;
    narrator
        .check(&format!("healed; {name} signs out in {there}: {here} rejects the tokens"), scene.signs_out(&tokens))
        .await
}

impl Scene<'_> {
    fn urls(&self) -> [&str; 2] {
        let (at, other) = self.regions;
        [at, other].map(|region| self.stage.urls()[region].1.as_str())
    }

    /// The person signs in with the password in one region, and the application redeems the code in the other one.
    async fn signs_in(&self) -> Result<(Tokens, String), CliError> {
        let ([here, there], shop) = (self.urls(), &self.applications.shop);
        let wanted = Wanted::new(&*self.stage.entropy);
        let page = self.opens(here, shop, &wanted).await?.err().ok_or_else(|| failed("no page asks who it is"))?;
        let filled = [("identifier", self.person.email), ("password", self.person.password)];
        let code = came(self.browser.send(here, &page, &filled).await?)?;
        let code = code.map_err(|_| failed("the login was rejected"))?;
        let answer = shop.redeem(there, &code, &wanted).await?;
        let [access, refresh, id] = ["access_token", "refresh_token", "id_token"].map(|member| answer.text(member));
        Ok((Tokens { access: access?, refresh: refresh?, id: id? }, "200 with tokens".into()))
    }

    /// The region in which the person signed in is cut off.
    async fn continues(&self, narrator: &Narrator, tokens: &Tokens) -> Result<(), CliError> {
        let (at, other) = self.regions;
        let (here, there, name) = (self.stage.name(at), self.stage.name(other), self.person.given_name);
        let [_, url] = self.urls();
        let Applications { shop, program } = self.applications;
        narrator
            .check(&format!("{here} is cut off; {} refreshes its tokens in {there}", shop.id()), async {
                let access = shop.refresh(url, &tokens.refresh).await?.text("access_token")?;
                let known = userinfo(url, &access).await?.text("given_name")?;
                expect(known == name, &format!("200, and the name of {name}"))
            })
            .await?;
        narrator
            .check(&format!("{name} opens {} of the other company in {there}: no password", program.id()), async {
                let wanted = Wanted::new(&*self.stage.entropy);
                let page = self.opens(url, program, &wanted).await?.err();
                let page = page.filter(|page| !page.contains("password"));
                let page = page.ok_or_else(|| failed("no page asks whether the program may know the person"))?;
                let code = came(self.browser.send(url, &page, &[("answer", "allow")]).await?)?;
                let code = code.map_err(|_| failed("there was another page"))?;
                program.redeem(url, &code, &wanted).await?.text("id_token")?;
                Ok("only asked for consent".into())
            })
            .await
    }

    /// The person signs out where no token was made.
    async fn signs_out(&self, tokens: &Tokens) -> Outcome {
        let ([here, there], shop) = (self.urls(), &self.applications.shop);
        let hint = [("id_token_hint", tokens.id.as_str())];
        if let Shown::Page(page) = self.browser.open(there, "/oauth2/logout", &hint).await?
            && page.contains("<form ")
        {
            self.browser.send(there, &page, &[]).await?;
        }
        let is_over = async || Ok((userinfo(here, &tokens.access).await?.status == 401).then_some(()));
        self.stage.until("the end of the session", is_over).await?;
        let refreshed = shop.refresh(here, &tokens.refresh).await?;
        expect(refreshed.body["error"] == json!("invalid_grant"), "401, invalid_grant")
    }

    /// Opens an application: a code, or else the page that the provider shows.
    async fn opens(&self, url: &str, of: &Application, wanted: &Wanted) -> Result<Result<String, String>, CliError> {
        came(self.browser.open(url, "/oauth2/authorize", &of.asks(wanted)).await?)
    }
}

/// The code, or else the page.
fn came(shown: Shown) -> Result<Result<String, String>, CliError> {
    match shown {
        Shown::Page(page) => Ok(Err(page)),
        Shown::Sent(to) => parameter(&to, "code").map(|code| Ok(code.to_owned())).ok_or_else(|| failed("no code came")),
    }
}

fn failed(reason: &str) -> CliError {
    CliError::Failed(reason.to_owned())
}

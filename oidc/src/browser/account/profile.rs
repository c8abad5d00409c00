//! `/account/profile`: the person changes what it says of itself. Its addresses have a page of their own ([`super::addresses`]), because a new one
//! needs a proof that it is the person's.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Map, Value, json};
use umoja_accounts::{Error, Patch, Rule as _, Update};
use umoja_look::texts::{account as say, register};
use umoja_look::{Field, Form, Language, Phrase, Text};
use umoja_schema::Profile;

use super::enter::{Entered, Inside, Section};
use crate::Provider;
use crate::browser::stop::Stop;

pub(super) const SECTION: Section = Section { path: "/account/profile", title: say::PROFILE, needs_recent: true };

/// The values of the form: the name of the field, that of the member, its label, and its purpose (HTML: autofill).
const VALUES: [(&str, &str, Text, &str); 8] = [
    ("given_name", "/given_name", register::GIVEN_NAME, "given-name"),
    ("family_name", "/family_name", register::FAMILY_NAME, "family-name"),
    ("name", "/name", say::NAME, "name"),
    ("nickname", "/nickname", say::NICKNAME, "nickname"),
    ("street", "/address/street_address", say::STREET, "street-address"),
    ("postal_code", "/address/postal_code", say::POSTAL_CODE, "postal-code"),
    ("locality", "/address/locality", say::LOCALITY, "address-level2"),
    ("country", "/address/country", say::COUNTRY, "country-name"),
];
const LOCALE: &str = "locale";
/// The most characters of a value.
const MAX_CHARS: usize = 256;

pub(super) async fn profile(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let mut inside = match Box::pin(Inside::enter_counted(provider, SECTION, request)).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let (mut alert, mut done) = (None, None);
    if inside.asked.is_post {
        match save(&mut inside).await? {
            None => done = Some(Phrase::from(say::SAVED)),
            Some(text) => alert = Some(Phrase::from(text)),
        }
    }
    let known = stored(&inside);
    let value = |place: &str| known.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let is_faulty = alert.is_some();
    let mut form = Form::post(SECTION.path).hidden("step", &inside.step());
    for (field, place, label, purpose) in VALUES {
        // What was rejected stays as the person typed it.
        let typed = inside.asked.form.get(field).filter(|_| is_faulty);
        form = form.field(Field::text(field, label, purpose).value(typed.unwrap_or(value(place))).optional());
    }
    let languages =
        Language::ALL.into_iter().map(|language| (language.tag().to_owned(), Phrase::foreign(language.name())));
    let languages = std::iter::once((String::new(), Phrase::from(say::LOCALE_NONE))).chain(languages).collect();
    let known = Language::of_tag(value("/locale")).map_or("", Language::tag);
    let form = form.field(Field::choice(LOCALE, say::LOCALE, languages).value(known).optional()).button(say::SAVE);
    Ok(inside.answer(|page| page.alert(alert).done(done).form(&form)))
}

fn stored(inside: &Inside) -> Value {
    let profile = Profile { custom: Map::new(), ..inside.person.view().profile };
    serde_json::to_value(profile).unwrap_or_default()
}

/// Stores what has changed. The reason, if it was rejected.
async fn save(inside: &mut Inside) -> Result<Option<Text>, Stop> {
    let known = stored(inside);
    let given = |name: &str| inside.asked.form.get(name).map(str::trim).filter(|text| !text.is_empty());
    if VALUES.iter().any(|(field, ..)| given(field).is_some_and(|text| text.chars().count() > MAX_CHARS)) {
        return Ok(Some(say::NOT_SAVED));
    }
    let (mut patch, mut address) = (Map::new(), Map::new());
    for (field, place, ..) in VALUES {
        let (now, before) = (given(field), known.pointer(place).and_then(Value::as_str));
        let name = place.rsplit('/').next().unwrap_or_default().to_owned();
        match () {
            () if now == before => {}
            () if place.starts_with("/address/") => drop(address.insert(name, json!(now))),
            () => drop(patch.insert(name, json!(now))),
        }
    }
    if !address.is_empty() {
        patch.insert("address".to_owned(), Value::Object(address));
    }
    // A region of the language stays, as long as the language does.
    let language = |tag: Option<&str>| tag.and_then(Language::of_tag);
    let before = known.get(LOCALE).and_then(Value::as_str);
    if language(given(LOCALE)) != language(before) {
        patch.insert(LOCALE.to_owned(), json!(language(given(LOCALE)).map(Language::tag)));
    }
    if patch.is_empty() {
        return Ok(None);
    }
    let (context, accounts) = (inside.context(), &inside.provider.accounts);
    let update = match Patch::new(&context, [], Some(Value::Object(patch))) {
        Ok(patch) => Update { id: inside.user(), patch, if_version: Some(inside.person.version()) },
        Err(_) => return Ok(Some(say::NOT_SAVED)),
    };
    match update.run(accounts, &context).await {
        Ok(person) => {
            inside.person = person;
            Ok(None)
        }
        Err(Error::Invalid { .. }) => Ok(Some(say::NOT_SAVED)),
        Err(Error::Version { .. } | Error::Contended) => Ok(Some(say::OVERTAKEN)),
        Err(error) => Err(error.into()),
    }
}

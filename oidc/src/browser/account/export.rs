//! `/account/export`: a file with everything that is held on the person.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use umoja_accounts::{Export, Rule as _};
use umoja_look::texts::account as say;
use umoja_look::{Form, Text};
use umoja_schema::api::{Exported, Selector};

use super::enter::{Entered, Inside, Section};
use crate::Provider;
use crate::browser::stop::Stop;
use crate::problem::never_stored;
use crate::request::NoReturn;

pub(super) const SECTION: Section = Section { path: "/account/export", title: say::EXPORT, needs_recent: true };

pub(super) async fn export(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let inside = match Inside::enter(provider, SECTION, request).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    if !inside.asked.is_post {
        let form = |button: Text| Form::post(SECTION.path).hidden("step", &inside.step()).button(button);
        let (file, page_to_read) = (form(say::DOWNLOAD), form(say::DOWNLOAD_PAGE).hidden("as", PAGE));
        return Ok(inside.answer(|page| page.text(say::EXPORT_IS).form(&page_to_read).form(&file)));
    }
    // An answer of a function holds one page of an export. Where there are more, the person gets each by itself.
    if let Some(after) = inside.asked.form.get("after") {
        return Ok(file(&inside, &part(&inside, Some(after).filter(|after| *after != FIRST)).await?));
    }
    let first = part(&inside, None).await?;
    let Some(mut next) = first.next.clone() else { return Ok(file(&inside, &first)) };
    let mut parts = vec![FIRST.to_owned()];
    loop {
        parts.push(next.clone());
        match part(&inside, Some(&next)).await?.next {
            Some(after) => next = after,
            None => break,
        }
    }
    let step = inside.step();
    Ok(inside.answer(|page| {
        let page = page.text(say::EXPORT_PARTS);
        parts.iter().zip(1_usize..).fold(page, |page, (after, number)| {
            let form = |button: Text| {
                let button = button.with(&[("number", &number.to_string())]);
                Form::post(SECTION.path).hidden("step", &step).hidden("after", after).button(button)
            };
            page.form(&form(say::DOWNLOAD_PAGE_PART).hidden("as", PAGE)).form(&form(say::DOWNLOAD_PART))
        })
    }))
}

/// What stands for the beginning in a form.
const FIRST: &str = "first";

async fn part(inside: &Inside, after: Option<&str>) -> Result<Exported, Stop> {
    let after = after.map(str::parse).transpose().map_err(|_| NoReturn::Unreadable)?;
    let rule = Export { selector: Selector::Id(inside.user()), after };
    Ok(rule.run(&inside.provider.accounts, &inside.context()).await?)
}

/// What asks for a page to read in place of the file for programs.
const PAGE: &str = "page";

fn file(inside: &Inside, exported: &Exported) -> Response {
    let view = inside.view();
    let (content, media_type, name) = if inside.asked.form.get("as") == Some(PAGE) {
        let page = umoja_look::export::page(&view.look, view.language, exported).document();
        (page.into_bytes(), "text/html; charset=utf-8", "attachment; filename=\"account.html\"")
    } else {
        let json = serde_json::to_vec_pretty(exported).unwrap_or_default();
        (json, "application/json; charset=utf-8", "attachment; filename=\"account.json\"")
    };
    let mut response = content.into_response();
    let headers = response.headers_mut();
    never_stored(headers);
    for (name, value) in [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, name),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

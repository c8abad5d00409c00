//! `/account/export`: a file with everything that is held on the person.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use umoja_accounts::{Export, Rule as _};
use umoja_look::Form;
use umoja_look::texts::account as say;
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
        let form = Form::post(SECTION.path).hidden("step", &inside.step()).button(say::DOWNLOAD);
        return Ok(inside.answer(|page| page.text(say::EXPORT_IS).form(&form)));
    }
    // An answer of a function holds one page of an export. Where there are more, the person gets each by itself.
    if let Some(after) = inside.asked.form.get("after") {
        return Ok(file(&part(&inside, Some(after).filter(|after| *after != FIRST)).await?));
    }
    let first = part(&inside, None).await?;
    let Some(mut next) = first.next.clone() else { return Ok(file(&first)) };
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
            let button = say::DOWNLOAD_PART.with(&[("number", &number.to_string())]);
            page.form(&Form::post(SECTION.path).hidden("step", &step).hidden("after", after).button(button))
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

fn file(exported: &Exported) -> Response {
    let json = serde_json::to_vec_pretty(exported).unwrap_or_default();
    let mut response = json.into_response();
    let headers = response.headers_mut();
    never_stored(headers);
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"account.json\""),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

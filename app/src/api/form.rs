//! One way for every form, with and without JavaScript.
//!
//! A form is a [`super::post::post_form`]; the server function ends with [`done`] (a redirect) or with an `ApiError`.
//! - With JavaScript the post is a `fetch`: what was typed stays in the inputs, the error arrives in [`super::post::Post`].
//! - Without, the browser posts to `/api/…` and the same server function runs. When it refuses, [`give_back`] steps in: the page that the form is on (hidden field
//!   `_page`) is rendered as the *answer to the post*: nothing is put into a URL, a cookie or memory, and text of any length survives. What was typed
//!   and the error travel in the context as [`Returned`]; passwords and secrets are left out. The address bar is put right by [`restore_address`].
//! - Pages do not see the difference: [`Form`] gives the error of each field and the text to start from.

use crate::view::{Html, view};
use domain::{Conflict, Error};
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use serde::{Deserialize, Serialize};

/// Name of the hidden field with the path of the page that a form is on.
const PAGE: &str = "_page";

/// A form that was refused: where it went, what was typed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// Path of the page that it is on.
    pub page: String,
    /// Path of the server function.
    pub endpoint: String,
    /// What was typed, without secrets.
    pub typed: Vec<(String, String)>,
    /// Why it was refused; none: it was not, and its page shows what came of it.
    pub error: Option<Error>,
}

/// The state of one form on a page.
#[derive(Clone, Copy)]
pub struct Form {
    error: Signal<Option<Error>>,
    typed: StoredValue<Option<Vec<(String, String)>>>,
    /// The post is under way.
    pub busy: Signal<bool>,
}

impl Form {
    /// A form that is sent by its address and shown again with what was typed, as drafts are.
    pub fn draft(error: Signal<Option<Error>>, typed: Option<Vec<(String, String)>>) -> Self {
        Self::new(error, typed, Signal::stored(false))
    }

    pub(super) fn new(error: Signal<Option<Error>>, typed: Option<Vec<(String, String)>>, busy: Signal<bool>) -> Self {
        Self { error, typed: StoredValue::new(typed), busy }
    }

    /// Why the form was refused, as a whole.
    pub fn error(&self) -> Signal<Option<Error>> {
        self.error
    }

    /// The sentence beside the input whose errors come under the path `field`, or under a path below it.
    pub fn at(&self, field: impl Into<String>) -> Signal<Option<String>> {
        let (error, field) = (self.error, field.into());
        Signal::derive(move || match error.read().as_ref() {
            Some(Error::Invalid(all)) => all.iter().find(|e| covers(&field, &e.field)).map(|e| e.message.clone()),
            // What is taken is nearly always the name, and it is the name that has to change.
            Some(Error::Conflict(taken @ Conflict::NameTaken(_))) if field == "name" => Some(taken.to_string()),
            _ => None,
        })
    }

    /// Sentences that belong to none of these fields; and whatever is not about a field at all.
    pub fn elsewhere(&self, fields: &'static [&'static str]) -> Signal<Vec<String>> {
        let error = self.error;
        Signal::derive(move || match error.read().as_ref() {
            Some(Error::Invalid(all)) => all.iter().filter(|e| !fields.iter().any(|f| covers(f, &e.field))).map(ToString::to_string).collect(),
            Some(Error::Conflict(Conflict::NameTaken(_))) if fields.contains(&"name") => Vec::new(),
            Some(other) => vec![other.to_string()],
            None => Vec::new(),
        })
    }

    /// What was typed into `name` before the form came back, else `fallback`. For the first rendering of an input.
    pub fn value(&self, name: &str, fallback: impl Into<String>) -> String {
        self.typed(name).unwrap_or_else(|| fallback.into())
    }

    /// What was typed into `name` before the form came back; none: it did not come back.
    pub fn typed(&self, name: &str) -> Option<String> {
        // An unchecked box or radio is not sent: once a form came back, absent means empty.
        self.typed.with_value(|typed| typed.as_ref().map(|all| all.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()))
    }

    /// Everything typed before the form came back.
    pub fn all_typed(&self) -> Option<Vec<(String, String)>> {
        self.typed.get_value()
    }
}

fn covers(field: &str, path: &str) -> bool {
    path == field || path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'))
}

/// The hidden input that says which page a form is on.
pub(super) fn page_field() -> Html {
    let place = use_location();
    let here = move || {
        let (path, query) = (place.pathname.get(), place.search.get());
        let query = query.trim_start_matches('?').to_owned();
        if query.is_empty() { path } else { format!("{path}?{query}") }
    };
    view! { <input type="hidden" name=PAGE value=here/> }
}

/// Sends the browser to `path` once the form was accepted, with or without JavaScript.
#[cfg(feature = "ssr")]
pub fn done(path: &str) {
    leptos_axum::redirect(path);
}

#[cfg(feature = "hydrate")]
pub use browser::restore_address;
#[cfg(feature = "ssr")]
pub use server::give_back;
#[cfg(feature = "ssr")]
pub(super) use server::{again, note_failure};

#[cfg(feature = "hydrate")]
mod browser {
    /// A page that is the answer to a post says where it belongs; the address must say so too before the router reads it.
    pub fn restore_address() {
        let Some(window) = web_sys::window() else { return };
        let page = window.document().and_then(|d| d.query_selector("meta[name=howdah-page]").ok().flatten()).and_then(|m| m.get_attribute("content"));
        if let (Some(page), Ok(history)) = (page, window.history()) {
            // Failing only leaves the address of the post in the bar.
            let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&page));
        }
    }
}

#[cfg(feature = "ssr")]
mod server {
    use super::{PAGE, Returned};
    use crate::{api::status, link};
    use axum::{
        body::{Body, Bytes, to_bytes},
        http::{Method, Request, Response, StatusCode, header, request::Parts},
        middleware::Next,
        response::IntoResponse,
    };
    use domain::Error;
    use leptos::prelude::*;
    use std::sync::{Arc, Mutex, PoisonError};

    /// Longest form that is read, in bytes.
    const LONGEST: usize = 1 << 20;

    /// What the server function of a plain form post leaves when its page is to be the answer: why it refused, or nothing but the wish for it. An
    /// extension of the request.
    #[derive(Clone, Default)]
    struct Answer(Arc<Mutex<Option<Option<Error>>>>);

    /// Keeps why a plain form post was refused. False: this is none.
    pub fn note_failure(error: &Error) -> bool {
        answer(Some(error.clone()))
    }

    /// Answers a plain form post with its page and what was typed, although nothing was refused: to show what the form would do, for one.
    pub fn again() {
        answer(None);
    }

    fn answer(error: Option<Error>) -> bool {
        let Some(Answer(slot)) = use_context::<Parts>().and_then(|parts| parts.extensions.get::<Answer>().cloned()) else { return false };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        true
    }

    /// Middleware around the server functions: a plain form post that was refused is answered with the page that it came from. `context` is what pages
    /// get; mount it as `.layer(from_fn(move |request, next| form::give_back(context.clone(), request, next)))`, inside whatever finds the actor.
    pub async fn give_back(context: impl Fn() + Clone + Send + Sync + 'static, request: Request<Body>, next: Next) -> Response<Body> {
        if !is_plain_post(&request) {
            return next.run(request).await;
        }
        let (mut parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, LONGEST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
        let slot = Answer::default();
        parts.extensions.insert(slot.clone());
        let answer = next.run(Request::from_parts(parts.clone(), Body::from(body.clone()))).await;
        parts.extensions.remove::<Answer>();
        let again = slot.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match again {
            None => answer,
            Some(error) => page_again(parts, &body, error, context).await,
        }
    }

    async fn page_again(mut parts: Parts, body: &Bytes, error: Option<Error>, context: impl Fn() + Clone + Send + Sync + 'static) -> Response<Body> {
        let sent: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let page = sent.iter().find(|(name, _)| name == PAGE).map(|(_, page)| page.clone()).filter(|page| link::is_local(page));
        let page = page.unwrap_or_else(|| link::Link::Clusters.path());
        let typed = sent.into_iter().filter(|(name, _)| !is_secret(name) && name != PAGE).collect();
        let code = error.as_ref().map_or(StatusCode::OK, status);
        let returned = Returned { page: page.clone(), endpoint: parts.uri.path().to_owned(), typed, error };
        parts.method = Method::GET;
        parts.uri = page.parse().unwrap_or_default();
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        let with_returned = move || {
            provide_context(returned.clone());
            context();
        };
        let render = leptos_axum::render_app_async_with_context(with_returned, crate::shell);
        let mut response = render(Request::from_parts(parts, Body::empty())).await;
        if response.status().is_success() {
            *response.status_mut() = code;
        }
        response
    }

    fn is_plain_post(request: &Request<Body>) -> bool {
        let is_function = request.method() == Method::POST && request.uri().path().starts_with("/api/");
        is_function && request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"))
    }

    fn is_secret(name: &str) -> bool {
        ["password", "secret", "token"].iter().any(|word| name.contains(word))
    }
}

//! Forms written once for all server functions: the way of [`super::form`], with a form that knows its server function by its path alone. A page with
//! many forms would otherwise carry the code to encode, send and decode each of them into the browser.

use super::form::{Form, Returned, page_field};
use crate::view::{DrawnAll, Html, view};
use domain::{Conflict, Error};
use leptos::{ev::SubmitEvent, prelude::*};

/// A form on a page, and what became of it.
#[derive(Clone, Copy)]
pub struct Post {
    /// Path of its server function.
    endpoint: &'static str,
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser sends"))]
    error: RwSignal<Option<Error>>,
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser sends"))]
    busy: RwSignal<bool>,
    answer: RwSignal<Option<String>>,
    /// Errors and typed text, for inputs.
    pub form: Form,
}

impl Post {
    /// The only form of that server function on the page.
    pub fn to(endpoint: &'static str) -> Self {
        Self::matching(endpoint, |_| true)
    }

    /// The form whose hidden input `name` holds `value`, among several of the same server function.
    pub fn only(endpoint: &'static str, name: &str, value: &str) -> Self {
        Self::matching(endpoint, |returned| returned.typed.iter().any(|(n, v)| n == name && v == value))
    }

    fn matching(endpoint: &'static str, mine: impl Fn(&Returned) -> bool) -> Self {
        let returned = use_context::<Option<Returned>>().flatten().filter(|r| r.endpoint == endpoint && mine(r));
        let (typed, first) = returned.map_or((None, None), |r| (Some(r.typed), r.error));
        let (error, busy) = (RwSignal::new(first), RwSignal::new(false));
        Self { endpoint, error, busy, answer: RwSignal::new(None), form: Form::new(error.into(), typed, busy.into()) }
    }

    /// For the hidden input `expected`: the generation that the form was filled from; after a collision the one that it collided with, so that sending
    /// it again means it; after it was accepted the one that it made.
    pub fn expected(&self, seen: u64) -> Signal<String> {
        let (error, answer) = (self.form.error(), self.answer);
        Signal::derive(move || match error.read().as_ref() {
            Some(Error::Conflict(Conflict::Stale { generation })) => generation.to_string(),
            _ => answer.read().as_ref().and_then(|answer| answer.parse::<u64>().ok()).unwrap_or(seen).to_string(),
        })
    }

    /// Forgets the answer: what it was about has changed.
    pub fn forget(&self) {
        self.answer.set(None);
    }

    /// What the server function answered, as JSON, when it sent the browser nowhere else.
    pub fn answer(&self) -> Signal<Option<String>> {
        self.answer.into()
    }
}

/// The form itself. `hidden` are inputs that people do not see: name and value.
pub fn post_form(post: Post, class: &'static str, hidden: Vec<(&'static str, Signal<String>)>, children: Html) -> Html {
    #[cfg(feature = "hydrate")]
    let navigate = leptos_router::hooks::use_navigate();
    let send = move |event: SubmitEvent| {
        #[cfg(feature = "hydrate")]
        browser::send(post, &event, navigate.clone());
        #[cfg(not(feature = "hydrate"))]
        drop(event);
    };
    let hidden = hidden.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).drawn_all();
    view! { <form method="post" action=post.endpoint class=class on:submit=send>{page_field()}{hidden}{children}</form> }
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::Post;
    use crate::api::ApiError;
    use domain::Error;
    use leptos::{
        ev::SubmitEvent,
        form::form_data_from_event,
        prelude::*,
        server_fn::{
            client::{Client, browser::BrowserClient},
            codec::{Encoding, PostUrl},
            request::{ClientReq, browser::BrowserRequest},
            response::ClientRes,
        },
        task::spawn_local,
    };
    use leptos_router::NavigateOptions;

    /// Sends what is in the form; a second click while it is under way is none.
    pub(super) fn send(post: Post, event: &SubmitEvent, navigate: impl Fn(&str, NavigateOptions) + 'static) {
        if event.default_prevented() {
            return;
        }
        let Ok(data) = form_data_from_event(event) else { return };
        let Ok(body) = web_sys::UrlSearchParams::new_with_str_sequence_sequence(&data) else { return };
        let body = String::from(body.to_string());
        event.prevent_default();
        if post.busy.get_untracked() {
            return;
        }
        post.busy.set(true);
        spawn_local(async move {
            let answer = exchange(post.endpoint, body).await;
            // The page may be gone by now.
            let _ = post.busy.try_set(false);
            match answer {
                Ok((text, to)) => {
                    let _ = post.error.try_set(None);
                    let _ = post.answer.try_set(Some(text));
                    if let Some(to) = to {
                        navigate(&to, NavigateOptions { scroll: false, ..Default::default() });
                    }
                }
                Err(error) => {
                    let _ = post.answer.try_set(None);
                    let _ = post.error.try_set(Some(error));
                }
            }
        });
    }

    /// The answer, and where the server sends the browser.
    async fn exchange(endpoint: &str, body: String) -> Result<(String, Option<String>), Error> {
        let fault = |error: ApiError| error.0;
        let request: Result<BrowserRequest, ApiError> =
            ClientReq::<ApiError>::try_new_req_text(endpoint, "application/x-www-form-urlencoded", "application/json", body, PostUrl::METHOD);
        let response = <BrowserClient as Client<ApiError>>::send(request.map_err(fault)?).await.map_err(fault)?;
        let status = ClientRes::<ApiError>::status(&response);
        let to = ClientRes::<ApiError>::has_redirect(&response).then(|| ClientRes::<ApiError>::location(&response));
        let text = ClientRes::<ApiError>::try_into_string(response).await.map_err(fault)?;
        match status {
            400.. => Err(serde_json::from_str(&text).unwrap_or(Error::Unavailable)),
            _ => Ok((text, to)),
        }
    }
}

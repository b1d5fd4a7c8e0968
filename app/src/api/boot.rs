//! What every page needs to know at once, before anything is fetched: computed by the server, carried over to the browser as it is.

use super::form::Returned;
use domain::{Actor, Timestamp};
use serde::{Deserialize, Serialize};

/// Light or dark, when somebody chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Theme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// As written in the cookie, the form and `data-theme`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The choice in a `Cookie` header.
    pub fn in_cookies(header: &str) -> Option<Self> {
        let value = header.split(';').find_map(|pair| pair.trim().strip_prefix("theme="))?;
        [Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == value)
    }
}

/// The context of a page. The same on both sides, so that the first rendering in the browser equals the server's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// The server's time when it rendered.
    pub now: Timestamp,
    /// Who is signed in.
    pub actor: Option<Actor>,
    /// Light or dark.
    pub theme: Option<Theme>,
    /// The portal reaches its own database.
    pub reachable: bool,
    /// The form that this page is the answer to.
    pub returned: Option<Returned>,
}

/// Put into the context by the server while it cannot reach its own database.
#[derive(Debug, Clone, Copy)]
pub struct StoreUnreachable;

#[cfg(feature = "ssr")]
impl Boot {
    /// From the context of this request.
    pub fn here() -> Self {
        use axum::http::{header::COOKIE, request::Parts};
        use leptos::prelude::use_context;
        let cookies = use_context::<Parts>().and_then(|parts| parts.headers.get(COOKIE)?.to_str().ok().map(ToOwned::to_owned));
        Self {
            now: super::now(),
            actor: use_context::<Option<Actor>>().flatten(),
            theme: cookies.as_deref().and_then(Theme::in_cookies),
            reachable: use_context::<StoreUnreachable>().is_none(),
            returned: use_context::<Returned>(),
        }
    }
}

#[cfg(not(feature = "ssr"))]
impl Boot {
    /// In a browser there is nothing to gather: the value comes with the page.
    pub fn here() -> Self {
        Self { now: super::now(), actor: None, theme: None, reachable: true, returned: None }
    }
}

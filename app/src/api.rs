//! Server functions: three-line adapters from pages to the portal, and the one error that they answer with.

use domain::{Error, FieldError};
use leptos::server_fn::{
    Bytes, ContentType, Decodes, Encodes, Format, FormatType,
    codec::Post,
    error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

pub mod boot;
pub mod cluster;
pub mod clusters;
pub mod databases;
pub mod document;
pub mod form;
pub mod once;
pub mod places;
pub mod post;
pub mod settings;
pub mod users;

/// A `domain::Error` on its way to a page. Making one sets the HTTP status of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError(pub Error);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        #[cfg(feature = "ssr")]
        answer_with(&error);
        Self(error)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromServerFnError for ApiError {
    type Encoder = Json;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Error::from_transport(error).into()
    }
}

/// How server functions answer.
pub type Answer = Post<Json>;

/// JSON that is read as text. Leptos' own reads bytes, and a second reader of every type would be downloaded with it.
pub struct Json;

impl ContentType for Json {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for Json {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for Json {
    type Error = serde_json::Error;

    fn encode(output: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(output).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for Json {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        serde_json::from_str(&String::from_utf8_lossy(&bytes))
    }
}

/// What a failure on the way means to the person who sent the form.
trait FromTransport {
    fn from_transport(error: ServerFnErrorErr) -> Self;
}

impl FromTransport for Error {
    fn from_transport(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(message) | ServerFnErrorErr::MissingArg(message) => Self::Invalid(vec![FieldError::new("form", message)]),
            // On the server this is about what was sent; in the browser about what came back.
            ServerFnErrorErr::Deserialization(_) if cfg!(feature = "ssr") => Self::invalid("form", "The form cannot be read: it is cut off, or not text."),
            ServerFnErrorErr::Deserialization(_) | ServerFnErrorErr::Serialization(_) => Self::Internal("transport".into()),
            ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_)
            | ServerFnErrorErr::Request(_)
            | ServerFnErrorErr::Response(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::MiddlewareError(_) => Self::Unavailable,
        }
    }
}

#[cfg(feature = "ssr")]
pub use server::*;

#[cfg(feature = "ssr")]
mod server {
    use super::{ApiError, form};
    use crate::portal::SharedPortal;
    use axum::http::StatusCode;
    use domain::{Actor, Error};
    use leptos::prelude::*;
    use leptos_axum::ResponseOptions;

    /// The portal and who asks, as the server put them into the context of this request.
    pub fn ctx() -> Result<(SharedPortal, Actor), ApiError> {
        let portal = use_context::<SharedPortal>().ok_or(Error::Internal("no portal in context".into()))?;
        let actor = use_context::<Option<Actor>>().flatten().ok_or(Error::Unauthenticated)?;
        Ok((portal, actor))
    }

    /// The HTTP status that says the same as the error.
    pub const fn status(error: &Error) -> StatusCode {
        match error {
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Unauthenticated => StatusCode::UNAUTHORIZED,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A plain form post is answered with a page (see [`form`]), everything else with this status.
    pub(super) fn answer_with(error: &Error) {
        if form::note_failure(error) {
            return;
        }
        if let Some(response) = use_context::<ResponseOptions>() {
            response.set_status(status(error));
        }
    }
}

/// The time. In a browser it is the device's, which may be wrong: compare it only with itself.
pub fn now() -> domain::Timestamp {
    #[cfg(target_arch = "wasm32")]
    let now = domain::Timestamp::from_millisecond(js_sys::Date::now() as i64).unwrap_or_default();
    #[cfg(not(target_arch = "wasm32"))]
    let now = domain::Timestamp::now();
    now
}

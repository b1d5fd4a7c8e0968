//! Answers other than success, in the one shape that REST clients read: `{"type","code","message"}`, and `fields` where a field is at fault.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Error, error::FieldError};
use serde::Serialize;

/// Seconds after which trying again makes sense while the portal's own database is away.
const RETRY_UNAVAILABLE: u32 = 2;

/// An answer other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    message: String,
    fields: Vec<FieldError>,
    retry_after: Option<u32>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    code: u16,
    message: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [FieldError],
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), fields: Vec::new(), retry_after: None }
    }

    /// 400: the request as a whole cannot be read.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", message)
    }

    /// 400: one field is at fault.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Error::invalid(field, message).into()
    }

    /// 403: a field that only the portal sets was sent.
    pub fn forbidden_field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { fields: vec![FieldError::new(field, message.clone())], ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
    }

    /// 405. Who answers it adds `Allow`.
    pub fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "This address does not take that method; Allow lists those that it takes.")
    }

    /// 413.
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", "A body has at most 1 MiB.")
    }

    /// 429, to be tried again after that many seconds.
    pub fn too_many(retry_after: u32) -> Self {
        let message = format!("Too many requests: try again in {retry_after} s.");
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message) }
    }

    /// The same problem with its fields named as the client knows them.
    #[must_use]
    pub fn with_names(mut self, rename: impl Fn(&str) -> String) -> Self {
        if self.fields.is_empty() {
            return self;
        }
        self.fields.iter_mut().for_each(|error| error.field = rename(&error.field));
        if self.status == StatusCode::BAD_REQUEST {
            self.message = Error::Invalid(self.fields.clone()).to_string();
        }
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let (status, kind) = match &error {
            Error::Invalid(_) => (StatusCode::BAD_REQUEST, "ValidationError"),
            Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Error::Forbidden(_) => (StatusCode::FORBIDDEN, "Forbidden"),
            Error::NotFound => (StatusCode::NOT_FOUND, "NotFound"),
            Error::Conflict(_) => (StatusCode::CONFLICT, "Conflict"),
            Error::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
            Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal"),
        };
        let mut problem = Self::new(status, kind, message);
        match error {
            Error::Invalid(fields) => problem.fields = fields,
            Error::Unavailable => problem.retry_after = Some(RETRY_UNAVAILABLE),
            Error::Unauthenticated => problem.message = "A bearer token is needed: Authorization: Bearer <token>.".into(),
            Error::Forbidden(_) | Error::NotFound | Error::Conflict(_) | Error::Internal(_) => {}
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body { r#type: self.kind, code: self.status.as_u16(), message: &self.message, fields: &self.fields };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

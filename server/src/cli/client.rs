//! A portal over REST, and what can go wrong on the way there.

use reqwest::{Method, Response, StatusCode, Url, header};
use serde::Deserialize;
use serde_json::Value;
use std::{fmt, time::Duration};

/// Why a command did not come about; each has its exit code.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The portal, or a person, said no.
    Refused(String),
    /// The arguments make no sense.
    Usage(String),
    /// There is no such thing.
    NotFound(String),
    /// The portal does not answer.
    Unreachable(String),
}

impl Failure {
    /// The exit code of arguments that make no sense.
    pub const USAGE: u8 = 2;

    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => Self::USAGE,
            Self::NotFound(_) => 3,
            Self::Unreachable(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) | Self::Usage(text) | Self::NotFound(text) | Self::Unreachable(text) => f.write_str(text),
        }
    }
}

#[derive(Deserialize)]
struct Problem {
    message: String,
    #[serde(default)]
    fields: Vec<domain::FieldError>,
}

/// A portal over REST.
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

/// A body and its type.
pub struct Sent {
    /// Its content type.
    pub kind: &'static str,
    /// Its text.
    pub text: String,
}

impl Client {
    /// The portal at `url`, asked as the bearer of `token`.
    pub fn new(url: &str, token: &str) -> Result<Self, Failure> {
        let wrong = || Failure::Usage(format!("HOWDAH_URL (--url) is an address as in http://127.0.0.1:8080, not {url:?}."));
        let base = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(wrong)?;
        if token.trim().is_empty() {
            return Err(Failure::Usage("who asks? On the machine of the portal: export HOWDAH_TOKEN=$(howdah token create --name me)".into()));
        }
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|_| Failure::Usage("HOWDAH_TOKEN (--token) is not a token: howdah token create prints one.".into()))?;
        bearer.set_sensitive(true);
        let http = reqwest::Client::builder()
            .default_headers(header::HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]))
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::Refused(error.to_string()))?;
        Ok(Self { http, base })
    }

    /// What is at `path` (below `/v1`), as JSON.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let answer = self.send(Method::GET, path, query, None).await?;
        answer.json().await.map_err(|error| self.foreign(&error))
    }

    /// What is at `path`, as text.
    pub async fn text(&self, path: &str) -> Result<String, Failure> {
        self.send(Method::GET, path, &[], None).await?.text().await.map_err(|error| self.foreign(&error))
    }

    /// Puts a body and reads the JSON that answers.
    pub async fn put(&self, path: &str, query: &[(&str, &str)], sent: Sent) -> Result<Value, Failure> {
        let answer = self.send(Method::PUT, path, query, Some(sent)).await?;
        answer.json().await.map_err(|error| self.foreign(&error))
    }

    /// Deletes what is at `path`.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.send(Method::DELETE, path, &[], None).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, query: &[(&str, &str)], sent: Option<Sent>) -> Result<Response, Failure> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/v1{path}", self.base.path().trim_end_matches('/')));
        let mut request = self.http.request(method, url).query(query);
        if let Some(Sent { kind, text }) = sent {
            request = request.header(header::CONTENT_TYPE, kind).body(text);
        }
        let answer = request.send().await.map_err(|error| Failure::Unreachable(format!("No portal answers at {}: {}", self.base, root(&error))))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        Err(self.failure(status, &text))
    }

    fn failure(&self, status: StatusCode, text: &str) -> Failure {
        let message = match serde_json::from_str::<Problem>(text) {
            Ok(Problem { message, fields }) if fields.is_empty() => message,
            Ok(Problem { fields, .. }) => fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n        "),
            Err(_) => format!("{} answers {status}, and not as a portal does.", self.base),
        };
        match status {
            StatusCode::NOT_FOUND => Failure::NotFound(message),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => Failure::Unreachable(message),
            _ => Failure::Refused(message),
        }
    }

    fn foreign(&self, error: &reqwest::Error) -> Failure {
        if error.is_decode() {
            return Failure::Unreachable(format!("What answers at {} is not a portal.", self.base));
        }
        Failure::Unreachable(format!("The answer of {} broke off: {}", self.base, root(error)))
    }
}

/// The innermost cause: what a person can do something about.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

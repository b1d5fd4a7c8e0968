//! A password that the portal made up, on its one way to the person who asked for it: in a short-lived cookie that no script can read, from the answer to
//! the form to the page that shows it, which clears it. Never in an address, a log or a row.

// The macro makes a public struct of each function, whose fields are its documented arguments.
#![allow(missing_docs)]

use super::{Answer, ApiError};
use leptos::{server, server_fn::codec::PostUrl};
use serde::{Deserialize, Serialize};

/// What is shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    /// Whose password it is.
    pub user: String,
    /// The password in clear.
    pub password: String,
}

/// The password that waits to be shown for a user of this cluster; the second time there is none.
#[server(prefix = "/api", endpoint = "users/once", input = PostUrl, output = Answer)]
pub async fn take_password(cluster: String) -> Result<Option<Once>, ApiError> {
    super::ctx()?;
    Ok(cookie::take(&cluster))
}

#[cfg(feature = "ssr")]
pub(super) use cookie::{chosen, hand_over};

#[cfg(feature = "ssr")]
mod cookie {
    use super::Once;
    use crate::{
        api::form::done,
        link::Link,
        portal::{Passwords, Submitted},
    };
    use axum::http::{HeaderValue, header, request::Parts};
    use domain::{ClusterName, Error, RoleName};
    use leptos::prelude::*;
    use leptos_axum::ResponseOptions;
    use secrecy::{ExposeSecret, SecretString};

    const COOKIE: &str = "howdah_once";

    /// The password that somebody chose; none was: one is to be made up.
    pub(in crate::api) fn chosen(user: &RoleName, password: String) -> Result<Passwords, Error> {
        match password.chars().count() {
            0 => Ok(Passwords::new()),
            8..=99 if !password.chars().any(char::is_control) => Ok(Passwords::from([(user.clone(), SecretString::from(password))])),
            _ => Err(Error::invalid("password", "A password has 8 to 99 characters, none of them a control character.")),
        }
    }

    /// Sends the browser to the page that shows the password, if one was made up.
    pub(in crate::api) fn hand_over(cluster: &ClusterName, user: &RoleName, submitted: &Submitted) {
        let (Some(password), Some(response)) = (submitted.generated.get(user), use_context::<ResponseOptions>()) else { return };
        let hex: String = password.expose_secret().bytes().map(|byte| format!("{byte:02x}")).collect();
        set(&response, &format!("{COOKIE}={cluster}.{user}.{hex}; Max-Age=120{}", attributes()));
        done(&format!("{}?dialog=password", Link::Data(cluster.clone()).path()));
    }

    pub(super) fn take(cluster: &str) -> Option<Once> {
        let parts = use_context::<Parts>()?;
        let value = parts.headers.get_all(header::COOKIE).iter().filter_map(|header| header.to_str().ok()).find_map(in_cookies)?;
        let (of, user, password) = parse(&value)?;
        if of != cluster {
            return None;
        }
        let response = use_context::<ResponseOptions>()?;
        set(&response, &format!("{COOKIE}=; Max-Age=0{}", attributes()));
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(Once { user, password })
    }

    fn in_cookies(header: &str) -> Option<String> {
        header.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=').map(ToOwned::to_owned))
    }

    fn parse(value: &str) -> Option<(String, String, String)> {
        let mut parts = value.split('.');
        let (cluster, user, hex) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
        Some((cluster.into(), user.into(), String::from_utf8(bytes?).ok()?))
    }

    /// `Secure` only where the browser came by https: a portal on loopback has no certificate.
    fn attributes() -> &'static str {
        let forwarded = use_context::<Parts>().is_some_and(|parts| parts.headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https"));
        if forwarded { "; Path=/; HttpOnly; SameSite=Strict; Secure" } else { "; Path=/; HttpOnly; SameSite=Strict" }
    }

    fn set(response: &ResponseOptions, cookie: &str) {
        // Names and hexadecimal digits only: always a valid header.
        if let Ok(value) = HeaderValue::from_str(cookie) {
            response.append_header(header::SET_COOKIE, value);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_put_into_the_cookie_comes_out_again() {
            let header = format!("theme=dark; {COOKIE}=orders.app.70c3a9; other=1");
            assert_eq!(in_cookies(&header).as_deref().and_then(parse), Some(("orders".into(), "app".into(), "p\u{e9}".into())));
            assert_eq!(parse("orders.app.7"), None);
        }

        #[test]
        fn a_chosen_password_keeps_the_rules() {
            let user: RoleName = "app".parse().expect("a name");
            assert!(chosen(&user, String::new()).is_ok_and(|all| all.is_empty()));
            assert!(chosen(&user, "correct horse".into()).is_ok_and(|all| all.len() == 1));
            assert!(chosen(&user, "short".into()).is_err() && chosen(&user, "line\nbreak".into()).is_err());
        }
    }
}

//! Scripts, wasm, styles and icons: inside the binary in a release build, read from `target/site` in a dev build.
//!
//! The build driver names every file after its content, so a browser may keep it for ever; `manifest.json` maps the
//! plain name to that one. A page puts [`path`] of these into its head, when [`exists`] says so:
//! ```html
//! <link rel="stylesheet" href="{path("style.css")}">
//! <link rel="modulepreload" href="{path("frontend.js")}">
//! <link rel="preload" href="{path("frontend.wasm")}" as="fetch" type="application/wasm" crossorigin>
//! <script type="module" src="{path("start.js")}"></script>
//! ```
//! `start.js` imports `frontend.js`, hands it the URL of the wasm and calls `hydrate()`: no inline script, so a policy of
//! `script-src 'self' 'wasm-unsafe-eval'` suffices. Without assets the pages are plain HTML and work as such.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// Where the assets are mounted: `Router::route(assets::ROUTE, get(assets::serve))`.
pub const ROUTE: &str = "/assets/{*file}";

#[derive(RustEmbed)]
#[folder = "$HOWDAH_SITE"]
struct Site;

type Manifest = HashMap<String, String>;

/// The URL of an asset by its plain name: `frontend.js` is at `/assets/frontend-<hash>.js`.
pub fn path(name: &str) -> String {
    let manifest = manifest();
    format!("/assets/{}", manifest.get(name).map_or(name, String::as_str))
}

/// Whether an asset of that plain name was built.
pub fn exists(name: &str) -> bool {
    manifest().contains_key(name)
}

/// Answers `GET /assets/{file}`: the smallest form the browser accepts, or 404.
pub async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let copies = Copies { plain: bytes(&file), brotli: bytes(&format!("{file}.br")), gzip: bytes(&format!("{file}.gz")) };
    let hashed = manifest().values().any(|name| *name == file);
    answer(&file, copies, hashed, &headers)
}

/// One file in the forms that were built.
struct Copies {
    plain: Option<Cow<'static, [u8]>>,
    brotli: Option<Cow<'static, [u8]>>,
    gzip: Option<Cow<'static, [u8]>>,
}

fn answer(file: &str, copies: Copies, hashed: bool, asked: &HeaderMap) -> Response {
    // A copy without its plain file is one asked for by its own name, or a leftover.
    let Some(plain) = copies.plain.filter(|_| public(file)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (body, encoding) = match (copies.brotli, copies.gzip) {
        (Some(packed), _) if accepts(asked, "br") => (packed, Some("br")),
        (_, Some(packed)) if accepts(asked, "gzip") => (packed, Some("gzip")),
        _ => (plain, None),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(file)));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if !hashed {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        return (headers, body).into_response();
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    // The name carries the hash of the content, so the name and the encoding tell the bytes.
    let tag = format!("\"{file}{}{}\"", if encoding.is_some() { "-" } else { "" }, encoding.unwrap_or_default());
    let known = asked
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    match known {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, body).into_response(),
    }
}

/// The manifest and the packed copies are ours alone.
fn public(file: &str) -> bool {
    file != "manifest.json" && !file.ends_with(".br") && !file.ends_with(".gz")
}

/// Whether `accept-encoding` names the encoding, without `q=0`.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let refused = |quality: &str| quality.trim().trim_start_matches("q=").parse() == Ok(0.0);
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|offer| {
            let (name, quality) = offer.split_once(';').unwrap_or((offer, ""));
            (name.trim() == encoding).then_some(quality)
        })
        .any(|quality| !refused(quality))
}

fn content_type(file: &str) -> &'static str {
    match file.rsplit_once('.').map_or("", |(_, end)| end) {
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn bytes(file: &str) -> Option<Cow<'static, [u8]>> {
    Site::get(file).map(|file| file.data)
}

/// Read once where it cannot change, and each time where it can.
fn manifest() -> Arc<Manifest> {
    static EMBEDDED: LazyLock<Arc<Manifest>> = LazyLock::new(read_manifest);
    match cfg!(debug_assertions) {
        true => read_manifest(),
        false => Arc::clone(&EMBEDDED),
    }
}

fn read_manifest() -> Arc<Manifest> {
    let parsed = bytes("manifest.json").and_then(|text| serde_json::from_slice(&text).ok());
    Arc::new(parsed.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WASM: &str = "frontend-0a1b.wasm";

    fn asked(pairs: &[(&'static str, &'static str)]) -> Response {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let copies = Copies { plain: Some(Cow::from(&b"plain"[..])), brotli: Some(Cow::from(&b"br"[..])), gzip: Some(Cow::from(&b"gz"[..])) };
        answer(WASM, copies, true, &headers)
    }

    fn header(response: &Response, name: &str) -> String {
        let value = response.headers().get(name);
        value.map_or_else(String::new, |value| value.to_str().expect("ascii").to_owned())
    }

    #[test]
    fn the_smallest_accepted_form_is_sent() {
        let check = |accepted, expect: &str| {
            let response = asked(&[("accept-encoding", accepted)]);
            assert_eq!(header(&response, "content-encoding"), expect, "for {accepted}");
            assert_eq!(header(&response, "content-type"), "application/wasm");
            assert_eq!(header(&response, "vary"), "accept-encoding");
        };
        check("gzip, deflate, br, zstd", "br");
        check("gzip;q=1.0, br;q=0", "gzip");
        check("br; q=0.5", "br");
        check("identity", "");
        assert_eq!(header(&asked(&[]), "content-encoding"), "");
    }

    #[test]
    fn a_hashed_file_is_kept_for_ever_and_known_again() {
        let first = asked(&[("accept-encoding", "br")]);
        assert!(header(&first, "cache-control").contains("immutable"));
        let tag = header(&first, "etag");
        assert_eq!(tag, "\"frontend-0a1b.wasm-br\"");
        let again = asked(&[("accept-encoding", "br"), ("if-none-match", "\"frontend-0a1b.wasm-br\"")]);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = asked(&[("if-none-match", "\"frontend-0a1b.wasm-br\"")]);
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn what_was_not_built_or_is_not_public_is_not_found() {
        let found = |file: &str, plain: Option<&'static [u8]>| {
            let copies = Copies { plain: plain.map(Cow::from), brotli: None, gzip: None };
            answer(file, copies, false, &HeaderMap::new()).status()
        };
        assert_eq!(found("nothing.js", None), StatusCode::NOT_FOUND);
        assert_eq!(found("manifest.json", Some(b"{}")), StatusCode::NOT_FOUND);
        assert_eq!(found("style-1.css.br", Some(b"x")), StatusCode::NOT_FOUND);
        assert_eq!(found("snippets/a/inline0.js", Some(b"x")), StatusCode::OK);
    }
}

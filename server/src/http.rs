//! The web server: REST, pages, event stream.

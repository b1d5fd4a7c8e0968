//! Addresses of pages: the only place where a path is written.

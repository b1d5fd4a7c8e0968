//! Pages: fetch and compose; one file a page.

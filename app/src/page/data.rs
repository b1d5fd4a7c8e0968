//! A page of a cluster: data.

use crate::page::cluster::cluster_head;
use leptos::prelude::*;

/// The page.
#[component]
pub fn Data() -> impl IntoView {
    cluster_head(())
}

//! A page of a cluster: yaml.

use crate::page::cluster::cluster_head;
use leptos::prelude::*;

/// The page.
#[component]
pub fn Yaml() -> impl IntoView {
    cluster_head(())
}

//! A page of a cluster: settings.

use crate::page::cluster::cluster_head;
use leptos::prelude::*;

/// The page.
#[component]
pub fn Settings() -> impl IntoView {
    cluster_head(())
}

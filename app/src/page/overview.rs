//! A page of a cluster: overview.

use crate::page::cluster::cluster_head;
use leptos::prelude::*;

/// The page.
#[component]
pub fn Overview() -> impl IntoView {
    cluster_head(())
}

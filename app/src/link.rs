//! Addresses of pages: the only place where a path is written.

use domain::{ClusterName, PlaceName};
use leptos_router::{ParamSegment, StaticSegment};

/// `/`, and the first page of a cluster.
pub const ROOT: StaticSegment<&str> = StaticSegment("");
/// First segment of everything about clusters.
pub const CLUSTERS: StaticSegment<&str> = StaticSegment("clusters");
/// Where clusters can be created.
pub const PLACES: StaticSegment<&str> = StaticSegment("places");
/// The form for a new cluster. No cluster of this name can be opened by its address.
pub const NEW: StaticSegment<&str> = StaticSegment("new");
/// The name of a cluster or a place.
pub const NAME: ParamSegment = ParamSegment("name");
/// Users and databases of a cluster.
pub const DATA: StaticSegment<&str> = StaticSegment("data");
/// A cluster as a document.
pub const YAML: StaticSegment<&str> = StaticSegment("yaml");
/// Size, primary, power and end of a cluster.
pub const SETTINGS: StaticSegment<&str> = StaticSegment("settings");
/// Where people without a session land.
pub const SIGN_IN: StaticSegment<&str> = StaticSegment("sign-in");

/// Posted to by the sign-in form; answered by the server's authentication.
pub const SIGN_IN_POST: &str = "/sign-in";
/// Posted to by "Sign out"; answered by the server's authentication.
pub const SIGN_OUT_POST: &str = "/sign-out";
/// Posted to by the theme button with `theme` (`light`, `dark` or empty: as the system) and `back`, a path.
pub const THEME_POST: &str = "/theme";
/// The event stream.
pub const EVENTS: &str = "/events";
/// The certificate authority that clients verify servers with.
pub const CA: &str = "/v1/ca.pem";

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// All clusters.
    Clusters,
    /// The form for a new cluster.
    Create,
    /// All places.
    Places,
    /// One place.
    Place(PlaceName),
    /// A cluster at a glance, or its first minutes.
    Overview(ClusterName),
    /// Its users and databases.
    Data(ClusterName),
    /// Its document.
    Yaml(ClusterName),
    /// Its settings.
    Settings(ClusterName),
    /// Signing in.
    SignIn,
}

impl Link {
    /// The path of the page.
    pub fn path(&self) -> String {
        match self {
            Self::Clusters => format!("/{}", CLUSTERS.0),
            Self::Create => format!("/{}/{}", CLUSTERS.0, NEW.0),
            Self::Places => format!("/{}", PLACES.0),
            Self::Place(name) => format!("/{}/{name}", PLACES.0),
            Self::Overview(name) => format!("/{}/{name}", CLUSTERS.0),
            Self::Data(name) => format!("/{}/{name}/{}", CLUSTERS.0, DATA.0),
            Self::Yaml(name) => format!("/{}/{name}/{}", CLUSTERS.0, YAML.0),
            Self::Settings(name) => format!("/{}/{name}/{}", CLUSTERS.0, SETTINGS.0),
            Self::SignIn => format!("/{}", SIGN_IN.0),
        }
    }

    /// The page at a path; none: no page is there.
    pub fn at(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts[..] {
            [] => Some(Self::Clusters),
            [first] if first == CLUSTERS.0 => Some(Self::Clusters),
            [first] if first == PLACES.0 => Some(Self::Places),
            [first, name] if first == PLACES.0 => name.parse().ok().map(Self::Place),
            [first] if first == SIGN_IN.0 => Some(Self::SignIn),
            [first, second] if first == CLUSTERS.0 && second == NEW.0 => Some(Self::Create),
            [first, name, ref rest @ ..] if first == CLUSTERS.0 => {
                let name = name.parse().ok()?;
                match rest {
                    [] => Some(Self::Overview(name)),
                    [tab] if *tab == DATA.0 => Some(Self::Data(name)),
                    [tab] if *tab == YAML.0 => Some(Self::Yaml(name)),
                    [tab] if *tab == SETTINGS.0 => Some(Self::Settings(name)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The cluster that the page is about.
    pub fn cluster(&self) -> Option<&ClusterName> {
        match self {
            Self::Clusters | Self::Create | Self::Places | Self::Place(_) | Self::SignIn => None,
            Self::Overview(name) | Self::Data(name) | Self::Yaml(name) | Self::Settings(name) => Some(name),
        }
    }

    /// What the page is called in navigation and titles.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Clusters => "Clusters",
            Self::Create => "Create cluster",
            Self::Places => "Places",
            Self::Place(_) => "Place",
            Self::Overview(_) => "Overview",
            Self::Data(_) => "Users and databases",
            Self::Yaml(_) => "YAML",
            Self::Settings(_) => "Settings",
            Self::SignIn => "Sign in",
        }
    }

    /// The symbol beside the label.
    pub const fn icon(&self) -> &'static str {
        match self {
            Self::Clusters => "db",
            Self::Create => "plus",
            Self::Places | Self::Place(_) => "globe",
            Self::Overview(_) => "server",
            Self::Data(_) => "users",
            Self::Yaml(_) => "yaml",
            Self::Settings(_) => "gear",
            Self::SignIn => "key",
        }
    }

    /// The pages of one cluster, in the order of the sidebar.
    pub fn tabs(name: &ClusterName) -> [Self; 4] {
        [Self::Overview(name.clone()), Self::Data(name.clone()), Self::Yaml(name.clone()), Self::Settings(name.clone())]
    }
}

/// Whether a path that came in from outside stays on this site. Browsers take `\` for `/` and leave tabs and line ends out before they look for `//`.
pub fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(|c: char| c == '\\' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_at_its_own_path() {
        let name: ClusterName = "orders".parse().expect("a name");
        let pages = [Link::Clusters, Link::Create, Link::Places, Link::Place(PlaceName::local()), Link::SignIn].into_iter().chain(Link::tabs(&name));
        for page in pages {
            assert_eq!(Link::at(&page.path()), Some(page));
        }
        assert_eq!(Link::at("/clusters/Not_A_Name"), None);
        assert_eq!(Link::at("/clusters/orders/unknown"), None);
    }

    #[test]
    fn only_paths_of_this_site_are_followed() {
        assert!(is_local("/clusters?q=a"));
        for path in ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", ""] {
            assert!(!is_local(path), "{path:?}");
        }
    }
}

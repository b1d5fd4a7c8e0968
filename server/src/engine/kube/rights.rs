//! What the portal must be allowed to do at a place on Kubernetes: the one list that the probe asks the API server about, that the page of a place tells
//! from, and that the Helm chart grants. It owns no requests.

use std::fmt;

/// What a right is for: a place needs those of `Every`, of its engine, and of what is switched on there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Any place.
    Every,
    /// The engine over CloudNativePG.
    Cnpg,
    /// The engine over Cozystack.
    Cozystack,
    /// Clusters that Prometheus shall find.
    PodMonitors,
    /// SQL through the API server, for portals outside of the cluster.
    PortForward,
}

/// Where a right has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// In each namespace where the portal keeps clusters.
    Namespace,
    /// For a kind without namespaces.
    Cluster,
}

/// Some verbs on one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// Who needs it.
    pub part: Part,
    /// API group; empty for the core.
    pub group: &'static str,
    /// As in `clusters` or `clusters/status`.
    pub resource: &'static str,
    /// As in `create`.
    pub verbs: &'static [&'static str],
    /// Where.
    pub scope: Scope,
    /// What the portal does with it: the rest of "Needed to …".
    pub why: &'static str,
    /// What does not work without it, and what to do: sentences.
    pub what_to_do: &'static str,
}

/// One verb on one kind of object, as an access review asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ask {
    /// API group; empty for the core.
    pub group: &'static str,
    /// As in `clusters`.
    pub resource: &'static str,
    /// As in `status`, or empty.
    pub subresource: &'static str,
    /// As in `create`.
    pub verb: &'static str,
    /// Where.
    pub scope: Scope,
}

const CNPG: &str = "postgresql.cnpg.io";
const WISHED: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
const WATCHED: &[&str] = &["get", "list", "watch"];
const WRITTEN: &[&str] = &["get", "create", "patch", "delete"];
const GRANT: &str = "Nothing can be created or changed at this place without it. Grant it by the role of the Helm chart, or by one of your own.";

/// Every right that this release uses. Secrets are never listed or watched, and no pod is ever entered.
pub const RIGHTS: &[Right] = &[
    Right {
        part: Part::Every,
        group: "",
        resource: "namespaces",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "tell a namespace that is missing from one that is empty",
        what_to_do: "Clusters can be created, but a missing namespace shows only when creating fails.",
    },
    Right {
        part: Part::Every,
        group: "",
        resource: "pods",
        verbs: WATCHED,
        scope: Scope::Namespace,
        why: "show instances and their roles as they change",
        what_to_do: "Instances are shown as unknown. Grant it to see which one is the primary.",
    },
    Right {
        part: Part::Every,
        group: "",
        resource: "persistentvolumeclaims",
        verbs: &["get", "list"],
        scope: Scope::Namespace,
        why: "follow volumes that grow, and see that none is left of a deleted cluster",
        what_to_do: "Sizes of volumes are not shown, and what a deletion leaves behind is not noticed.",
    },
    Right {
        part: Part::Every,
        group: "storage.k8s.io",
        resource: "storageclasses",
        verbs: &["list"],
        scope: Scope::Cluster,
        why: "offer storage classes, and know whose volumes can grow",
        what_to_do: "Only the default storage class is offered, and growing is tried without knowing whether it can work.",
    },
    Right {
        part: Part::Cnpg,
        group: CNPG,
        resource: "clusters",
        verbs: WISHED,
        scope: Scope::Namespace,
        why: "keep clusters as people wish them",
        what_to_do: GRANT,
    },
    Right {
        part: Part::Cnpg,
        group: CNPG,
        resource: "clusters/status",
        verbs: &["patch"],
        scope: Scope::Namespace,
        why: "make another instance the primary, as `kubectl cnpg promote` does",
        what_to_do: "A switchover is refused. Leave it out where people shall not do that.",
    },
    Right {
        part: Part::Cnpg,
        group: CNPG,
        resource: "databases",
        verbs: WISHED,
        scope: Scope::Namespace,
        why: "keep databases and their extensions as people wish them",
        what_to_do: "Databases are not created. Grant it by the role of the Helm chart.",
    },
    Right {
        part: Part::Cnpg,
        group: CNPG,
        resource: "databaseroles",
        verbs: WISHED,
        scope: Scope::Namespace,
        why: "keep users as people wish them",
        what_to_do: "Users are not created. Grant it by the role of the Helm chart.",
    },
    Right {
        part: Part::Cnpg,
        group: CNPG,
        resource: "clusterimagecatalogs",
        verbs: &["list"],
        scope: Scope::Cluster,
        why: "offer the versions of PostgreSQL that the platform has images for",
        what_to_do: "No versions are offered. Grant it, or name a catalog in the configuration of the place.",
    },
    Right {
        part: Part::Cnpg,
        group: "",
        resource: "secrets",
        verbs: WRITTEN,
        scope: Scope::Namespace,
        why: "hand verifiers of passwords to CloudNativePG, and read the certificate that clients trust; they are never listed",
        what_to_do: GRANT,
    },
    Right {
        part: Part::Cnpg,
        group: "",
        resource: "services",
        verbs: WRITTEN,
        scope: Scope::Namespace,
        why: "give clusters an address outside of Kubernetes, and read the addresses inside",
        what_to_do: "Clusters have no address outside of Kubernetes. Grant it where they shall have one.",
    },
    Right {
        part: Part::Cozystack,
        group: "apps.cozystack.io",
        resource: "postgreses",
        verbs: WISHED,
        scope: Scope::Namespace,
        why: "keep clusters as people wish them",
        what_to_do: "Nothing can be created or changed at this place without it. Use the kubeconfig of a tenant, whose account has it.",
    },
    Right {
        part: Part::Cozystack,
        group: "core.cozystack.io",
        resource: "tenantsecrets",
        verbs: WATCHED,
        scope: Scope::Namespace,
        why: "read the certificate that clients trust",
        what_to_do: "The certificate is not shown. Use the kubeconfig of a tenant, whose account has it.",
    },
    Right {
        part: Part::Cozystack,
        group: "cozystack.io",
        resource: "workloadmonitors",
        verbs: WATCHED,
        scope: Scope::Namespace,
        why: "see how many instances are up",
        what_to_do: "Health is told from pods alone. Use the kubeconfig of a tenant, whose account has it.",
    },
    Right {
        part: Part::Cozystack,
        group: "",
        resource: "secrets",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "read the passwords that Cozystack made; they are never listed",
        what_to_do: "Users and databases inside are not looked at. Use the kubeconfig of a tenant, whose account may read these secrets.",
    },
    Right {
        part: Part::Cozystack,
        group: "",
        resource: "services",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "read the addresses of clusters",
        what_to_do: "Addresses are not shown. Use the kubeconfig of a tenant, whose account has it.",
    },
    Right {
        part: Part::PodMonitors,
        group: "monitoring.coreos.com",
        resource: "podmonitors",
        verbs: WRITTEN,
        scope: Scope::Namespace,
        why: "let Prometheus find the clusters",
        what_to_do: "Prometheus does not find the clusters by itself. Grant it by rbac.podMonitors of the Helm chart.",
    },
    Right {
        part: Part::PortForward,
        group: "",
        resource: "pods/portforward",
        verbs: &["get", "create"],
        scope: Scope::Namespace,
        why: "look inside PostgreSQL from outside of the cluster",
        what_to_do: "Users, databases and statistics inside PostgreSQL are not looked at. Grant it by rbac.portForward of the Helm chart.",
    },
];

/// The rights that these parts need together.
pub fn needed(parts: &[Part]) -> impl Iterator<Item = &'static Right> {
    RIGHTS.iter().filter(move |right| parts.contains(&right.part))
}

impl Right {
    /// One question for each verb.
    pub fn asks(&self) -> impl Iterator<Item = Ask> {
        let Self { group, scope, .. } = *self;
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        self.verbs.iter().map(move |verb| Ask { group, resource, subresource, verb, scope })
    }
}

/// As in `patch clusters.postgresql.cnpg.io/status`.
impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        write!(f, "{} {}{dot}{}{slash}{}", self.verb, self.resource, self.group, self.subresource)
    }
}

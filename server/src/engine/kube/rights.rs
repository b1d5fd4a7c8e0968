//! What the portal must be allowed to do at a place on Kubernetes: the one list that the probe asks the API server about, that the page of a place tells
//! from, and that the Helm chart grants. It owns no requests.

use super::probe::{CNPG, COZYSTACK, MONITORING};
use std::fmt;

/// What a right is for: a place needs those of `Every`, of its engine, and of how the portal works there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Any place.
    Every,
    /// The engine over CloudNativePG.
    Cnpg,
    /// The engine over Cozystack.
    Cozystack,
    /// A namespace for each project, made by the portal.
    Namespaces,
    /// SQL through the API server, for portals outside of the cluster.
    PortForward,
    /// A PodMonitor for each cluster.
    PodMonitors,
    /// What exporters tell, where SQL gets no way in. Used where it is granted, and never missed.
    PodProxy,
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

const WISHED: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
const GRANT: &str = "Nothing can be created or changed at this place without it. Grant it by the role of the Helm chart, or by one of your own.";
const TENANT: &str = "Bind the account of the portal to the ClusterRole cozy:tenant, or a larger one, in the tenant's namespace.";

/// Every right that this release uses. Secrets are never listed or watched, and no pod is ever entered.
pub const RIGHTS: &[Right] = &[
    Right {
        part: Part::Every,
        group: "",
        resource: "namespaces",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "tell a namespace that is missing from one that may not be used",
        what_to_do: "That a namespace is missing shows only when creating a cluster fails. Grant it by the role of the Helm chart.",
    },
    Right {
        part: Part::Namespaces,
        group: "",
        resource: "namespaces",
        verbs: &["create"],
        scope: Scope::Cluster,
        why: "make the namespace of a project with its first cluster",
        what_to_do: "Make the namespaces by hand, or grant it by rbac.createNamespaces of the Helm chart.",
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
        what_to_do: "No version can be offered, so nothing can be created. Grant it by rbac.clusterReads of the Helm chart, or name an ImageCatalog of the \
                     namespace for the place: catalog = \"ImageCatalog/postgresql\".",
    },
    Right {
        part: Part::Cnpg,
        group: CNPG,
        resource: "imagecatalogs",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "offer the versions of PostgreSQL that the namespace's own catalog has images for",
        what_to_do: "No version can be offered, so nothing can be created. Grant it by the role of the Helm chart.",
    },
    Right {
        part: Part::Cnpg,
        group: "",
        resource: "secrets",
        verbs: &["get", "create", "patch", "delete"],
        scope: Scope::Namespace,
        why: "hand verifiers of passwords to CloudNativePG, read the certificate that clients trust, and look inside PostgreSQL; they are never listed",
        what_to_do: GRANT,
    },
    Right {
        part: Part::Cnpg,
        group: "",
        resource: "services",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "read the address of a cluster outside of Kubernetes",
        what_to_do: "Addresses outside of Kubernetes are not shown. Grant it by the role of the Helm chart.",
    },
    Right {
        part: Part::Cnpg,
        group: "",
        resource: "pods",
        verbs: &["get", "list", "watch"],
        scope: Scope::Namespace,
        why: "show instances and their roles as they change",
        what_to_do: "Instances are shown as unknown. Grant it by the role of the Helm chart.",
    },
    Right {
        part: Part::Cnpg,
        group: "",
        resource: "persistentvolumeclaims",
        verbs: &["list"],
        scope: Scope::Namespace,
        why: "follow volumes that grow, and see that none is left of a deleted cluster",
        what_to_do: "A deletion cannot be told to be complete. Grant it by the role of the Helm chart.",
    },
    Right {
        part: Part::Cnpg,
        group: "metrics.k8s.io",
        resource: "pods",
        verbs: &["list"],
        scope: Scope::Namespace,
        why: "show what instances use of processor and memory",
        what_to_do: "What instances use is not shown. Grant it by the role of the Helm chart.",
    },
    Right {
        part: Part::Cnpg,
        group: "storage.k8s.io",
        resource: "storageclasses",
        verbs: &["list"],
        scope: Scope::Cluster,
        why: "offer storage classes, and know whose volumes can grow",
        what_to_do: "Only the default storage class is offered. Grant it by rbac.clusterReads of the Helm chart.",
    },
    Right {
        part: Part::Cozystack,
        group: COZYSTACK,
        resource: "postgreses",
        verbs: WISHED,
        scope: Scope::Namespace,
        why: "keep clusters as people wish them",
        what_to_do: TENANT,
    },
    Right {
        part: Part::Cozystack,
        group: "core.cozystack.io",
        resource: "options",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "offer the storage classes of the tenant",
        what_to_do: "Only the default storage class is offered. The ClusterRole cozy:tenant of Cozystack 1.5 and later has it.",
    },
    Right {
        part: Part::Cozystack,
        group: "cozystack.io",
        resource: "workloads",
        verbs: &["list"],
        scope: Scope::Namespace,
        why: "see what a cluster is made of, and when nothing is left of it",
        what_to_do: "A deletion cannot be told to be complete. The ClusterRole cozy:tenant of Cozystack 0.38 and later has it.",
    },
    Right {
        part: Part::Cozystack,
        group: "",
        resource: "pods",
        verbs: &["list", "watch"],
        scope: Scope::Namespace,
        why: "show instances and their roles as they change",
        what_to_do: TENANT,
    },
    Right {
        part: Part::Cozystack,
        group: "",
        resource: "services",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "read the address of a cluster outside of Kubernetes",
        what_to_do: TENANT,
    },
    Right {
        part: Part::PortForward,
        group: "",
        resource: "pods/portforward",
        verbs: &["get", "create"],
        scope: Scope::Namespace,
        why: "look inside PostgreSQL from outside of the cluster",
        what_to_do: "Users, databases and statistics inside PostgreSQL are not looked at. Grant it by rbac.portForward of the Helm chart, or by a role of your own.",
    },
    Right {
        part: Part::PodMonitors,
        group: MONITORING,
        resource: "podmonitors",
        verbs: WISHED,
        scope: Scope::Namespace,
        why: "have Prometheus collect the metrics of clusters",
        what_to_do: "No PodMonitors are made; all else goes on. Grant it by rbac.podMonitors of the Helm chart, or take pod_monitor out of the place's configuration.",
    },
    Right {
        part: Part::PodProxy,
        group: "",
        resource: "pods/proxy",
        verbs: &["get"],
        scope: Scope::Namespace,
        why: "show lag and connections as CloudNativePG's exporter tells them, where SQL gets no way in",
        what_to_do: "They are shown as unknown then. Grant it by rbac.podProxy of the Helm chart, or leave it: it opens every port of pods that speaks HTTP.",
    },
];

/// The rights that these parts need together.
pub fn needed(parts: &[Part]) -> impl Iterator<Item = &'static Right> {
    RIGHTS.iter().filter(move |right| parts.contains(&right.part))
}

impl Right {
    /// Whether nothing can be created without it. What lies outside of namespaces is granted or not by decision, and then there is less to choose from; so it
    /// is with the choices of a tenant, and with what only looks on.
    pub fn is_vital(&self) -> bool {
        self.scope == Scope::Namespace && self.resource != "options" && self.part != Part::PodMonitors
    }

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

//! What each object of the contract consists of: one table for reading bodies, for filters and for the OpenAPI document.

/// A field of an object.
#[derive(Debug)]
pub struct Field {
    /// Its key in JSON.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Who writes it, and when.
    pub write: Write,
    /// Needed when the object is made.
    pub required: bool,
    /// What it means, for the OpenAPI document.
    pub about: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An id.
    Uuid,
    /// A time in UTC.
    Time,
    /// Text of at most that many characters.
    Text(usize),
    /// 8 to 99 characters; never answered.
    Password,
    /// A whole number.
    Int(i64, i64),
    /// True or false.
    Bool,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Another object: address, id or name when sent, address when answered.
    Relation,
    /// A list of texts.
    Texts,
    /// A map to text.
    Map,
    /// An object or a list of objects; the name of its schema.
    Object(&'static str),
    /// A list of objects; the name of their schema.
    Objects(&'static str),
}

/// Who writes a field, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// The portal alone; sending it is forbidden.
    Portal,
    /// The client when the object is made; afterwards only the same value is accepted.
    Once,
    /// The client, at any time.
    Always,
}

const STATUS: &[&str] = &["NEW", "IN_PROGRESS", "ACTIVE", "ERROR"];
/// Names of presets.
pub const PRESETS: &[&str] = &["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"];
const TOPOLOGIES: &[&str] = &["standalone", "replicated"];
const POWERS: &[&str] = &["on", "off"];
/// Longest text that names another object.
const RELATION_MAX: usize = 1024;

const fn field(name: &'static str, kind: Kind, write: Write, about: &'static str) -> Field {
    Field { name, kind, write, required: false, about }
}

const fn required(name: &'static str, kind: Kind, write: Write, about: &'static str) -> Field {
    Field { name, kind, write, required: true, about }
}

const UUID: Field = field("uuid", Kind::Uuid, Write::Once, "Identity. The client may choose it.");
const PROJECT: Field = field("project_id", Kind::Uuid, Write::Once, "The project it belongs to; that of the token.");
const CREATED: Field = field("created_at", Kind::Time, Write::Portal, "When it was made.");
const UPDATED: Field = field("updated_at", Kind::Time, Write::Portal, "When the wish last changed.");
const DESCRIPTION: Field = field("description", Kind::Text(255), Write::Always, "Free text.");
const REASON: Field = field("reason", Kind::Text(4096), Write::Portal, "Why the status is ERROR; else null.");

/// A cluster.
pub const INSTANCE: &[Field] = &[
    UUID,
    required("name", Kind::Text(255), Write::Always, "What people call it: a label, not unique."),
    DESCRIPTION,
    PROJECT,
    CREATED,
    UPDATED,
    field("cpu", Kind::Int(1, 128), Write::Always, "Cores of each instance, rounded up. Needed unless there is a preset, and wins over it."),
    field("ram", Kind::Int(512, 1_048_576), Write::Always, "MiB of memory of each instance. Needed unless there is a preset, and wins over it."),
    required("disk_size", Kind::Int(8, 1024), Write::Always, "GiB of each instance's volume. Only grows."),
    required("nodes_number", Kind::Int(1, 16), Write::Always, "Instances, the primary included."),
    field(
        "sync_replica_number",
        Kind::Int(0, 15),
        Write::Always,
        "Replicas that writes wait for, strictly; 1 unless sent. Ignored with one instance. Not together with quorum.",
    ),
    required("version", Kind::Relation, Write::Once, "The PostgreSQL version."),
    field("status", Kind::OneOf(STATUS), Write::Portal, "ACTIVE: it accepts connections and everything asked for is applied."),
    field("ipsv4", Kind::Texts, Write::Portal, "IPv4 addresses of its endpoints."),
    field("preset", Kind::OneOf(PRESETS), Write::Always, "A named size. Sets cpu and ram but for those sent beside it. Null when both are given explicitly."),
    field("topology", Kind::OneOf(TOPOLOGIES), Write::Once, "How its instances belong together. A standalone cluster becomes replicated when it grows."),
    field("place", Kind::Text(41), Write::Once, "Where it runs; the only place there is, or `local`, unless sent."),
    field("storage_class", Kind::Text(253), Write::Once, "Storage class of the volumes; empty: the place's default."),
    field("external", Kind::Bool, Write::Always, "Reachable from outside."),
    field("parameters", Kind::Map, Write::Always, "Server parameters, all of them: what is not in the map goes back to its default."),
    field("quorum", Kind::Object("Quorum"), Write::Always, "Self-healing synchronous replication; null while sync_replica_number is strict."),
    field("backup", Kind::Object("Backup"), Write::Always, "Backups; not offered by this engine yet."),
    field("restore_from", Kind::Object("RestoreFrom"), Write::Once, "Another cluster's backups to start from; not offered by this engine yet."),
    field("labels", Kind::Map, Write::Always, "Labels, all of them."),
    field("power", Kind::OneOf(POWERS), Write::Always, "off: paused, the data stays."),
    field("primary", Kind::Text(63), Write::Always, "Name of the instance that accepts writes; sending a replica's name switches over to it. Null: unknown."),
    field("restarts", Kind::Int(0, u32::MAX as i64), Write::Always, "Counts the restarts asked for; sending one more restarts every instance, replicas first."),
    field(
        "takeovers",
        Kind::Int(0, u32::MAX as i64),
        Write::Always,
        "Counts how often fields that somebody else manages were taken over; sending one more does so once.",
    ),
    field("resource_name", Kind::Text(41), Write::Portal, "Its name in the Postgres resource: unique in the project, derived from the first name, immutable."),
    field("endpoints", Kind::Objects("Endpoint"), Write::Portal, "Where clients connect."),
    field("nodes", Kind::Objects("Node"), Write::Portal, "Its instances."),
    field("conditions", Kind::Objects("Condition"), Write::Portal, "Facts, with reasons in words."),
    field("generation", Kind::Int(1, i64::MAX), Write::Portal, "Grows with each saved wish."),
    field("observed_generation", Kind::Int(0, i64::MAX), Write::Portal, "The newest generation that is wholly reached; 0: none."),
];

/// A login role.
pub const USER: &[Field] = &[
    UUID,
    required("name", Kind::Text(63), Write::Once, "Name of the role."),
    DESCRIPTION,
    PROJECT,
    CREATED,
    UPDATED,
    required("password", Kind::Password, Write::Always, "8 to 99 characters, none a control character. Never answered."),
    field("replication", Kind::Bool, Write::Always, "May connect for replication."),
    field("status", Kind::OneOf(STATUS), Write::Portal, "NEW until it is applied on the primary."),
    REASON,
];

/// A database.
pub const DATABASE: &[Field] = &[
    UUID,
    required("name", Kind::Text(63), Write::Once, "Name of the database."),
    DESCRIPTION,
    PROJECT,
    CREATED,
    UPDATED,
    required("owner", Kind::Relation, Write::Always, "The user of the same instance that owns it. Null when its group role does."),
    field("roles", Kind::Object("Roles"), Write::Always, "Members of its two group roles, by user name. Replaced as a whole."),
    field("extensions", Kind::Texts, Write::Always, "Extensions to create in it. Taking one off the list drops nothing."),
    field("status", Kind::OneOf(STATUS), Write::Portal, "NEW until it is applied on the primary."),
    REASON,
];

/// A version of PostgreSQL.
pub const VERSION: &[Field] = &[
    field("uuid", Kind::Uuid, Write::Portal, "Identity; the same on every portal."),
    field("name", Kind::Text(255), Write::Portal, "As in v17."),
    field("description", Kind::Text(255), Write::Portal, "The whole version in words."),
    field("image", Kind::Text(4096), Write::Portal, "Where it comes from: a folder or an image."),
    CREATED,
    UPDATED,
];

impl Kind {
    /// Whether values can be put in order.
    pub const fn is_sortable(self) -> bool {
        match self {
            Self::Uuid | Self::Time | Self::Text(_) | Self::Int(..) | Self::Bool | Self::OneOf(_) | Self::Relation => true,
            Self::Password | Self::Texts | Self::Map | Self::Object(_) | Self::Objects(_) => false,
        }
    }

    /// Longest text that a client may send for it, in characters.
    pub const fn longest(self) -> usize {
        match self {
            Self::Text(most) => most,
            Self::Password => 99,
            Self::Uuid | Self::Time | Self::Int(..) | Self::Bool | Self::OneOf(_) => 64,
            Self::Relation | Self::Texts | Self::Map | Self::Object(_) | Self::Objects(_) => RELATION_MAX,
        }
    }
}

/// The field of that name.
pub fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.name == name)
}

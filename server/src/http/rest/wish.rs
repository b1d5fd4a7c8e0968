//! From the fields of an instance to a wish or to changes of one. Pure.

use super::{body::Sent, link, view};
use domain::{
    Change, Cluster, Spec,
    name::ClusterName,
    offer::Offer,
    parameter::Parameters,
    quantity::{Bytes, Cpu},
    quorum::{Durability, Quorum},
    size::{Preset, Size},
    spec::Power,
    status::InstanceRole,
    topology::Topology,
    version::Major,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MinMax {
    min: u8,
    max: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    enabled: bool,
}

/// The whole wish of a new cluster. What is wrong is noted in `sent`; the wish then is of no use.
pub fn spec(sent: &mut Sent, offer: &Offer) -> Spec {
    let version = version(sent, offer).unwrap_or(Major::ALL[0]);
    let mut spec = Spec::new(&ClusterName::from_title("new", 1), version);
    spec.title = sent.parsed("name").unwrap_or(spec.title);
    spec.description = sent.parsed("description").unwrap_or_default();
    if !sent.has("preset") {
        for name in ["cpu", "ram"] {
            if !sent.has(name) {
                sent.refuse(name, "Needed where there is no preset.");
            }
        }
    }
    spec.size = size(sent, None);
    spec.storage = sent.int("disk_size").map_or(spec.storage, Bytes::gib);
    spec.instances = sent.int("nodes_number").unwrap_or(spec.instances);
    spec.topology = sent.parsed("topology").unwrap_or(Topology::for_instances(spec.instances));
    spec.storage_class = sent.text("storage_class").unwrap_or_default().to_owned();
    spec.quorum = quorum(sent).unwrap_or(Quorum::strict(1));
    spec.external = sent.bool("external").unwrap_or_default();
    spec.power = power(sent).unwrap_or_default();
    spec.parameters = Parameters(sent.map("parameters").unwrap_or_default());
    spec.labels = sent.map("labels").unwrap_or_default();
    for field in ["primary", "restarts", "takeovers"] {
        if sent.has(field) {
            sent.refuse(field, "There is nothing to switch, restart or take over before the cluster exists.");
        }
    }
    not_offered(sent);
    spec
}

/// The changes that make `cluster` what was sent; only of what differs.
pub fn changes(sent: &mut Sent, cluster: &Cluster) -> Vec<Change> {
    let has = &cluster.spec;
    let (title, description, labels) = (sent.parsed("name"), sent.parsed("description"), sent.map("labels"));
    // Without another preset the amounts that are shown, rounded as they are, mean what there is.
    if sent.text("preset").is_none_or(|name| view::preset(has) == Some(name)) {
        sent.leave("cpu", u64::from(has.size.cpu().cores()));
        sent.leave("ram", has.size.memory().as_mib());
    }
    let size = size(sent, Some(has));
    let instances = sent.int("nodes_number").unwrap_or(has.instances);
    let topology = if instances > 1 { Topology::Replicated } else { has.topology };
    let version = sent.text("version").and_then(link::find_version);
    sent.keep("version", version, &has.version);
    sent.keep("storage_class", sent.text("storage_class").map(str::to_owned), &has.storage_class);
    sent.keep("topology", sent.text("topology").map(str::to_owned), &topology.name().to_owned());
    not_offered(sent);
    sent.keep("place", sent.text("place").map(str::to_owned), &cluster.place.to_string());
    let (switchover, restart, take_over) = (switchover(sent, cluster), restart(sent, has), take_over(sent, has));
    let changes = [
        (title.is_some() || description.is_some() || labels.is_some()).then_some(Change::Describe { title, description, labels }),
        sent.int::<u64>("disk_size").filter(|gib| *gib != has.storage.as_gib()).map(|gib| Change::Grow { storage: Bytes::gib(gib) }),
        (size != has.size).then_some(Change::Resize { size }),
        (instances != has.instances).then_some(Change::Scale { instances }),
        quorum(sent).map(|quorum| Change::SetQuorum { quorum }),
        sent.bool("external").map(|external| Change::SetExternal { external }),
        sent.map("parameters").map(|parameters| Change::SetParameters { parameters: Parameters(parameters) }),
        power(sent).map(|power| Change::SetPower { power }),
        switchover,
        restart,
        take_over,
    ];
    changes.into_iter().flatten().collect()
}

fn version(sent: &mut Sent, offer: &Offer) -> Option<Major> {
    // Where nothing is known of the place it is for the place to say so.
    let offered = |major: &Major| offer.releases.is_empty() || offer.releases.iter().any(|release| release.major == *major);
    let found = link::find_version(sent.text("version")?).filter(offered);
    if found.is_none() {
        let names: Vec<_> = offer.releases.iter().map(|release| release.major.to_string()).collect();
        sent.refuse("version", format!("One of the versions on offer, by address, uuid or name: {}.", names.join(", ")));
    }
    found
}

/// A preset sets processor and memory, but for what is sent beside it.
fn size(sent: &Sent, has: Option<&Spec>) -> Size {
    let before = has.map(|spec| spec.size).unwrap_or_default();
    let preset: Option<Preset> = sent.text("preset").and_then(|name| name.parse().ok());
    let unchanged = has.is_some_and(|spec| sent.text("preset") == view::preset(spec));
    let base = match preset {
        Some(preset) if !unchanged => Size { preset, cpu: None, memory: None },
        Some(_) | None => before,
    };
    let cpu = sent.int("cpu").map(|cores: u32| Cpu::millis(cores * 1000));
    let memory = sent.int("ram").map(Bytes::mib);
    Size { preset: base.preset, cpu: cpu.or(base.cpu), memory: memory.or(base.memory) }
}

fn quorum(sent: &mut Sent) -> Option<Quorum> {
    let strict = sent.int("sync_replica_number").map(Quorum::strict);
    let healing: Option<MinMax> = sent.structured::<Option<MinMax>>("quorum").flatten();
    if strict.is_some() && healing.is_some() {
        sent.refuse("quorum", "Either quorum, which heals itself, or sync_replica_number, for which writes wait; not both.");
    }
    strict.or(healing.map(|MinMax { min, max }| Quorum { min, max, durability: Durability::Preferred }))
}

fn power(sent: &Sent) -> Option<Power> {
    sent.text("power").map(|word| if word == "off" { Power::Off } else { Power::On })
}

/// Sending a replica's name makes it the primary; sending the primary's own changes nothing.
fn switchover(sent: &mut Sent, cluster: &Cluster) -> Option<Change> {
    let name = sent.text("primary")?.to_owned();
    let Some(instance) = cluster.status.instances.iter().find(|instance| instance.name == name) else {
        let names: Vec<_> = cluster.status.instances.iter().map(|instance| instance.name.as_str()).collect();
        sent.refuse("primary", format!("One of the cluster's instances: {}.", names.join(", ")));
        return None;
    };
    (instance.role != InstanceRole::Primary).then_some(Change::Switchover { to: instance.ordinal })
}

fn restart(sent: &mut Sent, has: &Spec) -> Option<Change> {
    once_more(sent, "restarts", has.restarts, "restart").then_some(Change::Restart)
}

fn take_over(sent: &mut Sent, has: &Spec) -> Option<Change> {
    once_more(sent, "takeovers", has.takeovers, "take over").then_some(Change::TakeOver)
}

/// Whether an act is asked for once more than it was: each is counted, so that sending the same twice does it once.
fn once_more(sent: &mut Sent, field: &str, has: u32, act: &str) -> bool {
    let Some(wanted) = sent.int::<u32>(field) else { return false };
    if wanted > has + 1 || wanted < has {
        sent.refuse(field, format!("{has} as it is, or {} to {act} once.", has + 1));
    }
    wanted == has + 1
}

/// What the contract will have and this engine has not.
fn not_offered(sent: &mut Sent) {
    if let Some(Some(Backup { enabled: true })) = sent.structured::<Option<Backup>>("backup") {
        sent.refuse("backup", "This engine offers no backups yet: leave backup out, or send {\"enabled\": false}.");
    }
    if let Some(Some(_)) = sent.structured::<Option<serde_json::Value>>("restore_from") {
        sent.refuse("restore_from", "This engine offers no restoring from backups yet: leave restore_from out.");
    }
}

/// The name that the contract has for a field of the wish.
pub fn rename(field: &str) -> String {
    let renamed = match field {
        "instances" => "nodes_number",
        "storage" => "disk_size",
        "memory" => "ram",
        "title" => "name",
        "storageClass" => "storage_class",
        other => other,
    };
    renamed.to_owned()
}

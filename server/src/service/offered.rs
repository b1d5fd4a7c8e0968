//! Whether a wish can be had in this place. Only what is new in it is asked about: what was granted before can always be kept.

use crate::places::Places;
use domain::{Cluster, Error, FieldError, offer::Offer, place::Place, quorum::Durability, spec::Power, status::InstanceRole};

/// Refuses what is not on offer and what the engine knows to fail, each at its field.
pub(super) fn check(places: &Places, before: Option<&Cluster>, after: &Cluster) -> Result<(), Error> {
    // A cluster whose place this portal does not know any more: what the place can do is for its engine to say.
    let Ok(Place { name, offer, report, .. }) = places.get(Some(&after.place)) else { return Ok(()) };
    if let Err(why) = &report.reachable
        && offer.releases.is_empty()
    {
        // Nothing was ever seen of it: not the same as nothing being on offer.
        return if before.is_some() { Ok(()) } else { Err(Error::invalid("place", format!("It is not known yet what {name} can do: {why}"))) };
    }
    let mut errors = unoffered(&offer, before, after);
    // A process without the engine saves the wish: where it is applied, the cluster then says the same.
    if let Ok(engine) = places.engine(&after.place) {
        let had = before.map_or_else(Vec::new, |before| engine.refusals(before));
        let new = engine.refusals(after).into_iter().filter(|error| !had.contains(error));
        let new: Vec<_> = new.filter(|error| errors.iter().all(|other| other.field != error.field)).collect();
        errors.extend(new);
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

fn unoffered(offer: &Offer, before: Option<&Cluster>, after: &Cluster) -> Vec<FieldError> {
    let old = before.map(|cluster| &cluster.spec);
    let spec = &after.spec;
    let release = offer.releases.iter().find(|release| release.major == spec.version);
    let mut errors = Vec::new();
    let mut refuse = |field: String, message: String| errors.push(FieldError::new(field, message));

    if release.is_none() && old.is_none_or(|old| old.version != spec.version) {
        let all: Vec<_> = offer.releases.iter().map(|release| release.major.to_string()).collect();
        refuse("version".into(), format!("PostgreSQL {} cannot be had here; on offer: {}.", spec.version, all.join(", ")));
    }
    if !offer.topologies.contains(&spec.topology) && old.is_none_or(|old| old.topology != spec.topology) {
        refuse("topology".into(), format!("The topology {} cannot be had here.", spec.topology));
    }
    if spec.instances > offer.max_instances && old.is_none_or(|old| old.instances < spec.instances) {
        refuse("instances".into(), format!("At most {} instances can be had here.", offer.max_instances));
    }
    if let Err(why) = &offer.external
        && spec.external
        && old.is_none_or(|old| !old.external)
    {
        refuse("external".into(), why.clone());
    }
    if !spec.storage_class.is_empty() && old.is_none_or(|old| old.storage_class != spec.storage_class) && !offer.storage_classes.contains(&spec.storage_class) {
        refuse("storage_class".into(), format!("The storage class {} does not exist here.", spec.storage_class));
    }
    if spec.power == Power::Off && !offer.pause && old.is_none_or(|old| old.power == Power::On) {
        refuse("power".into(), "Clusters cannot be paused here.".into());
    }
    if spec.restarts > old.map_or(0, |old| old.restarts) && !offer.restart {
        refuse("restarts".into(), "Instances cannot be restarted on demand here.".into());
    }
    if let Err(why) = &offer.durable
        && spec.quorum.durability == Durability::Required
        && old.is_none_or(|old| old.quorum.durability != Durability::Required)
    {
        refuse("quorum.durability".into(), why.clone());
    }
    for (name, database) in &spec.databases {
        let had = old.and_then(|old| old.databases.get(name));
        for extension in &database.extensions {
            let new = had.is_none_or(|had| !had.extensions.contains(extension));
            if new && release.is_some_and(|release| !release.extensions.is_empty() && !release.extensions.iter().any(|known| known == extension.as_str())) {
                refuse(format!("databases.{name}.extensions"), format!("The extension {extension} is not installed for PostgreSQL {} here.", spec.version));
            }
        }
    }
    if let (Some(before), Some(wish)) = (before, spec.switchover)
        && before.spec.switchover != spec.switchover
        && let Err(why) = switchover(offer, before, wish.to)
    {
        refuse("primary".into(), why);
    }
    errors
}

/// Why this instance cannot become the primary, as far as is known.
fn switchover(offer: &Offer, before: &Cluster, to: u8) -> Result<(), String> {
    if !offer.switchover {
        return Err("The primary cannot be chosen here.".into());
    }
    match before.status.instances.iter().find(|instance| instance.ordinal == to) {
        Some(instance) if instance.role == InstanceRole::Primary => Err(format!("{} is the primary already.", instance.name)),
        Some(_) => Ok(()),
        None => Err(format!("There is no instance number {to}.")),
    }
}

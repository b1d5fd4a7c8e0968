//! A cluster in memory, as strict as the real one: it refuses impossible steps, and may be cut off in the middle of any.
//! The laws hold from any world: it converges; never two running primaries; never the last good copy; nothing destroyed unseen.

use super::{Plan, plan};
use crate::engine::local::world::{Answer, Data, Facts, Follower, Held, Instance, Process, Routes, World};
use domain::{Cluster, observed::Progress, observed::Seen, spec::Power, vitals::Sync};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

mod any;
mod steps;

/// What nobody sees from outside: the history in each copy.
#[derive(Debug, Clone, Default)]
pub struct Hidden {
    /// The branch that its history is on, and how far.
    branch: usize,
    position: u64,
    slots: BTreeSet<u8>,
    role: bool,
    /// What its process was started with.
    held: Held,
    size_pending: bool,
    /// Its next starts fail, that many.
    stubborn: u8,
}

/// The truth.
#[derive(Debug, Clone)]
pub struct Model {
    cluster: Cluster,
    world: World,
    hidden: BTreeMap<u8, Hidden>,
    /// Each branch's parent and where it left it.
    branches: Vec<(usize, u64)>,
    unknown: BTreeSet<u8>,
    /// Effects that may still happen before the portal is killed.
    fuel: u32,
}

/// The portal was killed.
struct Cut;
type Done = Result<(), Cut>;

impl Model {
    fn instance(&mut self, ordinal: u8) -> &mut Instance {
        let seen = self.world.instances.entry(ordinal).or_insert_with(|| Seen::Known(any::absent()));
        match seen {
            Seen::Known(instance) => instance,
            Seen::Unknown(_) => panic!("the truth is always known"),
        }
    }

    fn get(&self, ordinal: u8) -> Option<&Instance> {
        self.world.instances.get(&ordinal)?.known()
    }

    fn hidden(&mut self, ordinal: u8) -> &mut Hidden {
        self.hidden.entry(ordinal).or_default()
    }

    fn all(&self) -> impl Iterator<Item = (u8, &Instance)> {
        super::each(&self.world)
    }

    fn primaries(&self) -> usize {
        self.all().filter(|(_, i)| i.is_running_primary()).count()
    }

    /// Copies that somebody could be served from.
    fn copies(&self) -> usize {
        self.all().filter(|(_, i)| i.is_good()).count()
    }

    /// One effect, unless the portal is killed before it. The laws hold after each.
    fn effect(&mut self, with: impl FnOnce(&mut Self)) -> Done {
        if self.fuel == 0 {
            return Err(Cut);
        }
        self.fuel -= 1;
        let (primaries, copies) = (self.primaries(), self.copies());
        with(self);
        assert!(self.primaries() <= primaries.max(1), "a second primary runs");
        assert!(copies == 0 || self.copies() > 0, "the last good copy is gone");
        Ok(())
    }

    /// Whether the history of one can go on to that of the other.
    fn leads_to(&self, copy: (usize, u64), mut branch: usize, mut limit: u64) -> bool {
        loop {
            if copy.0 == branch {
                return copy.1 <= limit;
            }
            let (parent, fork) = self.branches[branch];
            if parent == branch {
                return false;
            }
            (branch, limit) = (parent, fork.min(limit));
        }
    }

    /// What everybody would say now.
    fn settle_facts(&mut self) {
        let ordinals: Vec<u8> = self.world.instances.keys().copied().collect();
        let asked = Held::of(&self.world.mark.accepted.clone().unwrap_or_default());
        let upstream: BTreeMap<u8, Option<u8>> = self.all().map(|(o, i)| (o, i.conf.managed.as_ref().and_then(|m| m.follows))).collect();
        for primary in ordinals.iter().copied() {
            if self.get(primary).is_some_and(|i| i.process == Process::Running && i.data == Data::There { standby: false }) {
                self.hidden(primary).position += 1;
            }
        }
        let mut streams = BTreeMap::new();
        for ordinal in ordinals.iter().copied() {
            let Some(Some(source)) = upstream.get(&ordinal).copied() else { continue };
            let running = |o: u8, standby: bool| self.get(o).is_some_and(|i| i.process == Process::Running && i.data == Data::There { standby });
            let (mine, theirs) = (self.hidden.get(&ordinal).cloned().unwrap_or_default(), self.hidden.get(&source).cloned().unwrap_or_default());
            if !running(ordinal, true) || !running(source, false) {
                continue;
            }
            let follows = self.leads_to((mine.branch, mine.position), theirs.branch, theirs.position);
            if follows && theirs.slots.contains(&ordinal) && mine.held.covers(theirs.held) {
                streams.insert(ordinal, Ok(source));
                let hidden = self.hidden(ordinal);
                (hidden.branch, hidden.position, hidden.role) = (theirs.branch, theirs.position, theirs.role);
            } else if !follows {
                streams.insert(ordinal, Err(()));
            }
        }
        for ordinal in ordinals {
            let hidden = self.hidden.get(&ordinal).cloned().unwrap_or_default();
            let followers = streams.iter().filter(|(_, s)| **s == Ok(ordinal)).map(|(o, _)| (*o, Follower { behind: 0, sync: Sync::Async })).collect();
            let restarts_missing = self.world.mark.accepted.is_some();
            let instance = self.instance(ordinal);
            let wanted = instance.conf.managed.as_ref().map_or(asked, |m| m.held);
            let standby = instance.data == Data::There { standby: true };
            instance.answer = match (&instance.process, instance.data) {
                (Process::Running, Data::There { .. }) => Answer::Up(Facts {
                    recovering: standby,
                    position: hidden.position,
                    streaming: matches!(streams.get(&ordinal), Some(Ok(_))),
                    followers,
                    slots: hidden.slots.clone(),
                    role: hidden.role,
                    pending: if (wanted != hidden.held || hidden.size_pending) && restarts_missing { vec!["shared_buffers".into()] } else { Vec::new() },
                    held: hidden.held,
                    loaded: true,
                    started: 0,
                    stray: matches!(streams.get(&ordinal), Some(Err(()))).then(|| "its history forked".to_owned()),
                }),
                _ => Answer::Silent,
            };
        }
    }

    /// What the planner gets to see.
    fn seen(&self) -> World {
        let mut world = self.world.clone();
        for ordinal in &self.unknown {
            if let Some(seen) = world.instances.get_mut(ordinal) {
                *seen = Seen::Unknown("its mark cannot be read".into());
            }
        }
        world
    }

    fn pass(&mut self) -> Plan {
        self.settle_facts();
        let plan = plan(&self.cluster, &self.seen());
        for step in &plan.steps {
            if self.apply(step).is_err() {
                break;
            }
        }
        plan
    }

    /// What was asked for is there.
    fn check_settled(&mut self) {
        self.settle_facts();
        let spec = &self.cluster.spec;
        if spec.power == Power::Off {
            assert!(self.all().all(|(_, i)| i.process == Process::Dead) && !self.world.proxy.running);
            return;
        }
        let primary = self.world.mark.primary.expect("a primary");
        let facts = self.get(primary).and_then(Instance::facts).expect("it answers");
        assert!(!facts.recovering && self.primaries() == 1);
        assert_eq!(self.world.instances.len(), usize::from(spec.instances));
        let replicas: Vec<u8> = self.world.instances.keys().copied().filter(|o| *o != primary).collect();
        assert!(replicas.iter().all(|o| facts.followers.contains_key(o)), "all follow");
        assert_eq!(facts.slots, replicas.iter().copied().collect::<BTreeSet<u8>>(), "just the slots that are needed");
        let n = spec.quorum.effective(u8::try_from(replicas.len()).unwrap_or(0), spec.replicas());
        let sync = self.get(primary).and_then(|i| i.conf.managed.as_ref()?.sync.clone());
        assert_eq!(sync.map_or(0, |(n, _)| n), n.min(spec.replicas()));
        if super::is_proxied(&self.cluster, &self.world) {
            let ports = self.all().map(|(o, i)| (o, i.mark.port)).collect();
            assert_eq!(self.world.proxy.serves, Some(Routes { rw: primary, ro: replicas.into_iter().collect(), ports }));
        }
    }
}

/// Codes of worlds in which only a person can help, because there is no good copy to go on from or nobody can tell which.
const HELPLESS: [&str; 4] = ["DataGone", "DataUnmarked", "PrimaryUnknown", "HaproxyMissing"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn any_world_converges_whenever_the_portal_is_killed(model in any::model(), cuts in prop::collection::vec(0u32..12, 0..6)) {
        let mut model = model;
        for cut in cuts {
            model.fuel = cut;
            model.pass();
        }
        model.unknown.clear();
        model.fuel = u32::MAX;
        let mut last = None;
        let mut done = Vec::new();
        for _ in 0..80 {
            let plan = model.pass();
            done.extend(plan.steps.clone());
            if plan.steps.is_empty() {
                last = Some(plan.progress);
                break;
            }
        }
        match last {
            Some(Progress::Settled) => model.check_settled(),
            Some(Progress::Blocked(reason)) => prop_assert!(HELPLESS.contains(&reason.code.as_str()), "{reason:?}"),
            other => prop_assert!(false, "{other:?} after {:?} in {:?}", done.get(done.len().saturating_sub(6)..), model.world),
        }
    }

    #[test]
    fn what_cannot_be_seen_is_not_destroyed(model in any::model(), hidden in 1u8..5) {
        let mut model = model;
        model.settle_facts();
        let Some(hidden) = model.world.instances.keys().copied().cycle().nth(usize::from(hidden)) else { return Ok(()) };
        model.unknown = [hidden].into();
        let had_data = |o: u8| model.get(o).is_some_and(|i| i.data != Data::Absent);
        for step in plan(&model.cluster, &model.seen()).steps {
            let destroys = match &step {
                super::Step::Clone { ordinal, .. } => had_data(*ordinal),
                super::Step::Slots { drop, .. } => !drop.is_empty(),
                super::Step::Create { .. } | super::Step::Remove { .. } | super::Step::Rewind { .. } | super::Step::Condemn { .. } => true,
                super::Step::Failover { .. } | super::Step::Handover { .. } | super::Step::Promote { .. } => true,
                _ => false,
            };
            prop_assert!(!destroys, "{step:?} while instance {hidden} is not seen");
        }
    }

    /// Room is told as the files have it: a look may see it gone that no pass has answered yet.
    #[test]
    fn writes_are_called_refused_only_where_they_are(model in any::model()) {
        let told = |name: &str| crate::engine::local::seen::observed(&model.cluster, &model.world, Ok(())).notes.iter().any(|note| note.code == name);
        let refused = model.world.mark.primary.and_then(|primary| model.get(primary)).is_some_and(Instance::is_short);
        prop_assert!(refused || !(told("StorageFull") || told("DiskFull")));
    }
}

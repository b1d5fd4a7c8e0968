//! A cluster in memory, as strict as the real one: it refuses impossible steps, and may be cut off in the middle of any.
//! The laws hold from any world: it converges; never two running primaries; never the last good copy; nothing destroyed unseen.

use super::{Plan, Step, plan};
use crate::engine::local::{
    mark::{Failure, Stage},
    world::{Answer, Data, Facts, Follower, Held, Instance, Process, Routes, World},
};
use domain::{Cluster, observed::Progress, observed::Seen, spec::Power, vitals::Sync};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

mod any;

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

    fn start(&mut self, ordinal: u8) -> Done {
        let appointed = self.world.mark.primary == Some(ordinal);
        let instance = self.instance(ordinal);
        assert!(instance.is_good(), "only a whole copy is started: {instance:?}");
        if instance.process == Process::Running {
            return Ok(());
        }
        assert_eq!(instance.process, Process::Dead, "leftovers keep it from starting");
        assert!(instance.conf.base, "it has no configuration");
        if !appointed {
            self.effect(|m| m.instance(ordinal).data = Data::There { standby: true })?;
        }
        if self.hidden(ordinal).stubborn > 0 {
            return self.effect(|m| {
                m.hidden(ordinal).stubborn -= 1;
                let failure = Failure { code: "StartFailed".into(), message: "FATAL".into(), at: 0 };
                let mark = &mut m.instance(ordinal).mark;
                (mark.failures, mark.failure) = (mark.failures.saturating_add(1), Some(failure));
            });
        }
        let restarts = self.cluster.spec.restarts;
        self.effect(|m| {
            let asked = Held::of(&m.world.mark.accepted.clone().unwrap_or_default());
            let instance = m.instance(ordinal);
            let held = instance.conf.managed.as_ref().map_or(asked, |managed| managed.held);
            instance.process = Process::Running;
            instance.limited = true;
            (instance.mark.restarts, instance.mark.failures, instance.mark.failure) = (restarts, 0, None);
            let hidden = m.hidden(ordinal);
            (hidden.held, hidden.size_pending) = (held, false);
        })
    }

    fn stop(&mut self, ordinal: u8) -> Done {
        self.effect(|m| m.instance(ordinal).process = Process::Dead)
    }

    fn promote(&mut self, ordinal: u8) -> Done {
        assert_eq!(self.world.mark.primary, Some(ordinal), "only the appointed one is promoted");
        assert_eq!(self.instance(ordinal).process, Process::Running);
        self.effect(|m| {
            let (parent, fork) = (m.hidden(ordinal).branch, m.hidden(ordinal).position);
            m.branches.push((parent, fork));
            m.hidden(ordinal).branch = m.branches.len() - 1;
            m.instance(ordinal).data = Data::There { standby: false };
        })
    }

    fn is_serving(&self, ordinal: u8) -> bool {
        self.world.mark.primary == Some(ordinal) && self.get(ordinal).is_some_and(Instance::is_running_primary)
    }

    fn apply(&mut self, step: &Step) -> Done {
        let settings = |m: &Self| crate::engine::local::mark::Settings { parameters: m.cluster.spec.parameters.clone(), size: m.cluster.spec.size };
        match step.clone() {
            Step::TrySettings => self.effect(|m| {
                let wish = settings(m);
                let ordinals: Vec<u8> = m.world.instances.keys().copied().collect();
                for ordinal in ordinals {
                    m.instance(ordinal).conf.base = false;
                    m.hidden(ordinal).size_pending = true;
                }
                m.world.mark.accepted = Some(wish);
            }),
            Step::Revert { .. } => self.effect(|m| {
                let wish = settings(m);
                let fallback = crate::engine::local::mark::Settings { parameters: Default::default(), size: wish.size };
                let proven = m.world.mark.proven.clone().unwrap_or(fallback);
                (m.world.mark.accepted, m.world.mark.proven) = (Some(proven.clone()), Some(proven));
                m.world.mark.refused = Some(crate::engine::local::mark::Refused { settings: wish, why: "FATAL".into() });
                let ordinals: Vec<u8> = m.world.instances.keys().copied().collect();
                for ordinal in ordinals {
                    let instance = m.instance(ordinal);
                    instance.conf.base = false;
                    (instance.mark.failures, instance.mark.failure) = (0, None);
                }
            }),
            Step::Prove => self.effect(|m| m.world.mark.proven = m.world.mark.accepted.clone()),
            Step::Create { ordinal } => {
                assert!(self.world.mark.primary.is_none() && self.copies() == 0 && self.cluster.status.generation == 0, "a cluster is made once");
                self.effect(|m| m.instance(ordinal).mark.stage = Stage::Building)?;
                self.effect(|m| {
                    let held = Held::of(&Default::default());
                    let instance = m.instance(ordinal);
                    (instance.data, instance.conf.base) = (Data::There { standby: false }, true);
                    instance.conf.managed = Some(crate::engine::local::world::Managed { follows: None, sync: None, held });
                    m.branches.push((m.branches.len(), 0));
                    *m.hidden(ordinal) = Hidden { branch: m.branches.len() - 1, ..Hidden::default() };
                })?;
                self.effect(|m| {
                    let mark = &mut m.instance(ordinal).mark;
                    (mark.stage, mark.once, mark.fenced) = (Stage::Built, true, false);
                })?;
                self.effect(|m| {
                    m.world.mark.primary = Some(ordinal);
                    let wish = settings(m);
                    m.world.mark.accepted.get_or_insert(wish);
                })?;
                self.start(ordinal)
            }
            Step::Appoint { ordinal } => self.effect(|m| m.world.mark.primary = Some(ordinal)),
            Step::ChoosePorts => self.effect(|m| (m.world.mark.rw, m.world.mark.ro) = (m.world.mark.rw.or(Some(1)), m.world.mark.ro.or(Some(2)))),
            Step::Configure { ordinal, managed } => self.effect(|m| {
                let instance = m.instance(ordinal);
                (instance.conf.base, instance.conf.managed) = (true, Some(managed));
            }),
            Step::Start { ordinal } => self.start(ordinal),
            Step::Stop { ordinal } => self.stop(ordinal),
            Step::Restart { ordinal } => {
                self.stop(ordinal)?;
                self.start(ordinal)
            }
            Step::Clear { ordinal } => {
                assert_eq!(self.instance(ordinal).process, Process::Leftover);
                self.stop(ordinal)
            }
            Step::Sync { ordinal } => self.effect(|m| m.instance(ordinal).mark.synced = true),
            Step::MakeRole { ordinal } => {
                assert!(self.is_serving(ordinal));
                self.effect(|m| m.hidden(ordinal).role = true)
            }
            Step::Slots { ordinal, make, drop } => {
                assert_eq!(self.instance(ordinal).process, Process::Running);
                self.effect(|m| m.hidden(ordinal).slots.extend(make))?;
                self.effect(|m| m.hidden(ordinal).slots.retain(|slot| !drop.contains(slot)))
            }
            Step::Clone { ordinal, from, managed } => {
                assert!(self.is_serving(from) && ordinal != from, "copied from the primary that serves");
                assert!(self.hidden(from).slots.contains(&ordinal) && self.hidden(from).role, "a slot holds the WAL of the copy");
                self.effect(|m| m.instance(ordinal).mark.stage = Stage::Building)?;
                self.effect(|m| (m.instance(ordinal).process, m.instance(ordinal).data) = (Process::Dead, Data::Absent))?;
                self.effect(|m| {
                    let source = m.hidden(from).clone();
                    *m.hidden(ordinal) = Hidden { slots: BTreeSet::new(), stubborn: m.hidden(ordinal).stubborn, ..source };
                    let instance = m.instance(ordinal);
                    (instance.data, instance.conf.base, instance.conf.managed) = (Data::There { standby: true }, true, Some(managed));
                })?;
                self.effect(|m| {
                    let mark = &mut m.instance(ordinal).mark;
                    (mark.stage, mark.once, mark.fenced, mark.failures, mark.synced) = (Stage::Built, true, false, 0, false);
                })?;
                self.start(ordinal)
            }
            Step::Rewind { ordinal, from, managed } => {
                assert!(self.is_serving(from) && ordinal != from);
                assert!(self.instance(ordinal).mark.fenced && self.instance(ordinal).process == Process::Dead);
                self.effect(|m| m.instance(ordinal).mark.stage = Stage::Building)?;
                if self.hidden(ordinal).stubborn > 0 {
                    return self.effect(|m| m.instance(ordinal).mark.stage = Stage::Broken("no common history".into()));
                }
                self.effect(|m| {
                    let source = m.hidden(from).clone();
                    *m.hidden(ordinal) = Hidden { slots: BTreeSet::new(), stubborn: m.hidden(ordinal).stubborn, ..source };
                    let instance = m.instance(ordinal);
                    (instance.data, instance.conf.base, instance.conf.managed) = (Data::There { standby: true }, true, Some(managed));
                    (instance.mark.stage, instance.mark.fenced, instance.mark.failures) = (Stage::Built, false, 0);
                })?;
                self.start(ordinal)
            }
            Step::Condemn { ordinal, why } => {
                assert_ne!(self.world.mark.primary, Some(ordinal));
                self.stop(ordinal)?;
                self.effect(|m| (m.instance(ordinal).mark.stage, m.instance(ordinal).mark.failures) = (Stage::Broken(why), 0))
            }
            Step::Fence { ordinal } => {
                assert_ne!(self.world.mark.primary, Some(ordinal));
                self.effect(|m| m.instance(ordinal).mark.fenced = true)?;
                self.stop(ordinal)
            }
            Step::Handover { from, to, serial } => {
                assert!(self.is_serving(from));
                let facts = self.get(from).and_then(Instance::facts).cloned().unwrap_or_default();
                assert!(facts.followers.contains_key(&to), "the next primary follows");
                let others: BTreeSet<u8> = self.world.instances.keys().copied().filter(|o| *o != to).collect();
                self.effect(|m| m.hidden(to).slots.extend(others))?;
                self.effect(|m| m.world.mark.attempts += 1)?;
                self.stop(from)?;
                if self.hidden(to).position < self.hidden(from).position {
                    return self.start(from);
                }
                self.effect(|m| m.instance(from).data = Data::There { standby: true })?;
                self.effect(|m| (m.world.mark.primary, m.world.mark.switched, m.world.mark.attempts) = (Some(to), serial, 0))?;
                self.promote(to)
            }
            Step::CloseSwitchover { serial, .. } => self.effect(|m| (m.world.mark.switched, m.world.mark.attempts) = (serial, 0)),
            Step::Failover { dead, to, serial } => {
                assert!(self.get(dead).is_none_or(|i| i.process == Process::Dead), "the old one is proven dead");
                assert!(self.get(to).is_some_and(Instance::is_good), "the next one is a whole copy");
                if self.world.instances.contains_key(&dead) {
                    self.effect(|m| (m.instance(dead).mark.fenced, m.instance(dead).mark.failures) = (true, 0))?;
                }
                self.effect(|m| (m.world.mark.primary, m.world.mark.switched) = (Some(to), m.world.mark.switched.max(serial)))
            }
            Step::Promote { ordinal } => self.promote(ordinal),
            Step::Limit { ordinal } => self.effect(|m| m.instance(ordinal).limited = true),
            Step::Forgive { ordinal } => self.effect(|m| (m.instance(ordinal).mark.failures, m.instance(ordinal).mark.failure) = (0, None)),
            Step::Route { routes } => {
                assert!(self.world.mark.rw.is_some() && self.world.tools.haproxy);
                self.effect(|m| (m.world.proxy.running, m.world.proxy.serves) = (true, Some(routes)))
            }
            Step::StopProxy => self.effect(|m| (m.world.proxy.running, m.world.proxy.serves) = (false, None)),
            Step::Remove { ordinal } => {
                let primary = self.world.mark.primary.expect("somebody is the primary");
                assert!(self.is_serving(primary) && primary != ordinal, "removed while the primary serves");
                self.stop(ordinal)?;
                self.effect(|m| (m.instance(ordinal).data, m.instance(ordinal).mark.stage) = (Data::Absent, Stage::New))?;
                self.effect(|m| {
                    m.world.instances.remove(&ordinal);
                    m.hidden.remove(&ordinal);
                })
            }
        }
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
                Step::Clone { ordinal, .. } => had_data(*ordinal),
                Step::Slots { drop, .. } => !drop.is_empty(),
                Step::Create { .. } | Step::Remove { .. } | Step::Rewind { .. } | Step::Condemn { .. } => true,
                Step::Failover { .. } | Step::Handover { .. } | Step::Promote { .. } => true,
                _ => false,
            };
            prop_assert!(!destroys, "{step:?} while instance {hidden} is not seen");
        }
    }
}

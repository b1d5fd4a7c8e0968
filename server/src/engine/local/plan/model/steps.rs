//! What each step does to the model, effect by effect, and what must hold before it.

use super::{Done, Hidden, Model};
use crate::engine::local::{
    mark::{Failure, Refused, Settings, Stage},
    plan::Step,
    world::{Data, Held, Instance, Managed, Process},
};
use std::collections::BTreeSet;

impl Model {
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

    pub(super) fn apply(&mut self, step: &Step) -> Done {
        let settings = |m: &Self| Settings { parameters: m.cluster.spec.parameters.clone(), size: m.cluster.spec.size };
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
                let fallback = Settings { parameters: Default::default(), size: wish.size };
                let proven = m.world.mark.proven.clone().unwrap_or(fallback);
                (m.world.mark.accepted, m.world.mark.proven) = (Some(proven.clone()), Some(proven));
                m.world.mark.refused = Some(Refused { settings: wish, why: "FATAL".into() });
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
                    instance.conf.managed = Some(Managed { follows: None, sync: None, held, short: false });
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
            Step::Remember { ordinal } => self.effect(|m| m.instance(ordinal).recalled = false),
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
}

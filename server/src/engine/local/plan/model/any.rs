//! Any world and any wish, however unlikely.

use super::{Hidden, Model};
use crate::engine::local::{
    mark::{ClusterMark, InstanceMark, Settings, Stage},
    room::Room,
    world::{Answer, Conf, Data, Held, Instance, Managed, Process, Proxy, Tools, World},
};
use domain::{
    Cluster, ClusterId, ProjectId, Spec, Timestamp,
    observed::Seen,
    parameter::Parameters,
    quorum::{Durability, Quorum},
    spec::{Power, Switchover},
    topology::Topology,
    version::Major,
};
use proptest::{option, prelude::*};
use std::collections::{BTreeMap, BTreeSet};

/// An instance of which nothing is there.
pub fn absent() -> Instance {
    Instance {
        mark: InstanceMark::default(),
        data: Data::Absent,
        process: Process::Dead,
        answer: Answer::Silent,
        conf: Conf { base: false, managed: None },
        limited: true,
        cooling: false,
        recalled: false,
    }
}

fn parameters() -> impl Strategy<Value = Parameters> {
    option::of(prop_oneof![Just("50"), Just("200"), Just("100")])
        .prop_map(|value| Parameters(value.map(|value| ("max_connections".to_owned(), value.to_owned())).into_iter().collect()))
}

fn settings() -> impl Strategy<Value = Settings> {
    parameters().prop_map(|parameters| Settings { parameters, ..Settings::default() })
}

prop_compose! {
    fn cluster()(
        instances in 1u8..5, standalone: bool, off in prop::bool::weighted(0.1), to in option::of((1u8..6, 1u32..4)), restarts in 0u32..3,
        parameters in parameters(), quorum in (0u8..3, 0u8..3, any::<bool>()), reached in prop::bool::weighted(0.7),
    ) -> Cluster {
        let name = "orders".parse().expect("a name");
        let mut spec = Spec::new(&name, Major::V17);
        spec.instances = instances;
        spec.topology = if standalone { Topology::for_instances(instances) } else { Topology::Replicated };
        spec.power = if off { Power::Off } else { Power::On };
        spec.switchover = to.map(|(to, serial)| Switchover { to, serial });
        (spec.restarts, spec.parameters) = (restarts, parameters);
        let max = quorum.0.max(quorum.1).min(instances - 1);
        let (min, durability) = if quorum.2 { (max, Durability::Required) } else { (quorum.0.min(quorum.1).min(max), Durability::Preferred) };
        spec.quorum = Quorum { min, max, durability };
        let now = Timestamp::UNIX_EPOCH;
        let mut cluster = Cluster::create(ClusterId(uuid::Uuid::from_u128(7)), ProjectId::DEFAULT, domain::PlaceName::local(), name, spec, now).expect("a valid wish");
        cluster.status.generation = u64::from(reached);
        cluster
    }
}

prop_compose! {
    fn instance()(
        stage in prop_oneof![1 => Just(Stage::New), 1 => Just(Stage::Building), 6 => Just(Stage::Built), 1 => Just(Stage::Broken("by chance".into()))],
        data in prop_oneof![1 => Just(Data::Absent), 3 => Just(Data::There { standby: true }), 2 => Just(Data::There { standby: false })],
        process in prop_oneof![2 => Just(Process::Dead), 1 => Just(Process::Leftover), 3 => Just(Process::Running)],
        flags in (prop::bool::weighted(0.1), any::<bool>(), any::<bool>(), any::<bool>()),
        failures in prop_oneof![4 => Just(0u8), 1 => 1u8..5],
        follows in option::of(1u8..5), restarts in 0u32..3, recalled in prop::bool::weighted(0.1),
        hidden in (0usize..3, 0u64..6, prop::collection::btree_set(1u8..6, 0..4), any::<bool>(), 0u8..5),
    ) -> (Instance, Hidden) {
        let (fenced, synced, base, limited) = flags;
        let mark = InstanceMark { port: 20_000, stage: stage.clone(), fenced, synced, failures, restarts, once: stage == Stage::Built, ..InstanceMark::default() };
        let process = if data == Data::Absent && process == Process::Running { Process::Leftover } else { process };
        let recalled = recalled && process == Process::Running && stage == Stage::Built;
        let managed = base.then_some(Managed { follows, sync: None, held: Held([100, 64, 0, 40, 8]), short: false });
        let (branch, position, slots, role, stubborn) = hidden;
        let held = Held([100, 64, 0, 40, 8]);
        let hidden = Hidden { branch, position, slots, role, held, size_pending: false, stubborn };
        (Instance { mark, data, process, answer: Answer::Silent, conf: Conf { base, managed }, limited, cooling: false, recalled }, hidden)
    }
}

prop_compose! {
    /// Any model.
    pub fn model()(
        cluster in cluster(), instances in prop::collection::btree_map(1u8..5, instance(), 0..5),
        primary in option::weighted(0.9, 1u8..5), proxied: bool, switched in 0u32..3, attempts in 0u8..4,
        accepted in option::of(settings()), proven in option::of(settings()), rewind: bool, used in option::of(0u64..12 << 30), unknown in prop::collection::btree_set(1u8..5, 0..2),
    ) -> Model {
        let mark = ClusterMark {
            primary,
            rw: proxied.then_some(1),
            ro: proxied.then_some(2),
            switched, attempts, accepted, proven,
            ..ClusterMark::default()
        };
        let hidden: BTreeMap<u8, Hidden> = instances.iter().map(|(o, (_, hidden))| (*o, hidden.clone())).collect();
        let instances = instances.into_iter().map(|(o, (instance, _))| (o, Seen::Known(instance))).collect();
        let tools = Tools { install: true, haproxy: true, rewind, basebackup: true };
        let proxy = Proxy { running: false, serves: None, trouble: None };
        let world = World { mark, instances, proxy, tools, room: Room { used, disk: None } };
        // Three unrelated histories: in a world that went wrong, copies may have nothing in common.
        let branches = vec![(0, 0), (0, 3), (2, 0)];
        Model { cluster, world, hidden, branches, unknown: unknown.into_iter().collect::<BTreeSet<u8>>(), fuel: u32::MAX }
    }
}

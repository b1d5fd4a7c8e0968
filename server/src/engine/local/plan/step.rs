//! The steps that a plan consists of. Each may be repeated, and cut off anywhere.

use crate::engine::local::world::{Managed, Routes};
use std::collections::BTreeSet;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Try the settings asked for; remember them as accepted or refused.
    TrySettings,
    /// Go back to the settings that worked.
    Revert {
        /// PostgreSQL's words.
        why: String,
    },
    /// Remember that every instance runs with the settings.
    Prove,
    /// The first instance of all: its data directory, made from nothing. It becomes the primary.
    Create {
        /// Which.
        ordinal: u8,
    },
    /// Remember who may run as the primary.
    Appoint {
        /// Who.
        ordinal: u8,
    },
    /// Write the mark of a running instance again, which was lost.
    Remember {
        /// Which.
        ordinal: u8,
    },
    /// Choose the ports of the two addresses.
    ChoosePorts,
    /// Write the configuration, and reload it if the instance runs.
    Configure {
        /// Which.
        ordinal: u8,
        /// The part that follows from events.
        managed: Managed,
    },
    /// Start it, as what its data says that it is. All but the appointed primary start as standbys.
    Start {
        /// Which.
        ordinal: u8,
    },
    /// Stop it, fast.
    Stop {
        /// Which.
        ordinal: u8,
    },
    /// Stop it and start it again.
    Restart {
        /// Which.
        ordinal: u8,
    },
    /// End processes that hold its data without a postmaster.
    Clear {
        /// Which.
        ordinal: u8,
    },
    /// Force its files to the disk.
    Sync {
        /// Which.
        ordinal: u8,
    },
    /// Make the role for replication.
    MakeRole {
        /// The primary.
        ordinal: u8,
    },
    /// Make slots and drop slots.
    Slots {
        /// Where.
        ordinal: u8,
        /// For whom to make.
        make: BTreeSet<u8>,
        /// Whose to drop.
        drop: BTreeSet<u8>,
    },
    /// A fresh copy of the primary. What was in the folder goes.
    Clone {
        /// Which.
        ordinal: u8,
        /// The primary.
        from: u8,
        /// Its configuration.
        managed: Managed,
    },
    /// Make the history of a former primary fit.
    Rewind {
        /// Which.
        ordinal: u8,
        /// The primary.
        from: u8,
        /// Its configuration.
        managed: Managed,
    },
    /// Stop it and give its copy up: a fresh one will take its place.
    Condemn {
        /// Which.
        ordinal: u8,
        /// Why.
        why: String,
    },
    /// Stop a second primary, and let it start only after its history fits.
    Fence {
        /// Which.
        ordinal: u8,
    },
    /// Make another instance the primary, in the order that loses nothing.
    Handover {
        /// The primary.
        from: u8,
        /// The next.
        to: u8,
        /// Of the switchover.
        serial: u32,
    },
    /// Give up or acknowledge a switchover.
    CloseSwitchover {
        /// Of the switchover.
        serial: u32,
        /// Why it is given up; none: nothing is to do.
        why: Option<String>,
    },
    /// Appoint another instance after the primary is proven dead.
    Failover {
        /// The dead one; fenced.
        dead: u8,
        /// The next.
        to: u8,
        /// Switchovers up to this one are overtaken.
        serial: u32,
    },
    /// The appointed one leaves recovery.
    Promote {
        /// Which.
        ordinal: u8,
    },
    /// Set the limits of a running instance.
    Limit {
        /// Which.
        ordinal: u8,
    },
    /// Forget failures: it answers.
    Forgive {
        /// Which.
        ordinal: u8,
    },
    /// Lead the two addresses there.
    Route {
        /// Where.
        routes: Routes,
    },
    /// End HAProxy.
    StopProxy,
    /// Take an instance away: its processes, data and port.
    Remove {
        /// Which.
        ordinal: u8,
    },
}

impl Step {
    /// What is being done, as a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::TrySettings => "Trying the parameters.".into(),
            Self::Revert { .. } => "Going back to the parameters that worked.".into(),
            Self::Prove => "Everything runs with the parameters.".into(),
            Self::Create { ordinal } => format!("Making the data directory of instance {ordinal}."),
            Self::Appoint { ordinal } => format!("Instance {ordinal} is to be the primary."),
            Self::Remember { ordinal } => format!("Writing the lost mark of instance {ordinal} again."),
            Self::ChoosePorts => "Choosing the ports of the two addresses.".into(),
            Self::Configure { ordinal, .. } => format!("Configuring instance {ordinal}."),
            Self::Start { ordinal } => format!("Starting instance {ordinal}."),
            Self::Stop { ordinal } => format!("Stopping instance {ordinal}."),
            Self::Restart { ordinal } => format!("Restarting instance {ordinal}."),
            Self::Clear { ordinal } => format!("Ending left-over processes of instance {ordinal}."),
            Self::Sync { ordinal } => format!("Forcing the files of instance {ordinal} to the disk."),
            Self::MakeRole { .. } => "Making the role for replication.".into(),
            Self::Slots { .. } => "Arranging replication slots.".into(),
            Self::Clone { ordinal, from, .. } => format!("Copying instance {from} to instance {ordinal}."),
            Self::Rewind { ordinal, .. } => format!("Rewinding instance {ordinal} to the new primary."),
            Self::Condemn { ordinal, why } => format!("Instance {ordinal} gets a fresh copy: {why}"),
            Self::Fence { ordinal } => format!("Stopping a second primary, instance {ordinal}."),
            Self::Handover { from, to, .. } => format!("Switching the primary from instance {from} to instance {to}."),
            Self::CloseSwitchover { .. } => "Closing the switchover.".into(),
            Self::Failover { dead, to, .. } => format!("Instance {dead} cannot come back as it is: instance {to} takes over."),
            Self::Promote { ordinal } => format!("Promoting instance {ordinal}."),
            Self::Limit { ordinal } => format!("Setting the limits of instance {ordinal}."),
            Self::Forgive { ordinal } => format!("Instance {ordinal} answers again."),
            Self::Route { routes } => format!("Leading the read-write address to instance {}.", routes.rw),
            Self::StopProxy => "Stopping the two addresses.".into(),
            Self::Remove { ordinal } => format!("Removing instance {ordinal}."),
        }
    }
}

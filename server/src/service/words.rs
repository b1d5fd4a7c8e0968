//! What somebody asked for, in a few words for the history of a cluster.

use domain::{Change, Command, spec::Power};

/// As in "Scale to 3 instances". No full stop.
pub(super) fn asked(command: &Command) -> String {
    match command {
        Command::Create { .. } => "Create the cluster".into(),
        Command::Delete { .. } => "Delete the cluster".into(),
        Command::Change { changes, .. } => match changes.as_slice() {
            [] => "Change nothing".into(),
            [one] => change(one),
            [first, second] => format!("{}; {}", change(first), change(second)),
            [first, rest @ ..] => format!("{}; and {} more", change(first), rest.len()),
        },
    }
}

fn change(change: &Change) -> String {
    match change {
        Change::Describe { .. } => "Change name, description or labels".into(),
        Change::Scale { instances: 1 } => "Scale to 1 instance".into(),
        Change::Scale { instances } => format!("Scale to {instances} instances"),
        Change::Resize { size } => format!("Resize to {} CPU, {} memory", size.cpu(), size.memory()),
        Change::Grow { storage } => format!("Grow storage to {storage}"),
        Change::SetQuorum { quorum } => format!("Set quorum {}/{}", quorum.min, quorum.max),
        Change::SetPower { power: Power::On } => "Resume".into(),
        Change::SetPower { power: Power::Off } => "Pause".into(),
        Change::Switchover { to } => format!("Switch primary to instance {to}"),
        Change::Restart => "Restart".into(),
        Change::TakeOver => "Take over fields that somebody else manages".into(),
        Change::SetExternal { external: true } => "Open to the outside".into(),
        Change::SetExternal { external: false } => "Close to the outside".into(),
        Change::SetParameters { .. } => "Change parameters".into(),
        Change::AddUser { name, .. } => format!("Add user {name}"),
        Change::SetUser { name, .. } => format!("Change user {name}"),
        Change::RotatePassword { name } => format!("New password for {name}"),
        Change::RemoveUser { name } => format!("Remove user {name}"),
        Change::AddDatabase { name, .. } => format!("Add database {name}"),
        Change::SetDatabase { name, .. } => format!("Change database {name}"),
        Change::RemoveDatabase { name, .. } => format!("Remove database {name}"),
        Change::Replace { .. } => "Apply a document".into(),
    }
}

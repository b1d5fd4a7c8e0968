//! What pages are drawn from: takes props, never fetches.

pub mod awaited;
pub mod basic;
pub mod choice;
pub mod code;
pub mod connect;
pub mod dialog;
pub mod events;
pub mod field;
pub mod health;
pub mod status;
pub mod steps;
pub mod time;
pub mod topology;

pub use awaited::awaited;
pub use basic::{card, empty, icon, kv, menu, note, refused, savebar, section_error, spinning, toast};
pub use choice::{Choice, check, choice, seg, switch};
pub use code::{code, copy};
pub use dialog::{Dialog, dialog_path};
pub use field::{Area, Field, error_line, form_errors, submit};
pub use status::{cluster_pill, cluster_status, look, pill, status};
pub use steps::{Step, steps};
pub use time::{ago, since};

/// Processor time for people: `0.25 CPU`, `2 CPU`.
pub fn cores(cpu: domain::quantity::Cpu) -> String {
    let text = format!("{:.2}", f64::from(cpu.get()) / 1000.0);
    format!("{} CPU", text.trim_end_matches('0').trim_end_matches('.'))
}

//! How much processor and memory an instance has: seven presets, overridden key by key.

use crate::quantity::{Bytes, Cpu};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A named amount of processor and memory for one instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// 250m, 128Mi.
    Nano,
    /// 500m, 256Mi.
    #[default]
    Micro,
    /// 1 core, 512Mi.
    Small,
    /// 1 core, 1Gi.
    Medium,
    /// 2 cores, 2Gi.
    Large,
    /// 4 cores, 4Gi.
    Xlarge,
    /// 8 cores, 8Gi.
    #[serde(rename = "2xlarge")]
    Xlarge2,
}

impl Preset {
    /// All of them, smallest first.
    pub const ALL: [Self; 7] = [Self::Nano, Self::Micro, Self::Small, Self::Medium, Self::Large, Self::Xlarge, Self::Xlarge2];

    /// The name as written in the resource.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nano => "nano",
            Self::Micro => "micro",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::Xlarge => "xlarge",
            Self::Xlarge2 => "2xlarge",
        }
    }

    /// Processor per instance.
    pub const fn cpu(self) -> Cpu {
        Cpu::millis(match self {
            Self::Nano => 250,
            Self::Micro => 500,
            Self::Small | Self::Medium => 1000,
            Self::Large => 2000,
            Self::Xlarge => 4000,
            Self::Xlarge2 => 8000,
        })
    }

    /// Memory per instance.
    pub const fn memory(self) -> Bytes {
        Bytes::mib(match self {
            Self::Nano => 128,
            Self::Micro => 256,
            Self::Small => 512,
            Self::Medium => 1024,
            Self::Large => 2048,
            Self::Xlarge => 4096,
            Self::Xlarge2 => 8192,
        })
    }
}

impl FromStr for Preset {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|p| p.name() == text).ok_or("One of nano, micro, small, medium, large, xlarge, 2xlarge.")
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one instance may use: a preset, and what wins over it key by key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Where the amounts come from that are not given.
    pub preset: Preset,
    /// Wins over the preset's processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Wins over the preset's memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
}

impl Size {
    /// The processor that an instance really gets.
    pub fn cpu(&self) -> Cpu {
        self.cpu.unwrap_or(self.preset.cpu())
    }
    /// The memory that an instance really gets.
    pub fn memory(&self) -> Bytes {
        self.memory.unwrap_or(self.preset.memory())
    }
}

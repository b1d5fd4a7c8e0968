//! Limits of processor and memory by control groups, version 1 or 2, where this machine lets us set them.

use anyhow::{Context, Result};
use domain::size::Size;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const ROOT: &str = "/sys/fs/cgroup";

/// How limits are set here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limits {
    /// A hierarchy for each controller. `prefix` is the portal's own group in each.
    V1 {
        /// As in `howdah`.
        prefix: String,
    },
    /// One hierarchy for all.
    V2 {
        /// As in `howdah`.
        prefix: String,
    },
    /// They cannot be set; why, as a sentence.
    None(String),
}

impl Limits {
    /// Finds out what this machine allows. `tag` keeps apart two data roots on one machine.
    pub fn discover(tag: &str) -> Self {
        let prefix = format!("howdah-{tag}");
        if !nix::unistd::Uid::effective().is_root() {
            return Self::None("Limits of processor and memory are not enforced: the portal does not run as root.".into());
        }
        let unified = fs::read_to_string(format!("{ROOT}/cgroup.controllers")).unwrap_or_default();
        let attempt = if unified.split_whitespace().any(|c| c == "memory") && unified.split_whitespace().any(|c| c == "cpu") {
            let switched = fs::create_dir_all(format!("{ROOT}/{prefix}"))
                .and_then(|()| fs::write(format!("{ROOT}/cgroup.subtree_control"), "+cpu +memory"))
                .and_then(|()| fs::write(format!("{ROOT}/{prefix}/cgroup.subtree_control"), "+cpu +memory"));
            switched.map(|()| Self::V2 { prefix: prefix.clone() })
        } else {
            let made = ["cpu", "memory"].into_iter().try_for_each(|controller| fs::create_dir_all(format!("{ROOT}/{controller}/{prefix}")));
            made.map(|()| Self::V1 { prefix: prefix.clone() })
        };
        attempt.unwrap_or_else(|error| Self::None(format!("Limits of processor and memory are not enforced: control groups cannot be made here ({error}).")))
    }

    fn folders(&self, instance: &str) -> Vec<PathBuf> {
        match self {
            Self::V1 { prefix } => ["cpu", "memory"].map(|controller| Path::new(ROOT).join(controller).join(prefix).join(instance)).to_vec(),
            Self::V2 { prefix } => vec![Path::new(ROOT).join(prefix).join(instance)],
            Self::None(_) => Vec::new(),
        }
    }

    /// Files and what must be in them.
    fn wanted(&self, instance: &str, size: &Size) -> Vec<(PathBuf, String)> {
        let quota = i64::from(size.cpu().get()) * 100;
        let memory = size.memory().get().to_string();
        match (self, self.folders(instance).as_slice()) {
            (Self::V1 { .. }, [cpu, mem]) => {
                vec![(cpu.join("cpu.cfs_quota_us"), quota.to_string()), (mem.join("memory.limit_in_bytes"), memory)]
            }
            (Self::V2 { .. }, [both]) => vec![(both.join("cpu.max"), format!("{quota} 100000")), (both.join("memory.max"), memory)],
            _ => Vec::new(),
        }
    }

    /// Whether the limits are what the size says; true where there are none. Memory above what is wanted counts as set: the kernel refuses to
    /// take it away from who uses it, so it is lowered at the next start.
    pub fn are_set(&self, instance: &str, size: &Size) -> bool {
        let same = |file: &Path, value: &str| match fs::read_to_string(file) {
            Ok(now) if now.trim() == value => true,
            Ok(now) if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("memory")) => {
                matches!((now.trim().parse::<u64>(), value.parse::<u64>()), (Ok(now), Ok(wanted)) if (now > wanted && now < 1 << 60) || now.div_ceil(4096) == wanted.div_ceil(4096))
            }
            Ok(_) | Err(_) => false,
        };
        self.wanted(instance, size).iter().all(|(file, value)| same(file, value))
    }

    /// Makes the groups for a start: memory is bounded from the first moment, processor only once it has come up, as with all that recovers or
    /// copies. Answers the files that a process writes itself into before it runs.
    pub fn prepare(&self, instance: &str, size: &Size) -> Result<Vec<PathBuf>> {
        for folder in self.folders(instance) {
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        for (file, value) in self.wanted(instance, size) {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let value = match name.as_str() {
                "cpu.cfs_quota_us" => "-1",
                "cpu.max" => "max",
                _ => &value,
            };
            fs::write(&file, value).with_context(|| format!("setting {} to {value}", file.display()))?;
        }
        Ok(self.folders(instance).into_iter().map(|folder| folder.join("cgroup.procs")).collect())
    }

    /// Sets the limits of a running instance. Memory that it has already is not taken away.
    pub fn set(&self, instance: &str, size: &Size) -> Result<()> {
        for folder in self.folders(instance) {
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        for (file, value) in self.wanted(instance, size) {
            match fs::write(&file, &value) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
                written => written.with_context(|| format!("setting {} to {value}", file.display()))?,
            }
        }
        Ok(())
    }

    /// Takes the groups of an instance away; its processes are gone by now.
    pub fn remove(&self, instance: &str) -> Result<()> {
        for folder in self.folders(instance) {
            match fs::remove_dir(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("removing {}", folder.display())),
            }
        }
        Ok(())
    }

    /// Takes the portal's own groups away, if they are empty: they are made again when needed.
    pub fn close(&self) {
        let own = match self {
            Self::V1 { prefix } => ["cpu", "memory"].map(|controller| Path::new(ROOT).join(controller).join(prefix)).to_vec(),
            Self::V2 { prefix } => vec![Path::new(ROOT).join(prefix)],
            Self::None(_) => Vec::new(),
        };
        for folder in own {
            let _in_use = fs::remove_dir(folder);
        }
    }

    /// Whether limits are enforced; else why not.
    pub fn enforced(&self) -> Result<(), String> {
        match self {
            Self::V1 { .. } | Self::V2 { .. } => Ok(()),
            Self::None(why) => Err(why.clone()),
        }
    }
}

//! Amounts as Kubernetes writes them: `10Gi`, `512Mi`, `250m`.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A refused amount: a sentence that shows the right form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuantityError(pub &'static str);

/// A number of bytes. Printed in the largest binary unit that divides it: `10Gi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(u64);

/// Processor time in thousandths of a core. Printed as `250m` or `2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cpu(u32);

const BINARY: [(&str, u64); 5] = [("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10), ("", 1)];
const DECIMAL: [(&str, u64); 4] = [("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)];
const BYTES_FORM: QuantityError = QuantityError("An amount such as 10Gi or 512Mi.");
const CPU_FORM: QuantityError = QuantityError("An amount such as 500m or 2.");

impl Bytes {
    /// `n` mebibytes.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }
    /// `n` gibibytes.
    pub const fn gib(n: u64) -> Self {
        Self(n << 30)
    }
    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
    /// Whole mebibytes, rounded up.
    pub const fn as_mib(self) -> u64 {
        self.0.div_ceil(1 << 20)
    }
    /// Whole gibibytes, rounded up.
    pub const fn as_gib(self) -> u64 {
        self.0.div_ceil(1 << 30)
    }
}

impl From<u64> for Bytes {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl FromStr for Bytes {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let units = BINARY.iter().filter(|(u, _)| !u.is_empty()).chain(&DECIMAL);
        let (digits, unit) = units.filter_map(|(name, unit)| text.strip_suffix(name).map(|digits| (digits, *unit))).next().unwrap_or((text, 1));
        decimal(digits, unit).map(Self).ok_or(BYTES_FORM)
    }
}

impl FromStr for Cpu {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let millis = match text.strip_suffix('m') {
            Some(digits) => digits.parse::<u32>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit())),
            None => decimal(text, 1000).and_then(|n| u32::try_from(n).ok()),
        };
        millis.filter(|n| *n > 0).map(Self).ok_or(CPU_FORM)
    }
}

impl Cpu {
    /// `n` thousandths of a core.
    pub const fn millis(n: u32) -> Self {
        Self(n)
    }
    /// Thousandths of a core.
    pub const fn get(self) -> u32 {
        self.0
    }
    /// Whole cores, rounded up.
    pub const fn cores(self) -> u32 {
        self.0.div_ceil(1000)
    }
}

/// `digits` (at most nine after the point) times `unit`; none when it is not a plain number, too large, or no whole result.
fn decimal(digits: &str, unit: u64) -> Option<u64> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > 9 || (digits.contains('.') && part.is_empty()) {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(part.len()).ok()?);
    let number: u128 = format!("{whole}{part}").parse().ok()?;
    let scaled = number.checked_mul(u128::from(unit))?;
    if !scaled.is_multiple_of(scale) {
        return None;
    }
    u64::try_from(scaled / scale).ok().filter(|n| *n <= 1 << 60)
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = BINARY.iter().find(|(_, unit)| self.0 != 0 && self.0.is_multiple_of(*unit)).unwrap_or(&("", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = QuantityError;
            fn try_from(text: String) -> Result<Self, QuantityError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(amount: $name) -> String {
                amount.to_string()
            }
        }
    )*};
}
as_text!(Bytes, Cpu);

/// Bytes for people, in binary units with one decimal: `48.0 KiB`, `2 GiB`.
pub fn human(bytes: u64) -> String {
    let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) if bytes.is_multiple_of(*unit) => format!("{} {name}", bytes / unit),
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

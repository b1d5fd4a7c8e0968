//! How something is, as colour and icon; the word stands beside it.

/// One of the five inks of the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warn,
    /// Broken.
    Bad,
    /// On its way.
    Busy,
    /// Nothing to say: paused or unknown.
    Idle,
}

impl Tone {
    /// The value of `data-s`, which is also the name of the icon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Busy => "busy",
            Self::Idle => "idle",
        }
    }
}

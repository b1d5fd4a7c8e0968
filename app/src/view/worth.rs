//! What attributes can be worth.

use leptos::prelude::*;
use std::borrow::Cow;

/// Of an attribute: none at all, or these words. A class is on or off the same way.
pub enum Value {
    /// Once and for all.
    Fixed(Option<Cow<'static, str>>),
    /// Found anew whenever what it reads has changed.
    Live(Box<dyn FnMut() -> Option<Cow<'static, str>> + Send>),
}

impl Value {
    /// What it is now.
    pub fn now(&mut self) -> Option<Cow<'static, str>> {
        match self {
            Self::Fixed(words) => words.clone(),
            Self::Live(find) => find(),
        }
    }

    /// What it is now, for the last time.
    fn last(self) -> Option<Cow<'static, str>> {
        match self {
            Self::Fixed(words) => words,
            Self::Live(mut find) => find(),
        }
    }
}

/// What can stand as the value of an attribute.
pub trait Worth {
    /// As such.
    fn worth(self) -> Value;
}

impl Worth for &'static str {
    fn worth(self) -> Value {
        Value::Fixed(Some(Cow::Borrowed(self)))
    }
}

impl Worth for String {
    fn worth(self) -> Value {
        Value::Fixed(Some(Cow::Owned(self)))
    }
}

impl Worth for bool {
    fn worth(self) -> Value {
        Value::Fixed(self.then_some(Cow::Borrowed("")))
    }
}

impl<T: Worth> Worth for Option<T> {
    fn worth(self) -> Value {
        self.map_or(Value::Fixed(None), Worth::worth)
    }
}

impl<F, T> Worth for F
where
    F: FnMut() -> T + Send + 'static,
    T: Worth,
{
    fn worth(mut self) -> Value {
        Value::Live(Box::new(move || self().worth().last()))
    }
}

macro_rules! signals {
    ($($signal:ident),*) => {$(
        impl<T> Worth for $signal<T>
        where
            T: Worth + Clone + Send + Sync + 'static,
        {
            fn worth(self) -> Value {
                Value::Live(Box::new(move || self.get().worth().last()))
            }
        }
    )*};
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Worth for $number {
            fn worth(self) -> Value {
                self.to_string().worth()
            }
        }
    )*};
}

signals!(Signal, Memo, RwSignal);
numbers!(u8, u16, u32, u64, usize, i32);

//! What pages are made of: one type for all that can be drawn. Leptos has a type for each piece of each page instead, and the browser would fetch a copy
//! of everything that can be done with a view for every one of them.

use leptos::prelude::*;
use std::{any::Any, borrow::Cow};

mod element;
mod render;
mod state;
#[cfg(all(test, feature = "ssr"))]
mod tests;
mod worth;

pub use element::{Element, Kind};
pub use markup::view;
pub use worth::{Value, Worth};

/// Something to be drawn.
pub enum Html {
    /// Words.
    Text(Cow<'static, str>),
    /// An element with all that is in it.
    Element(Element),
    /// Some, always as many as they are.
    Many(Vec<Html>),
    /// Some; the next time there may be more or fewer.
    List(Vec<Html>),
    /// Drawn anew whenever what it reads has changed.
    Live(Box<dyn FnMut() -> Html + Send>),
    /// Of Leptos and its router. Boxed, since it is many times as large as the rest.
    Foreign(Box<AnyView>),
}

/// What a component answers, as what is drawn.
pub fn component<T>(view: T) -> Html
where
    T: RenderHtml + Send + 'static,
{
    let mut view = Some(view);
    let any: &mut dyn Any = &mut view;
    // Ours answer that already, and what is erased is not erased again.
    if let Some(html) = any.downcast_mut::<Option<Html>>() {
        return html.take().drawn();
    }
    if let Some(view) = any.downcast_mut::<Option<AnyView>>() {
        return view.take().drawn();
    }
    view.map(IntoAny::into_any).drawn()
}

/// What can be drawn.
pub trait Drawn {
    /// It, drawn.
    fn drawn(self) -> Html;
}

/// Some that are drawn, one after the other.
pub trait DrawnAll {
    /// All of them; the next time there may be more or fewer.
    fn drawn_all(self) -> Html;
}

impl<I> DrawnAll for I
where
    I: IntoIterator<Item: Drawn>,
{
    fn drawn_all(self) -> Html {
        Html::List(self.into_iter().map(Drawn::drawn).collect())
    }
}

impl Drawn for Html {
    fn drawn(self) -> Html {
        self
    }
}

impl Drawn for AnyView {
    fn drawn(self) -> Html {
        Html::Foreign(Box::new(self))
    }
}

impl Drawn for () {
    fn drawn(self) -> Html {
        Html::Many(Vec::new())
    }
}

impl Drawn for &'static str {
    fn drawn(self) -> Html {
        Html::Text(Cow::Borrowed(self))
    }
}

impl Drawn for String {
    fn drawn(self) -> Html {
        Html::Text(Cow::Owned(self))
    }
}

impl<T: Drawn> Drawn for Vec<T> {
    fn drawn(self) -> Html {
        self.drawn_all()
    }
}

impl<T: Drawn, const N: usize> Drawn for [T; N] {
    fn drawn(self) -> Html {
        Html::Many(self.into_iter().map(Drawn::drawn).collect())
    }
}

impl<T: Drawn> Drawn for Option<T> {
    fn drawn(self) -> Html {
        self.map_or_else(|| ().drawn(), Drawn::drawn)
    }
}

impl<F, T> Drawn for F
where
    F: FnMut() -> T + Send + 'static,
    T: Drawn,
{
    fn drawn(mut self) -> Html {
        Html::Live(Box::new(move || self().drawn()))
    }
}

macro_rules! signals {
    ($($signal:ident),*) => {$(
        impl<T> Drawn for $signal<T>
        where
            T: Drawn + Clone + Send + Sync + 'static,
        {
            fn drawn(self) -> Html {
                Html::Live(Box::new(move || self.get().drawn()))
            }
        }
    )*};
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Drawn for $number {
            fn drawn(self) -> Html {
                Html::Text(Cow::Owned(self.to_string()))
            }
        }
    )*};
}

signals!(Signal, Memo, RwSignal);
numbers!(u8, u16, u32, u64, usize, i32, i64);

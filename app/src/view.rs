//! Type-erased views that cost fewer bytes in the browser.
//!
//! Leptos keeps two ways to take over the server's HTML for each erased view: at once, and piece by piece while parts of the program are still being
//! fetched. Nothing here is fetched in parts, so the second way, a seventh of the whole program, is left out.

use leptos::{
    attr::{Attribute, any_attribute::AnyAttribute},
    prelude::*,
    tachys::{
        hydration::Cursor,
        ssr::StreamBuilder,
        view::PositionState,
        view::{Position, add_attr::AddAnyAttr},
    },
};
use std::any::TypeId;

/// Any view as an [`AnyView`].
pub trait Drawn {
    /// In place of `into_any`.
    fn drawn(self) -> AnyView;
}

impl<T> Drawn for T
where
    T: RenderHtml + Send + 'static,
{
    fn drawn(self) -> AnyView {
        // One that is erased already is not wrapped again.
        if TypeId::of::<T>() == TypeId::of::<AnyView>() { self.into_any() } else { AtOnce(self).into_any() }
    }
}

/// A view that is taken over at once.
struct AtOnce<T>(T);

impl<T: Render> Render for AtOnce<T> {
    type State = T::State;

    fn build(self) -> Self::State {
        self.0.build()
    }

    fn rebuild(self, state: &mut Self::State) {
        self.0.rebuild(state);
    }
}

impl<T: AddAnyAttr> AddAnyAttr for AtOnce<T> {
    type Output<A: Attribute> = AtOnce<T::Output<A>>;

    fn add_any_attr<A: Attribute>(self, attr: A) -> Self::Output<A>
    where
        Self::Output<A>: RenderHtml,
    {
        AtOnce(self.0.add_any_attr(attr))
    }
}

impl<T: RenderHtml> RenderHtml for AtOnce<T> {
    type AsyncOutput = T::AsyncOutput;
    type Owned = AtOnce<T::Owned>;

    const MIN_LENGTH: usize = T::MIN_LENGTH;
    const EXISTS: bool = T::EXISTS;

    fn dry_resolve(&mut self) {
        self.0.dry_resolve();
    }

    async fn resolve(self) -> Self::AsyncOutput {
        self.0.resolve().await
    }

    fn html_len(&self) -> usize {
        self.0.html_len()
    }

    fn to_html_with_buf(self, buf: &mut String, position: &mut Position, escape: bool, mark_branches: bool, extra_attrs: Vec<AnyAttribute>) {
        self.0.to_html_with_buf(buf, position, escape, mark_branches, extra_attrs);
    }

    fn to_html_async_with_buf<const OUT_OF_ORDER: bool>(
        self,
        buf: &mut StreamBuilder,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        extra_attrs: Vec<AnyAttribute>,
    ) where
        Self: Sized,
    {
        self.0.to_html_async_with_buf::<OUT_OF_ORDER>(buf, position, escape, mark_branches, extra_attrs);
    }

    fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Self::State {
        self.0.hydrate::<FROM_SERVER>(cursor, position)
    }

    /// Only asked for by programs that come in parts. What the trait would do here is a second copy of `hydrate` for every view.
    async fn hydrate_async(self, _: &Cursor, _: &PositionState) -> Self::State {
        unreachable!("views are taken over at once")
    }

    fn into_owned(self) -> Self::Owned {
        AtOnce(self.0.into_owned())
    }
}

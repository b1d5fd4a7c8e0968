//! Drawing: into a page as text on the server, and taking that over or making it in a browser.

use super::{
    Element, Html, Kind,
    element::Parts,
    state::{self, State},
};
use leptos::{
    attr::{Attribute, any_attribute::AnyAttribute},
    prelude::*,
    tachys::{
        hydration::Cursor,
        ssr::StreamBuilder,
        view::{Position, PositionState, add_attr::AddAnyAttr},
    },
};

impl Render for Html {
    type State = State;

    fn build(self) -> State {
        state::build(self)
    }

    fn rebuild(self, state: &mut State) {
        state::rebuild(self, state);
    }
}

impl AddAnyAttr for Html {
    type Output<A: Attribute> = Self;

    /// Attributes are given where an element is written, never from outside.
    fn add_any_attr<A: Attribute>(self, _: A) -> Self {
        self
    }
}

impl RenderHtml for Html {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {
        match self {
            Self::Foreign(view) => view.dry_resolve(),
            Self::Many(all) | Self::List(all) => all.iter_mut().for_each(Self::dry_resolve),
            Self::Element(element) => element.0.children.iter_mut().for_each(Self::dry_resolve),
            Self::Live(_) | Self::Text(_) => (),
        }
    }

    /// What has to be waited for is waited for where it is drawn.
    async fn resolve(self) -> Self {
        self
    }

    fn to_html_with_buf(self, buf: &mut String, position: &mut Position, escape: bool, mark_branches: bool, _: Vec<AnyAttribute>) {
        match self {
            Self::Text(text) => text.to_html_with_buf(buf, position, escape, mark_branches, Vec::new()),
            Self::Element(Element(parts)) => {
                let Parts { tag, kind, inner, children, .. } = open(buf, *parts);
                *position = Position::FirstChild;
                match inner {
                    Some(mut inner) => buf.push_str(&inner.now().unwrap_or_default()),
                    None => children.into_iter().for_each(|child| child.to_html_with_buf(buf, position, escape, mark_branches, Vec::new())),
                }
                close(buf, tag, kind);
                *position = Position::NextChild;
            }
            Self::Many(all) if all.is_empty() => ().to_html_with_buf(buf, position, escape, mark_branches, Vec::new()),
            Self::Many(all) => all.into_iter().for_each(|one| one.to_html_with_buf(buf, position, escape, mark_branches, Vec::new())),
            Self::List(all) => all.to_html_with_buf(buf, position, escape, mark_branches, Vec::new()),
            Self::Live(mut draw) => draw().to_html_with_buf(buf, position, escape, mark_branches, Vec::new()),
            Self::Foreign(view) => (*view).to_html_with_buf(buf, position, escape, mark_branches, Vec::new()),
        }
    }

    fn to_html_async_with_buf<const OUT_OF_ORDER: bool>(
        self,
        buf: &mut StreamBuilder,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        _: Vec<AnyAttribute>,
    ) {
        let mut each = |one: Self, buf: &mut StreamBuilder| one.to_html_async_with_buf::<OUT_OF_ORDER>(buf, position, escape, mark_branches, Vec::new());
        match self {
            Self::Element(Element(parts)) => {
                let mut rest = None;
                buf.with_buf(|buf| rest = Some(open(buf, *parts)));
                let Some(Parts { tag, kind, inner, children, .. }) = rest else { return };
                *position = Position::FirstChild;
                match inner {
                    Some(mut inner) => buf.push_sync(&inner.now().unwrap_or_default()),
                    None => {
                        for child in children {
                            child.to_html_async_with_buf::<OUT_OF_ORDER>(buf, position, escape, mark_branches, Vec::new());
                        }
                    }
                }
                buf.with_buf(|buf| close(buf, tag, kind));
                *position = Position::NextChild;
            }
            Self::Many(all) if !all.is_empty() => all.into_iter().for_each(|one| each(one, buf)),
            Self::List(all) => all.to_html_async_with_buf::<OUT_OF_ORDER>(buf, position, escape, mark_branches, Vec::new()),
            Self::Live(mut draw) => each(draw(), buf),
            Self::Foreign(view) => (*view).to_html_async_with_buf::<OUT_OF_ORDER>(buf, position, escape, mark_branches, Vec::new()),
            words => buf.with_buf(|buf| words.to_html_with_buf(buf, position, escape, mark_branches, Vec::new())),
        }
    }

    fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> State {
        state::hydrate(self, cursor, position)
    }

    fn into_owned(self) -> Self {
        self
    }
}

/// The start tag. Answers the rest.
fn open(buf: &mut String, mut parts: Parts) -> Parts {
    buf.push('<');
    buf.push_str(parts.tag);
    let added: Vec<&str> = parts.toggles.iter_mut().filter_map(|(class, value)| value.now().map(|_| *class)).collect();
    let mut classes = (!added.is_empty()).then(|| added.join(" "));
    let mut write = |name: &str, value: &str| {
        buf.push(' ');
        buf.push_str(name);
        buf.push_str("=\"");
        // The browser draws without this.
        #[cfg(feature = "ssr")]
        html_escape::encode_double_quoted_attribute_to_string(value, buf);
        #[cfg(not(feature = "ssr"))]
        buf.push_str(value);
        if name == "class"
            && let Some(added) = classes.take()
        {
            buf.push(' ');
            buf.push_str(&added);
        }
        buf.push('"');
    };
    for (name, value) in parts.fixed {
        write(name, value);
    }
    for (name, value) in &mut parts.set {
        if let Some(value) = value.now() {
            write(name, &value);
        }
    }
    if let Some(added) = classes {
        buf.push_str(" class=\"");
        buf.push_str(&added);
        buf.push('"');
    }
    buf.push('>');
    parts
}

fn close(buf: &mut String, tag: &str, kind: Kind) {
    if kind != Kind::Void {
        buf.push_str("</");
        buf.push_str(tag);
        buf.push('>');
    }
}

//! What stands in the page of a browser for what was drawn, and how it follows.

use super::{
    Element, Html, Kind, Value,
    element::{Act, Parts},
};
use leptos::{
    prelude::*,
    tachys::{
        hydration::Cursor,
        renderer::{CastFrom, Rndr, types},
        view::{Position, PositionState},
    },
};
use std::{any::Any, borrow::Cow};

const SVG: &str = "http://www.w3.org/2000/svg";

type Words = Option<Cow<'static, str>>;

/// What was drawn, as it stands in the page.
pub enum State {
    Empty(<() as Render>::State),
    Text(<Cow<'static, str> as Render>::State),
    Element(Box<Standing>),
    Many(Vec<State>),
    List(<Vec<Html> as Render>::State),
    Live(<Box<dyn FnMut() -> Html + Send> as Render>::State),
    Foreign(<AnyView as Render>::State),
}

/// An element of the page.
pub struct Standing {
    element: types::Element,
    tag: &'static str,
    fixed: &'static [(&'static str, &'static str)],
    set: Vec<(&'static str, Held)>,
    toggles: Vec<(&'static str, Held)>,
    inner: Vec<(&'static str, Held)>,
    children: Vec<State>,
    acts: Vec<Box<dyn Any>>,
}

/// The value of an attribute, or whether a class is there.
enum Held {
    Fixed(Words),
    Live(RenderEffect<Words>),
}

/// How something is put on an element, or off it.
type Put = fn(&types::Element, &'static str, Option<&str>);

fn put_attribute(element: &types::Element, name: &'static str, value: Option<&str>) {
    match value {
        Some(value) => Rndr::set_attribute(element, name, value),
        None => Rndr::remove_attribute(element, name),
    }
}

fn put_class(element: &types::Element, name: &'static str, value: Option<&str>) {
    let list = Rndr::class_list(element);
    match value {
        Some(_) => Rndr::add_class(&list, name),
        None => Rndr::remove_class(&list, name),
    }
}

fn put_inner(element: &types::Element, _: &'static str, value: Option<&str>) {
    Rndr::set_inner_html(element, value.unwrap_or_default());
}

/// What is in an element, in the shape of what is on it.
fn named(inner: Option<Value>) -> Vec<(&'static str, Value)> {
    inner.map(|inner| ("", inner)).into_iter().collect()
}

/// What an element had on it before.
enum Before {
    Nothing,
    /// What the server wrote, from the same state of things.
    Written,
    /// One by one.
    Known(Vec<Option<Words>>),
}

/// Puts them on and follows them.
fn hold(element: &types::Element, all: Vec<(&'static str, Value)>, before: Before, put: Put) -> Vec<(&'static str, Held)> {
    let is_written = matches!(before, Before::Written);
    let before = if let Before::Known(all) = before { all } else { Vec::new() };
    let before = before.into_iter().chain(std::iter::repeat(None));
    let held = all.into_iter().zip(before).map(|((name, value), before)| {
        let held = match value {
            Value::Fixed(words) => {
                if !is_written && before.as_ref() != Some(&words) {
                    put(element, name, words.as_deref());
                }
                Held::Fixed(words)
            }
            Value::Live(mut find) => {
                let element = element.clone();
                let mut is_written = is_written;
                let follow = move |before: Option<Words>| {
                    let words = find();
                    if !std::mem::take(&mut is_written) && before.as_ref() != Some(&words) {
                        put(&element, name, words.as_deref());
                    }
                    words
                };
                Held::Live(RenderEffect::new_with_value(follow, before))
            }
        };
        (name, held)
    });
    held.collect()
}

/// What they were last. They are followed no more.
fn last(held: &mut Vec<(&'static str, Held)>) -> Before {
    let words = held.drain(..).map(|(_, held)| match held {
        Held::Fixed(words) => Some(words),
        Held::Live(effect) => effect.with_value_mut(|words| words.clone()),
    });
    Before::Known(words.collect())
}

fn act(element: &types::Element, acts: Vec<Act>) -> Vec<Box<dyn Any>> {
    acts.into_iter().map(|act| act.take()(element)).collect()
}

/// Makes it.
pub fn build(html: Html) -> State {
    match html {
        Html::Text(text) => State::Text(text.build()),
        Html::Element(element) => State::Element(Box::new(make(element))),
        Html::Many(all) if all.is_empty() => State::Empty(().build()),
        Html::Many(all) => State::Many(all.into_iter().map(build).collect()),
        Html::List(all) => State::List(all.build()),
        Html::Live(draw) => State::Live(draw.build()),
        Html::Foreign(view) => State::Foreign((*view).build()),
    }
}

fn make(Element(parts): Element) -> Standing {
    let Parts { tag, kind, fixed, set, toggles, inner, children, acts } = *parts;
    let element = Rndr::create_element(tag, (kind == Kind::Picture).then_some(SVG));
    for (name, value) in fixed {
        Rndr::set_attribute(&element, name, value);
    }
    let set = hold(&element, set, Before::Nothing, put_attribute);
    let toggles = hold(&element, toggles, Before::Nothing, put_class);
    let inner = hold(&element, named(inner), Before::Nothing, put_inner);
    let mut children: Vec<State> = children.into_iter().map(build).collect();
    for child in &mut children {
        child.mount(&element, None);
    }
    let acts = act(&element, acts);
    Standing { element, tag, fixed, set, toggles, inner, children, acts }
}

/// Takes over what the server wrote.
pub fn hydrate(html: Html, cursor: &Cursor, position: &PositionState) -> State {
    match html {
        Html::Text(text) => State::Text(text.hydrate::<true>(cursor, position)),
        Html::Element(element) => State::Element(Box::new(take_over(element, cursor, position))),
        Html::Many(all) if all.is_empty() => State::Empty(().hydrate::<true>(cursor, position)),
        Html::Many(all) => State::Many(all.into_iter().map(|one| hydrate(one, cursor, position)).collect()),
        Html::List(all) => State::List(all.hydrate::<true>(cursor, position)),
        Html::Live(draw) => State::Live(draw.hydrate::<true>(cursor, position)),
        Html::Foreign(view) => State::Foreign((*view).hydrate::<true>(cursor, position)),
    }
}

fn take_over(Element(parts): Element, cursor: &Cursor, position: &PositionState) -> Standing {
    let Parts { tag, fixed, set, toggles, inner, children, acts, .. } = *parts;
    match position.get() {
        Position::FirstChild => cursor.child(),
        Position::Current => (),
        _ => cursor.sibling(),
    }
    let here = cursor.current();
    let found = types::Element::cast_from(here.clone()).filter(|element| element.tag_name().eq_ignore_ascii_case(tag));
    let element = found.unwrap_or_else(|| panic!("the server wrote {} where <{tag}> is drawn", here.node_name()));
    let set = hold(&element, set, Before::Written, put_attribute);
    let toggles = hold(&element, toggles, Before::Written, put_class);
    let inner = hold(&element, named(inner), Before::Written, put_inner);
    position.set(Position::FirstChild);
    let children = children.into_iter().map(|child| hydrate(child, cursor, position)).collect();
    let acts = act(&element, acts);
    cursor.set(here);
    position.set(Position::NextChild);
    Standing { element, tag, fixed, set, toggles, inner, children, acts }
}

/// Makes what stands there what is drawn now, in place where it can.
pub fn rebuild(html: Html, state: &mut State) {
    match (html, state) {
        (Html::Text(text), State::Text(state)) => text.rebuild(state),
        (Html::Element(element), State::Element(state)) if state.is_like(&element.0) => state.change(*element.0),
        (Html::Many(all), State::Empty(_)) if all.is_empty() => (),
        (Html::Many(all), State::Many(states)) if all.len() == states.len() => all.into_iter().zip(states).for_each(|(html, state)| rebuild(html, state)),
        (Html::List(all), State::List(state)) => all.rebuild(state),
        (Html::Live(draw), State::Live(state)) => draw.rebuild(state),
        (Html::Foreign(view), State::Foreign(state)) => (*view).rebuild(state),
        (html, state) => {
            let mut new = build(html);
            state.insert_before_this(&mut new);
            state.unmount();
            *state = new;
        }
    }
}

impl Standing {
    fn is_like(&self, parts: &Parts) -> bool {
        fn same<A, B>(these: &[(&'static str, A)], those: &[(&'static str, B)]) -> bool {
            these.len() == those.len() && these.iter().zip(those).all(|(this, that)| this.0 == that.0)
        }
        let alike = self.tag == parts.tag && self.fixed == parts.fixed && self.children.len() == parts.children.len();
        alike && same(&self.set, &parts.set) && same(&self.toggles, &parts.toggles) && self.inner.is_empty() == parts.inner.is_none()
    }

    fn change(&mut self, parts: Parts) {
        let Parts { set, toggles, inner, children, acts, .. } = parts;
        self.set = hold(&self.element, set, last(&mut self.set), put_attribute);
        self.toggles = hold(&self.element, toggles, last(&mut self.toggles), put_class);
        self.inner = hold(&self.element, named(inner), last(&mut self.inner), put_inner);
        children.into_iter().zip(&mut self.children).for_each(|(html, state)| rebuild(html, state));
        // The former ones first: nobody listens twice.
        self.acts.clear();
        self.acts = act(&self.element, acts);
    }
}

impl State {
    fn inner(&self) -> &dyn Mountable {
        match self {
            Self::Empty(state) => state,
            Self::Text(state) => state,
            Self::Element(state) => &state.element,
            Self::Many(states) => states.first().map_or(&(), |first| first as &dyn Mountable),
            Self::List(state) => state,
            Self::Live(state) => state,
            Self::Foreign(state) => state,
        }
    }

    fn each(&mut self, mut what: impl FnMut(&mut dyn Mountable)) {
        match self {
            Self::Empty(state) => what(state),
            Self::Text(state) => what(state),
            Self::Element(state) => what(&mut state.element),
            Self::Many(states) => states.iter_mut().for_each(|state| what(state)),
            Self::List(state) => what(state),
            Self::Live(state) => what(state),
            Self::Foreign(state) => what(state),
        }
    }
}

impl Mountable for State {
    fn unmount(&mut self) {
        self.each(|one| one.unmount());
    }

    fn mount(&mut self, parent: &types::Element, marker: Option<&types::Node>) {
        self.each(|one| one.mount(parent, marker));
    }

    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        self.inner().insert_before_this(child)
    }

    fn elements(&self) -> Vec<types::Element> {
        match self {
            Self::Many(states) => states.iter().flat_map(Mountable::elements).collect(),
            other => other.inner().elements(),
        }
    }
}

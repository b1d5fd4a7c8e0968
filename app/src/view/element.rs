//! An element: its name, what is set on it, and what is in it.

use super::{Html, Value};
use leptos::{
    ev::EventDescriptor,
    html::ElementType,
    prelude::*,
    tachys::html::node_ref::NodeRefContainer,
    web_sys::{self, wasm_bindgen::JsCast},
};
use send_wrapper::SendWrapper;
use std::{any::Any, borrow::Cow};
use wasm_bindgen::JsValue;

/// How it is written and made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With an end tag.
    Normal,
    /// Without one.
    Void,
    /// Part of a picture, so of SVG's namespace.
    Picture,
}

/// An element of a page.
pub struct Element(pub(super) Box<Parts>);

/// What is done with an element of the page once it is there; it lasts as long as what this answers.
type Deed = Box<dyn FnOnce(&web_sys::Element) -> Box<dyn Any>>;
/// The same, among what else is sent about.
pub(super) type Act = SendWrapper<Deed>;

pub(super) struct Parts {
    pub tag: &'static str,
    pub kind: Kind,
    /// Attributes that are always the same.
    pub fixed: &'static [(&'static str, &'static str)],
    /// Further ones.
    pub set: Vec<(&'static str, Value)>,
    /// Classes that come and go.
    pub toggles: Vec<(&'static str, Value)>,
    /// What is in it, as HTML that is taken as it is.
    pub inner: Option<Value>,
    pub children: Vec<Html>,
    pub acts: Vec<Act>,
}

impl Element {
    /// One with room for `children`, and nothing in it yet.
    pub fn new(tag: &'static str, kind: Kind, fixed: &'static [(&'static str, &'static str)], children: usize) -> Self {
        let children = Vec::with_capacity(children);
        Self(Box::new(Parts { tag, kind, fixed, set: Vec::new(), toggles: Vec::new(), inner: None, children, acts: Vec::new() }))
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: &'static str, value: Value) {
        self.0.set.push((name, value));
    }

    /// Adds a class while `value` is anything.
    pub fn toggle(&mut self, class: &'static str, value: Value) {
        self.0.toggles.push((class, value));
    }

    /// Puts this HTML into it as it is.
    pub fn inner(&mut self, html: Value) {
        self.0.inner = Some(html);
    }

    /// Puts this at the end of what is in it.
    pub fn add(&mut self, child: Html) {
        self.0.children.push(child);
    }

    /// Listens, in a browser.
    pub fn on<E>(&mut self, event: E, mut heard: impl FnMut(E::EventType) + 'static)
    where
        E: EventDescriptor,
        E::EventType: JsCast,
    {
        if cfg!(feature = "hydrate") {
            let heard: Box<dyn FnMut(web_sys::Event)> = Box::new(move |event| heard(event.unchecked_into()));
            self.listen(event.name(), heard);
        }
    }

    fn listen(&mut self, event: Cow<'static, str>, heard: Box<dyn FnMut(web_sys::Event)>) {
        self.act(Box::new(move |element| Box::new(Ear::open(element, event, heard))));
    }

    /// Keeps a property as `value` has it, in a browser.
    pub fn property<T: Into<JsValue>>(&mut self, name: &'static str, mut value: impl FnMut() -> T + 'static) {
        if cfg!(feature = "hydrate") {
            let value: Box<dyn FnMut() -> JsValue> = Box::new(move || value().into());
            self.keep(name, value);
        }
    }

    fn keep(&mut self, name: &'static str, mut value: Box<dyn FnMut() -> JsValue>) {
        self.act(Box::new(move |element| {
            let element = element.clone();
            Box::new(RenderEffect::new(move |_: Option<()>| {
                let value = value();
                let name = JsValue::from_str(name);
                // Setting what it is already would move the cursor of an input.
                if js_sys::Reflect::get(&element, &name).ok().as_ref() != Some(&value) {
                    let _an_element_takes_any = js_sys::Reflect::set(&element, &name, &value);
                }
            }))
        }));
    }

    /// Tells `node` which element of the page it is, in a browser.
    pub fn refer<E>(&mut self, node: NodeRef<E>)
    where
        E: ElementType,
        E::Output: JsCast + Clone + 'static,
    {
        if cfg!(feature = "hydrate") {
            self.act(Box::new(move |element| {
                node.load(element);
                Box::new(())
            }));
        }
    }

    fn act(&mut self, deed: Deed) {
        self.0.acts.push(SendWrapper::new(deed));
    }
}

/// Listens to an element as long as it lives.
struct Ear {
    element: web_sys::Element,
    event: Cow<'static, str>,
    heard: wasm_bindgen::closure::Closure<dyn FnMut(web_sys::Event)>,
}

impl Ear {
    fn open(element: &web_sys::Element, event: Cow<'static, str>, heard: Box<dyn FnMut(web_sys::Event)>) -> Self {
        let heard = wasm_bindgen::closure::Closure::wrap(heard);
        let _never_refused = element.add_event_listener_with_callback(&event, heard.as_ref().unchecked_ref());
        Self { element: element.clone(), event, heard }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _never_refused = self.element.remove_event_listener_with_callback(&self.event, self.heard.as_ref().unchecked_ref());
    }
}

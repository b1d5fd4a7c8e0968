//! `view!`: what pages are written in. It reads like Leptos's macro of that name and makes values of one type, `app::view::Html`, where that one makes a
//! type of its own for every piece of a page, each with its own copy of all that can be done to it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use rstml::{
    Infallible, Parser, ParserConfig,
    node::{KeyedAttribute, KeyedAttributeValue, Node, NodeAttribute, NodeElement, NodeName},
};
use syn::{Expr, ExprLit, Lit, spanned::Spanned};

/// Elements that have no end tag.
const VOID: [&str; 7] = ["area", "br", "col", "hr", "img", "input", "meta"];
/// Elements of pictures.
const PICTURE: [&str; 9] = ["circle", "defs", "g", "line", "path", "rect", "svg", "text", "use"];

/// HTML with Rust in braces, as an `Html`. Of an element: `name="text"` and `name=expression` are attributes, expressions may be closures and signals and
/// are followed; `class:name=is_on` adds a class beside those that stay; `prop:name=closure` sets a property in the browser; `on:event=handler` listens; `inner_html=text` is
/// taken as it is; `node_ref=node` fills a `NodeRef`. What begins with a capital letter is a component.
#[proc_macro]
pub fn view(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let parser = Parser::new(ParserConfig::default().recover_block(true).always_self_closed_elements(VOID.into_iter().collect()));
    let (nodes, errors) = parser.parse_recoverable(TokenStream::from(input)).split_vec();
    let errors = errors.into_iter().map(|error| error.emit_as_expr_tokens());
    let html = html(&nodes);
    quote! {{ #(#errors;)* #html }}.into()
}

/// All of these, one after the other.
fn html(nodes: &[Node]) -> TokenStream {
    let mut all: Vec<TokenStream> = nodes.iter().map(node).collect();
    match all.len() {
        1 => all.remove(0),
        _ => quote! { crate::view::Html::Many(::std::vec![#(#all),*]) },
    }
}

fn node(node: &Node) -> TokenStream {
    match node {
        Node::Element(one) if is_component(one.name()) => component(one),
        Node::Element(one) => element(one),
        Node::Text(text) => {
            let text = &text.value;
            quote! { crate::view::Html::Text(::std::borrow::Cow::Borrowed(#text)) }
        }
        Node::Block(block) => quote_spanned! { block.span() => crate::view::Drawn::drawn({ #[allow(unused_braces)] #block }) },
        Node::Fragment(fragment) => html(&fragment.children),
        Node::Comment(_) => quote! { crate::view::Html::Many(::std::vec::Vec::new()) },
        Node::Doctype(_) | Node::RawText(_) | Node::Custom(_) => refused(node.span(), "quote text, and put Rust in braces"),
    }
}

fn is_component(name: &NodeName) -> bool {
    name.to_string().rsplit("::").next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_uppercase()))
}

fn element(element: &NodeElement<Infallible>) -> TokenStream {
    let tag = element.name().to_string();
    let kind = match tag.as_str() {
        tag if VOID.contains(&tag) => quote! { Void },
        tag if PICTURE.contains(&tag) => quote! { Picture },
        _ => quote! { Normal },
    };
    let it = Ident::new("it", Span::mixed_site());
    let (mut fixed, mut more) = (Vec::new(), Vec::new());
    for attribute in element.attributes() {
        match attribute {
            NodeAttribute::Attribute(one) => attribute_of(one, &it, &mut fixed, &mut more),
            NodeAttribute::Block(block) => more.push(refused(block.span(), "attributes have names")),
        }
    }
    let has = |found: fn(&str, &KeyedAttribute) -> bool| {
        element.attributes().iter().any(|attribute| matches!(attribute, NodeAttribute::Attribute(one) if found(&one.key.to_string(), one)))
    };
    let changes = has(|name, one| name == "class" && !matches!(one.value(), Some(Expr::Lit(_))));
    if changes && has(|name, _| name.starts_with("class:")) {
        more.push(refused(element.name().span(), "a class attribute that changes would take away what class: added"));
    }
    for child in &element.children {
        let child = node(child);
        more.push(quote! { #it.add(#child); });
    }
    let children = element.children.len();
    let made = quote! { crate::view::Element::new(#tag, crate::view::Kind::#kind, &[#(#fixed),*], #children) };
    match more.is_empty() {
        true => quote! { crate::view::Html::Element(#made) },
        false => quote! {{ let mut #it = #made; #(#more)* crate::view::Html::Element(#it) }},
    }
}

/// Words that are known now go to `fixed`; what is to be done at runtime to `more`.
fn attribute_of(attribute: &KeyedAttribute, it: &Ident, fixed: &mut Vec<TokenStream>, more: &mut Vec<TokenStream>) {
    let name = attribute.key.to_string();
    let value = attribute.value();
    let Some(value) = value else {
        match attribute.possible_value {
            KeyedAttributeValue::None => fixed.push(quote! { (#name, "") }),
            _ => more.push(refused(attribute.key.span(), "a value is written name=value")),
        }
        return;
    };
    let span = value.span();
    more.push(match name.split_once(':') {
        Some(("on", event)) => {
            let event = Ident::new(event, attribute.key.span());
            quote_spanned! { span => #it.on(::leptos::ev::#event, #value); }
        }
        Some(("class", class)) => quote_spanned! { span => #it.toggle(#class, crate::view::Worth::worth(#value)); },
        Some(("prop", property)) => quote_spanned! { span => #it.property(#property, #value); },
        Some(_) => refused(attribute.key.span(), "on:, class: or prop:"),
        None => match (name.as_str(), value) {
            ("inner_html", value) => quote_spanned! { span => #it.inner(crate::view::Worth::worth(#value)); },
            ("node_ref", value) => quote_spanned! { span => #it.refer(#value); },
            (_, Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => {
                fixed.push(quote! { (#name, #text) });
                return;
            }
            (_, value) => quote_spanned! { span => #it.set(#name, crate::view::Worth::worth(#value)); },
        },
    });
}

fn component(element: &NodeElement<Infallible>) -> TokenStream {
    let name = element.name();
    let mut properties = Vec::new();
    for attribute in element.attributes() {
        let NodeAttribute::Attribute(one) = attribute else {
            properties.push(refused(attribute.span(), "properties have names"));
            continue;
        };
        let key = Ident::new(&one.key.to_string(), one.key.span());
        properties.push(match one.value() {
            Some(value) => quote_spanned! { value.span() => .#key(#value) },
            None => quote! { .#key(#key) },
        });
    }
    let children = (!element.children.is_empty()).then(|| {
        let inner = html(&element.children);
        quote! { .children(::leptos::children::ToChildren::to_children(move || #inner)) }
    });
    quote_spanned! { name.span() =>
        crate::view::component(::leptos::component::component_view(#name, ::leptos::component::component_props_builder(&#name)#(#properties)*#children.build()))
    }
}

fn refused(span: Span, why: &str) -> TokenStream {
    quote_spanned! { span => ::std::compile_error!(#why) }
}

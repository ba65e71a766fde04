//! **What does this stanza say, and how do we say it?** A small strict XML reader, and a writer of our own.
//!
//! XMPP is XML without most of XML (RFC 6120 section 11.1). Prosody reads it with expat, as one stream, and whatever two readers
//! could take differently is a way past a guard. So one text is read to one [`Element`], by rules stricter than any server's
//! ([`read`]); the guard judges that; and what goes on is written anew from it ([`Element::write`]): no prefixes, namespaces where
//! they change, everything escaped. Nothing of the text itself goes on.
//!
//! What is read borrows from the text wherever nothing in it is escaped.

mod declaration;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{ATTRIBUTES_MAX, BINDINGS_MAX, NAMESPACE_MAX, read};

use std::borrow::Cow;

/// The namespace of the prefix `xml`, which is never declared (Namespaces in XML 1.0 section 3).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The namespace of declarations themselves. Nothing else is in it.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// What a client says over WebSocket: no attribute in a foreign namespace but `xml:lang`, 64 levels, 4000 nodes.
pub const CLIENT: Rules = Rules { default_ns: "jabber:client", declaration: false, foreign: Foreign::Listed(&[]), depth: 64, nodes: 4_000 };

/// What a server says: any attribute; and more nodes, for a BOSH body holds many stanzas.
pub const SERVER: Rules = Rules { default_ns: "jabber:client", declaration: true, foreign: Foreign::Any, depth: 64, nodes: 50_000 };

/// What may be read, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The default namespace around the text: that of the stream in which the server reads it. Empty for none.
    pub default_ns: &'static str,
    /// Whether a leading XML declaration (version 1.0, UTF-8), with white space behind it, is tolerated. It is dropped.
    pub declaration: bool,
    /// Which attributes may be in a namespace.
    pub foreign: Foreign,
    /// How many elements may stand in each other. Writing and dropping go down as deep on the stack: hundreds are too many.
    pub depth: usize,
    /// How many elements, attributes and texts there may be in all. Each costs less than 300 bytes of memory, besides the text.
    pub nodes: usize,
}

/// Which attributes in a namespace are read. Any other is a fault, and `xml:lang` never is one.
#[derive(Clone, Copy, Debug)]
pub enum Foreign {
    /// Those of these (namespace, name).
    Listed(&'static [(&'static str, &'static str)]),
    /// Any, `xml:space` and the like too: what a server says.
    Any,
}

/// Why a text is not read. It repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// The reason, a phrase for logs.
    pub what: &'static str,
}

/// An element: what it is called, and what is in it. Two are the same where they say the same in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its namespace; empty for none.
    pub ns: Cow<'a, str>,
    /// Its name, without a prefix.
    pub name: Cow<'a, str>,
    /// Its attributes, without namespace declarations.
    pub attrs: Vec<Attr<'a>>,
    /// What is in it.
    pub children: Vec<Node<'a>>,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attr<'a> {
    /// Its namespace; empty for none, and an attribute without a prefix is in none.
    pub ns: Cow<'a, str>,
    /// Its name, without a prefix.
    pub name: Cow<'a, str>,
    /// What it says, nothing escaped.
    pub value: Cow<'a, str>,
}

/// A part of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// An element.
    Element(Element<'a>),
    /// Text, nothing escaped. White space is text. The reader makes no empty text, and no two beside each other.
    Text(Cow<'a, str>),
}

impl<'a> Element<'a> {
    /// An element with nothing in it.
    pub fn new(ns: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>) -> Self {
        Self { ns: ns.into(), name: name.into(), attrs: Vec::new(), children: Vec::new() }
    }

    /// The same with this attribute, in no namespace, in place of any of that name.
    #[must_use]
    pub fn with_attr(self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.with_foreign_attr("", name, value)
    }

    /// The same with this attribute of a namespace (`xml:lang` is `lang` of [`XML`]), in place of any such.
    #[must_use]
    pub fn with_foreign_attr(mut self, ns: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.put(Attr { ns: ns.into(), name: name.into(), value: value.into() });
        self
    }

    /// The same with this element at its end.
    #[must_use]
    pub fn with_child(mut self, child: Element<'a>) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// The same with this text at its end.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<Cow<'a, str>>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// Whether it is called so, in this namespace.
    pub fn is(&self, ns: &str, name: &str) -> bool {
        self.name == name && self.ns == ns
    }

    /// The value of an attribute in no namespace.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.foreign_attr("", name)
    }

    /// The value of an attribute in a namespace.
    pub fn foreign_attr(&self, ns: &str, name: &str) -> Option<&str> {
        self.attrs.iter().find(|attr| attr.name == name && attr.ns == ns).map(|attr| &*attr.value)
    }

    /// Sets an attribute in no namespace.
    pub fn set_attr(&mut self, name: &'static str, value: impl Into<Cow<'a, str>>) {
        self.put(Attr { ns: Cow::Borrowed(""), name: Cow::Borrowed(name), value: value.into() });
    }

    /// Takes an attribute in no namespace away, where it is there.
    pub fn remove_attr(&mut self, name: &str) {
        self.attrs.retain(|attr| attr.name != name || !attr.ns.is_empty());
    }

    fn put(&mut self, attr: Attr<'a>) {
        match self.attrs.iter_mut().find(|old| old.name == attr.name && old.ns == attr.ns) {
            Some(old) => old.value = attr.value,
            None => self.attrs.push(attr),
        }
    }

    /// The elements directly in it.
    pub fn elements(&self) -> impl Iterator<Item = &Element<'a>> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first element of this name directly in it.
    pub fn child(&self, ns: &str, name: &str) -> Option<&Element<'a>> {
        self.elements().find(|element| element.is(ns, name))
    }

    /// The text directly in it, without that of elements in it.
    pub fn text(&self) -> Cow<'_, str> {
        let mut said = Cow::Borrowed("");
        for node in &self.children {
            match node {
                Node::Text(text) if said.is_empty() => said = Cow::Borrowed(&**text),
                Node::Text(text) => said.to_mut().push_str(text),
                Node::Element(_) => {}
            }
        }
        said
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Element<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        let attr = |attr: Attr<'a>| Attr { ns: own(attr.ns), name: own(attr.name), value: own(attr.value) };
        let node = |node: Node<'a>| match node {
            Node::Element(element) => Node::Element(element.into_owned()),
            Node::Text(text) => Node::Text(own(text)),
        };
        Element {
            ns: own(self.ns),
            name: own(self.name),
            attrs: self.attrs.into_iter().map(attr).collect(),
            children: self.children.into_iter().map(node).collect(),
        }
    }
}

/// Whether this is an NCName of ASCII alone: a name without a colon.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(begins_name) && bytes.all(in_name)
}

const fn begins_name(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'_')
}

const fn in_name(byte: u8) -> bool {
    begins_name(byte) || matches!(byte, b'0'..=b'9' | b'-' | b'.')
}

/// Whether this may be declared: a URI's characters (RFC 3986 section 2), not too many, and neither of the two reserved ones.
///
/// So a namespace has nothing that could be escaped, and nothing that a reader could use to glue it to a name.
fn is_namespace(text: &str) -> bool {
    let uri = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$()*+,;=%".contains(&byte);
    !text.is_empty() && text.len() <= NAMESPACE_MAX && text.bytes().all(uri) && text != XML && text != XMLNS
}

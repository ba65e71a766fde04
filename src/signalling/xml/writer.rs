//! **How is an element written?** In one form, whatever it was read from: two equal elements make the same text.
//!
//! - No prefixes on elements; `xmlns` where the namespace is not the one around. `xml:lang` stays so; other attributes in a namespace
//!   get the prefixes `ns0`, `ns1`…, declared in front of the attributes where no element around has done so.
//! - Single quotes, as Prosody writes. Escaped are `&`, `<`, `>`; in values both quotes, tab and line feed too; carriage returns.
//! - An element without children is `<name/>`.
//!
//! Whatever is in an element, the text is well-formed, and [`read`](super::read) with
//! [`Foreign::Any`](super::Foreign::Any) reads it, within its limits. What cannot be said is changed: a character that XML 1.0
//! does not have (section 2.2) becomes U+FFFD; a namespace that the reader would refuse is none; a wrong name of an element is `_`;
//! an attribute of wrong name or namespace, or the second of the same name, is left out. The reader makes none of these.
//!
//! It can be longer than what was read: namespaces stand where a prefix stood.

use super::{Attr, Element, Node, XML, is_name, is_namespace};

impl Element<'_> {
    /// Writes it, to stand where `inherited_ns` is the default namespace. The text is put behind what is in `out`.
    ///
    /// `read(e.to_xml(rules.default_ns), rules) == e` for whatever `e` was read by the same rules.
    pub fn write(&self, inherited_ns: &str, out: &mut String) {
        write(self, inherited_ns, &mut Vec::new(), out);
    }

    /// It as a text of its own, see [`write`](Self::write).
    pub fn to_xml(&self, inherited_ns: &str) -> String {
        let mut out = String::new();
        self.write(inherited_ns, &mut out);
        out
    }
}

/// Writes an element; `prefixed` are the namespaces of `ns0`, `ns1`… that are declared around it.
fn write<'e>(element: &'e Element<'_>, inherited_ns: &str, prefixed: &mut Vec<&'e str>, out: &mut String) {
    let name = if is_name(&element.name) { &*element.name } else { "_" };
    out.push('<');
    out.push_str(name);
    let mut ns = inherited_ns;
    if element.ns != inherited_ns {
        ns = if is_namespace(&element.ns) { &element.ns } else { "" };
        if ns != inherited_ns {
            out.push_str(" xmlns='");
            out.push_str(ns);
            out.push('\'');
        }
    }
    let outer = prefixed.len();
    for attr in element.attrs.iter().filter(|attr| is_namespace(&attr.ns) && is_name(&attr.name)) {
        if !prefixed.contains(&&*attr.ns) {
            out.push_str(&format!(" xmlns:ns{}='{}'", prefixed.len(), attr.ns));
            prefixed.push(&attr.ns);
        }
    }
    for (at, attr) in element.attrs.iter().enumerate() {
        if !element.attrs.iter().take(at).any(|earlier| earlier.name == attr.name && earlier.ns == attr.ns) {
            write_attr(attr, prefixed, out);
        }
    }
    if element.children.iter().all(|node| matches!(node, Node::Text(text) if text.is_empty())) {
        out.push_str("/>");
    } else {
        out.push('>');
        for node in &element.children {
            match node {
                Node::Element(child) => write(child, ns, prefixed, out),
                Node::Text(text) => escape(text, false, out),
            }
        }
        out.push_str("</");
        out.push_str(name);
        out.push('>');
    }
    prefixed.truncate(outer);
}

fn write_attr(attr: &Attr<'_>, prefixed: &[&str], out: &mut String) {
    // Without a prefix `xmlns` would be a declaration.
    if !is_name(&attr.name) || (attr.ns.is_empty() && attr.name == "xmlns") {
        return;
    }
    if attr.ns.is_empty() {
        out.push(' ');
    } else if attr.ns == XML {
        out.push_str(" xml:");
    } else if let Some(number) = prefixed.iter().position(|ns| attr.ns == *ns) {
        out.push_str(&format!(" ns{number}:"));
    } else {
        return;
    }
    out.push_str(&attr.name);
    out.push_str("='");
    escape(&attr.value, true, out);
    out.push('\'');
}

/// Writes text, or a value.
fn escape(text: &str, value: bool, out: &mut String) {
    let special = |byte: &u8| match byte {
        b'&' | b'<' | b'>' | 0xef => true,
        b'\t' | b'\n' | b'\'' | b'"' => value,
        other => *other < b' ',
    };
    let mut rest = text;
    while let Some(at) = rest.as_bytes().iter().position(special) {
        let Some((plain, from)) = rest.split_at_checked(at) else { break };
        out.push_str(plain);
        let mut chars = from.chars();
        match chars.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('\'') => out.push_str("&apos;"),
            Some('"') => out.push_str("&quot;"),
            Some('\t') => out.push_str("&#9;"),
            Some('\n') => out.push_str("&#10;"),
            Some('\r') => out.push_str("&#13;"),
            Some('\0'..' ' | '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

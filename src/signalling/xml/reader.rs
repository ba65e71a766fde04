//! **What does this text say, if it has only one reading?** XML 1.0 and Namespaces in XML 1.0, without what XMPP does without.
//!
//! Refused beside what is not well-formed: declarations of document types, processing instructions, comments, CDATA (RFC 6120
//! section 11.1 forbids all but the last); more than one element, or anything but white space behind it; references to other than
//! the five predefined entities and characters; names that are not ASCII; namespaces that are not a URI's characters or are
//! escaped; any prefix `xml` or `xmlns` where it is declared, or on an element.
//!
//! Line ends and white space in values are read as XML 1.0 sections 2.11 and 3.3.3 say, as expat does.

use std::borrow::Cow;

use super::declaration;
use super::{Attr, Element, Fault, Foreign, Node, Rules, XML, begins_name, in_name, is_namespace};

/// The most attributes of one element, besides declarations. Each is compared with all others.
pub const ATTRIBUTES_MAX: usize = 64;

/// The most declarations of prefixes around one place, hidden ones too. Each prefix is looked up among them.
pub const BINDINGS_MAX: usize = 32;

/// The longest namespace, in bytes. Elements that are owned have a copy each, and many that are written.
pub const NAMESPACE_MAX: usize = 256;

/// The most digits of a character reference: `&#1114111;`, `&#x10FFFF;`, leading noughts included.
const DIGITS_MAX: usize = 7;

/// What XML calls white space (XML 1.0 section 2.3).
pub(super) const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Reads a text that is one element.
///
/// # Errors
/// Where it is anything else, could be read in two ways, or goes beyond the rules.
pub fn read<'a>(text: &'a str, rules: &Rules) -> Result<Element<'a>, Fault> {
    let rest = if rules.declaration { declaration::behind(text)? } else { text };
    Reader { rest, rules, bindings: Vec::new(), raw: Vec::new(), nodes: 0 }.document()
}

struct Reader<'a, 'r> {
    /// What is not read yet.
    rest: &'a str,
    rules: &'r Rules,
    /// The prefixes declared so far, the innermost last, and what they stand for.
    bindings: Vec<(&'a str, &'a str)>,
    /// The attributes of the tag that is being read: their namespaces may be declared behind them.
    raw: Vec<Raw<'a>>,
    /// How many there were so far.
    nodes: usize,
}

/// An attribute as it stands there.
struct Raw<'a> {
    name: Name<'a>,
    value: Cow<'a, str>,
}

/// A name as it stands there; the prefix is empty where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name<'a> {
    prefix: &'a str,
    local: &'a str,
}

impl Name<'_> {
    /// Whether an attribute of this name declares a namespace.
    fn declares(&self) -> bool {
        self.prefix == "xmlns" || (self.prefix.is_empty() && self.local == "xmlns")
    }
}

/// An element whose end tag is to come.
struct Open<'a> {
    element: Element<'a>,
    name: Name<'a>,
    /// The default namespace in it.
    default: &'a str,
    /// How many prefixes were declared before its own.
    outer: usize,
}

const fn fault<T>(what: &'static str) -> Result<T, Fault> {
    Err(Fault { what })
}

impl<'a> Reader<'a, '_> {
    fn document(mut self) -> Result<Element<'a>, Fault> {
        if !self.rest.starts_with('<') {
            return fault("does not begin with an element");
        }
        let mut open: Vec<Open<'a>> = Vec::new();
        // Here the rest always begins with `<`.
        loop {
            let closed = if self.take("</") {
                let Some(top) = open.pop() else { return fault("an end tag without its start tag") };
                self.end_tag(top.name)?;
                Some(top)
            } else {
                let around = open.last().map_or(self.rules.default_ns, |parent| parent.default);
                let (begun, empty) = self.start_tag(around, open.len())?;
                if empty {
                    Some(begun)
                } else {
                    open.push(begun);
                    None
                }
            };
            if let Some(Open { element, outer, .. }) = closed {
                self.bindings.truncate(outer);
                match open.last_mut() {
                    Some(parent) => append(&mut parent.element.children, Node::Element(element)),
                    None if self.rest.trim_start_matches(BLANKS).is_empty() => return Ok(element),
                    None => return fault("something behind the element"),
                }
            }
            let text = self.value(None)?;
            if !text.is_empty() {
                self.count()?;
                if let Some(parent) = open.last_mut() {
                    append(&mut parent.element.children, Node::Text(text));
                }
            }
            if self.rest.is_empty() {
                return fault("ends within an element");
            }
        }
    }

    /// Reads a start tag where this is the default namespace, in so many others; and whether it is its own end.
    fn start_tag(&mut self, around: &'a str, depth: usize) -> Result<(Open<'a>, bool), Fault> {
        self.take("<");
        if self.rest.starts_with(['!', '?']) {
            return fault(self.unwanted());
        }
        if depth >= self.rules.depth {
            return fault("too deep");
        }
        self.count()?;
        let name = self.name()?;
        self.raw.clear();
        let empty = loop {
            let blank = self.blanks();
            if self.take(">") {
                break false;
            }
            if self.take("/>") {
                break true;
            }
            if self.rest.is_empty() {
                return fault("ends within a tag");
            }
            if !blank {
                return fault("no white space before an attribute");
            }
            self.attribute()?;
        };
        let outer = self.bindings.len();
        let default = self.declare()?.unwrap_or(around);
        let ns = match name.prefix {
            "" => default,
            "xml" | "xmlns" => return fault("an element with a reserved prefix"),
            prefix => self.namespace(prefix)?,
        };
        let attrs = self.attributes()?;
        let element = Element { ns: Cow::Borrowed(ns), name: Cow::Borrowed(name.local), attrs, children: Vec::new() };
        Ok((Open { element, name, default, outer }, empty))
    }

    /// Reads the rest of an end tag, which is that of the element of this name.
    fn end_tag(&mut self, of: Name<'a>) -> Result<(), Fault> {
        if self.name()? != of {
            return fault("an end tag of another element");
        }
        self.blanks();
        if self.take(">") { Ok(()) } else { fault("an end tag does not end") }
    }

    /// Reads an attribute, as yet without its namespace.
    fn attribute(&mut self) -> Result<(), Fault> {
        let name = self.name()?;
        if !name.declares() {
            self.count()?;
        }
        if self.raw.iter().any(|earlier| earlier.name == name) {
            return fault("an attribute twice");
        }
        if self.raw.len() > ATTRIBUTES_MAX.saturating_add(BINDINGS_MAX) {
            return fault("too many attributes");
        }
        self.blanks();
        if !self.take("=") {
            return fault("an attribute without a value");
        }
        self.blanks();
        let quote = if self.take("'") {
            b'\''
        } else if self.take("\"") {
            b'"'
        } else {
            return fault("a value without quotes");
        };
        let value = self.value(Some(quote))?;
        if !(self.take("'") || self.take("\"")) {
            return fault("ends within a value");
        }
        self.raw.push(Raw { name, value });
        Ok(())
    }

    /// Puts the declarations of the tag in force, and tells the default namespace where it declares one.
    fn declare(&mut self) -> Result<Option<&'a str>, Fault> {
        let mut default = None;
        for Raw { name, value } in self.raw.iter().filter(|raw| raw.name.declares()) {
            let Cow::Borrowed(ns) = *value else { return fault("a namespace with something escaped in it") };
            if name.prefix == "xmlns" && matches!(name.local, "xml" | "xmlns") {
                return fault("a reserved prefix declared");
            }
            if !ns.is_empty() && !is_namespace(ns) {
                return fault("a namespace that may not be declared");
            }
            if name.prefix.is_empty() {
                default = Some(ns);
                continue;
            }
            if ns.is_empty() {
                return fault("a prefix declared for no namespace");
            }
            if self.bindings.len() >= BINDINGS_MAX {
                return fault("too many prefixes");
            }
            self.bindings.push((name.local, ns));
        }
        Ok(default)
    }

    /// What the prefix stands for here.
    fn namespace(&self, prefix: &str) -> Result<&'a str, Fault> {
        match self.bindings.iter().rev().find(|(declared, _)| *declared == prefix) {
            Some((_, ns)) => Ok(ns),
            None => fault("a prefix that is not declared"),
        }
    }

    /// The attributes of the tag that are no declarations.
    fn attributes(&mut self) -> Result<Vec<Attr<'a>>, Fault> {
        let count = self.raw.iter().filter(|raw| !raw.name.declares()).count();
        if count > ATTRIBUTES_MAX {
            return fault("too many attributes");
        }
        let mut attrs: Vec<Attr<'a>> = Vec::with_capacity(count);
        let mut raw = std::mem::take(&mut self.raw);
        for Raw { name, value } in raw.drain(..).filter(|raw| !raw.name.declares()) {
            let ns = match name.prefix {
                "" => "",
                "xml" => XML,
                prefix => self.namespace(prefix)?,
            };
            if !ns.is_empty() {
                if !self.may_stand(ns, name.local) {
                    return fault("an attribute in a foreign namespace");
                }
                if attrs.iter().any(|earlier| earlier.name == name.local && earlier.ns == ns) {
                    return fault("an attribute twice");
                }
            }
            attrs.push(Attr { ns: Cow::Borrowed(ns), name: Cow::Borrowed(name.local), value });
        }
        self.raw = raw;
        Ok(attrs)
    }

    fn may_stand(&self, ns: &str, name: &str) -> bool {
        match self.rules.foreign {
            Foreign::Any => true,
            Foreign::Listed(list) => (ns == XML && name == "lang") || list.contains(&(ns, name)),
        }
    }

    /// Reads a name: one or two NCNames.
    fn name(&mut self) -> Result<Name<'a>, Fault> {
        let first = self.name_part()?;
        let name = if self.take(":") { Name { prefix: first, local: self.name_part()? } } else { Name { prefix: "", local: first } };
        if self.rest.starts_with(|next: char| next == ':' || !next.is_ascii()) {
            return fault("a name of other characters than ASCII's");
        }
        Ok(name)
    }

    fn name_part(&mut self) -> Result<&'a str, Fault> {
        let bytes = self.rest.as_bytes();
        if !bytes.first().copied().is_some_and(begins_name) {
            return fault("no name where one must be");
        }
        let end = bytes.iter().position(|byte| !in_name(*byte)).unwrap_or(bytes.len());
        Ok(self.split(end))
    }

    /// Reads text to the next `<`, or to the end; or a value to its quote.
    fn value(&mut self, quote: Option<u8>) -> Result<Cow<'a, str>, Fault> {
        let mut said = Cow::Borrowed("");
        loop {
            let end = plain(self.rest.as_bytes(), quote)?;
            let same = self.split(end);
            if said.is_empty() {
                said = Cow::Borrowed(same);
            } else if !same.is_empty() {
                said.to_mut().push_str(same);
            }
            // At a place where what is said may not be what stands there; `said` is then ours and not empty.
            let other = match self.rest.as_bytes().first() {
                None | Some(b'<') if quote.is_none() => return Ok(said),
                None => return fault("ends within a value"),
                Some(b'<') => return fault("a `<` in a value"),
                Some(b'&') => self.reference()?,
                Some(b'\t' | b'\n') => {
                    self.split(1);
                    ' '
                }
                Some(b'\r') => {
                    if !self.take("\r\n") {
                        self.split(1);
                    }
                    if quote.is_some() { ' ' } else { '\n' }
                }
                Some(byte) if Some(*byte) == quote => return Ok(said),
                Some(_) => return fault("a character that XML does not have"),
            };
            said.to_mut().push(other);
        }
    }

    /// Reads `&…;`.
    fn reference(&mut self) -> Result<char, Fault> {
        for (entity, means) in [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"'), ("&apos;", '\'')] {
            if self.take(entity) {
                return Ok(means);
            }
        }
        let radix = if self.take("&#x") {
            16
        } else if self.take("&#") {
            10
        } else {
            return fault("an entity that is not predefined");
        };
        let bytes = self.rest.as_bytes();
        let end = bytes.iter().take(DIGITS_MAX).position(|byte| !char::from(*byte).is_digit(radix)).unwrap_or(DIGITS_MAX);
        let digits = self.split(end.min(bytes.len()));
        if digits.is_empty() || !self.take(";") {
            return fault("a character reference of another form");
        }
        let number = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        match number.filter(|c| is_char(*c)) {
            Some(c) => Ok(c),
            None => fault("a character that XML does not have"),
        }
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes <= self.rules.nodes { Ok(()) } else { fault("too many nodes") }
    }

    /// What stands behind `<` where no tag does.
    fn unwanted(&self) -> &'static str {
        if self.rest.starts_with("!--") {
            "a comment"
        } else if self.rest.starts_with("![CDATA[") {
            "a CDATA section"
        } else if self.rest.starts_with('!') {
            "a markup declaration"
        } else {
            "a processing instruction or XML declaration"
        }
    }

    /// Passes white space, and tells whether there was any.
    fn blanks(&mut self) -> bool {
        let behind = self.rest.trim_start_matches(BLANKS);
        let any = behind.len() != self.rest.len();
        self.rest = behind;
        any
    }

    /// Passes this, where it comes next.
    fn take(&mut self, next: &str) -> bool {
        match self.rest.strip_prefix(next) {
            Some(behind) => {
                self.rest = behind;
                true
            }
            None => false,
        }
    }

    /// Passes so many bytes: a character's bounds, always.
    fn split(&mut self, at: usize) -> &'a str {
        let (before, behind) = self.rest.split_at_checked(at).unwrap_or((self.rest, ""));
        self.rest = behind;
        before
    }
}

/// Most elements have one child or none: room for four at once would be most of the memory of hostile ones.
fn append<'a>(children: &mut Vec<Node<'a>>, node: Node<'a>) {
    if children.is_empty() {
        children.reserve_exact(1);
    }
    children.push(node);
}

/// How many bytes of text (or, with its quote, of a value) stand for themselves.
fn plain(bytes: &[u8], quote: Option<u8>) -> Result<usize, Fault> {
    let special = |byte: &u8| match byte {
        b'<' | b'&' | 0xef => true,
        b']' => quote.is_none(),
        b'\t' | b'\n' => quote.is_some(),
        other => *other < b' ' || Some(*other) == quote,
    };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(special) {
        rest = rest.get(at..).unwrap_or_default();
        let pass = match rest {
            [b']', b']', b'>', ..] => return fault("`]]>` in text"),
            [0xef, 0xbf, 0xbe | 0xbf, ..] => return fault("a character that XML does not have"),
            [b']', ..] => 1,
            // The first of three bytes of another character.
            [0xef, ..] => 3,
            _ => return Ok(bytes.len().saturating_sub(rest.len())),
        };
        rest = rest.get(pass..).unwrap_or_default();
    }
    Ok(bytes.len())
}

/// XML 1.0 section 2.2.
const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

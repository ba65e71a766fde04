//! Whatever a client or a server says: what is read is written as a text that is read as the same, and written as the same again;
//! and another reader, quick-xml, reads in it what we do.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use roomgate::signalling::xml::{Attr, CLIENT, Element, Foreign, Node, Rules, SERVER, read};

/// What stands alone, as a BOSH body does.
const ALONE: Rules = Rules { default_ns: "", declaration: true, foreign: Foreign::Any, depth: 64, nodes: 4_000 };

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for rules in [CLIENT, SERVER, ALONE] {
        let Ok(element) = read(text, &rules) else { continue };
        let written = element.to_xml(rules.default_ns);
        let again = read(&written, &rules).expect("our own words are plain");
        assert_eq!(again, element, "{written}");
        assert_eq!(again.to_xml(rules.default_ns), written);
        assert_eq!(other_reader(&element.to_xml("")), element, "{written}");
    }
});

fn ns(resolved: &ResolveResult<'_>) -> String {
    match resolved {
        ResolveResult::Unbound => String::new(),
        ResolveResult::Bound(ns) => AsRef::<str>::as_ref(ns).to_owned(),
        ResolveResult::Unknown(prefix) => panic!("not declared: {prefix:?}"),
    }
}

/// What quick-xml reads.
fn other_reader(text: &str) -> Element<'static> {
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element<'static>> = Vec::new();
    loop {
        let mut closed = None;
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => open.push(begun(&reader, &start)),
            Event::Empty(start) => closed = Some(begun(&reader, &start)),
            Event::End(_) => closed = open.pop(),
            Event::Text(text) => add(&mut open, &text),
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().expect("well-formed") {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_xml_entity(&reference).expect("well-formed").to_owned(),
                };
                add(&mut open, &c);
            }
            other => panic!("{other:?}"),
        }
        if let Some(element) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(Node::Element(element)),
                None => {
                    assert!(matches!(reader.read_event().expect("well-formed"), Event::Eof));
                    return element;
                }
            }
        }
    }
}

fn add(open: &mut [Element<'static>], text: &str) {
    let children = &mut open.last_mut().expect("well-formed").children;
    match children.last_mut() {
        Some(Node::Text(before)) => before.to_mut().push_str(text),
        _ => children.push(Node::Text(text.to_owned().into())),
    }
}

fn begun(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Element<'static> {
    let (resolved, name) = reader.resolver().resolve_element(start.name());
    let mut element = Element::new(ns(&resolved), AsRef::<str>::as_ref(&name).to_owned());
    for attr in start.attributes() {
        let attr = attr.expect("well-formed");
        if attr.key.as_namespace_binding().is_some() {
            continue;
        }
        let (resolved, name) = reader.resolver().resolve_attribute(attr.key);
        let value = attr.normalized_value(quick_xml::XmlVersion::Explicit1_0).expect("well-formed").into_owned();
        element.attrs.push(Attr { ns: ns(&resolved).into(), name: AsRef::<str>::as_ref(&name).to_owned().into(), value: value.into() });
    }
    element
}

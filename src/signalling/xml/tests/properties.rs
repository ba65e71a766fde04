use proptest::prelude::*;
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use super::super::{Attr, CLIENT, Element, Node, Rules, SERVER, XML, read};

/// Without a default namespace around it, as quick-xml reads.
const ALONE: Rules = Rules { default_ns: "", ..SERVER };

/// What of an element another reader can be asked about: empty texts are none, and texts beside each other are one.
fn plain(element: &Element<'_>) -> Element<'static> {
    let mut plain = element.clone().into_owned();
    plain.children = Vec::new();
    for node in &element.children {
        match (node, plain.children.last_mut()) {
            (Node::Element(child), _) => plain.children.push(Node::Element(self::plain(child))),
            (Node::Text(text), _) if text.is_empty() => {}
            (Node::Text(text), Some(Node::Text(before))) => before.to_mut().push_str(text),
            (Node::Text(text), _) => plain.children.push(Node::Text(text.clone().into_owned().into())),
        }
    }
    plain
}

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
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push(begun(&reader, &start)),
            Event::Empty(start) => closed = Some(begun(&reader, &start)),
            Event::End(_) => closed = open.pop(),
            Event::Text(text) => add(&mut open, &text),
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().unwrap() {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_xml_entity(&reference).unwrap().to_owned(),
                };
                add(&mut open, &c);
            }
            other => panic!("{other:?}"),
        }
        if let Some(element) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(Node::Element(element)),
                None => {
                    assert!(matches!(reader.read_event().unwrap(), Event::Eof));
                    return element;
                }
            }
        }
    }
}

fn add(open: &mut [Element<'static>], text: &str) {
    let children = &mut open.last_mut().unwrap().children;
    match children.last_mut() {
        Some(Node::Text(before)) => before.to_mut().push_str(text),
        _ => children.push(Node::Text(text.to_owned().into())),
    }
}

fn begun(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Element<'static> {
    let (resolved, name) = reader.resolver().resolve_element(start.name());
    let mut element = Element::new(ns(&resolved), AsRef::<str>::as_ref(&name).to_owned());
    for attr in start.attributes() {
        let attr = attr.unwrap();
        if attr.key.as_namespace_binding().is_some() {
            continue;
        }
        let (resolved, name) = reader.resolver().resolve_attribute(attr.key);
        let value = attr.normalized_value(quick_xml::XmlVersion::Explicit1_0).unwrap().into_owned();
        element.attrs.push(Attr { ns: ns(&resolved).into(), name: AsRef::<str>::as_ref(&name).to_owned().into(), value: value.into() });
    }
    element
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["presence", "iq", "message", "x", "a", "b"]).prop_map(str::to_owned),
        "[A-Za-z_][A-Za-z0-9_.-]{0,6}"
    ]
}

fn namespace() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "jabber:client", "urn:a", "urn:b", "http://jabber.org/protocol/muc"])
}

/// Whatever XML can hold, much of it special.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "[&<>\"'\\]\t\r\n a]{1,8}", "[\\PC\t\r\n]{0,8}"].prop_map(|text| text.replace(['\u{fffe}', '\u{ffff}'], ""))
}

fn attrs(ns: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Vec<(&'static str, String, String)>> {
    prop::collection::vec((ns, name().prop_filter("a declaration", |name| name != "xmlns"), text()), 0..4)
}

fn with_attrs(element: Element<'static>, attrs: Vec<(&'static str, String, String)>) -> Element<'static> {
    attrs.into_iter().fold(element, |element, (ns, name, value)| element.with_foreign_attr(ns, name, value))
}

/// Any element that the reader could make, but for texts beside each other and empty ones.
fn element() -> impl Strategy<Value = Element<'static>> {
    let foreign = || prop_oneof![4 => Just(""), 1 => Just(XML), 2 => namespace()];
    let leaf = (namespace(), name(), attrs(foreign())).prop_map(|(ns, name, attrs)| with_attrs(Element::new(ns, name), attrs));
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let node = prop_oneof![inner.prop_map(Node::Element), text().prop_map(|text| Node::Text(text.into()))];
        let parts = (namespace(), name(), attrs(foreign()), prop::collection::vec(node, 0..5));
        parts.prop_map(|(ns, name, attrs, children)| Element { children, ..with_attrs(Element::new(ns, name), attrs) })
    })
}

/// Things no reader makes.
fn wild() -> impl Strategy<Value = Element<'static>> {
    let any = || prop_oneof!["[a-z:x<>'\"& =\0\u{fffe}]{0,6}", any::<String>(), Just("xmlns".to_owned()), Just(XML.to_owned())];
    let attr = (any(), any(), any()).prop_map(|(ns, name, value)| Attr { ns: ns.into(), name: name.into(), value: value.into() });
    let leaf = (any(), any(), prop::collection::vec(attr, 0..4)).prop_map(|(ns, name, attrs)| Element { attrs, ..Element::new(ns, name) });
    (leaf.clone(), any(), leaf).prop_map(|(outer, text, inner)| outer.with_text(text).with_child(inner))
}

/// Pieces of XML in any order: now and then they make some.
fn soup() -> impl Strategy<Value = String> {
    let pieces = vec![
        "<",
        ">",
        "/>",
        "</",
        "a",
        "b",
        "p:",
        "xml:",
        "xmlns",
        "xmlns:p",
        "=",
        "'",
        "\"",
        " ",
        "\t",
        "\r\n",
        "&",
        "&lt;",
        "&#13;",
        "&#x1F600;",
        "&#0;",
        "]]>",
        "]",
        "<!--",
        "<![CDATA[",
        "<?",
        "x",
        "urn:p",
        "jabber:client",
        "<a>",
        "</a>",
        "<a/>",
        "<p:a xmlns:p='urn:p'>",
        "</p:a>",
        " b='1'",
        " p:b='2'",
        " xml:lang='en'",
        " xmlns='urn:q'",
        " xmlns=''",
        "\u{ffff}",
        "ﷲ",
    ];
    (
        prop::sample::select(vec!["<a", "<a>", "<p:a xmlns:p='urn:p'>", ""]),
        prop::collection::vec(prop::sample::select(pieces), 0..12),
        prop::sample::select(vec!["</a>", "/>", "</p:a>", ""]),
    )
        .prop_map(|(before, middle, after)| format!("{before}{}{after}", middle.concat()))
}

fn is_fixed(text: &str, rules: &Rules) {
    let Ok(element) = read(text, rules) else { return };
    let written = element.to_xml(rules.default_ns);
    let again = read(&written, rules).unwrap_or_else(|fault| panic!("{text:?} as {written:?}: {fault}"));
    assert_eq!(again, element, "{text:?} as {written:?}");
    assert_eq!(again.to_xml(rules.default_ns), written);
    assert_eq!(other_reader(&element.to_xml("")), element, "{text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_is_written_is_read_as_the_same(element in element(), ns in namespace()) {
        let rules = Rules { default_ns: ns, ..SERVER };
        let written = element.to_xml(ns);
        let same = read(&written, &rules).map_err(|fault| TestCaseError::fail(format!("{written}: {fault}")))?;
        prop_assert_eq!(&same, &plain(&element));
        prop_assert_eq!(same.to_xml(ns), written.as_str());
        prop_assert_eq!(same.clone().into_owned(), same);
    }

    #[test]
    fn another_reader_reads_the_same(element in element()) {
        let written = element.to_xml("");
        prop_assert_eq!(other_reader(&written), plain(&element), "{}", written);
    }

    #[test]
    fn whatever_is_put_in_it_is_well_formed(element in wild()) {
        let written = element.to_xml("");
        let same = read(&written, &ALONE).map_err(|fault| TestCaseError::fail(format!("{written:?}: {fault}")))?;
        prop_assert_eq!(same.to_xml(""), written.clone());
        prop_assert_eq!(other_reader(&written), same);
    }

    #[test]
    fn whatever_is_read_is_fixed_when_written(text in soup()) {
        is_fixed(&text, &CLIENT);
        is_fixed(&text, &SERVER);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        is_fixed(&text, &SERVER);
        is_fixed(&format!("<a b='{text}'>"), &CLIENT);
        is_fixed(&format!("<a b='{text}'/>"), &CLIENT);
        is_fixed(&format!("<a>{text}</a>"), &CLIENT);
    }
}

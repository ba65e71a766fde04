use super::super::{ATTRIBUTES_MAX, Attr, BINDINGS_MAX, CLIENT, Element, NAMESPACE_MAX, Node, SERVER};
use super::{said, what};

/// The largest message of a client.
const MESSAGE: usize = 256 * 1024;

/// What an element has on the heap besides the text.
fn heap(element: &Element<'_>) -> usize {
    let own = element.attrs.capacity() * size_of::<Attr<'_>>() + element.children.capacity() * size_of::<Node<'_>>();
    own + element.elements().map(heap).sum::<usize>()
}

#[test]
fn no_deeper_than_the_rules_say() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    said(&nested(64), &CLIENT);
    assert_eq!(what(&nested(65), &CLIENT), "too deep");
    assert_eq!(what(&"<a>".repeat(MESSAGE), &CLIENT), "too deep");
    let empty = format!("{}<b/>{}", "<a>".repeat(64), "</a>".repeat(64));
    assert_eq!(what(&empty, &CLIENT), "too deep");
    // Beside each other is not in each other.
    said(&format!("<a>{}</a>", "<b><c/></b>".repeat(200)), &CLIENT);
}

#[test]
fn no_more_nodes_than_the_rules_say() {
    let filled = |part: &str, count: usize| format!("<a>{}</a>", part.repeat(count));
    // The one around them counts.
    for (part, nodes) in
        [("<b/>", 1), ("<b>x</b>", 2), ("<b c=''/>", 2), ("<b/>x", 2), ("<b c='' d=''>x<e/></b>", 5), ("<b xmlns='urn:c'/>", 1)]
    {
        let most = 3_999 / nodes;
        said(&filled(part, most), &CLIENT);
        assert_eq!(what(&filled(part, most + 1), &CLIENT), "too many nodes", "{part}");
    }
    said(&filled("<b/>", 49_999), &SERVER);
    assert_eq!(what(&filled("<b/>", 50_000), &SERVER), "too many nodes");
}

#[test]
fn no_more_attributes_than_any_element_has() {
    let with = |count: usize| format!("<a{}/>", (0..count).map(|n| format!(" b{n}=''")).collect::<String>());
    said(&with(ATTRIBUTES_MAX), &CLIENT);
    assert_eq!(what(&with(ATTRIBUTES_MAX + 1), &CLIENT), "too many attributes");
    assert_eq!(what(&with(3_000), &CLIENT), "too many attributes");
}

#[test]
fn no_more_prefixes_than_any_stanza_has() {
    let with = |count: usize| (0..count).map(|n| format!(" xmlns:p{n}='urn:p'")).collect::<String>();
    said(&format!("<a xmlns='urn:a'{}/>", with(BINDINGS_MAX)), &CLIENT);
    assert_eq!(what(&format!("<a{}/>", with(BINDINGS_MAX + 1)), &CLIENT), "too many prefixes");
    assert_eq!(what(&format!("<a{}/>", with(3_000)), &CLIENT), "too many attributes");
    // Hidden ones count, those of elements that are over do not.
    let hidden = |count: usize| format!("{}{}", "<a xmlns:p='urn:p'>".repeat(count), "</a>".repeat(count));
    said(&hidden(BINDINGS_MAX), &CLIENT);
    assert_eq!(what(&hidden(BINDINGS_MAX + 1), &CLIENT), "too many prefixes");
    said(&format!("<a>{}</a>", "<b xmlns:p='urn:p'/>".repeat(1_000)), &CLIENT);
}

#[test]
fn no_longer_namespace_than_any_is() {
    let long = |length: usize| format!("<a xmlns='{}'/>", "u".repeat(length));
    said(&long(NAMESPACE_MAX), &CLIENT);
    assert_eq!(what(&long(NAMESPACE_MAX + 1), &CLIENT), "a namespace that may not be declared");
}

#[test]
fn what_is_read_can_be_read_as_it_is_written() {
    // The most of everything that leads to declarations where there were none.
    let prefixes: String = (0..BINDINGS_MAX).map(|n| format!(" xmlns:p{n}='urn:p{n}'")).collect();
    let attrs: String = (0..ATTRIBUTES_MAX).map(|n| format!(" p{}:b{n}=''", n % BINDINGS_MAX)).collect();
    let text = format!("<a{prefixes}>{}{}</a>", format!("<b{attrs}>").repeat(60), "</b>".repeat(60));
    let element = said(&text, &SERVER);
    let written = element.to_xml(SERVER.default_ns);
    assert_eq!(said(&written, &SERVER), element);
    assert!(written.len() < text.len() + MESSAGE);
    let text = format!("<a xmlns:p='urn:p'>{}{}</a>", "<p:b><c>".repeat(31), "</c></p:b>".repeat(31));
    let element = said(&text, &CLIENT);
    assert_eq!(said(&element.to_xml("jabber:client"), &CLIENT), element);
}

#[test]
fn a_hostile_message_takes_little_memory() {
    let attrs: String = (0..8).map(|n| format!(" b{n}=''")).collect();
    let many = format!("<b{attrs}/>");
    for (part, nodes) in [
        ("<b/>", 1),
        ("<b>x</b>", 2),
        ("<b c=''/>", 2),
        ("<b c=''>x</b>", 3),
        ("<b>x<c/></b>", 3),
        ("<b>x<c/>x<c/>x</b>", 6),
        ("<b><c><d>x</d></c></b>", 4),
        ("x<b/>", 2),
        (&many, 9),
    ] {
        for rules in [CLIENT, SERVER] {
            let text = format!("<a>{}</a>", part.repeat((rules.nodes - 1) / nodes));
            let taken = heap(&said(&text, &rules));
            assert!(taken <= rules.nodes * 300, "{part}: {} bytes a node", taken / rules.nodes);
        }
    }
}

#[test]
fn one_long_text_is_no_matter() {
    for text in [format!("<a>{}</a>", "&#9;".repeat(65_000)), format!("<a b='{}'/>", "&#9;".repeat(65_000))] {
        let element = said(&text, &CLIENT);
        assert_eq!(said(&element.to_xml("jabber:client"), &CLIENT), element);
    }
    for text in [format!("<a>{}</a>", "x&lt;".repeat(50_000)), format!("<a>{}</a>", "]ﷲ]".repeat(50_000))] {
        assert_eq!(said(&text, &CLIENT).to_xml("jabber:client"), text);
    }
}

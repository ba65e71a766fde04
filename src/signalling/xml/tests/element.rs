use std::borrow::Cow;

use super::super::{Attr, CLIENT, Element, Node, XML, read};
use super::{CONFERENCE, JOIN, said};

#[test]
fn a_join_is_asked_what_it_says() {
    let join = said(JOIN, &CLIENT);
    assert!(join.is("jabber:client", "presence") && !join.is("jabber:server", "presence") && !join.is("jabber:client", "iq"));
    assert_eq!(join.attr("to"), Some("lab@muc.meet.example/abcd1234"));
    assert_eq!(join.attr("xmlns"), None);
    let names: Vec<&str> = join.elements().map(|e| &*e.name).collect();
    assert_eq!(names, ["x", "stats-id", "c", "nick"]);
    assert_eq!(join.child("http://jabber.org/protocol/nick", "nick").map(|nick| nick.text()).as_deref(), Some("Ann & Bob"));
    assert_eq!(join.child("jabber:client", "nick"), None);
    assert_eq!(join.child("jabber:client", "stats-id").map(Element::text), Some(Cow::Borrowed("Ann-x1")));
}

#[test]
fn it_is_changed() {
    let mut iq = said(CONFERENCE, &CLIENT);
    iq.set_attr("id", String::from("other"));
    iq.set_attr("from", "ann@meet.example/x");
    iq.remove_attr("type");
    iq.remove_attr("absent");
    assert_eq!(iq.attr("id"), Some("other"));
    assert_eq!(iq.attr("type"), None);
    assert!(iq.to_xml("jabber:client").starts_with("<iq to='focus.meet.example' id='other' from='ann@meet.example/x'><conference xmlns="));
}

#[test]
fn it_is_built() {
    let error = Element::new("jabber:client", "presence")
        .with_attr("type", "unavailable")
        .with_attr("type", "error")
        .with_foreign_attr(XML, "lang", "en")
        .with_child(
            Element::new("jabber:client", "error")
                .with_attr("type", "cancel")
                .with_child(Element::new("urn:ietf:params:xml:ns:xmpp-stanzas", "not-allowed"))
                .with_child(Element::new("urn:ietf:params:xml:ns:xmpp-stanzas", "text").with_text("No, not ").with_text("<now>")),
        );
    assert_eq!(error.foreign_attr(XML, "lang"), Some("en"));
    assert_eq!(error.attr("lang"), None);
    let text = error.child("jabber:client", "error").and_then(|e| e.child("urn:ietf:params:xml:ns:xmpp-stanzas", "text")).unwrap();
    assert_eq!(text.text(), "No, not <now>");
    assert_eq!(
        error.to_xml(""),
        "<presence xmlns='jabber:client' type='error' xml:lang='en'><error type='cancel'>\
         <not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>No, not &lt;now&gt;</text></error></presence>"
    );
}

#[test]
fn removing_leaves_the_same_name_of_another_namespace() {
    let mut message = said("<message lang='x' xml:lang='de'/>", &CLIENT);
    message.remove_attr("lang");
    assert_eq!(message.attrs, [Attr { ns: XML.into(), name: "lang".into(), value: "de".into() }]);
    message.set_attr("lang", "y");
    assert_eq!(message.to_xml("jabber:client"), "<message xml:lang='de' lang='y'/>");
}

#[test]
fn own_text_is_that_between_elements() {
    let body = said("<body>one <b>two</b> three</body>", &CLIENT);
    assert_eq!(body.text(), "one  three");
    assert_eq!(said("<body/>", &CLIENT).text(), "");
}

#[test]
fn only_what_is_escaped_is_copied() {
    fn borrowed(element: &Element<'_>) -> bool {
        let is = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
        let attrs = element.attrs.iter().all(|attr| is(&attr.ns) && is(&attr.name) && is(&attr.value));
        let children = element.children.iter().all(|node| match node {
            Node::Element(child) => borrowed(child),
            Node::Text(text) => is(text),
        });
        is(&element.ns) && is(&element.name) && attrs && children
    }
    assert!(borrowed(&said(CONFERENCE, &CLIENT)));
    assert!(borrowed(&said("<a b='[x]] ﷲ＠'>é ﷲ [x]] ]&#x3e;</a>".replace("&#x3e;", ">").replace("]] ]>", "]>").as_str(), &CLIENT)));
    assert!(!borrowed(&said(JOIN, &CLIENT)));
}

#[test]
fn it_lives_longer_than_its_text() {
    let owned: Element<'static> = {
        let text = JOIN.to_owned();
        read(&text, &CLIENT).unwrap().into_owned()
    };
    assert_eq!(owned, said(JOIN, &CLIENT));
}

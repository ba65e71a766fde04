use super::super::{Attr, Element, SERVER, XML, read};
use super::said;

#[test]
fn namespaces_stand_where_they_change() {
    let iq = Element::new("jabber:client", "iq").with_child(Element::new("", "x").with_child(Element::new("jabber:client", "y")));
    assert_eq!(iq.to_xml("jabber:client"), "<iq><x xmlns=''><y xmlns='jabber:client'/></x></iq>");
    assert_eq!(iq.to_xml(""), "<iq xmlns='jabber:client'><x xmlns=''><y xmlns='jabber:client'/></x></iq>");
    let x = Element::new("", "x");
    assert_eq!((x.to_xml(""), x.to_xml("urn:y")), ("<x/>".to_owned(), "<x xmlns=''/>".to_owned()));
    let mut out = String::from("<a>");
    x.write("", &mut out);
    assert_eq!(out, "<a><x/>");
}

#[test]
fn nothing_can_get_out_of_text_or_a_value() {
    let hostile = "</a><b c='d' e=\"f\">]]>&amp;&#x3c;\t\r\n<!-- --><![CDATA[";
    let element = Element::new("jabber:client", "a").with_attr("b", hostile).with_text(hostile);
    assert_eq!(
        element.to_xml("jabber:client"),
        "<a b='&lt;/a&gt;&lt;b c=&apos;d&apos; e=&quot;f&quot;&gt;]]&gt;&amp;amp;&amp;#x3c;&#9;&#13;&#10;&lt;!-- --&gt;&lt;![CDATA['>\
         &lt;/a&gt;&lt;b c='d' e=\"f\"&gt;]]&gt;&amp;amp;&amp;#x3c;\t&#13;\n&lt;!-- --&gt;&lt;![CDATA[</a>"
    );
    assert_eq!(said(&element.to_xml("jabber:client"), &SERVER), element);
}

#[test]
fn what_xml_cannot_hold_is_changed_or_left_out() {
    for (element, text) in [
        (Element::new("", "a").with_text("x\0\u{1f}\u{fffe}y\u{ffff}"), "<a>x\u{fffd}\u{fffd}\u{fffd}y\u{fffd}</a>"),
        (Element::new("", "a").with_attr("b", "\0ﷲ\u{fffe}"), "<a b='\u{fffd}ﷲ\u{fffd}'/>"),
        (Element::new("", "a").with_text("").with_text(""), "<a/>"),
        (Element::new("", "a b='c'"), "<_/>"),
        (Element::new("", ""), "<_/>"),
        (Element::new("", "p:a").with_text("x"), "<_>x</_>"),
        (Element::new("x' y='", "a"), "<a/>"),
        (Element::new("x' y='", "a").with_child(Element::new("urn:b", "b")), "<a><b xmlns='urn:b'/></a>"),
        (Element::new(XML, "a"), "<a/>"),
        (Element::new("http://www.w3.org/2000/xmlns/", "a"), "<a/>"),
        (Element::new("", "a").with_attr("xmlns", "urn:b"), "<a/>"),
        (Element::new("", "a").with_attr("xmlns:b", "urn:b").with_attr("c", "d"), "<a c='d'/>"),
        (Element::new("", "a").with_attr("b='' c", "d"), "<a/>"),
        (Element::new("", "a").with_attr("", "d"), "<a/>"),
        (Element::new("", "a").with_foreign_attr("http://www.w3.org/2000/xmlns/", "b", "c"), "<a/>"),
        (Element::new("", "a").with_foreign_attr("x'", "b", "c"), "<a/>"),
        (Element::new("", "a").with_foreign_attr("urn:b", "xmlns", "c"), "<a xmlns:ns0='urn:b' ns0:xmlns='c'/>"),
        (Element::new("", "a").with_foreign_attr("urn:b", "b c", "d"), "<a/>"),
        (Element::new("", "a").with_foreign_attr(XML, "lang", "'"), "<a xml:lang='&apos;'/>"),
    ] {
        assert_eq!(element.to_xml(""), text, "{element:?}");
        let rules = super::Rules { default_ns: "", ..SERVER };
        assert_eq!(read(text, &rules).unwrap().to_xml(""), text);
    }
    let mut twice = Element::new("", "a").with_attr("b", "1");
    twice.attrs.push(Attr { ns: "".into(), name: "b".into(), value: "2".into() });
    assert_eq!(twice.to_xml(""), "<a b='1'/>");
}

#[test]
fn around_another_default_namespace_none_is_said() {
    assert_eq!(Element::new("not one", "a").to_xml("jabber:client"), "<a xmlns=''/>");
}

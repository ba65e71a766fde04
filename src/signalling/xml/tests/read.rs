use super::super::{CLIENT, Fault, SERVER, XML, read};
use super::{BODY, CONFERENCE, JOIN, again, said, what};

/// `(a text, the same in our words)`, where `jabber:client` is around it.
const SAME: &[(&str, &str)] = &[
    // Tags.
    ("<a/>", "<a/>"),
    ("<a />", "<a/>"),
    ("<a></a>", "<a/>"),
    ("<a\n\t\r >\n</a\r\n>", "<a>\n</a>"),
    ("<a/>\r\n \t", "<a/>"),
    ("<_a-b.c1/>", "<_a-b.c1/>"),
    ("<xmlns/>", "<xmlns/>"),
    ("<xml/>", "<xml/>"),
    ("<a>>/></a>", "<a>&gt;/&gt;</a>"),
    // Attributes.
    ("<a b='c'/>", "<a b='c'/>"),
    ("<a b=\"c\"/>", "<a b='c'/>"),
    ("<a\nb\t=\r'c'\nd = \"\" />", "<a b='c' d=''/>"),
    ("<a b='\"' c=\"'\"/>", "<a b='&quot;' c='&apos;'/>"),
    ("<a b='>'/>", "<a b='&gt;'/>"),
    ("<a b=']]>'/>", "<a b=']]&gt;'/>"),
    ("<a b='1' B='2'/>", "<a b='1' B='2'/>"),
    ("<a XMLNS='b'/>", "<a XMLNS='b'/>"),
    ("<a xml:lang='en'/>", "<a xml:lang='en'/>"),
    // Values are normalised: what stands there becomes blanks, what is referred to stays.
    ("<a b='x\ty\nz\rw'/>", "<a b='x y z w'/>"),
    ("<a b='x\r\ny\n\rz'/>", "<a b='x y  z'/>"),
    ("<a b='  x  '/>", "<a b='  x  '/>"),
    ("<a b='&#9;&#xA;&#xd;&#32;'/>", "<a b='&#9;&#10;&#13; '/>"),
    ("<a b='&lt;&gt;&amp;&quot;&apos;'/>", "<a b='&lt;&gt;&amp;&quot;&apos;'/>"),
    // Text.
    ("<a>x\r\ny\rz\n</a>", "<a>x\ny\nz\n</a>"),
    ("<a>\r\r\n\n</a>", "<a>\n\n\n</a>"),
    ("<a>&#13;&#xA;\t</a>", "<a>&#13;\n\t</a>"),
    ("<a>&lt;&gt;&amp;&quot;&apos;\"'</a>", "<a>&lt;&gt;&amp;\"'\"'</a>"),
    ("<a>&amp;lt;</a>", "<a>&amp;lt;</a>"),
    ("<a>&#38;#60;</a>", "<a>&amp;#60;</a>"),
    ("<a>]] ]></a>", "<a>]] ]&gt;</a>"),
    ("<a>]]&gt;]]&#62;</a>", "<a>]]&gt;]]&gt;</a>"),
    ("<a>&#65;&#x41;&#0000065;&#x000041;&#x0000041;</a>", "<a>AAAAA</a>"),
    ("<a>&#x10FFFF;&#1114111;&#xfFfD;&#xd7ff;&#xE000;&#x10000;</a>", "<a>\u{10ffff}\u{10ffff}\u{fffd}\u{d7ff}\u{e000}\u{10000}</a>"),
    (
        "<a>\u{7f}\u{80}\u{85}\u{9f}\u{2028}\u{feff}\u{fdd0}\u{fffd}\u{1fffe}</a>",
        "<a>\u{7f}\u{80}\u{85}\u{9f}\u{2028}\u{feff}\u{fdd0}\u{fffd}\u{1fffe}</a>",
    ),
    ("<a b='ﷲ\u{fffd}é'>日本ﷲ\u{ff20}</a>", "<a b='ﷲ\u{fffd}é'>日本ﷲ\u{ff20}</a>"),
    // Namespaces.
    ("<a xmlns='jabber:client'/>", "<a/>"),
    ("<a xmlns='urn:b'/>", "<a xmlns='urn:b'/>"),
    ("<a xmlns='Jabber:client'/>", "<a xmlns='Jabber:client'/>"),
    ("<a xmlns=''/>", "<a xmlns=''/>"),
    ("<a xmlns=''><b xmlns='jabber:client'/><c/></a>", "<a xmlns=''><b xmlns='jabber:client'/><c/></a>"),
    ("<a><b xmlns='urn:b'><c/></b><d/></a>", "<a><b xmlns='urn:b'><c/></b><d/></a>"),
    ("<p:a xmlns:p='jabber:client'/>", "<a/>"),
    ("<p:a xmlns:p='urn:p'><b/><p:c/></p:a>", "<a xmlns='urn:p'><b xmlns='jabber:client'/><c/></a>"),
    ("<p:a xmlns:p='urn:p'><p:b xmlns:p='urn:q'/><p:c/></p:a>", "<a xmlns='urn:p'><b xmlns='urn:q'/><c/></a>"),
    ("<p:a xmlns='urn:d' xmlns:p='jabber:client'><b/></p:a>", "<a><b xmlns='urn:d'/></a>"),
    ("<a xmlns:p='urn:p'/>", "<a/>"),
    ("<a xmlns:P='urn:1' xmlns:p='urn:2'><P:b/><p:b/></a>", "<a><b xmlns='urn:1'/><b xmlns='urn:2'/></a>"),
    ("<a xmlns:xmlx='urn:1'><xmlx:b/></a>", "<a><b xmlns='urn:1'/></a>"),
    // An attribute without a prefix is in no namespace, and not in its element's.
    ("<p:a xmlns:p='urn:p' b='1' p:b='2'/>", "<a xmlns='urn:p' xmlns:ns0='urn:p' b='1' ns0:b='2'/>"),
    ("<a p:b='1' xmlns:p='urn:p'/>", "<a xmlns:ns0='urn:p' ns0:b='1'/>"),
    (
        "<a p:b='1' q:b='2' p:c='3' xmlns:p='urn:p' xmlns:q='urn:q'/>",
        "<a xmlns:ns0='urn:p' xmlns:ns1='urn:q' ns0:b='1' ns1:b='2' ns0:c='3'/>",
    ),
    (
        "<a xmlns:p='urn:p' xmlns:q='urn:q' p:x='1'><b q:x='2'><c p:x='3'/></b><d q:x='4'/></a>",
        "<a xmlns:ns0='urn:p' ns0:x='1'><b xmlns:ns1='urn:q' ns1:x='2'><c ns0:x='3'/></b><d xmlns:ns1='urn:q' ns1:x='4'/></a>",
    ),
    ("<a xml:space='preserve' xml:base='x'/>", "<a xml:space='preserve' xml:base='x'/>"),
];

#[test]
fn what_has_one_reading_is_read() {
    for (text, same) in SAME {
        assert_eq!(again(text), *same, "{text}");
        assert_eq!(again(same), *same, "{text}");
        assert_eq!(said(same, &SERVER), said(text, &SERVER), "{text}");
    }
}

#[test]
fn real_stanzas_are_read() {
    assert_eq!(
        said(JOIN, &CLIENT).to_xml("jabber:client"),
        "<presence to='lab@muc.meet.example/abcd1234'><x xmlns='http://jabber.org/protocol/muc'/><stats-id>Ann-x1</stats-id>\
         <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://jitsi.org/jitsi-meet' \
         ver='cvjWXufsg5xwYlPkrPcYV0FOkT0='/><nick xmlns='http://jabber.org/protocol/nick'>Ann &amp; Bob</nick></presence>"
    );
    let iq = said(CONFERENCE, &CLIENT);
    let conference = iq.child("http://jitsi.org/protocol/focus", "conference").unwrap();
    assert_eq!(conference.attr("room"), Some("lab@muc.meet.example"));
    assert!(conference.child("http://jitsi.org/protocol/focus", "property").is_some());
    let features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>\
                    <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind></stream:features>";
    assert!(said(features, &SERVER).is("http://etherx.jabber.org/streams", "features"));
}

#[test]
fn a_body_has_the_attributes_of_its_list() {
    let text = "<body rid='1' xmlns='http://jabber.org/protocol/httpbind' xmpp:version='1.0' xml:lang='en' xmlns:xmpp='urn:xmpp:xbosh'/>";
    let body = said(text, &BODY);
    assert!(body.is("http://jabber.org/protocol/httpbind", "body"));
    assert_eq!(body.foreign_attr("urn:xmpp:xbosh", "version"), Some("1.0"));
    assert_eq!(body.foreign_attr(XML, "lang"), Some("en"));
    assert_eq!(body.attr("version"), None);
    assert_eq!(
        body.to_xml(""),
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:ns0='urn:xmpp:xbosh' rid='1' ns0:version='1.0' xml:lang='en'/>"
    );
    let foreign = "an attribute in a foreign namespace";
    assert_eq!(what("<body p:ver='1' xmlns:p='urn:xmpp:xbosh'/>", &BODY), foreign);
    assert_eq!(what("<body p:version='1' xmlns:p='urn:xmpp'/>", &BODY), foreign);
    assert_eq!(what("<body xml:space='preserve'/>", &BODY), foreign);
}

#[test]
fn a_plain_declaration_is_tolerated_where_the_rules_say_so() {
    for text in [
        "<?xml version='1.0'?><a/>",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n\t <a/>",
        "<?xml\nversion = '1.0'\tencoding= 'UTF-8' standalone ='no' ?><a/>",
        "<?xml version='1.0' standalone=\"yes\"?><a/>",
        "<a/>",
    ] {
        assert_eq!(said(text, &BODY).to_xml(""), "<a/>", "{text}");
    }
    let other = "an XML declaration of another form";
    let instruction = "a processing instruction or XML declaration";
    for (text, why) in [
        ("<?xml version='1.1'?><a/>", other),
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", other),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", other),
        ("<?xml encoding='UTF-8'?><a/>", other),
        ("<?xml encoding='UTF-8' version='1.0'?><a/>", other),
        ("<?xml version='1.0' version='1.0'?><a/>", other),
        ("<?xml version='1.0'encoding='UTF-8'?><a/>", other),
        ("<?xml version='1.0' standalone='maybe'?><a/>", other),
        ("<?xml version='1.0\"?><a/>", other),
        ("<?xml version=1.0?><a/>", other),
        ("<?xml version='1.0' x='y'?><a/>", other),
        ("<?xml ?><a/>", other),
        ("<?xml version='1.0'><a/>", other),
        ("<?xml?><a/>", instruction),
        ("<?XML version='1.0'?><a/>", instruction),
        ("<?xml-stylesheet href='x'?><a/>", instruction),
        ("<?xml version='1.0'?><?xml version='1.0'?><a/>", instruction),
        (" <?xml version='1.0'?><a/>", "does not begin with an element"),
        ("<?xml version='1.0'?>", "does not begin with an element"),
        ("<?xml version='1.0'?>x<a/>", "does not begin with an element"),
    ] {
        assert_eq!(what(text, &BODY), why, "{text}");
    }
    assert_eq!(what("<?xml version='1.0'?><a/>", &CLIENT), instruction);
}

#[test]
fn a_fault_says_why() {
    let fault = read("<a", &CLIENT).unwrap_err();
    assert_eq!(fault, Fault { what: "ends within a tag" });
    assert_eq!(fault.to_string(), "ends within a tag");
}

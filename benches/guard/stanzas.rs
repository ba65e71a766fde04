//! What is said in a Jitsi meeting, as its clients and its server write it (lib-jitsi-meet with Strophe, Prosody).

/// A stream's opening (RFC 7395).
pub const OPEN: &str = r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="meet.jitsi" version="1.0"/>"#;

/// Prosody's word on who one is.
pub const BOUND: &str = "<iq type='result' id='_bind_auth_2' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>3b1f0c52-6a1c-4d0e-9f5e-0d1c6a3b7e21@meet.jitsi/q8Zr1nXc</jid></bind></iq>";

/// lib-jitsi-meet's every ten seconds.
pub const PING: &str = r#"<iq id="5c0a1d9e-4f0b-4e0a-8b0e-1f2d3c4b5a69:sendIQ" to="meet.jitsi" type="get" xmlns="jabber:client"><ping xmlns="urn:xmpp:ping"/></iq>"#;

const ROOM: &str = "standup@conference.meet.jitsi";
const NICK: &str = "4a7b1c9e";

/// What a participant tells of themself again and again: 1.2 KiB.
fn profile() -> String {
    format!(
        r#"<stats-id>Clementina-Qx7</stats-id><c hash="sha-1" node="https://jitsi.org/jitsi-meet" ver="pmmwd5EwhWlBW3QOpN8GUsy/hbI=" xmlns="http://jabber.org/protocol/caps"/><jitsi_participant_region>eu-central-1</jitsi_participant_region><jitsi_participant_codecList>av1,vp9,vp8,h264</jitsi_participant_codecList><jitsi_participant_codecType>av1</jitsi_participant_codecType><jitsi_participant_e2ee.idKey>mQ3v0Ln8Qh5rJ2tYk7Wc1Zx9Bf4Nd6Sg0Ea8Ui2Oo5P</jitsi_participant_e2ee.idKey><jitsi_participant_raisedHand>1767225600000</jitsi_participant_raisedHand><avatar-id>c160f8cc69a4f0bf2b0362752353d060</avatar-id><email>ann@example.org</email><nick xmlns="http://jabber.org/protocol/nick">Ann Other &amp; friends</nick><audiomuted xmlns="http://jitsi.org/jitmeet/audio">false</audiomuted><videomuted xmlns="http://jitsi.org/jitmeet/video">true</videomuted><SourceInfo>{{&quot;{NICK}-a0&quot;:{{&quot;muted&quot;:false}},&quot;{NICK}-v0&quot;:{{&quot;muted&quot;:true,&quot;videoType&quot;:&quot;camera&quot;}},&quot;{NICK}-v1&quot;:{{&quot;muted&quot;:true,&quot;videoType&quot;:&quot;desktop&quot;}}}}</SourceInfo>"#
    )
}

/// The presence by which somebody enters.
pub fn join() -> String {
    format!(r#"<presence to="{ROOM}/{NICK}" xmlns="jabber:client"><x xmlns="http://jabber.org/protocol/muc"/>{}</presence>"#, profile())
}

/// A later one: muted, a hand raised.
pub fn presence() -> String {
    format!(r#"<presence to="{ROOM}/{NICK}" xmlns="jabber:client">{}</presence>"#, profile())
}

/// One's own presence as the room sends it on, with status 110 (XEP-0045 section 7.2.2).
pub fn own_presence() -> String {
    from_room(NICK, "<status code='110'/>")
}

/// The same of somebody else.
pub fn others_presence() -> String {
    from_room("9d2e6f01", "")
}

fn from_room(nick: &str, status: &str) -> String {
    // Prosody writes single quotes.
    let profile = profile().replace('"', "'").replace(NICK, nick);
    format!(
        "<presence to='3b1f0c52-6a1c-4d0e-9f5e-0d1c6a3b7e21@meet.jitsi/q8Zr1nXc' from='{ROOM}/{nick}' xmlns='jabber:client'>{profile}<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant' jid='7c6b5a49-3827-4160-8f9e-0a1b2c3d4e5f@meet.jitsi/Wm4kT2yP'/>{status}</x></presence>"
    )
}

/// A line of chat.
pub fn message() -> String {
    format!(
        r#"<message id="6f2a9c1e-7b3d-4e5f-8a90-b1c2d3e4f506" to="{ROOM}" type="groupchat" xmlns="jabber:client"><body>Shall we begin? The agenda is in the invitation, and Bob&apos;s slides are too.</body></message>"#
    )
}

/// A message to another room than the stream's.
pub fn elsewhere() -> String {
    message().replace("standup@", "board@")
}

/// What Prosody answers to a ping that came from the guard.
pub fn pong(ping: &str) -> String {
    let id = ping.split("id='").nth(1).unwrap().split('\'').next().unwrap();
    format!(
        "<iq type='result' id='{id}' from='meet.jitsi' to='3b1f0c52-6a1c-4d0e-9f5e-0d1c6a3b7e21@meet.jitsi/q8Zr1nXc' xmlns='jabber:client'/>"
    )
}

/// The answer to jicofo's offer: audio, and video in three sizes, 4 KiB.
pub fn session_accept() -> String {
    let payload = |id: u32, name: &str, clock: u32, more: &str| {
        format!(r#"<payload-type clockrate="{clock}" id="{id}" name="{name}">{more}</payload-type>"#)
    };
    let feedback = r#"<rtcp-fb subtype="fir" type="ccm" xmlns="urn:xmpp:jingle:apps:rtp:rtcp-fb:0"/><rtcp-fb type="nack" xmlns="urn:xmpp:jingle:apps:rtp:rtcp-fb:0"/><rtcp-fb type="transport-cc" xmlns="urn:xmpp:jingle:apps:rtp:rtcp-fb:0"/>"#;
    let audio = payload(111, "opus", 48000, r#"<parameter name="minptime" value="10"/><parameter name="useinbandfec" value="1"/>"#)
        + r#"<rtp-hdrext id="1" uri="urn:ietf:params:rtp-hdrext:ssrc-audio-level" xmlns="urn:xmpp:jingle:apps:rtp:rtp-hdrext:0"/>"#;
    let extensions: String = [
        (3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
        (5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
        (11, "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"),
    ]
    .iter()
    .map(|(id, uri)| format!(r#"<rtp-hdrext id="{id}" uri="{uri}" xmlns="urn:xmpp:jingle:apps:rtp:rtp-hdrext:0"/>"#))
    .collect();
    let video = [(41, "AV1"), (101, "VP9"), (100, "VP8"), (107, "H264")].map(|(id, name)| payload(id, name, 90000, feedback)).concat()
        + &extensions;
    let source = |ssrc: u32, name: &str| {
        format!(
            r#"<source name="{NICK}-{name}" ssrc="{ssrc}" xmlns="urn:xmpp:jingle:apps:rtp:ssma:0"><parameter name="msid" value="{NICK}-{name}-1 8f1c2a3b-{ssrc}"/></source>"#
        )
    };
    let transport = r#"<transport pwd="2kP9vXq7Lm4Zt8Rw1Yc6Bn3D" ufrag="h7Gf" xmlns="urn:xmpp:jingle:transports:ice-udp:1"><fingerprint hash="sha-256" setup="active" xmlns="urn:xmpp:jingle:apps:dtls:0">4A:7B:1C:9E:53:0D:86:2F:E1:9A:44:C7:0B:68:D5:3E:92:1F:7D:A0:5C:B6:38:E4:11:8F:63:CA:97:2D:50:BE</fingerprint></transport>"#;
    let content = |name: &str, described: String| {
        format!(
            r#"<content creator="responder" name="{name}" senders="both"><description media="{name}" xmlns="urn:xmpp:jingle:apps:rtp:1">{described}<rtcp-mux/></description>{transport}</content>"#
        )
    };
    let groups = r#"<ssrc-group semantics="SIM" xmlns="urn:xmpp:jingle:apps:rtp:ssma:0"><source ssrc="2718281828"/><source ssrc="2718281829"/><source ssrc="2718281830"/></ssrc-group>"#;
    let audio = content("audio", audio + &source(3141592653, "a0"));
    let videos: String = [2718281828, 2718281829, 2718281830].into_iter().map(|ssrc| source(ssrc, "v0")).collect();
    let video = content("video", video + &videos + groups);
    format!(
        r#"<iq id="0e1d2c3b-4a59-4687-9695-a4b3c2d1e0ff:sendIQ" to="{ROOM}/focus" type="set" xmlns="jabber:client"><jingle action="session-accept" initiator="{ROOM}/focus" responder="{ROOM}/{NICK}" sid="4rq2nk8tq1v0u" xmlns="urn:xmpp:jingle:1">{audio}{video}<group semantics="BUNDLE" xmlns="urn:xmpp:jingle:apps:grouping:0"><content name="audio"/><content name="video"/></group></jingle></iq>"#
    )
}

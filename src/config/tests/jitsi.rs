//! What is understood of `[upstream.jitsi]`.

use super::*;
use crate::profile::Hosts;

fn jitsi(config: &Config) -> (&Hosts, &JitsiUpstream) {
    match &*config.upstream.profile {
        Profile::Jitsi(profile) => (profile.hosts(), config.upstream.jitsi.as_deref().unwrap()),
        other @ (Profile::Generic(_) | Profile::PeerCalls(_)) => panic!("{other:?}"),
    }
}

const LEAST_JITSI: &str =
    "[upstream]\nurl = \"http://127.0.0.1:8000\"\nprofile = \"jitsi\"\n[upstream.jitsi]\ndomain = \"meet.example.org\"\n";

#[test]
fn the_domain_is_enough() {
    let folder = Folder::new();
    let (config, _) = folder.load(LEAST_JITSI).unwrap();
    let (hosts, more) = jitsi(&config);
    assert_eq!(*hosts, Hosts::of("meet.example.org"));
    assert_eq!((&more.xmpp, &more.conference, &more.token), (&None, &None, &None));
    assert_eq!(more.private_ports, [5222, 5269, 5280, 5281, 5347, 8888, 9090]);
    assert_eq!((&*config.upstream.host, config.upstream.port), ("127.0.0.1", 8000));
}

#[test]
fn each_part_can_be_stated() {
    let folder = Folder::new();
    let stated = r#"
muc = "muc.meet.example.org"
lobby = "l.meet.example.org"
breakout = "b.meet.example.org"
focus = "f.meet.example.org"
guest = "guest.meet.example.org"
visitors = ["v1", "v2"]
components = ["polls.meet.example.org", "b.meet.example.org"]
tenants = true
open = ["/branding/"]
xmpp_url = "http://127.0.0.1:5280"
conference_request_url = "https://jicofo.example.org"
private_ports = [5222]
[upstream.jitsi.token]
app_id = "roomgate"
secret_file = "token.secret"
audience = "meet"
[[room]]
name = "Acme.Corp/Team Meeting"
privacy = "private"
"#;
    let (config, _) = folder.load(&format!("{LEAST_JITSI}{stated}")).unwrap();
    let (hosts, more) = jitsi(&config);
    let expected = Hosts {
        muc: "muc.meet.example.org".to_owned(),
        lobby: Some("l.meet.example.org".to_owned()),
        breakout: Some("b.meet.example.org".to_owned()),
        focus: "f.meet.example.org".to_owned(),
        guest: Some("guest.meet.example.org".to_owned()),
        visitors: vec!["v1".to_owned(), "v2".to_owned()],
        components: vec!["polls.meet.example.org".to_owned(), "b.meet.example.org".to_owned()],
        tenants: true,
        ..Hosts::of("meet.example.org")
    };
    assert_eq!(*hosts, expected);
    assert_eq!(more.xmpp, Some(Address { tls: false, host: "127.0.0.1".to_owned(), port: 5280 }));
    assert_eq!(more.conference, Some(Address { tls: true, host: "jicofo.example.org".to_owned(), port: 443 }));
    let token = more.token.as_ref().unwrap();
    assert_eq!((token.app_id.as_str(), token.audience.as_str(), token.secret.expose()), ("roomgate", "meet", SECRET.as_bytes()));
    assert_eq!(more.private_ports, [5222]);
    assert!(room(&config, "acme_corp/team meeting").is_some());
    assert!(!format!("{config:?}").contains(SECRET), "secrets are shown nowhere");

    let (config, _) = folder.load(&format!("{LEAST_JITSI}jitsi_lobby = false\ncomponents = []\n")).unwrap();
    let (hosts, _) = jitsi(&config);
    assert_eq!((&hosts.lobby, hosts.components.len()), (&None, 0));
}

#[test]
fn what_counts_only_after_a_restart_is_told() {
    let folder = Folder::new();
    let (running, _) = folder.load(LEAST_JITSI).unwrap();
    let token = |secret| format!("token = {{ app_id = \"a\", secret = \"{secret}\" }}\n");
    let (with_token, _) = folder.load(&format!("{LEAST_JITSI}{}", token(SECRET))).unwrap();
    let restart = |more: &str, than: &Config| folder.load(&format!("{LEAST_JITSI}{more}")).unwrap().0.needs_restart(than);
    assert_eq!(restart("", &running), [""; 0]);
    assert_eq!(restart(&token(SECRET), &with_token), [""; 0]);
    assert_eq!(restart("tenants = true\n", &running), ["upstream.profile"]);
    assert_eq!(restart("muc = \"muc.meet.example.org\"\n", &running), ["upstream.profile"]);
    assert_eq!(restart("xmpp_url = \"http://127.0.0.1:5280\"\n", &running), ["upstream.jitsi"]);
    assert_eq!(restart("conference_request_url = \"http://127.0.0.1:8888\"\n", &running), ["upstream.jitsi"]);
    assert_eq!(restart("private_ports = []\n", &running), ["upstream.jitsi"]);
    assert_eq!(restart(&token(OTHER_SECRET), &with_token), ["upstream.jitsi"]);
    assert_eq!(running.needs_restart(&folder.load(LEAST).unwrap().0), ["upstream.url", "upstream.profile", "upstream.jitsi"]);
}

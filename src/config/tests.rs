#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::access::{Person, Privacy, Room, RoomName, Timestamp, WaitingRoom};
use crate::chance::SeededChance;
use crate::directory::Directory;

mod jitsi;
mod pages;

const SECRET: &str = "Jq0v7mT2pXz9LrKd4wHcYbNs8uGfEa1iQoVx3tRy5ZB6hWkM";
const OTHER_SECRET: &str = "x7Tn2LwQp9VbZc4RfYh8KdMs1GjUe6NaXo3BtWi5Hq0ErCvF";

/// A folder with a config and what it names.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let key = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        let public = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(
            aws_lc_rs::signature::KeyPair::public_key(&key),
        )
        .unwrap();
        let pem = |what: &str, der: &[u8]| {
            let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
            format!("-----BEGIN {what}-----\n{body}\n-----END {what}-----\n")
        };
        folder.write("issuer.pem", &pem("PUBLIC KEY", public.as_ref()));
        folder.write("private.pem", &pem("PRIVATE KEY", b"nothing"));
        folder.write("certificate.pem", &pem("CERTIFICATE", b"nothing"));
        folder.write("token.secret", &format!("{SECRET}\n"));
        folder.write("session.secret", &format!("{SECRET}\r\n\n{OTHER_SECRET}\n"));
        folder.write("short.secret", "0123456789\n");
        folder.write("sample.secret", "change-me-change-me-change-me-change-me\n");
        folder.write("blank.secret", &format!(" {SECRET}\n"));
        folder.write("empty.secret", "\n");
        folder.write("hook.secret", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        folder.write("hook.short", "c2hvcnQ=\n");
        folder.write("hooks.secret", &"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n".repeat(3));
        folder.write("rooms/bad.toml", "[[room]]\nname = \"a/b\"\n\n[server]\nlisten = \"127.0.0.1:1\"\n");
        folder.write("rooms/broken.toml", "[[room]\n");
        folder.write("rooms/good.toml", "[[room]]\nname = \"included\"\nprivacy = \"private\"\n");
        pages::write(&folder);
        folder.write("revoked.bad", "jti:a\nnobody\n");
        fs::write(folder.path("latin1.toml"), b"[[room]]\nname = \"caf\xe9\"\n").unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        restrict(&path, 0o600);
    }

    fn load(&self, text: &str) -> Result<(Config, Vec<String>), Vec<String>> {
        self.write("roomgate.toml", text);
        let shown = |text: String| text.replace(&format!("{}/", self.0.path().display()), "");
        match Config::load(&self.path("roomgate.toml"), &SeededChance::new(1)) {
            Ok((config, warnings)) => Ok((config, warnings.iter().map(|w| shown(w.to_string())).collect())),
            Err(problems) => Err(problems.iter().map(|p| shown(p.to_string())).collect()),
        }
    }
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) {}

/// The blocks of a Markdown file with what is told below each.
fn cases(markdown: &'static str) -> Vec<(String, Vec<&'static str>)> {
    let mut cases: Vec<(String, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        match line {
            "```toml" => cases.push(("[upstream]\nurl = \"http://127.0.0.1:3000\"\n".to_owned(), Vec::new())),
            "```toml alone" => cases.push((String::new(), Vec::new())),
            "```" => {}
            _ if inside => {
                let text = &mut cases.last_mut().unwrap().0;
                text.push_str(line);
                text.push('\n');
            }
            _ => match line.strip_prefix("- ") {
                Some("nothing") | None => {}
                Some(told) => cases.last_mut().unwrap().1.push(told),
            },
        }
        inside = (inside || line.starts_with("```toml")) && line != "```";
    }
    assert!(cases.len() > 10);
    cases
}

fn each_is_told(markdown: &'static str, told: impl Fn(&str) -> Vec<String>) {
    let mut wrong = Vec::new();
    for (text, expected) in cases(markdown) {
        let told = told(&text);
        if told != expected {
            wrong.push(format!("{text}\nwas told:\n- {}\n", told.join("\n- ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
    let folder = Folder::new();
    each_is_told(include_str!("problems.md"), |text| folder.load(text).map(|_| Vec::new()).unwrap_or_else(|problems| problems));
}

#[test]
fn what_works_and_may_not_be_meant_is_told_too() {
    let folder = Folder::new();
    each_is_told(include_str!("warnings.md"), |text| {
        let (_, warnings) = folder.load(text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
        let usual = ["no [[tokens.key]]", "no `secret_file` in [session]"];
        warnings.into_iter().filter(|w| !usual.iter().any(|u| w.contains(u))).collect()
    });
}

const LEAST: &str = "[upstream]\nurl = \"http://127.0.0.1:3000\"\n";

#[test]
fn the_least_config_is_one_line_and_leaves_nothing_open() {
    let folder = Folder::new();
    let (config, warnings) = folder.load(LEAST).unwrap();
    assert_eq!(
        warnings,
        [
            "roomgate.toml:1:1: no [[tokens.key]] and no [[tokens.jwks]]: no token is valid, so nobody can own a room by one",
            "roomgate.toml:1:1: no `secret_file` in [session]: sessions end when roomgate does, and no second one can open them",
        ]
    );
    let loopback: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    assert_eq!(config.server.listen, [loopback]);
    assert_eq!(config.server.public_url.origin(), "http://127.0.0.1:8080");
    assert_eq!(config.server.origins, ["http://127.0.0.1:8080"]);
    assert_eq!((config.server.admin_listen, config.server.trusted_proxies.len(), config.server.frames.len()), (None, 0, 0));
    assert_eq!((config.upstream.tls, &*config.upstream.host, config.upstream.port), (false, "127.0.0.1", 3000));
    assert_eq!((config.rooms.unknown, config.rooms.hide, config.rooms.table.is_empty()), (Unknown::Refuse, false, true));
    assert_eq!(config.store, Store::Sqlite(folder.path("roomgate.db")));
    assert_eq!(config.tokens.parameter, "t");
    assert_eq!((config.tokens.header, config.tokens.require_room, config.tokens.leeway), (false, false, Duration::from_secs(5)));
    assert_eq!(config.session.secrets[0].expose().len(), 32);
    assert_eq!(config.session.lifetime, Duration::from_secs(43_200));
    assert_eq!(config.meeting, Meeting { grace: Duration::from_secs(300), presence: Duration::from_secs(60) });
    assert_eq!(config.identity, None);
    assert_eq!((config.pages.overlay, config.pages.name, config.pages.logo, config.pages.colours), (true, None, None, None));

    assert_eq!(
        folder.load("").unwrap_err(),
        [
            "roomgate.toml:1:1: `url` is missing in [upstream], and so is the section: write url = \"http://127.0.0.1:3000\", where the conferencing server listens"
        ]
    );
    let missing = Config::load(&folder.path("nowhere.toml"), &SeededChance::new(1)).unwrap_err();
    assert!(
        missing[0].to_string().ends_with("nowhere.toml: cannot read the config: No such file or directory (os error 2)"),
        "{missing:?}"
    );
}

#[test]
fn a_config_that_says_everything_is_understood() {
    let folder = Folder::new();
    folder.write("revoked.txt", "jti:a # lost\nbefore:100\n");
    let text = r#"
[server]
listen = ["127.0.0.1:8080", "[::1]:8080"]
public_url = "https://Meet.Example.org:443"
admin_listen = "127.0.0.1:9180"
hosts = ["Conf.example.org:443", "meet.example.org", "alt.example.org:8443"]
trusted_proxies = "10.0.0.0/8"
allowed_origins = ["https://portal.example.org:443", "http://localhost:5173"]
allowed_frames = ["https://*.Portal.example.org", "https://portal.example.org"]
[server.tls]
certificate = "certificate.pem"
key = "private.pem"
[upstream]
url = "https://[2001:db8::1]"
profile = "peercalls"
[tokens]
parameter = "jwt"
header = true
leeway = "0s"
revocations_file = "revoked.txt"
require_room = true
domain_id = "d"
[[tokens.key]]
id = "main"
algorithm = "HS512"
secret_file = "token.secret"
[[tokens.key]]
algorithm = "EdDSA"
public_key_file = "issuer.pem"
[[tokens.jwks]]
url = "https://id.example.org/jwks.json?x=1"
[session]
secret_file = "session.secret"
lifetime = "1d"
[meeting]
grace = "0s"
presence = "10s"
[identity]
from = "127.0.0.1/32"
headers = { user = "Remote-User", groups = "Remote-Groups" }
[store]
kind = "memory"
[rooms]
unknown = "knock"
hide = true
files = ["rooms/good.toml", "rooms/g*.toml"]
[[room]]
name = "standup"
privacy = "private"
enable_knocking = true
waiting_room = "everyone"
nbf = 2026-12-01T09:00:00Z
exp = 1796122800
eject_at_room_exp = true
eject_after_elapsed = "1h"
max_participants = 200
allow = ["ann@example.org", "10.0.0.0/8"]
owners = "Ann@Example.org"
"#;
    let (config, warnings) = folder.load(text).unwrap();
    assert_eq!(warnings, [""; 0]);
    let server = &config.server;
    assert_eq!(server.public_url, PublicUrl { secure: true, authority: "meet.example.org".to_owned() });
    assert_eq!(server.hosts, ["meet.example.org", "conf.example.org", "alt.example.org:8443"]);
    let ours = ["https://meet.example.org", "https://conf.example.org", "https://alt.example.org:8443"];
    assert_eq!(server.origins, [&ours[..], &["https://portal.example.org", "http://localhost:5173"]].concat());
    assert_eq!(server.frames, ["https://*.portal.example.org", "https://portal.example.org"]);
    assert_eq!(server.tls, Some(Tls { certificate: folder.path("certificate.pem"), key: folder.path("private.pem") }));
    assert_eq!((config.upstream.tls, &*config.upstream.host, config.upstream.port), (true, "2001:db8::1", 443));
    assert!(matches!(*config.upstream.profile, Profile::PeerCalls(_)));
    let tokens = &config.tokens;
    assert_eq!((&*tokens.parameter, tokens.header, tokens.leeway, tokens.require_room), ("jwt", true, Duration::ZERO, true));
    assert_eq!(tokens.domain_id.as_deref(), Some("d"));
    assert_eq!(tokens.revocations.len(), 2);
    assert_eq!((tokens.keys.len(), tokens.keys[0].id.as_deref(), tokens.jwks.len()), (2, Some("main"), 1));
    assert_eq!(tokens.keys[0].material, crate::token::Material::Secret(Secret::new(SECRET.into())), "without the line's end");
    let secrets: Vec<&[u8]> = config.session.secrets.iter().map(Secret::expose).collect();
    assert_eq!(secrets, [SECRET.as_bytes(), OTHER_SECRET.as_bytes()]);
    let identity = Identity {
        from: vec!["127.0.0.1/32".parse().unwrap()],
        user: Some("remote-user".to_owned()),
        email: None,
        groups: Some("remote-groups".to_owned()),
    };
    assert_eq!(config.identity, Some(identity));
    assert_eq!(config.store, Store::Memory);
    assert_eq!((config.rooms.unknown, config.rooms.hide, config.rooms.table.len()), (Unknown::Knock, true, 2));

    let standup = room(&config, "standup").unwrap();
    assert_eq!(standup.privacy, Privacy::Private { knocking: true });
    assert_eq!(standup.waiting_room, WaitingRoom::Everyone);
    assert_eq!((standup.opens, standup.closes), (Some(Timestamp::from_secs(1_796_115_600)), Some(Timestamp::from_secs(1_796_122_800))));
    assert_eq!((standup.eject_at_close, standup.eject_after, standup.max_participants), (true, Some(Duration::from_secs(3600)), Some(200)));
    assert!(standup.allow.covers("10.1.2.3".parse().unwrap()));
    let ann = Person { email: Some("ann@example.org".to_owned()), ..Person::NOBODY };
    assert!(standup.allow.names(&ann) && standup.owners.names(&ann));
    assert_eq!(room(&config, "included").unwrap().privacy, Privacy::Private { knocking: false });
}

fn room(config: &Config, name: &str) -> Option<Room> {
    let directory = Directory::new(config.rooms.table.clone(), Unknown::Refuse);
    directory.known(&RoomName::canonical(name).unwrap()).and_then(|entry| entry.room.clone())
}

#[test]
fn all_examples_work() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let folder = Folder(tempfile::tempdir().unwrap());
    folder.write("token.secret", &format!("{SECRET}\n"));
    folder.write("session.secret", &format!("{OTHER_SECRET}\n"));
    folder.write("jitsi.secret", &format!("{SECRET}\n"));
    folder.write("hook.secret", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let tomls = |folder: &Path| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        all.retain(|p| p.extension().is_some_and(|e| e == "toml"));
        all
    };
    for path in tomls(&examples.join("rooms")) {
        folder.write(&format!("rooms/{}", path.file_name().unwrap().to_str().unwrap()), &fs::read_to_string(&path).unwrap());
    }
    pages::write_example(&folder, &examples);
    let mut seen = Vec::new();
    for path in tomls(&examples) {
        let (config, warnings) = folder.load(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|p| panic!("{}: {p:#?}", path.display()));
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let expected = if name == "minimal.toml" { 2 } else { 0 };
        assert_eq!(warnings.len(), expected, "{name}: {warnings:#?}");
        assert!(room(&config, "standup").is_some(), "{name}");
        if name == "roomgate.toml" {
            assert!(room(&config, "retro").is_some(), "rooms/example.toml is read");
        }
        seen.push(name);
    }
    seen.sort();
    assert_eq!(seen, ["jitsi.toml", "minimal.toml", "pages.toml", "peercalls.toml", "roomgate.toml", "webhooks.toml"]);
}

#[test]
fn what_the_full_example_shows_as_defaults_are_keys_that_exist() {
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/roomgate.toml")).unwrap();
    let folder = Folder::new();
    folder.write("fullchain.pem", &fs::read_to_string(folder.path("certificate.pem")).unwrap());
    folder.write("privkey.pem", &fs::read_to_string(folder.path("private.pem")).unwrap());
    folder.write("revoked.txt", "");
    folder.write("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    folder.write("texts/de.toml", "");
    fs::remove_file(folder.path("rooms/bad.toml")).unwrap();
    fs::remove_file(folder.path("rooms/broken.toml")).unwrap();
    let stated = |line: &str| line.strip_prefix("# ").filter(|l| l.starts_with('[') || l.contains(" = ")).map(str::to_owned);
    let all: Vec<String> = example.lines().map(|line| stated(line).unwrap_or_else(|| line.to_owned())).collect();
    folder.load(&all.join("\n")).unwrap();
}

#[test]
fn a_config_that_is_cut_short_never_panics_and_never_changes_what_stands_before() {
    let folder = Folder::new();
    fs::remove_file(folder.path("rooms/bad.toml")).unwrap();
    fs::remove_file(folder.path("rooms/broken.toml")).unwrap();
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/roomgate.toml")).unwrap();
    let mut text: String =
        example.lines().map(|l| l.split(" #").next().unwrap().trim_end()).filter(|l| !l.starts_with('#')).collect::<Vec<_>>().join("\n");
    text.push_str("\n[[room]]\nname = \"last\"\nprivacy = \"private\"\n");
    let (whole, _) = folder.load(&text).unwrap();
    let mut usable = 0;
    for cut in text.char_indices().map(|(i, _)| i) {
        let Ok((config, _)) = folder.load(&text[..cut]) else {
            continue;
        };
        usable += 1;
        assert!(config.server == whole.server || cut < text.find("[upstream]").unwrap(), "{cut}");
        // What was begun may lack its end; whatever stands before it is as it was.
        if text[..cut].contains("match = \"team") {
            assert_eq!(room(&config, "standup"), room(&whole, "standup"), "{cut}");
            assert_eq!(config.tokens, whole.tokens, "{cut}");
            assert_eq!(config.rooms.unknown, whole.rooms.unknown, "{cut}");
        }
    }
    assert!(usable > 50 && usable < text.len() / 2, "{usable} of {}", text.len());
}

#[test]
fn no_secret_is_ever_shown() {
    let folder = Folder::new();
    let texts = [
        format!(
            "{LEAST}[[tokens.key]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\nx = 1\n[session]\nsecret_file = \"session.secret\"\n"
        ),
        format!("{LEAST}[[tokens.key]]\nalgorithm = \"RS256\"\nsecret = \"{SECRET}\"\n"),
        format!("{LEAST}[[tokens.key]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\n"),
        format!("{LEAST}[[tokens.key]]\nalgorithm = \"HS256\"\nsecret = [\"{SECRET}\"]\n"),
        format!("{LEAST}[[tokens.key]]\nalgorithm = \"HS256\"\nsecret = {SECRET}\n"),
        format!("{LEAST}[[tokens.key]]\nalgorithm = \"HS256\"\nsecrets = \"{SECRET}\"\n"),
        format!("{LEAST}[[tokens.key]]\nalgorithm = \"HS256\"\nsecret = \"{}\"\n", &SECRET[..20]),
        format!("[upstream]\nurl = \"http://{SECRET}:{SECRET}@127.0.0.1:3000\"\n"),
        format!("{LEAST}[[tokens.key]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n[session]\nsecret_file = \"session.secret\"\n"),
    ];
    for text in texts {
        let told = match folder.load(&text) {
            Ok((config, warnings)) => format!("{config:?}{warnings:?}"),
            Err(problems) => problems.join("\n"),
        };
        for secret in [&SECRET[..8], &OTHER_SECRET[..8]] {
            assert!(!told.contains(secret), "{text}\n{told}");
        }
        assert!(!told.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn secrets_that_everybody_can_read_are_told() {
    let folder = Folder::new();
    let text = format!(
        "{LEAST}[tokens]\nrequire_room = true\n[[tokens.key]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n[session]\nsecret_file = \"session.secret\"\n"
    );
    assert_eq!(folder.load(&text).unwrap().1, [""; 0]);
    restrict(&folder.path("session.secret"), 0o644);
    assert_eq!(
        folder.load(&text).unwrap().1,
        ["roomgate.toml:9:15: `secret_file`: everybody on this machine can read session.secret: `chmod o= session.secret`"]
    );
    restrict(&folder.path("session.secret"), 0o600);
    folder.write("roomgate.toml", &text);
    restrict(&folder.path("roomgate.toml"), 0o604);
    let (_, warnings) = Config::load(&folder.path("roomgate.toml"), &SeededChance::new(1)).unwrap();
    assert!(warnings[0].message.starts_with("`secret`: everybody on this machine can read this file"), "{warnings:?}");
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_mistakes() {
    let folder = Folder::new();
    let text = format!("\u{feff}{LEAST}[[room]]\nname = \"a\"\n").replace('\n', "\r\n");
    assert!(room(&folder.load(&text).unwrap().0, "a").is_some());
    assert_eq!(
        folder.load(&format!("\u{feff}{LEAST}x = 1\r\n")).unwrap_err(),
        ["roomgate.toml:3:1: unknown key `x` in [upstream]: write generic, jitsi, peercalls, profile or url"]
    );
}

#[test]
fn letter_case_counts_where_the_server_is_known_to_tell_it_apart() {
    let folder = Folder::new();
    let two = "[[room]]\nname = \"Standup\"\n[[room]]\nname = \"standup\"\nprivacy = \"private\"\n";
    let (config, _) = folder.load(&format!("{LEAST}profile = \"peercalls\"\n{two}")).unwrap();
    assert_eq!(config.rooms.table.len(), 2);
    folder.load(&format!("{LEAST}{two}")).unwrap_err();
}

#[test]
fn twenty_thousand_rooms_are_read_in_no_time() {
    use std::fmt::Write;

    let folder = Folder::new();
    let mut rooms = String::new();
    for i in 0..20_000 {
        writeln!(rooms, "[[room]]\nname = \"Room-{i}\"\nprivacy = \"private\"\nenable_knocking = true\nallow = [\"@example.org\"]\n")
            .unwrap();
    }
    folder.write("rooms/many.toml", &rooms);
    let begun = std::time::Instant::now();
    let (config, _) = folder.load(&format!("{LEAST}[rooms]\nfiles = \"rooms/many.toml\"\n")).unwrap();
    let took = begun.elapsed();
    assert_eq!(config.rooms.table.len(), 20_000);
    assert!(room(&config, "Room-19999").is_some());
    // Without optimisation on a busy machine; a release build reads 100,000 in less than a second.
    assert!(took < Duration::from_secs(20), "{took:?}");
}

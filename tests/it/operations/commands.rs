//! check, explain, token, revoke: what they say, and how they exit.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::time::{Duration, Instant};

use crate::harness::process::{House, roomgate};

const UPSTREAM: &str = "[upstream]\nurl = \"http://127.0.0.1:1\"\nprofile = \"generic\"\n[upstream.generic]\nroom = \"/{room}\"\n";
const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n[[room]]\nname = \"lounge\"\n";

async fn run(house: &House, command: &str, more: &[&str]) -> (i32, String, String) {
    let config = house.config();
    let Output { status, stdout, stderr } = roomgate(&[&[command, "--config", &config], more].concat()).await;
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_proves_a_configuration_or_names_every_problem() {
    let house = House::new(UPSTREAM, ROOMS);
    let (code, said, _) = run(&house, "check", &[]).await;
    assert_eq!(code, 0);
    assert!(said.contains("ok") && said.contains('2'), "{said}");
    house.edit("privacy = \"private\"", "privacy = \"secret\"\nenable_nocking = true");
    house.edit("algorithm = \"HS256\"", "algorithm = \"HS1\"");
    let (code, _, told) = run(&house, "check", &[]).await;
    assert_eq!(code, 2);
    for word in ["secret", "enable_nocking", "HS1"] {
        let line = told.lines().find(|l| l.contains(&format!("`{word}`"))).unwrap_or_else(|| panic!("no {word} in {told}"));
        assert!(line.contains("roomgate.toml:"), "{line}");
    }
    assert_eq!(roomgate(&["check", "--config", "/nowhere/roomgate.toml"]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minted_link_is_explained_and_taken_back() {
    let house = House::new(UPSTREAM, ROOMS);
    let (code, link, _) = run(&house, "token", &["--room", "standup", "--owner", "--name", "Ann", "--user", "ann-1"]).await;
    assert_eq!(code, 0);
    let link = link.trim();
    assert!(link.starts_with(&format!("http://{}/standup?t=", house.address)), "{link}");

    let explain = async |more: &[&str]| {
        let (code, said, told) = run(&house, "explain", &[&["--json"], more].concat()).await;
        assert_eq!((code, told.as_str()), (0, ""));
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        (json["decision"].as_str().unwrap().to_owned(), json["code"].as_str().unwrap().to_owned())
    };
    let told = |decision: &str, code: &str| (decision.to_owned(), code.to_owned());
    assert_eq!(explain(&[link]).await, told("admit as owner", "token"));
    assert_eq!(explain(&["/standup"]).await, told("refuse", "private"));
    assert_eq!(explain(&["/lounge"]).await, told("admit as participant", "public"));
    assert_eq!(explain(&["/nothing"]).await, told("refuse", "no-room"));
    assert_eq!(explain(&[link, "--at", "2099-01-01T00:00:00Z"]).await, told("refuse", "private"));

    let (code, said, _) = run(&house, "revoke", &["user:ann-1"]).await;
    assert_eq!((code, said.trim()), (0, "revoked user:ann-1"));
    assert_eq!(explain(&[link]).await, told("refuse", "private"));
    let (code, said, _) = run(&house, "explain", &[link]).await;
    assert!(code == 0 && said.contains("token-revoked"), "{said}");
    assert!(!said.contains(link.split("t=").nth(1).unwrap()), "a token is not printed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_told_and_has_a_code_of_its_own() {
    let house = House::new(UPSTREAM, ROOMS);
    for (command, more, code, word) in [
        ("token", &[][..], 2, "--room"),
        ("token", &["--room", "a/b"], 2, "a/b"),
        ("token", &["--room", "standup", "--key", "other"], 2, "`other`"),
        ("token", &["--room", "standup", "--for", "soon"], 2, "soon"),
        ("token", &["--room", "standup", "--any-room"], 2, "--any-room"),
        ("revoke", &[], 2, "ORDERS"),
        ("revoke", &["everything"], 2, "everything"),
        ("revoke", &["before:yesterday"], 2, "yesterday"),
        ("explain", &[], 2, "URL"),
        ("explain", &["/standup", "--address", "here"], 2, "here"),
    ] {
        let (exit, said, told) = run(&house, command, more).await;
        assert_eq!((exit, said.as_str()), (code, ""), "{command} {more:?}: {told}");
        assert!(told.contains(word), "{command} {more:?}: {told}");
    }
    house.edit("kind = \"sqlite\"\npath = \"facts.db\"", "kind = \"memory\"");
    let (code, _, told) = run(&house, "revoke", &["user:ann"]).await;
    assert!(code == 1 && told.contains("revocations_file"), "{code}: {told}");
}

/// Takes connections for as long as the test runs, and does this with each.
fn stand_in(serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// What was said, up to this.
fn heard(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 512];
    while !String::from_utf8_lossy(&all).contains(end) {
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => all.extend_from_slice(&piece[..read]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn xmpp(mut stream: TcpStream) {
    let said = heard(&mut stream, "streams'>");
    if said.starts_with("<?xml") && said.contains("to='meet.jitsi'") {
        let _ = stream.write_all(b"<?xml version='1.0'?><stream:stream from='meet.jitsi' id='1' xmlns='jabber:client'>");
        heard(&mut stream, "</stream:stream>");
    }
}

fn prosody(mut stream: TcpStream) {
    // As `mod_websocket` does where one just looks.
    if heard(&mut stream, "\r\n\r\n").starts_with("GET /xmpp-websocket HTTP/1.1\r\nHost: meet.jitsi\r\n") {
        let text = "It works! Now point your WebSocket client to this URL to connect to Prosody.";
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }
}

fn silent(mut stream: TcpStream) {
    heard(&mut stream, "never");
}

fn flood(mut stream: TcpStream) {
    while stream.write_all(&[0x1b; 8192]).is_ok() {}
}

fn drip(mut stream: TcpStream) {
    while stream.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What was found by trying, and does not stand in the file.
fn probed(told: &str) -> Vec<&str> {
    told.lines().filter(|l| !l.contains("roomgate.toml:")).collect()
}

/// A Jitsi server whose browsers must not reach these ports.
fn jitsi(private: &[u16], more: &str) -> House {
    let upstream = format!(
        "[upstream]\nurl = \"http://127.0.0.1:1\"\nprofile = \"jitsi\"\n[upstream.jitsi]\ndomain = \"meet.jitsi\"\nprivate_ports = \
         {private:?}\n{more}"
    );
    House::new(&upstream, ROOMS)
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_which_back_doors_are_open_and_what_to_do() {
    let (client, http, mute, flooding, dripping) = (stand_in(xmpp), stand_in(prosody), stand_in(silent), stand_in(flood), stand_in(drip));
    // Nobody listens where somebody has just gone.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let all = [client, http, mute, flooding, dripping, closed].map(|a| a.port());
    let house = jitsi(&all, "");
    let since = Instant::now();
    let (code, said, told) = run(&house, "check", &[]).await;
    let took = since.elapsed();
    assert_eq!(code, 0, "{told}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    let line = |port: u16| {
        probed(&told).into_iter().find(|l| l.starts_with(&format!("warning: port {port} of 127.0.0.1 is open, seen from 127.0.0.1")))
    };
    for (at, words) in [
        (client, ["an XMPP server answers", "joins any room past the gateway", "c2s_interfaces"]),
        (http, ["Prosody's HTTP answers", "joins any room past the gateway", "http_interfaces"]),
        (mute, ["something listens, and says nothing", "`private_ports`", "127.0.0.1 or a private network"]),
        (flooding, ["something listens", "`private_ports`", "firewall"]),
        (dripping, ["something listens", "`private_ports`", "firewall"]),
    ] {
        let line = line(at.port()).unwrap_or_else(|| panic!("no {at} in {told}"));
        for word in words {
            assert!(line.contains(word), "no {word} in {line}");
        }
    }
    assert_eq!(line(closed.port()), None, "{told}");
    assert!(!told.contains('\x1b'), "what was answered is not shown");
    assert!(said.contains("5 open") && said.contains("only this machine is meant"), "{said}");
    assert!(said.contains(&format!(" {} warnings)", told.lines().count())) && probed(&told).len() == 5, "{said} {told}");

    let (code, said, told) = run(&house, "check", &["--no-probe"]).await;
    assert!(code == 0 && probed(&told).is_empty() && !said.contains("probe"), "{said} {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_what_it_could_not_try() {
    let pages = stand_in(prosody);
    // The gateway's own port is the front door, and a part on the loopback is where it belongs.
    let house = jitsi(&[], &format!("xmpp_url = \"http://127.0.0.1:{}\"\n", pages.port()));
    let (code, said, told) = run(&house, "check", &[]).await;
    assert!(code == 0 && probed(&told).is_empty() && said.contains("nothing was tried"), "{said} {told}");

    house.edit(&format!("public_url = \"http://{}\"", house.address), "public_url = \"http://meet.invalid\"");
    house.edit("url = \"http://127.0.0.1:1\"", "url = \"http://203.0.113.7:8000\"");
    let (code, _, told) = run(&house, "check", &[]).await;
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("warning: server.public_url: no address of meet.invalid was found"), "{told}");
    assert!(told.contains("warning: upstream.url: 203.0.113.7 is not a private address"), "{told}");

    // Another kind of server has nothing to probe.
    let (code, said, told) = run(&House::new(UPSTREAM, ROOMS), "check", &[]).await;
    assert!(code == 0 && probed(&told).is_empty() && !said.contains("probe"), "{said} {told}");
}

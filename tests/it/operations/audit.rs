//! audit: what happened at the doors, asked beside a running gateway.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::harness::Gateway;
use crate::harness::process::{House, roomgate};
use crate::harness::socket::eventually;

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nenable_knocking = true\n\
                     [[room]]\nname = \"board\"\nprivacy = \"private\"\nenable_knocking = true\n";

async fn audit(house: &House, more: &[&str]) -> (i32, String, String) {
    let config = house.config();
    let done = roomgate(&[&["audit", "--config", &config], more].concat()).await;
    (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
}

/// Lines without their time.
fn untimed(said: &str) -> Vec<&str> {
    said.lines().map(|l| l.split_once("Z  ").unwrap().1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_who_knocked_and_who_decided_beside_a_running_gateway() {
    let house = House::new(&crate::harness::busy::section("http://127.0.0.1:1"), ROOMS);
    let (code, _, told) = audit(&house, &[]).await;
    assert!(code == 1 && told.contains("nothing to read yet"), "{told}");
    let process = house.serve(&[]).await;
    let owner = house.token(&["--room", "standup", "--owner", "--name", "Olga", "--user", "olga-1"]).await;
    let (mut olga, mut bob, mut eve) = (house.stranger(), house.stranger(), house.stranger());
    olga.visits(&format!("/standup?t={owner}")).await;
    bob.posts_knock("standup", "Bob").await;
    let waiting = olga.waiting("standup").await;
    assert_eq!(olga.answers("standup", &waiting[0], true).await.status, 200);
    eve.posts_knock("standup", "\u{1b}[31mEve\u{202e}").await;
    let waiting = olga.waiting("standup").await;
    assert_eq!(olga.answers("standup", &waiting[0], false).await.status, 200);
    eve.posts_knock("board", "Eve").await;

    let (code, said, _) = audit(&house, &["--what", "knocked", "--what", "allowed", "--what", "denied"]).await;
    let told = untimed(&said);
    assert_eq!(code, 0);
    assert_eq!(
        told,
        [
            "standup  Bob knocked",
            "standup  Olga let Bob in (api)",
            "standup  [31mEve knocked",
            "standup  Olga told [31mEve no (api)",
            "board  Eve knocked",
        ]
    );
    assert!(!said.contains('\x1b') && !said.contains(&owner));
    let some = async |more: &[&str]| untimed(&audit(&house, more).await.1).len();
    assert_eq!(some(&["--room", "board"]).await, 1);
    assert_eq!(some(&["--who", "olga"]).await, 2);
    assert_eq!(some(&["--limit", "2"]).await, 2);
    assert_eq!(some(&["--since", "1h", "--what", "denied"]).await, 1);
    assert_eq!(some(&["--until", "1h"]).await, 0);

    let (_, said, _) = audit(&house, &["--json", "--what", "allowed"]).await;
    let line: Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!((&line["what"], &line["who"]["name"], &line["by"]["name"]), (&"allowed".into(), &"Bob".into(), &"Olga".into()));
    assert_eq!((line["room"].as_str(), line["by"]["through"].as_str()), (Some("standup"), Some("api")));
    assert!(line["id"].as_str().unwrap().len() == 32 && line["number"].as_u64().unwrap() > 1);
    time::OffsetDateTime::parse(line["at"].as_str().unwrap(), &time::format_description::well_known::Rfc3339).unwrap();

    // After a kill, with no gateway: the same.
    process.kill();
    assert_eq!(some(&["--what", "denied"]).await, 1);

    for (more, word) in [(["--what", "danced"], "moved-back"), (["--since", "yesterday"], "2h"), (["--room", "a/b/c"], "--room")] {
        let (code, _, told) = audit(&house, &more).await;
        assert!(code == 2 && told.contains(word), "{more:?}: {told}");
    }
    house.edit("kind = \"sqlite\"\npath = \"facts.db\"", "kind = \"memory\"");
    let (code, said, told) = audit(&house, &[]).await;
    assert!(code == 1 && said.is_empty() && told.contains("kind = \"memory\""), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_follows_what_happens() {
    let gateway = Gateway::configured("[store]\nkind = \"sqlite\"\npath = \"facts.db\"\n", ROOMS).await;
    gateway.stranger().posts_knock("standup", "Ann").await;
    let config = gateway.file("roomgate.toml").display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomgate"));
    command.args(["audit", "--config", &config, "--follow", "--what", "knocked"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (to, lines) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
    let next = async || eventually("a line", Duration::from_secs(20), async || lines.try_recv().ok()).await;
    assert!(next().await.ends_with("standup  Ann knocked"));
    gateway.stranger().posts_knock("board", "Bob").await;
    assert!(next().await.ends_with("board  Bob knocked"));
    child.kill().unwrap();
    child.wait().unwrap();
}

//! check, explain, token, revoke: what they say, and how they exit.

use std::process::Output;

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

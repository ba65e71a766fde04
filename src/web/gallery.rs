//! What do our pages look like? Writes each of them to a file in `target/gallery`, to be looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::Duration;

use askama::Template as _;

use super::assets::{ASSETS, UNDER};
use super::door::samples;
use super::knock::{KnockPage, State};
use super::look::Look;
use super::refusal::{No, Scene, refusal_page};
use crate::access::{Hold, Refusal, RoomName, Timestamp, TokenFault};

const NOW: Timestamp = Timestamp::from_secs(1_796_100_000);

#[test]
fn gallery() {
    let to = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/gallery");
    std::fs::create_dir_all(&to).unwrap();
    let write = |name: &str, page: String| {
        // The files lie beside the pages, and scripts stay out: what is seen is what the server sends.
        let page = page.replace(UNDER, "").replace("type=\"module\"", "type=\"text/plain\"");
        std::fs::write(to.join(format!("{name}.html")), page).unwrap();
    };
    for asset in [&ASSETS.style, &ASSETS.icon] {
        let name = asset.path.strip_prefix(UNDER).unwrap();
        std::fs::write(to.join(name), *ASSETS.serve(name, None).body()).unwrap();
    }
    let room = RoomName::canonical("standup").unwrap();
    for no in super::refusal::tests_all() {
        let token = matches!(no, No::Refused(Refusal::Private)).then_some(TokenFault::Expired);
        let door = matches!(no, No::Held(Hold::MayKnock) | No::Refused(Refusal::Denied)).then_some("/_roomgate/knock?room=standup");
        let scene = Scene { room: Some(&room), token, came: false, hide: false, frames: &[], now: NOW, door, look: Look::test() };
        write(&format!("refusal-{}", no.code()), refusal_page(&no, &scene).into_body());
    }
    let states = [
        State::MayKnock,
        State::Waiting,
        State::Denied { cooldown: Duration::from_secs(17) },
        State::Denied { cooldown: Duration::ZERO },
        State::Full,
    ];
    for (n, state) in states.into_iter().enumerate() {
        let mut page = KnockPage::new(Look::test(), &room, state, "Ann O'Neill", "/call/standup", None);
        page.token = (n == 0).then_some("This link has expired. Ask whoever invited you for a new one.");
        write(&format!("knock-{n}-{}", state.code()), page.render().unwrap());
    }
    for (name, page) in samples() {
        write(&format!("door-{name}"), page);
    }
}

//! What does an owner see and decide at the door of their room? The console, and what its forms do.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::assets::{ASSETS, Assets};
use super::orders::{self, Failure};
use super::people::{self, Inside, KeptOut, Waiting};
use super::refusal::No;
use super::sent::{Asked, Sent, json, page as html, see_other, with_cookies};
use super::words::{ENGLISH, Note, Words};
use super::{Halt, Owner, Shape, Web, address, visitor};
use crate::access::{Answer, Bar, Id, RoomName};
use crate::gate::Caller;

/// How many of those who wait are shown, the first first.
pub(super) const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "door.html")]
pub(super) struct DoorPage<'a> {
    words: &'static Words,
    assets: &'static Assets,
    room: &'a str,
    /// The room's own page.
    page: &'a str,
    /// This page's own address, without a note.
    here: &'a str,
    form: &'a str,
    note: Option<&'static str>,
    shown: usize,
    waiting_count: usize,
    more: usize,
    /// Which knocks, in which version, are on the page.
    seen: String,
    waiting: Vec<Waiting>,
    inside: Vec<Inside>,
    bans: Vec<KeptOut>,
}

/// `GET /_roomgate/door?room=NAME`.
#[derive(Deserialize)]
pub(super) struct AtDoor {
    room: String,
    note: Option<String>,
}

/// The console, for those who are owners now.
pub(super) async fn page(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Asked(asked): Asked<AtDoor>,
) -> Result<Response, Halt> {
    let room = web.room(Shape::Page, &asked.room)?;
    let owner = web.owner(Shape::Page, &caller, &room).await?;
    let (browser, lines) = known(&web, &caller, &owner).map_err(|_| web.halt(Shape::Page, &No::Unavailable, Some(&room), None, true))?;
    let form = web.gate.form_token(browser).map_err(|_| web.halt(Shape::Page, &No::Unavailable, Some(&room), None, true))?;
    let knocks = people::waiting(&web, &owner);
    let waiting: Vec<Waiting> = knocks.iter().take(SHOWN).map(|k| Waiting::from(&**k)).collect();
    let here = address("door", &room, &[]);
    let page = DoorPage {
        words: &ENGLISH,
        assets: &ASSETS,
        room: room.as_str(),
        page: &web.gate.profile().page(&room),
        here: &here,
        form: &form,
        note: asked.note.as_deref().and_then(Note::parse).map(|note| ENGLISH.note(note)),
        shown: SHOWN,
        waiting_count: knocks.len(),
        more: knocks.len().saturating_sub(waiting.len()),
        seen: waiting.iter().map(|w| format!("{}.{}", w.id, w.version)).collect::<Vec<_>>().join(" "),
        waiting,
        inside: people::inside(&web, &owner),
        bans: people::kept_out(&web, &owner),
    };
    Ok(with_cookies(html(&web, StatusCode::OK, &page), lines))
}

/// The owner's browser, and the cookies that make it known: an owner by token or by the word of a proxy may come with none.
fn known(web: &Web, caller: &Caller, owner: &Owner) -> Result<(Id, Vec<String>), crate::chance::NoChance> {
    let now = web.gate.clock().now();
    if let Some(session) = web.gate.session_for(caller, &owner.judged, now)? {
        return Ok((session.visitor, web.gate.set_cookies(caller, &session, now)?));
    }
    match visitor(caller, &owner.judged) {
        Some(browser) => Ok((browser, Vec::new())),
        None => {
            let browser = web.gate.chance().id()?;
            Ok((browser, vec![web.gate.cookies().set_visitor(browser, web.gate.chance())?]))
        }
    }
}

/// What the forms of the console send.
#[derive(Deserialize)]
pub(super) struct Ordered {
    room: String,
    form: String,
    #[serde(rename = "do")]
    order: Order,
    id: Option<String>,
    version: Option<u32>,
    #[serde(default)]
    seen: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Order {
    Allow,
    Deny,
    AllowAll,
    DenyAll,
    Remove,
    Ban,
    Lift,
}

/// `POST /_roomgate/door`: one order, from a page of ours that this browser was given.
pub(super) async fn order(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    sent: Sent<Ordered>,
) -> Result<Response, Halt> {
    let (shape, ordered) = (sent.shape, sent.value);
    let room = web.room(shape, &ordered.room)?;
    let owner = web.owner(shape, &caller, &room).await?;
    let browser = web.visitor(shape, &caller, &owner.judged)?;
    let outcome = if web.gate.is_form_token(browser, &ordered.form) {
        carry_out(&web, &owner, &ordered).await
    } else {
        Err(Failure::Conflict(Note::Stale, None))
    };
    Ok(tell(shape, &room, outcome))
}

async fn carry_out(web: &Web, owner: &Owner, ordered: &Ordered) -> Result<Note, Failure> {
    let gone = Failure::Conflict(Note::Gone, None);
    let id = ordered.id.as_deref().and_then(Id::parse).ok_or(gone.clone());
    let seen = ordered.version.ok_or(gone.clone());
    let done = |found: bool, note| if found { Ok(note) } else { Err(gone.clone()) };
    match ordered.order {
        Order::Allow => orders::answer(web, owner, id?, Answer::Allow, seen?).await.map(|()| Note::Allowed),
        Order::Deny => orders::answer(web, owner, id?, Answer::Deny, seen?).await.map(|()| Note::Denied),
        Order::AllowAll => {
            // Only those who were on the page: whoever knocked since was not meant.
            for (id, version) in ordered.seen.split(' ').filter_map(shown).take(SHOWN) {
                settle(orders::answer(web, owner, id, Answer::Allow, version).await)?;
            }
            Ok(Note::Allowed)
        }
        Order::DenyAll => {
            for knock in people::waiting(web, owner) {
                settle(orders::answer(web, owner, knock.id, Answer::Deny, knock.version).await)?;
            }
            Ok(Note::Denied)
        }
        Order::Remove => done(orders::keep_out(web, owner, id?, Bar::Ejected, false).await?, Note::Removed),
        Order::Ban => done(orders::keep_out(web, owner, id?, Bar::Banned, true).await?, Note::Banned),
        Order::Lift => done(orders::lift(web, owner, id?).await?, Note::Lifted),
    }
}

/// One of several: that somebody left or was answered meanwhile stops nothing.
fn settle(outcome: Result<(), Failure>) -> Result<(), Failure> {
    match outcome {
        Ok(()) | Err(Failure::Conflict(..)) => Ok(()),
        Err(Failure::Store) => Err(Failure::Store),
    }
}

/// `id.version`, as the page lists those whom it shows.
fn shown(text: &str) -> Option<(Id, u32)> {
    let (id, version) = text.split_once('.')?;
    Some((Id::parse(id)?, version.parse().ok()?))
}

#[derive(Serialize)]
struct Told<'a> {
    note: &'a str,
    info: &'a str,
}

fn tell(shape: Shape, room: &RoomName, outcome: Result<Note, Failure>) -> Response {
    let (note, info) = match &outcome {
        Ok(note) => (*note, ENGLISH.note(*note).to_owned()),
        Err(failure) => (failure.note(), failure.told()),
    };
    let status = match outcome {
        Ok(_) => StatusCode::OK,
        Err(Failure::Conflict(..)) => StatusCode::CONFLICT,
        Err(Failure::Store) => StatusCode::SERVICE_UNAVAILABLE,
    };
    match shape {
        Shape::Page => see_other(&address("door", room, &[("note", note.code())])),
        Shape::Json | Shape::Api => json(status, &Told { note: note.code(), info: &info }),
    }
}

/// Pages with made-up people, to look at.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) fn samples() -> Vec<(&'static str, String)> {
    let at = crate::access::Timestamp::from_secs(1_796_099_640);
    let names = [
        "Ann O'Neill",
        "<b>Mallory</b> \"><img src=x onerror=alert(1)>",
        "Дмитро Коваленко",
        "Maria-Magdalena Theodora von Hohenstaufen-Lichtenberg zu",
    ];
    let page = |waiting: Vec<Waiting>, inside: Vec<Inside>, bans: Vec<KeptOut>, note| {
        let seen = waiting.iter().map(|w| format!("{}.{}", w.id, w.version)).collect::<Vec<_>>().join(" ");
        DoorPage {
            words: &ENGLISH,
            assets: &ASSETS,
            room: "standup",
            page: "/call/standup",
            here: "/_roomgate/door?room=standup",
            form: "sealed",
            note,
            shown: SHOWN,
            waiting_count: waiting.len(),
            more: 0,
            seen,
            waiting,
            inside,
            bans,
        }
        .render()
        .unwrap()
    };
    let knock = |name: &str, i: u8| crate::access::Knock {
        id: Id::new([i; 16]),
        room: RoomName::canonical("standup").unwrap(),
        visitor: Id::new([99; 16]),
        name: name.into(),
        version: 1,
        state: crate::access::KnockState::Waiting,
        at,
        answered: None,
    };
    let waiting = || names.iter().zip(1u8..).map(|(n, i)| Waiting::from(&knock(n, i))).collect();
    let person = |i: u8, name: &str, owner, you| Inside {
        id: Id::new([i; 16]).to_string(),
        name: name.to_owned(),
        owner,
        you,
        since: super::when::iso(at),
        time: super::when::time(at),
        user: None,
        entered: at,
    };
    vec![
        ("empty", page(vec![], vec![person(9, "Grace", true, true)], vec![], None)),
        (
            "busy",
            page(
                waiting(),
                vec![person(9, "Grace", true, true), person(8, "Somebody without a name", false, false), person(7, "Bo", false, false)],
                vec![KeptOut {
                    id: Id::new([4; 16]).to_string(),
                    name: "Trudy".into(),
                    banned: true,
                    lasting: true,
                    by: "Grace".into(),
                    since: super::when::iso(at),
                }],
                Some("Let in."),
            ),
        ),
    ]
}

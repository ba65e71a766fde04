//! What does an owner see and decide at the door of their room? The console, and what its forms do.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::assets::{ASSETS, Assets};
use super::look::Brand;
#[cfg(test)]
use super::look::Look;
use super::orders::{Failure, Orders};
use super::people::{self, Choice, Decided, Inside, KeptOut, Waiting};
use super::refusal::No;
use super::sent::{Asked, Sent, json, page as html, see_other, with_cookies};
use super::words::Note;
use super::{Halt, Here, Owner, Shape, Web, address, visitor};
use crate::access::{Answer, Bar, Id, RoomName, Through};
use crate::gate::Caller;
use crate::words::Words;

/// How many of those who wait are shown, the first first.
pub(super) const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "door.html")]
pub(super) struct DoorPage<'a> {
    words: &'a Words,
    brand: &'a Brand,
    assets: &'static Assets,
    room: &'a str,
    /// The room's own page.
    page: &'a str,
    /// This page's own address, without a note.
    here: &'a str,
    form: &'a str,
    note: Option<&'a str>,
    shown: usize,
    waiting_count: usize,
    more: usize,
    /// Which knocks, in which version, are on the page.
    seen: String,
    waiting: Vec<Waiting>,
    inside: Vec<Inside>,
    bans: Vec<KeptOut>,
    /// What whoever knocks is told from now on.
    choice: Choice,
    /// Who was answered lately, the last first.
    recent: Vec<Decided>,
}

/// `GET /_roomgate/door?room=NAME`.
#[derive(Deserialize)]
pub(super) struct AtDoor {
    room: String,
    note: Option<String>,
}

/// The console, for those who are owners now.
pub(super) async fn page(
    Here(web): Here,
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
    let words = &*web.look.words;
    let page = DoorPage {
        words,
        brand: &web.look.brand,
        assets: &ASSETS,
        room: room.as_str(),
        page: &web.gate.profile().page(&room),
        here: &here,
        form: &form,
        note: asked.note.as_deref().and_then(Note::parse).map(|note| words.told(note)),
        shown: SHOWN,
        waiting_count: knocks.len(),
        more: knocks.len().saturating_sub(waiting.len()),
        seen: waiting.iter().map(|w| format!("{}.{}", w.id, w.version)).collect::<Vec<_>>().join(" "),
        waiting,
        inside: people::inside(&web, &owner),
        bans: people::kept_out(&web, &owner),
        choice: Choice::of(web.gate.store().facts().remembered(&room).as_deref()),
        recent: people::decided(&web, &owner),
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
    /// Whoever knocks from now on is told the same.
    remember: Option<Ticked>,
    /// A ban outlasts the meeting.
    lasting: Option<Ticked>,
    /// It holds for everybody from their network.
    network: Option<Ticked>,
}

/// A box of a form: there where it is ticked.
#[derive(Clone, Copy, Deserialize)]
enum Ticked {
    #[serde(rename = "on")]
    On,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Order {
    Allow,
    Deny,
    AllowAll,
    DenyAll,
    Forget,
    MoveBack,
    Remove,
    Ban,
    Lift,
}

/// `POST /_roomgate/door`: one order, from a page of ours that this browser was given.
pub(super) async fn order(Here(web): Here, Extension(caller): Extension<Arc<Caller>>, sent: Sent<Ordered>) -> Result<Response, Halt> {
    let (shape, ordered) = (sent.shape, sent.value);
    let room = web.room(shape, &ordered.room)?;
    let owner = web.owner(shape, &caller, &room).await?;
    let browser = web.visitor(shape, &caller, &owner.judged)?;
    let outcome = if web.gate.is_form_token(browser, &ordered.form) {
        carry_out(&web, &owner, &ordered).await
    } else {
        Err(Failure::Conflict(Note::Stale, None))
    };
    Ok(tell(&web.look.words, shape, &room, outcome))
}

async fn carry_out(web: &Web, owner: &Owner, ordered: &Ordered) -> Result<Note, Failure> {
    let gone = Failure::Conflict(Note::Gone, None);
    let id = ordered.id.as_deref().and_then(Id::parse).ok_or(gone.clone());
    let seen = ordered.version.ok_or(gone.clone());
    let done = |found: bool, note| if found { Ok(note) } else { Err(gone.clone()) };
    let orders = Orders { web, owner, through: Through::Door };
    let answer = match ordered.order {
        Order::Allow | Order::AllowAll => Some(Answer::Allow),
        Order::Deny | Order::DenyAll => Some(Answer::Deny),
        Order::Forget | Order::MoveBack | Order::Remove | Order::Ban | Order::Lift => None,
    };
    let remember = answer.filter(|_| ordered.remember.is_some());
    match ordered.order {
        Order::Allow => orders.answer(id?, Answer::Allow, seen?).await?,
        Order::Deny => orders.answer(id?, Answer::Deny, seen?).await?,
        Order::AllowAll | Order::DenyAll => {
            if let Some(answer) = remember {
                // Before those who wait are answered: nobody slips in between.
                orders.remember(Some(answer)).await?;
            }
            let answer = answer.unwrap_or(Answer::Deny);
            // Only those who were on the page are let in, unless whoever comes is: who knocked since was not meant.
            let seen: Option<Vec<_>> = match (answer, remember) {
                (Answer::Allow, None) => Some(ordered.seen.split(' ').filter_map(shown).take(SHOWN).collect()),
                (Answer::Allow, Some(_)) | (Answer::Deny, _) => None,
            };
            orders.answer_everyone(answer, seen.as_deref()).await?;
        }
        Order::Forget => return orders.remember(None).await.map(|()| Note::AskAgain),
        Order::MoveBack => return done(orders.move_back(id?).await?, Note::MovedBack),
        Order::Remove => return done(orders.keep_out(id?, Bar::Ejected, false, ordered.network.is_some()).await?, Note::Removed),
        Order::Ban => {
            let (lasting, network) = (ordered.lasting.is_some(), ordered.network.is_some());
            return done(orders.keep_out(id?, Bar::Banned, lasting, network).await?, Note::Banned);
        }
        Order::Lift => return done(orders.lift(id?).await?, Note::Lifted),
    }
    match (ordered.order, answer, remember) {
        (Order::Allow | Order::Deny, _, Some(answer)) => {
            orders.remember(Some(answer)).await?;
            Ok(if answer == Answer::Allow { Note::AllowAll } else { Note::DenyAll })
        }
        (_, _, Some(Answer::Allow)) => Ok(Note::AllowAll),
        (_, _, Some(Answer::Deny)) => Ok(Note::DenyAll),
        (_, Some(Answer::Allow), None) => Ok(Note::Allowed),
        (_, Some(Answer::Deny) | None, None) => Ok(Note::Denied),
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

fn tell(words: &Words, shape: Shape, room: &RoomName, outcome: Result<Note, Failure>) -> Response {
    let (note, info) = match &outcome {
        Ok(note) => (*note, words.told(*note).to_owned()),
        Err(failure) => (failure.note(), failure.told(words)),
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
            words: &Look::test().words,
            brand: &Look::test().brand,
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
            choice: Choice { answer: note.map(|_| "allow"), by: Some("Grace".to_owned()), since: None },
            recent: note.map(|_| Decided { name: "Ben".to_owned(), allowed: true, by: "Grace".to_owned() }).into_iter().collect(),
        }
        .render()
        .unwrap()
    };
    let knock = |name: &str, i: u8| crate::access::Knock {
        id: Id::new([i; 16]),
        room: RoomName::canonical("standup").unwrap(),
        visitor: Id::new([99; 16]),
        name: name.into(),
        message: (i == 1).then(|| "I am in the 10 o'clock group.".into()),
        version: 1,
        state: crate::access::KnockState::Waiting,
        moved_back: i == 3,
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
                    network: false,
                    by: "Grace".into(),
                    since: super::when::iso(at),
                }],
                Some("Let in."),
            ),
        ),
    ]
}

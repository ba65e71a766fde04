//! Who calls, what does `access` say to them, and how is that carried out?
//!
//! A `Visit` is one request that [`super::entry`] found to be one, and readable in one way only.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use pingora::http::RequestHeader;

use super::entry::{Asker, Next};
use super::exchange::{Exchange, Way};
use super::killable;
use super::respond::Answer;
use super::socket::part;
use crate::access::{Decision, Ending, Ground, Hold, Permit, Refusal, Review, RoomName, Timestamp, TokenFault};
use crate::config::Config;
use crate::gate::caller::person;
use crate::gate::{Brought, Caller, Gate, Judged, Moment, Session, Speaks, Whence};
use crate::live::{Goodbye, Late, Part, Seat, reviewer};
use crate::profile::Kind;
use crate::signalling::engineio::is_cache_buster;
use crate::target::{self, Cookies, Sender, Stripped};
use crate::web::refusal::No;

/// Another site's page sent it.
pub(super) struct Foreign;

/// One request whose head and target are found good.
pub(super) struct Visit<'a> {
    pub(super) gate: &'a Arc<Gate>,
    config: &'a Config,
    pub(super) asker: &'a Asker<'a>,
    peer: IpAddr,
    pub(super) upgrade: bool,
    pub(super) stripped: &'a Stripped<'a>,
    /// What stands in the server's own token parameter.
    also: Option<&'a Stripped<'a>>,
    /// Engine.IO clients put a number of their own into a parameter that is named like ours.
    busts_caches: bool,
}

impl Visit<'_> {
    pub(super) fn new<'a>(
        gate: &'a Arc<Gate>,
        config: &'a Config,
        asker: &'a Asker<'a>,
        peer: IpAddr,
        upgrade: bool,
        stripped: &'a Stripped<'a>,
    ) -> Visit<'a> {
        Visit { gate, config, asker, peer, upgrade, stripped, also: None, busts_caches: false }
    }

    /// From now on what only keeps caches from answering is no token.
    pub(super) fn busting(&mut self) -> &Self {
        self.busts_caches = true;
        self
    }

    /// From now on a token in the server's own parameter counts as well.
    pub(super) fn also<'n>(&self, native: &'n Stripped<'n>) -> Visit<'n>
    where
        Self: 'n,
    {
        Visit {
            gate: self.gate,
            config: self.config,
            asker: self.asker,
            peer: self.peer,
            upgrade: self.upgrade,
            stripped: self.stripped,
            also: Some(native),
            busts_caches: self.busts_caches,
        }
    }

    /// Who calls.
    pub(super) async fn caller(&self, head: &RequestHeader, exchange: &mut Exchange) -> Result<Caller, Foreign> {
        let whence = exchange.whence.unwrap_or(Whence { address: self.peer, certain: false });
        let speaks = match target::sender(&head.method, self.upgrade, &head.headers, &self.config.server.origins) {
            Sender::Known => Speaks::All,
            Sender::Unproven => Speaks::TokenOnly,
            Sender::Foreign => return Err(Foreign),
        };
        let style = self.gate.cookies().style();
        let cookies = Cookies::read(head.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes), style.prefix());
        let ours = cookies.names().filter_map(|name| Some((name, cookies.get(name)?)));
        let mut caller = Caller { speaks, ..Caller::nobody(whence) }.with_cookies(self.gate, ours);
        exchange.cookies = Some(cookies.forward);
        caller.person = person(self.peer, &head.headers, self.config.identity.as_ref());
        let brought = match self.stripped.token() {
            target::Brought::One(value) if self.busts_caches && is_cache_buster(value) => target::Brought::Nothing,
            other => other,
        };
        let in_query = match brought {
            target::Brought::Several => {
                caller.token = Brought::Bad(TokenFault::Ambiguous);
                return Ok(caller);
            }
            target::Brought::One(token) => Some(token),
            target::Brought::Nothing => None,
        };
        let native = match self.also.map(Stripped::token) {
            Some(target::Brought::Several) => {
                caller.token = Brought::Bad(TokenFault::Ambiguous);
                return Ok(caller);
            }
            Some(target::Brought::One(token)) => Some(token),
            Some(target::Brought::Nothing) | None => None,
        };
        let in_header = bearers(&head.headers).filter(|_| exchange.took_authorization);
        caller.token = self.gate.read_tokens(in_query.into_iter().chain(native).chain(in_header)).await;
        Ok(caller)
    }

    /// A request about one room.
    pub(super) async fn room(&self, head: &RequestHeader, exchange: &mut Exchange, room: &RoomName, kind: Kind) -> Next {
        let Ok(caller) = self.caller(head, exchange).await else {
            return self.foreign(exchange, Some(room));
        };
        let arriving = self.asker.navigation && kind == Kind::Page;
        let moment = if arriving { Moment::Arriving } else { Moment::Staying };
        let Ok(judged) = self.gate.judge(&caller, room, moment).await else {
            return self.asker.turn_away(exchange, &No::Unavailable);
        };
        if self.asker.navigation && self.shows_a_token(head) {
            self.gate.metrics().decided(&judged.outcome.decision, exchange.started.elapsed());
            exchange.code = judged.outcome.decision.code();
            return match self.session(&caller, &judged) {
                Ok(session) => self.clean(&caller, &judged, session.as_ref(), exchange),
                Err(_) => self.asker.turn_away(exchange, &No::Unavailable),
            };
        }
        self.one_room(&caller, exchange, judged, kind)
    }

    /// Whether a token has to leave the address bar. One in the server's own parameter stays in a frame's address, which nobody sees: the page in
    /// it may have no cookies, and then brings it to its signalling from there.
    pub(super) fn shows_a_token(&self, head: &RequestHeader) -> bool {
        let framed = head.headers.get("sec-fetch-dest").is_some_and(|dest| dest.as_bytes() == b"iframe");
        self.stripped.was_there() || (!framed && self.also.is_some_and(Stripped::was_there))
    }

    pub(super) fn foreign(&self, exchange: &mut Exchange, room: Option<&RoomName>) -> Next {
        self.gate.metrics().turned_away(No::ForeignOrigin.code());
        self.asker.refuse(exchange, &No::ForeignOrigin, room, None, false)
    }

    /// A page load with a token in its address: to the same address without it. What was wrong with it is kept for a minute.
    fn clean(&self, caller: &Caller, judged: &Judged, session: Option<&Session>, exchange: &Exchange) -> Next {
        let mut lines = Vec::new();
        if let Some(session) = session
            && let Ok(cookies) = self.gate.set_cookies(caller, session, self.asker.now)
        {
            lines = cookies;
        }
        if let (Brought::Grant(_) | Brought::Bad(_), Some(fault)) = (&caller.token, judged.outcome.token) {
            lines.push(self.gate.cookies().set_notice(fault.code()));
        }
        Next::Answer(Answer::see_other(&exchange.target).with_cookies(lines))
    }

    fn carry_out(&self, exchange: &mut Exchange, caller: &Caller, judged: Judged, session: Option<Session>, kind: Kind) -> Next {
        let room = judged.entry.name.clone();
        let token = judged.outcome.token.or(caller.notice.filter(|_| self.asker.navigation));
        let came = caller.token != Brought::Nothing || judged.session.is_some();
        match &judged.outcome.decision {
            Decision::Admit(permit) => {
                let Some(bearer) = session.as_ref().or(judged.session.as_deref()) else {
                    return self.asker.turn_away(exchange, &No::Unavailable);
                };
                let max = judged.entry.room.as_ref().and_then(|r| r.max_participants);
                // What names no room makes nobody present in the one that lets them have it.
                let part = if exchange.names_no_room { Part::Fetching } else { part(self.gate.profile(), kind) };
                match seat(self.gate, &exchange.kill.kill_handle(), bearer, permit, (part, max), self.asker.now) {
                    Ok(seat) => {
                        seat.came_from(caller.whence.address, caller.whence.certain);
                        exchange.seat = Some(seat);
                    }
                    Err(late) => return self.asker.refuse(exchange, &late, Some(&room), token, came),
                }
                if let Some(session) = session.as_ref().filter(|_| keeps_cookies(caller)) {
                    exchange.set_cookies = self.gate.set_cookies(caller, session, self.asker.now).unwrap_or_default();
                }
                if permit.ground() == Ground::Knock && permit.person().name.is_none() {
                    exchange.name = self.gate.store().facts().knock(&room, bearer.visitor).map(|knock| knock.name.clone());
                }
                exchange.way = Some(Way::Permitted(permit.clone(), kind));
                Next::Forward
            }
            Decision::Hold(hold) if self.asker.navigation => match self.asker.knock_page(&room, &exchange.target) {
                Some(page) => {
                    exchange.code = hold.code();
                    let lines = session.and_then(|s| self.gate.set_cookies(caller, &s, self.asker.now).ok()).unwrap_or_default();
                    Next::Answer(Answer::see_other(&page).with_cookies(lines))
                }
                None => self.asker.turn_away(exchange, &No::Unavailable),
            },
            decision @ (Decision::Hold(_) | Decision::Refuse(_)) => {
                let no = No::of(decision).unwrap_or(No::Unavailable);
                self.asker.refuse(exchange, &no, Some(&room), token, came)
            }
        }
    }

    /// An address that names no room. A page there must not see the token in its address either.
    pub(super) async fn shared(&self, caller: &Caller, exchange: &mut Exchange) -> Next {
        if !(self.asker.navigation && self.stripped.was_there()) {
            return self.any_room(caller, exchange, Kind::Asset).await;
        }
        match &caller.token {
            Brought::Grant(grant) => match &grant.room {
                Some(room) => self.earn(caller, room, exchange).await,
                None => Next::Answer(Answer::see_other(&exchange.target)),
            },
            Brought::Bad(fault) => {
                let notice = self.gate.cookies().set_notice(fault.code());
                Next::Answer(Answer::see_other(&exchange.target).with_cookies([notice]))
            }
            Brought::Nothing => Next::Answer(Answer::see_other(&exchange.target)),
        }
    }

    /// A page load that names this room only by its token or its query: the session that the token earns, and the clean address.
    async fn earn(&self, caller: &Caller, room: &RoomName, exchange: &mut Exchange) -> Next {
        let Ok(judged) = self.gate.judge(caller, room, Moment::Arriving).await else {
            return self.asker.turn_away(exchange, &No::Unavailable);
        };
        match self.session(caller, &judged) {
            Ok(session) => self.clean(caller, &judged, session.as_ref(), exchange),
            Err(_) => self.asker.turn_away(exchange, &No::Unavailable),
        }
    }

    /// What names no room is for those who are admitted to some room: the first that admits them.
    pub(super) async fn any_room(&self, caller: &Caller, exchange: &mut Exchange, kind: Kind) -> Next {
        let by_token = match &caller.token {
            Brought::Grant(grant) => grant.room.clone(),
            Brought::Nothing | Brought::Bad(_) => None,
        };
        // A cookie that counts for nothing names no room either.
        let sessions = caller.sessions.iter().filter(|_| caller.speaks == Speaks::All);
        let rooms: Vec<RoomName> = by_token.into_iter().chain(sessions.map(|s| s.room.clone())).collect();
        let mut last = None;
        for room in &rooms {
            let Ok(judged) = self.gate.judge(caller, room, Moment::Staying).await else {
                return self.asker.turn_away(exchange, &No::Unavailable);
            };
            if matches!(judged.outcome.decision, Decision::Admit(_)) {
                exchange.names_no_room = true;
                return self.one_room(caller, exchange, judged, kind);
            }
            last = Some(judged);
        }
        let came = caller.token != Brought::Nothing || !caller.sessions.is_empty();
        let fault = match &caller.token {
            Brought::Bad(fault) => Some(*fault),
            Brought::Grant(_) | Brought::Nothing => last.as_ref().and_then(|j| j.outcome.token),
        };
        let decision = last.map_or(Decision::Refuse(Refusal::Private), |j| j.outcome.decision);
        self.gate.metrics().decided(&decision, exchange.started.elapsed());
        let no = No::of(&decision).unwrap_or(No::Unavailable);
        self.asker.refuse(exchange, &no, None, fault, came)
    }

    /// A decision is there; it is counted and carried out.
    pub(super) fn one_room(&self, caller: &Caller, exchange: &mut Exchange, judged: Judged, kind: Kind) -> Next {
        self.gate.metrics().decided(&judged.outcome.decision, exchange.started.elapsed());
        exchange.code = judged.outcome.decision.code();
        match self.session(caller, &judged) {
            Ok(session) => self.carry_out(exchange, caller, judged, session, kind),
            Err(_) => self.asker.turn_away(exchange, &No::Unavailable),
        }
    }

    /// Our own pages judge for themselves; here is only found out who calls.
    pub(super) async fn own(&self, head: &RequestHeader, exchange: &mut Exchange) -> Next {
        exchange.code = "own";
        let Ok(caller) = self.caller(head, exchange).await else {
            return self.foreign(exchange, None);
        };
        if !(self.asker.navigation && self.stripped.was_there()) {
            return Next::Own(Arc::new(caller));
        }
        // A link with a token to a page of ours: the token leaves the address here too, and earns its session.
        let named = target::Query::new(self.stripped.kept()).only("room").ok().flatten();
        let named = named.and_then(|name| self.gate.profile().room_name(name).ok());
        let Some(room) = named else {
            return Next::Answer(Answer::see_other(&exchange.target));
        };
        self.earn(&caller, &room, exchange).await
    }

    fn session(&self, caller: &Caller, judged: &Judged) -> Result<Option<Session>, crate::chance::NoChance> {
        self.gate.session_for(caller, judged, self.asker.now)
    }
}

/// Puts an exchange on the list of those who are inside, so that it can be ended; and asks once more, now that it is on it.
pub(super) fn seat(
    gate: &Gate,
    kill: &killable::Kill,
    session: &Session,
    permit: &Permit,
    (part, max): (Part, Option<u32>),
    now: Timestamp,
) -> Result<Seat, No> {
    let kill = kill.clone();
    let eject = Box::new(move |goodbye: Goodbye| {
        let ending = killable::Ending { close: goodbye.close_code(), reason: goodbye.code() };
        match goodbye {
            Goodbye::Ended(_) => kill.end(ending),
            Goodbye::Drain => kill.end_tunnel(ending),
        };
    });
    let gone = |ending: Ending| match ending {
        Ending::Banned => No::Refused(Refusal::Banned),
        Ending::RoomGone => No::Refused(Refusal::NoRoom),
        Ending::MovedBack => No::Held(Hold::Waiting),
        Ending::Ejected | Ending::Elapsed | Ending::Revoked | Ending::TokenExpired | Ending::RoomClosed => No::Refused(Refusal::Ejected),
    };
    let permit = Arc::new(permit.clone());
    let seat = gate.live().enter(session.id, session.visitor, &permit, (part, max), now, eject).map_err(|late| match late {
        Late::Ended(ending) => gone(ending),
        Late::Full => No::Refused(Refusal::Full),
    })?;
    match reviewer::ask(gate, seat.participant()) {
        Review::Stay { .. } => Ok(seat),
        Review::Leave(ending) => Err(gone(ending)),
    }
}

/// Whether cookies on the answer are for the one who asked: another site's page may have sent a request without a word of its own.
fn keeps_cookies(caller: &Caller) -> bool {
    match (caller.speaks, &caller.token) {
        (Speaks::All, _) | (Speaks::TokenOnly, Brought::Grant(_)) => true,
        (Speaks::TokenOnly, Brought::Nothing | Brought::Bad(_)) => false,
    }
}

/// What stands behind `Bearer` in `Authorization`; what cannot be read is no token, and is taken all the same.
pub(super) fn bearers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(header::AUTHORIZATION).iter().filter_map(|line| {
        let line = line.as_bytes().trim_ascii();
        let (scheme, token) = line.split_at(line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len()));
        scheme.eq_ignore_ascii_case(b"bearer").then(|| std::str::from_utf8(token.trim_ascii()).unwrap_or_default())
    })
}

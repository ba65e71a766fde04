//! How is BOSH judged, request by request?
//!
//! Each body is read whole and judged before anything goes on; the server's answer is read whole before the client gets it. A session is
//! known to this process while it lives, so that it can be ended from elsewhere, in the middle of a long poll or between two: then its client is
//! told by the room's own word, and the server by a last body of ours. What a client holds of it (the bound `sid`) opens it again after
//! a restart, for the same room and ticket.

mod sessions;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use pingora::http::RequestHeader;
use pingora::proxy::Session as Http;

use super::Proxy;
use super::attendance::Attendance;
use super::exchange::{Exchange, JudgedPlace, Way};
use super::frames::Door;
use super::killable;
use super::respond::Answer;
use super::xmpp::{Parameters, Xmpp};
use crate::access::Timestamp;
use crate::gate::{Caller, Gate};
use crate::profile::XmppAsked;
use crate::signalling::GuardRefusal;
use crate::signalling::xmpp::Opening;
use crate::signalling::xmpp::bosh::{BODY_MAX, Body, Bosh, Next, WAIT_MAX, end_of_session};
use crate::web::refusal::No;

pub(super) use sessions::Sessions;
use sessions::{Flying, Session};

const PROTOCOL: &str = "bosh";
const CONTENT_TYPE: &str = "text/xml; charset=utf-8";
/// The longest answer of the server's, in bytes: a room with everybody in it.
const ANSWER_MAX: usize = 8 * 1024 * 1024;
/// How long the server may take to answer: as long as it may keep a request, and some.
const ANSWER: Duration = Duration::from_secs(WAIT_MAX as u64 + 15);
/// A session without a request for so long is over. Prosody gives up earlier (0.12, `mod_bosh`: `bosh_max_inactivity` 60 s).
const SILENCE: Duration = Duration::from_secs(75);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long a session that was ended is remembered, so that its client can be told.
const REMEMBERED: Duration = Duration::from_secs(60);
/// So many requests of one session at once. Two are usual (XEP-0124 section 7.1, `hold` of 1), and Strophe sends no more than five.
const REQUESTS_MAX: usize = 16;
/// How long the server may take to be told something: with it the session is locked.
const TELLING: Duration = Duration::from_secs(10);
/// How long somebody who has to leave may wait for the room's own word to them.
const LAST_WORD: Duration = Duration::from_millis(300);

struct State {
    bosh: Bosh,
    attendance: Attendance,
}

/// What becomes of a request for a session that is over: the client begins anew.
fn unknown() -> Answer {
    xml(end_of_session(Some("item-not-found")))
}

fn xml(text: String) -> Answer {
    Answer::text(StatusCode::OK, CONTENT_TYPE, text)
}

impl Proxy {
    /// One request.
    ///
    /// # Errors
    /// Where nothing can be said in the protocol's own words.
    pub(super) async fn bosh(
        &self,
        xmpp: &Arc<Xmpp>,
        http: &mut Http,
        asked: &XmppAsked,
        query: Option<&str>,
        caller: Caller,
        exchange: &mut Exchange,
    ) -> Result<Answer, No> {
        let count = |refusal: GuardRefusal| self.gate.metrics().guard_refused(PROTOCOL, refusal.code());
        let body = match self.whole(http, BODY_MAX).await.and_then(|bytes| Body::read(&bytes)) {
            Ok(body) => body,
            Err(refusal) => {
                count(refusal);
                return Ok(xml(end_of_session(Some("bad-request"))));
            }
        };
        let (killed, session) = match body.sid() {
            None => (killable::Exchange::default(), None),
            Some(sid) => match self.known(xmpp, asked, &caller, sid) {
                Some((id, known)) => match known {
                    Some(session) => (session.exchange.clone(), Some(session)),
                    None => {
                        let again = self.again(xmpp, http, asked, query, (caller.clone(), sid, &id), exchange).await?;
                        let Some(session) = again else {
                            count(GuardRefusal::NoPermit);
                            return Ok(unknown());
                        };
                        (session.exchange.clone(), Some(session))
                    }
                },
                None => {
                    count(GuardRefusal::UnknownSession);
                    return Ok(unknown());
                }
            },
        };
        match session {
            Some(session) => self.speak(xmpp, http, asked, query, (session, body), exchange).await,
            None => self.open(xmpp, http, asked, query, (caller, body, killed), exchange).await,
        }
    }

    /// The server's id behind a bound one, and its session where this process knows it.
    fn known(&self, xmpp: &Xmpp, asked: &XmppAsked, caller: &Caller, sid: &str) -> Option<(String, Option<Arc<Session>>)> {
        let attendance = Attendance::new(self.gate.clone(), caller.clone(), killable::Exchange::default().kill_handle());
        let opening = xmpp.opening(&self.gate.config(), asked, &attendance, None)?;
        let id = Bosh::unbound(&opening, sid)?;
        Some((id.to_owned(), xmpp.sessions.find(id)))
    }

    /// A session from before this process began: its visitor is asked about anew, and is inside where they may be.
    async fn again(
        &self,
        xmpp: &Arc<Xmpp>,
        http: &Http,
        asked: &XmppAsked,
        query: Option<&str>,
        (caller, sid, id): (Caller, &str, &str),
        exchange: &mut Exchange,
    ) -> Result<Option<Arc<Session>>, No> {
        let Some(room) = &asked.room else { return Ok(None) };
        let killed = killable::Exchange::default();
        let mut attendance = Attendance::new(self.gate.clone(), caller, killed.kill_handle());
        match attendance.ask(room, true).await {
            Err(No::Unavailable) => return Err(No::Unavailable),
            Err(_) => return Ok(None),
            Ok(()) => {}
        }
        let (opening, head) = self.prepared(xmpp, http, asked, query, &attendance, exchange)?;
        let Some(bosh) = Bosh::again(opening, sid) else { return Ok(None) };
        let session = self.keep(xmpp, id, State { bosh, attendance }, killed, head);
        session.map(Some).map_err(|_| No::Unavailable)
    }

    /// What opens a session knows, and how the server is spoken to in it.
    fn prepared(
        &self,
        xmpp: &Xmpp,
        http: &Http,
        asked: &XmppAsked,
        query: Option<&str>,
        attendance: &Attendance,
        exchange: &Exchange,
    ) -> Result<(Opening, RequestHeader), No> {
        let permit = attendance.permit();
        let token = xmpp.token(asked, permit.as_deref(), exchange.name.as_deref());
        let opening = xmpp.opening(&self.gate.config(), asked, attendance, token.clone()).ok_or(No::UnknownPath)?;
        let parameters = Parameters::read(query);
        let target = xmpp.target(asked, &parameters.onward(token.as_deref(), None)).ok_or(No::UnknownPath)?;
        let head = self.head(http, exchange, &target, CONTENT_TYPE, permit.as_deref()).map_err(|_| No::BadRequest)?;
        Ok((opening, head))
    }

    /// The first request of a session.
    async fn open(
        &self,
        xmpp: &Arc<Xmpp>,
        http: &mut Http,
        asked: &XmppAsked,
        query: Option<&str>,
        (caller, body, killed): (Caller, Body, killable::Exchange),
        exchange: &mut Exchange,
    ) -> Result<Answer, No> {
        let mut attendance = Attendance::new(self.gate.clone(), caller, killed.kill_handle());
        self.arrive(&mut attendance, asked, exchange).await?;
        let (opening, head) = self.prepared(xmpp, http, asked, query, &attendance, exchange)?;
        let mut state = State { bosh: Bosh::new(opening), attendance };
        let rid = body.rid();
        state.bosh.take(body);
        let text = match state.judged().await {
            Ok(Some(text)) => text,
            Ok(None) => return Err(No::Unavailable),
            Err(refusal) => {
                self.gate.metrics().guard_refused(PROTOCOL, refusal.code());
                return Ok(xml(end_of_session(Some("bad-request"))));
            }
        };
        let flight = xmpp.send(head.clone(), text).await.map_err(|error| self.silent(&error))?;
        let answered = flight.answer(ANSWER_MAX, ANSWER).await.map_err(|error| self.silent(&error))?;
        let answered = String::from_utf8(answered.body.into()).map_err(|_| No::Unavailable)?;
        let answered = state.bosh.answer(rid, answered).map_err(|refusal| {
            self.gate.metrics().guard_refused(PROTOCOL, refusal.code());
            No::Unavailable
        })?;
        if let Some(sid) = state.bosh.sid().map(str::to_owned)
            && self.keep(xmpp, &sid, state, killed, head).is_err()
        {
            return Err(No::Unavailable);
        }
        Ok(xml(answered.text).with_cookies(exchange.set_cookies.drain(..)))
    }

    /// Every other request.
    async fn speak(
        &self,
        xmpp: &Arc<Xmpp>,
        http: &mut Http,
        asked: &XmppAsked,
        query: Option<&str>,
        (session, body): (Arc<Session>, Body),
        exchange: &mut Exchange,
    ) -> Result<Answer, No> {
        if session.flying.load(Ordering::Acquire) >= REQUESTS_MAX {
            self.gate.metrics().guard_refused(PROTOCOL, GuardRefusal::TooMany.code());
            return Err(No::Unavailable);
        }
        let _flying = Flying::new(&session, self.gate.clone());
        let (rid, leaves) = (body.rid(), body.terminates());
        // A source that is slow to say who may be where keeps nobody inside.
        let locked = tokio::select! {
            biased;
            ending = session.exchange.ended() => return Ok(session.last_word(ending).await),
            locked = session.judged(body) => locked,
        };
        let (mut state, judged) = locked;
        let sid = state.bosh.sid().unwrap_or_default().to_owned();
        let text = match judged {
            Ok(Some(text)) => text,
            Ok(None) => return Err(No::Unavailable),
            Err(refusal) => {
                self.gate.metrics().guard_refused(PROTOCOL, refusal.code());
                drop(state);
                xmpp.part(&session).await;
                xmpp.sessions.forget(&sid, &session);
                return Ok(xml(end_of_session(Some("policy-violation"))));
            }
        };
        let permit = state.attendance.permit();
        let target = xmpp.target(asked, &Parameters::read(query).onward(None, None)).ok_or(No::UnknownPath)?;
        let head = self.head(http, exchange, &target, CONTENT_TYPE, permit.as_deref()).map_err(|_| No::BadRequest)?;
        // Sent while the state is locked: the server gets the requests in the order in which they were judged.
        let flight = match xmpp.send(head, text).await {
            Ok(flight) => flight,
            Err(error) => {
                state.bosh.not_sent(rid);
                return Err(self.silent(&error));
            }
        };
        drop(state);
        let answered = tokio::select! {
            biased;
            ending = session.exchange.ended() => return Ok(session.last_word(ending).await),
            answered = flight.answer(ANSWER_MAX, ANSWER) => answered.map_err(|error| self.silent(&error))?,
            // Another process will be asked for the same again.
            () = self.gate.closing().cancelled() => return Err(No::Unavailable),
            _ = http.read_body_or_idle(true) => {
                // They left, or began to say something else, of which a piece has been read: nothing more can be read here.
                http.set_keepalive(None);
                return Err(No::Unavailable);
            }
        };
        if answered.status.is_server_error() {
            // Something between us and the server: the same may be asked again.
            self.gate.metrics().upstream_error("bosh");
            return Err(No::Unavailable);
        }
        if answered.status != StatusCode::OK {
            xmpp.part(&session).await;
            xmpp.sessions.forget(&sid, &session);
            return Ok(unknown());
        }
        let text = String::from_utf8(answered.body.into()).map_err(|_| No::Unavailable)?;
        let mut state = session.state.lock().await;
        let answered = match state.bosh.answer(rid, text) {
            Ok(answered) => answered,
            Err(refusal) => {
                // Somebody may have been thrown out in it: what cannot be read is the end.
                self.gate.metrics().guard_refused(PROTOCOL, refusal.code());
                drop(state);
                xmpp.part(&session).await;
                xmpp.sessions.forget(&sid, &session);
                return Ok(xml(end_of_session(Some("internal-server-error"))));
            }
        };
        state.tell();
        drop(state);
        if leaves && !answered.ended {
            // An old answer, repeated: the server has not looked at the end in it.
            xmpp.part(&session).await;
        }
        if answered.ended || leaves {
            xmpp.sessions.forget(&sid, &session);
        }
        Ok(xml(answered.text))
    }

    fn silent(&self, error: &pingora::Error) -> No {
        tracing::warn!(%error, "the XMPP server did not answer");
        self.gate.metrics().upstream_error("bosh");
        No::Unavailable
    }

    /// From now on it is known, and watched.
    fn keep(
        &self,
        xmpp: &Arc<Xmpp>,
        sid: &str,
        state: State,
        exchange: killable::Exchange,
        head: RequestHeader,
    ) -> Result<Arc<Session>, GuardRefusal> {
        let session = Arc::new(Session::new(state, exchange, head, self.gate.clock().now()));
        let kept = xmpp.sessions.keep(sid, session.clone())?;
        if Arc::ptr_eq(&kept, &session) {
            tokio::spawn(watch(self.gate.clone(), xmpp.clone(), session, sid.to_owned()));
        }
        Ok(kept)
    }
}

impl Session {
    /// Judges one request's body. The session stays locked until the server has it.
    async fn judged(&self, body: Body) -> (tokio::sync::MutexGuard<'_, State>, Result<Option<String>, GuardRefusal>) {
        let mut state = self.state.lock().await;
        state.bosh.take(body);
        let judged = state.judged().await;
        (state, judged)
    }

    /// What is left to say to somebody who has to leave.
    async fn last_word(&self, ending: killable::Ending) -> Answer {
        match tokio::time::timeout(LAST_WORD, self.state.lock()).await {
            Ok(mut state) => xml(state.bosh.removed(ending.reason)),
            Err(_) => xml(end_of_session(None)),
        }
    }
}

/// Sees to a session's end: when its visitor has to leave, when it falls silent, when it is over by itself.
async fn watch(gate: Arc<Gate>, xmpp: Arc<Xmpp>, session: Arc<Session>, sid: String) {
    loop {
        tokio::select! {
            biased;
            () = session.over.cancelled() => return,
            _ = session.exchange.ended() => {
                xmpp.part(&session).await;
                session.state.lock().await.attendance.leave();
                tokio::time::sleep(REMEMBERED).await;
                return xmpp.sessions.forget(&sid, &session);
            }
            () = tokio::time::sleep(LOOK) => {
                let heard = Timestamp::from_millis(session.heard.load(Ordering::Acquire));
                let silent = session.flying.load(Ordering::Acquire) == 0 && gate.clock().now().since(heard) >= SILENCE;
                if silent {
                    // One whose server is more patient would be inside with nobody who could end it.
                    xmpp.part(&session).await;
                    return xmpp.sessions.forget(&sid, &session);
                }
            }
        }
    }
}

impl Xmpp {
    async fn send(&self, head: RequestHeader, text: String) -> pingora::Result<super::asking::Flight> {
        let told = async {
            let peer = self.signalling().peer(&Way::Judged(JudgedPlace(()), None)).await?;
            self.asking.send(peer, head, Bytes::from(text)).await
        };
        let late = |_| Err(pingora::Error::explain(pingora::ErrorType::WriteTimedout, "the XMPP server does not listen"));
        tokio::time::timeout(TELLING, told).await.unwrap_or_else(late)
    }

    /// The server is told that the visitor leaves: the room sees them go at once.
    async fn part(&self, session: &Session) {
        let Some((rid, last)) = session.state.lock().await.bosh.leaving() else { return };
        let told = async { self.send(session.head.clone(), last).await?.answer(ANSWER_MAX, Duration::from_secs(5)).await };
        match told.await {
            Err(error) => tracing::warn!(%error, "the XMPP server was not told that somebody has left"),
            // What the client had not fetched yet comes with it: perhaps that a moderator has thrown them out.
            Ok(answered) => {
                let Ok(text) = String::from_utf8(answered.body.into()) else { return };
                let mut state = session.state.lock().await;
                if state.bosh.answer(rid, text).is_ok() {
                    state.tell();
                }
            }
        }
    }
}

impl State {
    /// The request at hand as it goes on, once `access` has been asked what it has to be asked.
    ///
    /// `None`: it is to be asked again.
    async fn judged(&mut self) -> Result<Option<String>, GuardRefusal> {
        loop {
            let next = self.bosh.step();
            for refusal in self.bosh.refusals() {
                self.attendance.refused(PROTOCOL, refusal, false);
            }
            self.tell();
            match next {
                Next::On(text) => return Ok(Some(text)),
                Next::NotNow => return Ok(None),
                Next::End(refusal) => return Err(refusal),
                Next::Ask { room, enters } => {
                    let answer = self.attendance.admits(&room, enters).await;
                    self.bosh.decided(answer.err().as_deref())?;
                }
            }
        }
    }

    fn tell(&mut self) {
        for news in self.bosh.news() {
            self.attendance.hear(news);
        }
    }
}

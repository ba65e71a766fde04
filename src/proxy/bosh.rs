//! How is BOSH judged, request by request?
//!
//! Each body is read whole and judged before anything goes on; the server's answer is read whole before the client gets it. A session is
//! known to this process while it lives, so that it can be ended from elsewhere, in the middle of a long poll or between two: then its client is
//! told by the room's own word, and the server by a last body of ours. What a client holds of it (the bound `sid`) opens it again after
//! a restart, for the same room and ticket.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use parking_lot::Mutex;
use pingora::http::RequestHeader;
use pingora::proxy::Session as Http;
use tokio_util::sync::CancellationToken;

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
/// So many sessions at once, in all.
const SESSIONS_MAX: usize = 65_536;

/// The BOSH sessions of this process, by the server's own ids for them.
#[derive(Clone, Default)]
pub(super) struct Sessions(Arc<Mutex<HashMap<Box<str>, Arc<Session>>>>);

struct Session {
    state: tokio::sync::Mutex<State>,
    /// Ends it, from elsewhere.
    exchange: killable::Exchange,
    /// Requests that wait for the server.
    flying: AtomicUsize,
    /// When the last one was answered, in milliseconds.
    heard: AtomicI64,
    /// It is over.
    over: CancellationToken,
    /// What a last word of ours to the server looks like.
    head: RequestHeader,
}

struct State {
    bosh: Bosh,
    attendance: Attendance,
}

/// Counts a request for as long as it waits, however it ends.
struct Flying<'s>(&'s Session, Arc<Gate>);

impl<'s> Flying<'s> {
    fn new(session: &'s Session, gate: Arc<Gate>) -> Self {
        session.flying.fetch_add(1, Ordering::AcqRel);
        Self(session, gate)
    }
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.0.heard.store(self.1.clock().now().as_millis(), Ordering::Release);
        self.0.flying.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sessions {
    fn find(&self, sid: &str) -> Option<Arc<Session>> {
        self.0.lock().get(sid).cloned()
    }

    /// Takes a session in; another request may have been faster.
    fn keep(&self, sid: &str, session: Arc<Session>) -> Result<Arc<Session>, GuardRefusal> {
        let mut all = self.0.lock();
        if let Some(known) = all.get(sid) {
            return Ok(known.clone());
        }
        if all.len() >= SESSIONS_MAX {
            return Err(GuardRefusal::TooMany);
        }
        all.insert(sid.into(), session.clone());
        Ok(session)
    }

    fn forget(&self, sid: &str) {
        if let Some(session) = self.0.lock().remove(sid) {
            session.over.cancel();
        }
    }
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
        state.bosh.take(body);
        let text = match state.judged().await {
            Ok(text) => text,
            Err(refusal) => {
                self.gate.metrics().guard_refused(PROTOCOL, refusal.code());
                return Ok(xml(end_of_session(Some("bad-request"))));
            }
        };
        let flight = xmpp.send(head.clone(), text).await.map_err(|error| self.silent(&error))?;
        let answered = flight.answer(ANSWER_MAX, ANSWER).await.map_err(|error| self.silent(&error))?;
        let answered = String::from_utf8(answered.body.into()).map_err(|_| No::Unavailable)?;
        let answered = state.bosh.answer(answered).map_err(|refusal| {
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
        let _flying = Flying::new(&session, self.gate.clone());
        let leaves = body.terminates();
        let (flight, sid) = {
            let mut state = session.state.lock().await;
            if let Some(ending) = session.exchange.ending() {
                return Ok(xml(state.bosh.removed(ending.reason)));
            }
            state.bosh.take(body);
            let judged = state.judged().await;
            let sid = state.bosh.sid().unwrap_or_default().to_owned();
            let text = match judged {
                Ok(text) => text,
                Err(refusal) => {
                    self.gate.metrics().guard_refused(PROTOCOL, refusal.code());
                    drop(state);
                    xmpp.part(&session).await;
                    xmpp.sessions.forget(&sid);
                    return Ok(xml(end_of_session(Some("policy-violation"))));
                }
            };
            let permit = state.attendance.permit();
            let target = xmpp.target(asked, &Parameters::read(query).onward(None, None)).ok_or(No::UnknownPath)?;
            let head = self.head(http, exchange, &target, CONTENT_TYPE, permit.as_deref()).map_err(|_| No::BadRequest)?;
            // Sent while the state is locked: the server gets the requests in the order in which they were judged.
            (xmpp.send(head, text).await.map_err(|error| self.silent(&error))?, sid)
        };
        let answered = tokio::select! {
            biased;
            ending = session.exchange.ended() => {
                let mut state = session.state.lock().await;
                return Ok(xml(state.bosh.removed(ending.reason)));
            }
            answered = flight.answer(ANSWER_MAX, ANSWER) => answered.map_err(|error| self.silent(&error))?,
            // Another process will be asked for the same again.
            () = self.gate.closing().cancelled() => return Err(No::Unavailable),
            _ = http.read_body_or_idle(true) => return Err(No::Unavailable),
        };
        if answered.status != StatusCode::OK {
            xmpp.sessions.forget(&sid);
            return Ok(unknown());
        }
        let text = String::from_utf8(answered.body.into()).map_err(|_| No::Unavailable)?;
        let mut state = session.state.lock().await;
        let answered = state.bosh.answer(text).map_err(|_| No::Unavailable)?;
        state.tell();
        drop(state);
        if answered.ended || leaves {
            xmpp.sessions.forget(&sid);
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
        let now = self.gate.clock().now();
        let session = Arc::new(Session {
            state: tokio::sync::Mutex::new(state),
            exchange,
            flying: AtomicUsize::new(0),
            heard: AtomicI64::new(now.as_millis()),
            over: CancellationToken::new(),
            head,
        });
        let kept = xmpp.sessions.keep(sid, session.clone())?;
        if Arc::ptr_eq(&kept, &session) {
            tokio::spawn(watch(self.gate.clone(), xmpp.clone(), session, sid.to_owned()));
        }
        Ok(kept)
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
                return xmpp.sessions.forget(&sid);
            }
            () = tokio::time::sleep(LOOK) => {
                let heard = Timestamp::from_millis(session.heard.load(Ordering::Acquire));
                let silent = session.flying.load(Ordering::Acquire) == 0 && gate.clock().now().since(heard) >= SILENCE;
                if silent {
                    return xmpp.sessions.forget(&sid);
                }
            }
        }
    }
}

impl Xmpp {
    async fn send(&self, head: RequestHeader, text: String) -> pingora::Result<super::asking::Flight> {
        let peer = self.signalling().peer(&Way::Judged(JudgedPlace(()), None)).await?;
        self.asking.send(peer, head, Bytes::from(text)).await
    }

    /// The server is told that the visitor leaves: the room sees them go at once.
    async fn part(&self, session: &Session) {
        let Some(last) = session.state.lock().await.bosh.leaving() else { return };
        let told = async { self.send(session.head.clone(), last).await?.answer(ANSWER_MAX, Duration::from_secs(5)).await };
        if let Err(error) = told.await {
            tracing::warn!(%error, "the XMPP server was not told that somebody has left");
        }
    }
}

impl State {
    /// The request at hand as it goes on, once `access` has been asked what it has to be asked.
    async fn judged(&mut self) -> Result<String, GuardRefusal> {
        loop {
            let next = self.bosh.next();
            for refusal in self.bosh.refusals() {
                self.attendance.refused(PROTOCOL, refusal, false);
            }
            self.tell();
            match next {
                Next::On(text) => return Ok(text),
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

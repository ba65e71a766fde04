//! How does Jitsi's signalling come in?
//!
//! By three addresses: a WebSocket, BOSH ([`super::bosh`]), and conference requests over HTTP. None of them is refused because of whom it
//! is: once a page is open, only a refusal inside the protocol reaches the person ([`crate::signalling::xmpp`]). What is refused here is what no
//! page of ours sends. Nothing of the client's address goes on: path and query are built anew, with the server's own token where it wants one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use pingora::http::RequestHeader;
use pingora::proxy::Session as Http;

use super::asking::Asking;
use super::attendance::Attendance;
use super::bosh;
use super::bridge::{self, Incoming};
use super::entry::Next;
use super::exchange::{Exchange, JudgedPlace, Way};
use super::frames::Judged;
use super::respond::Answer;
use super::visit::Visit;
use super::{Proxy, forward};
use crate::access::Permit;
use crate::config::{Address, Config};
use crate::gate::{Caller, Gate, Speaks};
use crate::profile::{Jitsi, Onward, Profile, XmppAsked, XmppDoor};
use crate::signalling::GuardRefusal;
use crate::signalling::xmpp::conference::{REQUEST_MAX, Request, ready};
use crate::signalling::xmpp::{Keys, Opening, Purpose, XmppGuard, name};
use crate::target::Query;
use crate::upstream::Upstream;
use crate::web::refusal::No;

/// The longest that jicofo may take over a conference request: it may have to wait for its bridges.
const CONFERENCE: Duration = Duration::from_secs(20);
/// The longest answer of jicofo's, in bytes.
const CONFERENCE_MAX: usize = 64 * 1024;
const SUBPROTOCOL: &str = "xmpp";

/// Jitsi's XMPP server and jicofo, and who is connected to them over HTTP.
pub(super) struct Xmpp {
    gate: Arc<Gate>,
    profile: Arc<Profile>,
    web: Upstream,
    prosody: Option<Upstream>,
    jicofo: Option<Upstream>,
    pub(super) asking: Asking,
    pub(super) sessions: bosh::Sessions,
}

impl Xmpp {
    /// `None` where the server is of another kind. `web` is where Jitsi's pages are.
    pub(super) fn of(gate: &Arc<Gate>, web: &Upstream) -> Option<Self> {
        let config = gate.config();
        let jitsi = config.upstream.jitsi.as_ref()?;
        let at = |address: &Address| Upstream::new(&address.host, address.port, address.tls);
        Some(Self {
            gate: gate.clone(),
            profile: config.upstream.profile.clone(),
            web: web.clone(),
            prosody: jitsi.xmpp.as_ref().map(at),
            jicofo: jitsi.conference.as_ref().map(at),
            asking: Asking::default(),
            sessions: bosh::Sessions::default(),
        })
    }

    /// Where streams go: to Prosody itself, or through Jitsi's own web server.
    pub(super) fn signalling(&self) -> &Upstream {
        self.prosody.as_ref().unwrap_or(&self.web)
    }

    fn jitsi(&self) -> Option<&Jitsi> {
        match &*self.profile {
            Profile::Jitsi(jitsi) => Some(jitsi),
            Profile::Generic(_) | Profile::PeerCalls(_) => None,
        }
    }

    /// The target of what goes on.
    pub(super) fn target(&self, asked: &XmppAsked, onward: &Onward<'_>) -> Option<String> {
        let direct = match asked.door {
            XmppDoor::Conference => self.jicofo.is_some(),
            XmppDoor::WebSocket | XmppDoor::KeepAlive | XmppDoor::Bosh | XmppDoor::Preflight => self.prosody.is_some(),
        };
        Some(self.jitsi()?.onward(asked, onward, direct))
    }

    /// What a guard needs to know of a stream that is about to open.
    pub(super) fn opening(&self, config: &Config, asked: &XmppAsked, attendance: &Attendance, token: Option<String>) -> Option<Opening> {
        Some(Opening {
            hosts: self.jitsi()?.hosts().clone(),
            keys: keys(config),
            room: asked.room.clone(),
            ticket: attendance.ticket().clone(),
            admitted: attendance.permit().is_some(),
            token,
        })
    }

    /// The server's own token for this visitor.
    pub(super) fn token(&self, asked: &XmppAsked, permit: Option<&Permit>, called: Option<&str>) -> Option<String> {
        let node = asked.room.as_ref().map(name::node).unwrap_or_default();
        self.gate.jitsi_token(permit, &node, asked.tenant.as_deref(), called)
    }
}

/// The keys of what clients bring back: from the session secrets, as our cookies are.
pub(super) fn keys(config: &Config) -> Keys {
    Keys::new(config.session.secrets.iter().map(|secret| secret.expose()))
}

/// The parameters of the client's address that mean something: each is there once, as the profile has seen to.
pub(super) struct Parameters {
    pub(super) previd: Option<String>,
    vnode: Option<String>,
    username: Option<String>,
}

impl Parameters {
    pub(super) fn read(query: Option<&str>) -> Self {
        let query = Query::new(query);
        let one = |name| {
            let raw = query.only(name).ok().flatten()?;
            percent_decode_str(raw).decode_utf8().ok().map(std::borrow::Cow::into_owned)
        };
        Self { previd: one("previd"), vnode: one("vnode"), username: one("customusername") }
    }

    pub(super) fn onward<'a>(&'a self, token: Option<&'a str>, previd: Option<&'a str>) -> Onward<'a> {
        Onward { token, previd, vnode: self.vnode.as_deref(), customusername: self.username.as_deref() }
    }
}

impl Proxy {
    /// A request to one of the addresses of Jitsi's signalling. `query` is what is left of its own without any token.
    pub(super) async fn xmpp(
        &self,
        http: &mut Http,
        visit: &Visit<'_>,
        asked: &XmppAsked,
        query: Option<&str>,
        caller: Caller,
        exchange: &mut Exchange,
    ) -> Next {
        let Some(xmpp) = self.xmpp.clone() else {
            return visit.asker.turn_away(exchange, &No::UnknownPath);
        };
        exchange.code = "signalling";
        let answer = match asked.door {
            XmppDoor::Preflight => Answer::empty(StatusCode::OK)
                .with_header(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS")),
            // Its client asks only for a header that tells shards apart.
            XmppDoor::KeepAlive => Answer::empty(StatusCode::OK),
            XmppDoor::WebSocket => return self.stream(&xmpp, visit, http.req_header(), asked, query, caller, exchange).await,
            XmppDoor::Bosh => match self.bosh(&xmpp, http, asked, query, caller, exchange).await {
                Ok(answer) => answer,
                Err(no) => return visit.asker.turn_away(exchange, &no),
            },
            XmppDoor::Conference => match self.conference(&xmpp, http, asked, caller, exchange).await {
                Ok(answer) => answer,
                Err(no) => return visit.asker.turn_away(exchange, &no),
            },
        };
        Next::Answer(self.shared_with(answer, http.req_header()))
    }

    /// Another page of the operator's may read the answer; Prosody's own word would let every page.
    fn shared_with(&self, answer: Answer, head: &RequestHeader) -> Answer {
        let origin = head.headers.get(header::ORIGIN);
        let known = origin.filter(|o| self.gate.config().server.origins.iter().any(|ours| ours.as_bytes() == o.as_bytes()));
        let answer = answer.with_header(header::VARY, HeaderValue::from_static("Origin, Cookie"));
        match known {
            None => answer,
            Some(origin) => answer
                .with_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())
                .with_header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"))
                .with_header(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization, Content-Type")),
        }
    }

    /// An upgrade. It goes on whoever asks: what they may say is judged from the first word on.
    #[allow(clippy::too_many_arguments)]
    async fn stream(
        &self,
        xmpp: &Arc<Xmpp>,
        visit: &Visit<'_>,
        head: &RequestHeader,
        asked: &XmppAsked,
        query: Option<&str>,
        caller: Caller,
        exchange: &mut Exchange,
    ) -> Next {
        let offered = head.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
        if !offered.flat_map(|v| v.split(',')).any(|p| p.trim() == SUBPROTOCOL) {
            return visit.asker.turn_away(exchange, &No::BadRequest);
        }
        let mut attendance = Attendance::new(self.gate.clone(), caller, exchange.kill.kill_handle());
        if let Err(no) = self.arrive(&mut attendance, asked, exchange).await {
            return visit.asker.turn_away(exchange, &no);
        }
        let config = self.gate.config().clone();
        let token = xmpp.token(asked, attendance.permit().as_deref(), exchange.name.as_deref());
        let Some(opening) = xmpp.opening(&config, asked, &attendance, token.clone()) else {
            return visit.asker.turn_away(exchange, &No::UnknownPath);
        };
        let parameters = Parameters::read(query);
        let previd = asked.room.as_ref().zip(parameters.previd.as_deref());
        let previd = previd.and_then(|(room, id)| Some(opening.keys.unbind(Purpose::Resume, id, room, &opening.ticket)?.0));
        exchange.onward = xmpp.target(asked, &parameters.onward(token.as_deref(), previd));
        exchange.way = Some(Way::Judged(JudgedPlace(()), attendance.permit().map(|permit| (*permit).clone())));
        let judged = Judged::new(Box::new(XmppGuard::new(opening)), Box::new(attendance), &*self.chance);
        match judged {
            Ok(judged) => {
                *exchange.judged.get_mut() = Some(Box::new(judged));
                Next::Forward
            }
            Err(_) => visit.asker.turn_away(exchange, &No::Unavailable),
        }
    }

    /// Who comes is looked at once, without being refused: what they may do is asked again when they want to.
    ///
    /// # Errors
    /// Only where a fact could not be learnt.
    pub(super) async fn arrive(&self, attendance: &mut Attendance, asked: &XmppAsked, exchange: &mut Exchange) -> Result<(), No> {
        let Some(room) = &asked.room else { return Ok(()) };
        let keeps = attendance.caller().speaks == Speaks::All || matches!(attendance.caller().token, crate::gate::Brought::Grant(_));
        let before = attendance.caller().clone();
        if let Err(No::Unavailable) = attendance.ask(room, false).await {
            return Err(No::Unavailable);
        }
        let Some(session) = attendance.session() else { return Ok(()) };
        let known = before.session(room).is_some_and(|s| **s == *session);
        if keeps && !known {
            exchange.set_cookies = self.gate.set_cookies(&before, session, self.gate.clock().now()).unwrap_or_default();
        }
        exchange.name = self.gate.store().facts().knock(room, session.visitor).map(|knock| knock.name.clone());
        Ok(())
    }

    /// Jicofo is asked for a conference. Whoever may not be in the room is told that there is one: their page then tries to join, and
    /// that is where it knows how to be refused.
    async fn conference(
        &self,
        xmpp: &Arc<Xmpp>,
        http: &mut Http,
        asked: &XmppAsked,
        caller: Caller,
        exchange: &mut Exchange,
    ) -> Result<Answer, No> {
        let (Some(room), Some(jitsi)) = (&asked.room, xmpp.jitsi()) else { return Err(No::BadRequest) };
        let refused = |refusal: GuardRefusal| {
            self.gate.metrics().guard_refused("conference", refusal.code());
            No::BadRequest
        };
        let body = self.whole(http, REQUEST_MAX).await.map_err(refused)?;
        let request = Request::read(&body, jitsi.hosts(), room).map_err(refused)?;
        let mut attendance = Attendance::new(self.gate.clone(), caller, exchange.kill.kill_handle());
        self.arrive(&mut attendance, asked, exchange).await?;
        let Some(permit) = attendance.permit() else {
            self.gate.metrics().guard_refused("conference", GuardRefusal::NoPermit.code());
            return Ok(json(StatusCode::OK, ready(jitsi.hosts(), room)));
        };
        // Whoever is not in the main room now has not been sent out of it.
        if request.is_breakout() && !attendance.is_inside() {
            return Err(refused(GuardRefusal::NotJoined));
        }
        let target = xmpp.target(asked, &Onward::default()).ok_or(No::UnknownPath)?;
        let mut head = self.head(http, exchange, &target, "application/json", Some(&permit)).map_err(|_| No::BadRequest)?;
        if let Some(token) = xmpp.token(asked, Some(&permit), exchange.name.as_deref()) {
            head.insert_header(header::AUTHORIZATION, format!("Bearer {token}")).map_err(|_| No::Unavailable)?;
        }
        let way = Way::Judged(JudgedPlace(()), None);
        let upstream = xmpp.jicofo.as_ref().unwrap_or(&xmpp.web);
        let answered = async {
            let peer = upstream.peer(&way).await?;
            xmpp.asking.send(peer, head, Bytes::from(request.written())).await?.answer(CONFERENCE_MAX, CONFERENCE).await
        };
        match answered.await {
            // Jicofo says yes, or no in JSON; whatever else stands between has nothing to say here.
            Ok(answered)
                if answered.status != StatusCode::OK && !answered.status.is_client_error() && !answered.status.is_server_error() =>
            {
                tracing::warn!(status = answered.status.as_u16(), "jicofo's answer to a conference request is none");
                self.gate.metrics().upstream_error("conference");
                Err(No::Unavailable)
            }
            Ok(answered) => {
                Ok(json(answered.status, String::from_utf8_lossy(&answered.body).into_owned()).with_cookies(exchange.set_cookies.drain(..)))
            }
            Err(error) => {
                tracing::warn!(%error, "jicofo did not answer a conference request");
                self.gate.metrics().upstream_error("conference");
                Err(No::Unavailable)
            }
        }
    }

    /// The whole body of a request that is judged: as it is, in no coding.
    pub(super) async fn whole(&self, http: &mut Http, most: usize) -> Result<Bytes, GuardRefusal> {
        let coded =
            http.req_header().headers.get_all(header::CONTENT_ENCODING).iter().any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"));
        if coded {
            return Err(GuardRefusal::NotAllowed);
        }
        match bridge::body(http, most).await {
            Incoming::Whole(body) => Ok(body),
            Incoming::TooLarge => Err(GuardRefusal::TooLarge),
            Incoming::Gone => Err(GuardRefusal::Malformed),
        }
    }

    /// The head of what is asked in a client's place: nothing of the client's own but the host it asked for.
    pub(super) fn head(
        &self,
        http: &Http,
        exchange: &Exchange,
        target: &str,
        content_type: &'static str,
        permit: Option<&Permit>,
    ) -> pingora::Result<RequestHeader> {
        let mut head = RequestHeader::build(Method::POST, target.as_bytes(), None)?;
        let theirs = http.req_header();
        let host = theirs.headers.get(header::HOST).cloned();
        let host = host.or_else(|| theirs.uri.authority().and_then(|a| HeaderValue::from_str(a.as_str()).ok()));
        if let Some(host) = host {
            head.insert_header(header::HOST, host.clone())?;
            head.insert_header("X-Forwarded-Host", host)?;
        }
        head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))?;
        if let Some(permit) = permit {
            forward::identity(&mut head, permit, exchange.name.as_deref())?;
        }
        forward::connection(&mut head, &self.hop(http, exchange))?;
        Ok(head)
    }
}

fn json(status: StatusCode, text: String) -> Answer {
    Answer::text(status, "application/json", text)
}

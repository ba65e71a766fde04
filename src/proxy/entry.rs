//! What becomes of a request: on to the conferencing server, to a page of ours, or no further?
//!
//! A ladder of questions, each with one way out: is it one request and not two? Can it be read in one way only? What is it about?
//! Who calls, and what `access` says, is found out in [`super::visit`].

use std::net::IpAddr;
use std::sync::Arc;

use http::header::ACCEPT_LANGUAGE;
use http::{HeaderValue, StatusCode};
use pingora::proxy::Session as Http;

use super::Proxy;
use super::exchange::{Exchange, OpenPlace, Way};
use super::respond::Answer;
use super::visit::{Foreign, Visit, bearers};
use crate::access::{AccessLevel, RoomName, Timestamp, TokenFault};
use crate::config::Config;
use crate::gate::caller::whence;
use crate::gate::{Caller, Gate};
use crate::profile::{Asked, Target};
use crate::target::{self, CanonicalPath, Wish};
use crate::web::refusal::{Look, No, Scene, refusal_json, refusal_page};

/// Where our own pages live.
pub const OWN: &str = "/_roomgate/";

/// Where Jitsi's own clients put a token into the address of their signalling (lib-jitsi-meet, `xmpp.ts`).
const NATIVE_TOKEN: &str = "token";

/// What now.
#[derive(Debug)]
pub enum Next {
    /// To the upstream; the exchange holds the way.
    Forward,
    /// To our own pages, as this caller.
    Own(Arc<Caller>),
    /// An answer of ours.
    Answer(Answer),
}

/// How the asker wants to be answered, and what is known of them: for refusals.
pub(super) struct Asker<'a> {
    gate: &'a Gate,
    config: &'a Config,
    /// A person's page load: answered with pages and redirects. All others get JSON and never a redirect.
    pub(super) navigation: bool,
    /// `Accept-Language`.
    language: Option<HeaderValue>,
    pub(super) now: Timestamp,
}

impl Asker<'_> {
    pub(super) fn refuse(&self, exchange: &mut Exchange, no: &No, room: Option<&RoomName>, token: Option<TokenFault>, came: bool) -> Next {
        exchange.code = no.code();
        // Who was told no may ask again, and has to find the way there.
        let door = room.filter(|_| self.navigation && no.level() == AccessLevel::Lobby);
        let door = door.and_then(|room| self.knock_page(room, &exchange.target));
        let (hide, frames) = (self.config.rooms.hide, &self.config.server.frames);
        let look = Look::of(&self.config.pages, self.language.as_ref());
        let scene = Scene { room, token, came, hide, frames, now: self.now, door: door.as_deref(), look: &look };
        let response = if self.navigation { refusal_page(no, &scene) } else { refusal_json(no, &scene) };
        Next::Answer(response.into())
    }

    /// The knocking page, with the way back sealed into its address.
    pub(super) fn knock_page(&self, room: &RoomName, back: &str) -> Option<String> {
        let sealed = self.gate.seal_return(room, back).ok()?;
        Some(format!(
            "{OWN}knock?room={}&to={sealed}",
            percent_encoding::utf8_percent_encode(room.as_str(), percent_encoding::NON_ALPHANUMERIC)
        ))
    }

    /// For what is no decision about anybody.
    pub(super) fn turn_away(&self, exchange: &mut Exchange, no: &No) -> Next {
        self.gate.metrics().turned_away(no.code());
        self.refuse(exchange, no, None, None, false)
    }
}

impl Proxy {
    /// The whole ladder. Fills in the exchange; writes nothing.
    pub(super) async fn enter(&self, http: &mut Http, exchange: &mut Exchange) -> Next {
        let gate = self.gate.clone();
        let config = gate.config().clone();
        let now = gate.clock().now();
        let head = http.req_header();
        let navigation = target::navigation(&head.method, &head.headers);
        let language = head.headers.get(ACCEPT_LANGUAGE).cloned();
        let asker = Asker { gate: &gate, config: &config, navigation, language, now };

        // Is it one request, and can it be read in one way only?
        let whole = http.to_h1_raw();
        let raw = head.raw_path().to_vec();
        let upgrade = match target::check(head, whole.len(), &self.hosts, &self.kept_back)
            .and_then(|w| target::check_wire(&whole, http.is_http2()).map(|()| w))
        {
            Ok(wish) => wish == Wish::WebSocket,
            Err(bad) => {
                tracing::debug!(request = %exchange.id, reason = bad.reason, "refused a request's head");
                let status = StatusCode::from_u16(bad.status).unwrap_or(StatusCode::BAD_REQUEST);
                return match asker.turn_away(exchange, &No::BadRequest) {
                    Next::Answer(answer) => Next::Answer(answer.with_status(status)),
                    next @ (Next::Forward | Next::Own(_)) => next,
                };
            }
        };
        let read = CanonicalPath::parse(&raw).and_then(|(path, query)| Ok((path, target::strip(&path, query, &config.tokens.parameter)?)));
        let (path, stripped) = match read {
            Ok(read) => read,
            Err(bad) => {
                tracing::debug!(request = %exchange.id, reason = bad.reason(), "refused a request's target");
                return asker.turn_away(exchange, &No::BadRequest);
            }
        };
        exchange.upgrade = upgrade;
        exchange.target = path.with_query(stripped.kept()).into_owned();
        // A token leaves wherever the request goes: also on the way to what guards nothing.
        exchange.took_authorization = config.tokens.header && bearers(&head.headers).next().is_some();
        exchange.retargeted = exchange.target.as_bytes() != raw;

        let Some(peer) = peer(http) else {
            return asker.turn_away(exchange, &No::Unavailable);
        };
        exchange.whence = Some(whence(peer, &head.headers, &config.server.trusted_proxies));
        let visit = Visit::new(&gate, &config, &asker, peer, upgrade, &stripped);
        if path.as_str().starts_with(OWN) {
            return visit.own(http.req_header(), exchange).await;
        }
        // What the server's own pages take for a token leaves every address as well.
        let native = match gate.profile().page_token().map(|parameter| target::strip(&path, stripped.kept(), parameter)) {
            Some(Err(bad)) => {
                tracing::debug!(request = %exchange.id, reason = bad.reason(), "refused a request's target");
                return asker.turn_away(exchange, &No::BadRequest);
            }
            Some(Ok(native)) => Some(native),
            None => None,
        };
        let kept = native.as_ref().map_or(stripped.kept(), target::Stripped::kept);
        if let Some(native) = &native {
            exchange.target = path.with_query(kept).into_owned();
            exchange.retargeted |= native.was_there();
        }
        let mut visit = match &native {
            Some(native) => visit.also(native),
            None => visit,
        };
        let asked = Asked { method: head.method.as_str(), path: &path, query: target::Query::new(kept), upgrade };
        match gate.profile().locate(&asked) {
            Err(unclear) => {
                tracing::debug!(reason = unclear.0, "refused a request's target");
                asker.turn_away(exchange, &No::BadRequest)
            }
            // What is at no address of ours has no token in it either, once a person looks at it.
            Ok(Target::Open | Target::Unknown) if asker.navigation && visit.shows_a_token(head) => {
                exchange.code = "clean";
                Next::Answer(Answer::see_other(&exchange.target))
            }
            Ok(Target::Xmpp(asked)) => {
                // Mobile apps and embedded pages have no cookie; `token=` is how they bring what they have.
                let native = match target::strip(&path, kept, NATIVE_TOKEN) {
                    Ok(native) => native,
                    Err(bad) => {
                        tracing::debug!(request = %exchange.id, reason = bad.reason(), "refused a request's target");
                        return asker.turn_away(exchange, &No::BadRequest);
                    }
                };
                let caller = visit.also(&native).caller(http.req_header(), exchange).await;
                match caller {
                    Ok(caller) => self.xmpp(http, &visit, &asked, native.kept(), caller, exchange).await,
                    Err(Foreign) => visit.foreign(exchange, None),
                }
            }
            Ok(Target::Unknown) => asker.turn_away(exchange, &No::UnknownPath),
            Ok(Target::Open) => {
                exchange.code = "open";
                exchange.way = Some(Way::Open(OpenPlace(())));
                Next::Forward
            }
            Ok(Target::Room { room, kind }) => visit.room(http.req_header(), exchange, &room, kind).await,
            Ok(Target::Shared) => match visit.caller(http.req_header(), exchange).await {
                Ok(caller) => visit.shared(&caller, exchange).await,
                Err(Foreign) => visit.foreign(exchange, None),
            },
            Ok(Target::Inside) => match visit.busting().caller(http.req_header(), exchange).await {
                Ok(caller) => visit.inside(&self.inside, http.req_header(), caller, exchange).await,
                Err(Foreign) => visit.foreign(exchange, None),
            },
        }
    }
}

fn peer(http: &Http) -> Option<IpAddr> {
    http.client_addr()?.as_inet().map(|a| a.ip().to_canonical())
}

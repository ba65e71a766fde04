//! **Roomgate**: an access gateway in front of the conferencing server you already run.
//!
//! It is one question with a lot of plumbing around it: *given this room, this visitor and this moment, what now?* One small pure
//! module, [`access`], answers it. Everything else brings facts to it or carries out its answer. This page is the map.
//!
//! ```text
//!             facts in                         the answer             carried out
//!  request ─▶ target    is it one request?  ┐
//!          ─▶ profile   which room?         │                    ┌─▶ proxy: forwarded, a Permit in hand ─▶ live: reviewed
//!          ─▶ gate      who calls?          ├─▶ access::decide ──┼─▶ web: the knocking page
//! directory ─▶ the room's rules             │                    └─▶ web: refused, with the reason
//!     store ─▶ bans, knocks, revocations    │
//!     clock ─▶ now                          ┘
//! ```
//!
//! # A request's journey
//!
//! All of it starts in [`proxy::Proxy`], one hook of pingora after the other; the ladder itself is in [`proxy::entry`]
//! and [`proxy::visit`].
//!
//! 1. **Is it one request?** [`target::check`] and [`target::check_wire`] read the head, [`target::CanonicalPath`] the path,
//!    [`target::strip`] takes the token out of the query. What two parsers could read differently is refused here, before anything
//!    is asked about it; what is left is what will be sent.
//! 2. **What is it about?** [`profile::Profile::locate`] names a [`profile::Target`]: a room, an open place, a shared one,
//!    signalling whose room is named inside, Jitsi's XMPP (whose address is only a hint), or nothing known. Our own addresses (`/_roomgate/`) branch off to [`web`].
//! 3. **Who calls?** [`gate::Caller`]: the token (read by [`token::Verifier`], remembered), the sessions and the visitor in our
//!    cookies ([`gate::Cookies`]), a person for whom a proxy before us vouches, the address; and how much of this may be believed
//!    ([`target::sender`]).
//! 4. **What are the rules?** [`directory::Directory`] answers from memory; a miss is looked up once for all who wait.
//! 5. **What now?** [`gate::Gate::judge`] gathers the facts and asks [`access::decide`], or [`access::review`] for a session that
//!    is inside already. One counter and one log line carry the answer's code.
//! 6. **Carried out.** A page load with a token in its address: cookie, and `303` to the address without it. Admitted: a
//!    [`proxy::exchange::Way`], without which nothing can be forwarded, and a [`live::Seat`] on the list of those inside. Held: to
//!    the knocking page. Refused: [`web::refusal`] makes the page for a person, the JSON for a script or a socket.
//! 7. **Forwarded.** [`proxy::forward`] makes the upstream's head out of the client's: our cookies and the client's `X-Roomgate-*`
//!    off, ours on. An upgrade becomes a [`proxy::tunnel`] instead ([`proxy::socket`]); where rooms are named inside the messages, a
//!    [`signalling::Guard`] judges each, over plain requests in [`proxy::inside`]. Jitsi's streams go on whoever opens them, over WebSocket or
//!    BOSH: every stanza is judged ([`signalling::xmpp`]), `access` is asked at each join, and a refusal is said in XMPP, where a page understands it.
//! 8. **Live.** [`live::reviewer`] hears every [`store::Change`], every new set of rooms and the clock, asks [`access::review`] about
//!    those concerned, and ends what has to end: each exchange has a [`proxy::killable::Kill`].
//!
//! # What each module is for, what it may know, and what is absent from it
//!
//! | module | answers | may know (of ours) | absent |
//! | --- | --- | --- | --- |
//! | [`access`] | who may enter, who may stay | nothing | clock, socket, store, HTTP, async: only `std` |
//! | [`token`] | what a token says, and whether it is good | `access` | the clock; whose request it was |
//! | [`target`] | whether a request can be read in one way only | nothing | rooms, policy |
//! | [`signalling`] | what a connected client may say | `access` | sockets, tasks, time: bytes in, verdicts out |
//! | [`profile`] | which room a request is about, by kind of server | `access`, `target`, `signalling` | tokens, people |
//! | [`directory`] | what is behind a room's name | `access`, `profile` | who asks |
//! | [`store`] | what outlives a request | `access` | the clock: time comes with the values; opinions |
//! | [`config`] | what the operator said | `access`, `token`, `profile`, `directory`, `chance`, `words` | everything that runs |
//! | [`live`] | who is inside, by which connections | `access`; its reviewer `gate` and `store` too | how a connection is ended |
//! | [`gate`] | brings the facts of a request to `access` | `access`, `chance`, `clock`, `config`, `directory`, `live`, `metrics`, `profile`, `store`, `token` | pingora, axum, sockets |
//! | [`web`] | our own pages and API (axum) | `access`, `gate`, `store`, `chance`, `words`; of the config only [`config::Pages`] | pingora, the proxy, connections |
//! | [`proxy`] | pingora, one file a phase | `access`, `target`, `profile`, `signalling`, `gate`, `live`, `config`, `metrics`, `chance`, `upstream`; of the pages only [`web::refusal`] and the address of a script, [`web::overlay`] | the store, the keys |
//! | [`notify`] | who outside is told what happened | `access`, `chance`, `clock`, `config`, `metrics`, `store` | visitors: it reads what is stored, and nobody waits for it |
//! | [`upstream`] | where the conferencing server is | `proxy::exchange` (a way to it) | who goes there |
//! | [`admin`] | metrics and health | `gate` | the public listener |
//! | [`metrics`] | every series we export | `access` | rooms, people, paths, addresses |
//! | [`words`] | what our pages say, in which language | nothing | who reads it, and why |
//! | [`handover`] | how sockets go from an old process to a new one | nothing | who listens on them |
//! | [`clock`], [`chance`] | the time, random bytes | `access` | |
//! | [`reload`] | what happens when the files change | `config`, `gate`, `notify`, `proxy::tls`, `server` | |
//! | [`server`] | puts it together | all | decisions |
//! | [`cli`] | one command a file | all | decisions |
//! | [`demo`] | a miniature meeting server to try it on | nothing | it is no part of the product |
//!
//! `tests/it/tidy.rs` holds this table as a test.
//!
//! **The proxy and the pages do not know each other.** An owner's click is one write to the [`store`]; the reviewer hears of the
//! Change and ends the connection. They share facts through the [`gate`] and words through [`access`]. What the proxy takes
//! from the pages is how a refusal looks, so that nobody is told two different things at two doors; and where the script is that a meeting's
//! page gets ([`proxy::overlay`]).
//!
//! # Invariants
//!
//! - **A permit is the key.** Only `access` can make a [`access::Permit`]; forwarding to a guarded place takes a
//!   [`proxy::exchange::Way`], which holds one. What was not admitted cannot be forwarded: the argument does not exist. The one exception is a
//!   [`proxy::exchange::JudgedPlace`]: there a guard stands between, which lets nothing into a room that `access` was not asked about.
//! - **What was judged is what is sent.** The path that the profile read is the path that goes on. Where a guard judges, the server
//!   gets our own words, never the client's bytes.
//! - **Not to know is not to allow.** A fact that cannot be learnt is a 503 (`unavailable`), never an admission.
//! - **A bad token gives nothing and takes nothing away.** Its bearer is a stranger, and is told why.
//! - **A session is a credential, not an answer.** What it opens is decided anew at each request.
//! - **Time and randomness are arguments.** [`clock::Clock`] and [`chance::Chance`] stand at the edges.
//! - **No token, cookie or key** in any log, label, page or error. Types that hold one show nothing in `Debug`.
//! - **First on the list, then asked again.** A connection takes its seat before it is reviewed once more: a ban in between finds it.
//! - **A broken configuration changes nothing.** It is read whole, checked whole, swapped at once.
//!
//! # Where to begin
//!
//! To change *who gets in*: the table in [`access`], which is documentation and test at once. To support *another kind of server*: a
//! file in [`profile`], and one in [`signalling`] where rooms are named inside its messages. To add *a key to the configuration*: its
//! section's file in [`config`], `config/roomgate.toml`, `docs/configuration.md`. To add *a page or an order*: one file in [`web`]. To
//! count something: [`metrics`] and `docs/operations.md`; a test compares the two.

pub mod access;
pub mod admin;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod directory;
pub mod gate;
pub mod handover;
pub mod live;
pub mod metrics;
pub mod notify;
pub mod profile;
pub mod proxy;
pub mod reload;
pub mod server;
pub mod signalling;
pub mod store;
pub mod target;
pub mod token;
pub mod upstream;
pub mod web;
pub mod words;

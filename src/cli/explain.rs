//! `roomgate explain`: why would somebody get in, or not?

use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::{ConfigFile, complain, runtime, say};
use crate::access::{Answer, Decision, Grant, Privacy, Refusal, Timestamp, WaitingRoom};
use crate::chance::SystemChance;
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::config::{self, Config};
use crate::directory::Entry;
use crate::gate::{Brought, Caller, Judged, Moment, Whence};
use crate::metrics::Metrics;
use crate::profile::{Asked, Target, XmppAsked};
use crate::server;
use crate::target::{self, CanonicalPath, Query};

/// Why would somebody get in, or not?
#[derive(Args)]
pub struct Explain {
    #[command(flatten)]
    config: ConfigFile,
    /// The address that somebody opens, with or without a token: https://meet.example.org/standup, or /standup.
    url: String,
    /// The token, where it is not in the address.
    #[arg(long)]
    token: Option<String>,
    /// Where they come from.
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// When: Unix seconds or 2026-12-01T09:00:00Z. Now, unless stated.
    #[arg(long, value_name = "TIME", value_parser = config::moment_in_text)]
    at: Option<Timestamp>,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// What came out, before it is put into words.
struct Finding {
    decision: String,
    code: &'static str,
    because: String,
    facts: Vec<(&'static str, Value)>,
}

impl Explain {
    pub(super) fn run(self) -> ExitCode {
        let config = match self.config.load() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(code) => return code,
        };
        match runtime.block_on(self.find(config)) {
            Ok(finding) => {
                say(&if self.json { finding.json() } else { finding.text() });
                ExitCode::SUCCESS
            }
            Err(message) => {
                complain(&message);
                ExitCode::FAILURE
            }
        }
    }

    async fn find(&self, mut config: Config) -> Result<Finding, String> {
        server::install_crypto();
        // A question makes no database: where there is none yet, nobody is banned and nothing was taken back.
        if matches!(&config.store, config::Store::Sqlite(path) if !path.exists()) {
            config.store = config::Store::Memory;
        }
        let now = self.at.unwrap_or_else(|| SystemClock.now());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now));
        let metrics = Arc::new(Metrics::new().map_err(|e| e.to_string())?);
        let gate = server::gate(Arc::new(config), metrics, clock, Arc::new(SystemChance)).map_err(|e| e.to_string())?;
        let config = gate.config().clone();

        let raw = local_part(&self.url).as_bytes().to_vec();
        let read = CanonicalPath::parse(&raw).and_then(|(path, query)| Ok((path, target::strip(&path, query, &config.tokens.parameter)?)));
        let (path, stripped) = match read {
            Ok(read) => read,
            Err(bad) => return Ok(Finding::refused("bad-request", format!("the address can be read in more than one way: {bad}"))),
        };
        let kept = stripped.kept();
        let asked = Asked { method: "GET", path: &path, query: Query::new(kept), upgrade: false };
        let room = match gate.profile().locate(&asked) {
            Err(unclear) => {
                return Ok(Finding::refused("bad-request", format!("the address can be read in more than one way: {}", unclear.0)));
            }
            Ok(Target::Unknown) => return Ok(Finding::refused("unknown-path", "this kind of server has no such address".to_owned())),
            Ok(Target::Open) => return Ok(Finding::open("this address guards nothing: everybody gets it")),
            Ok(Target::Shared | Target::Inside) => {
                return Ok(Finding::open(
                    "this address names no room: whoever is admitted to some room may use it, and what is said there is judged",
                ));
            }
            Ok(Target::Room { room, .. } | Target::Xmpp(XmppAsked { room: Some(room), .. })) => room,
            Ok(Target::Xmpp(XmppAsked { room: None, .. })) => {
                return Ok(Finding::open(
                    "this address names no room: it leads nowhere until one is named, and what is said there is judged",
                ));
            }
        };

        let whence = Whence { address: self.address.unwrap_or(IpAddr::from([0, 0, 0, 0])), certain: self.address.is_some() };
        let mut caller = Caller::nobody(whence);
        let in_address = match stripped.token() {
            target::Brought::Nothing => None,
            target::Brought::One(token) => Some(token),
            target::Brought::Several => {
                return Ok(Finding::refused("ambiguous-token", "the address holds two different tokens".to_owned()));
            }
        };
        let tokens: Vec<&str> = in_address.into_iter().chain(self.token.as_deref()).collect();
        caller.token = gate.read_tokens(tokens.iter().copied()).await;
        let judged = gate.judge(&caller, &room, Moment::Arriving).await.map_err(|e| e.to_string())?;
        let detail = match tokens.first() {
            Some(token) => gate.verifier().explain(token, now).await.err().map(|fault| fault.to_string()),
            None => None,
        };
        let mut finding = Finding::of(&caller, &judged, detail, self.address, now);
        if let Some(choice) = gate.store().facts().remembered(&judged.entry.name) {
            let said = match choice.answer {
                Answer::Allow => "whoever knocks is let in",
                Answer::Deny => "whoever knocks is turned away",
            };
            finding.facts.push(("said by an owner", json!(format!("{said} ({}, since {})", choice.by.name, time_text(choice.at)))));
        }
        Ok(finding)
    }
}

/// The path and query of an address as a person writes it.
fn local_part(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = if url.starts_with('/') { url } else { after.find('/').and_then(|at| after.get(at..)).unwrap_or("/") };
    path.split_once('#').map_or(path, |(before, _)| before)
}

impl Finding {
    fn refused(code: &'static str, because: String) -> Self {
        Self { decision: "refuse".to_owned(), code, because, facts: Vec::new() }
    }

    fn open(because: &str) -> Self {
        Self { decision: "forward".to_owned(), code: "open", because: because.to_owned(), facts: Vec::new() }
    }

    fn of(caller: &Caller, judged: &Judged, detail: Option<String>, address: Option<IpAddr>, now: Timestamp) -> Self {
        let decision = &judged.outcome.decision;
        let mut facts = vec![
            ("at", json!(time_text(now))),
            ("room", json!(judged.entry.name.as_str())),
            ("said by", json!(judged.entry.said_by.to_string())),
        ];
        facts.extend(room_facts(&judged.entry));
        if judged.entry.room.as_ref().is_some_and(|r| r.max_participants.is_some()) {
            facts.push(("inside", json!("not known: only the running gateway counts them")));
        }
        match &caller.token {
            Brought::Nothing => facts.push(("token", json!("none"))),
            Brought::Grant(grant) => facts.extend(token_facts(grant)),
            Brought::Bad(_) => {}
        }
        if let Some(fault) = judged.outcome.token {
            facts.push(("token fault", json!(fault.code())));
        }
        if let Some(detail) = detail {
            facts.push(("token detail", json!(detail)));
        }
        facts.push(("address", address.map_or_else(|| json!("not stated: no network rule holds"), |a| json!(a.to_string()))));
        let role = match decision {
            Decision::Admit(permit) => format!("admit as {}", permit.role().as_str()),
            Decision::Hold(_) => "hold".to_owned(),
            Decision::Refuse(_) => "refuse".to_owned(),
        };
        Self { decision: role, code: decision.code(), because: sentence(decision), facts }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("{} ({})", self.decision, self.code), format!("  {}", self.because), String::new()];
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        lines.extend(self.facts.iter().map(|(name, value)| format!("  {name:<16}{}", text(value))));
        lines.join("\n").trim_end().to_owned()
    }

    fn json(&self) -> String {
        let facts: serde_json::Map<String, Value> = self.facts.iter().map(|(n, v)| (n.replace(' ', "_"), v.clone())).collect();
        json!({ "decision": self.decision, "code": self.code, "because": self.because, "facts": facts }).to_string()
    }
}

fn room_facts(entry: &Entry) -> Vec<(&'static str, Value)> {
    let mut facts = Vec::new();
    if let Some(reserved) = &entry.reserved {
        facts.push(("reserved", json!(&*reserved.reason)));
    }
    let Some(room) = &entry.room else {
        facts.push(("privacy", json!("no such room")));
        return facts;
    };
    let privacy = match room.privacy {
        Privacy::Public => "public",
        Privacy::Private { knocking: false } => "private",
        Privacy::Private { knocking: true } => "private, with knocking",
    };
    facts.push(("privacy", json!(privacy)));
    match room.waiting_room {
        WaitingRoom::Off => {}
        WaitingRoom::Guests => facts.push(("waiting room", json!("guests"))),
        WaitingRoom::Everyone => facts.push(("waiting room", json!("everyone but owners"))),
    }
    if let Some(opens) = room.opens {
        facts.push(("opens", json!(time_text(opens))));
    }
    if let Some(closes) = room.closes {
        facts.push(("closes", json!(time_text(closes))));
    }
    if let Some(max) = room.max_participants {
        facts.push(("max participants", json!(max)));
    }
    facts.push(("allowlist", json!(!room.allow.is_empty())));
    facts
}

fn token_facts(grant: &Grant) -> Vec<(&'static str, Value)> {
    let mut facts = vec![
        ("token", json!(grant.token.as_str())),
        ("token room", json!(grant.room.as_ref().map_or("any", |r| r.as_str()))),
        ("token owner", json!(grant.owner)),
    ];
    if grant.must_knock {
        facts.push(("token guest", json!(true)));
    }
    for (name, value) in [("token user", &grant.person.user), ("token email", &grant.person.email), ("token name", &grant.person.name)] {
        if let Some(value) = value {
            facts.push((name, json!(value)));
        }
    }
    facts.push(("token expires", grant.expires.map_or_else(|| json!("never"), |at| json!(time_text(at)))));
    if let Some(at) = grant.not_before {
        facts.push(("token begins", json!(time_text(at))));
    }
    facts
}

fn sentence(decision: &Decision) -> String {
    use crate::access::{Ground, Hold};
    match decision {
        Decision::Admit(permit) => match permit.ground() {
            Ground::Token => "the token opens this room".to_owned(),
            Ground::Listed => "the room lists this person or network".to_owned(),
            Ground::Public => "the room is public".to_owned(),
            Ground::Knock => "an owner let them in".to_owned(),
        },
        Decision::Hold(Hold::MayKnock) => "they may ask to be let in, and have not".to_owned(),
        Decision::Hold(Hold::Waiting) => "they asked to be let in, and wait".to_owned(),
        Decision::Refuse(refusal) => match refusal {
            Refusal::Reserved(reason) => format!("the name is reserved: {reason}"),
            Refusal::NoRoom => "no such room is known, and unknown rooms are refused".to_owned(),
            Refusal::Banned => "an owner banned them".to_owned(),
            Refusal::Ejected => "an owner removed them, or their time inside is used up".to_owned(),
            Refusal::NotOpen(at) => format!("the room opens at {}", time_text(*at)),
            Refusal::Closed(at) => format!("the room closed at {}", time_text(*at)),
            Refusal::Denied => "an owner said no".to_owned(),
            Refusal::Private => "the room is private, and nothing that was brought opens it".to_owned(),
            Refusal::Full => "as many are inside as may be".to_owned(),
        },
    }
}

fn time_text(at: Timestamp) -> String {
    let moment = time::OffsetDateTime::from_unix_timestamp(at.as_secs()).ok();
    let text = moment.and_then(|m| m.format(&time::format_description::well_known::Rfc3339).ok());
    text.unwrap_or_else(|| at.to_string())
}

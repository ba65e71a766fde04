//! What does judging one XMPP stanza cost?
//!
//! Beside two things that cost something too: carrying the same message from frame to frame for a guard that does not read it, and
//! reading the same text with quick-xml. The times are criterion's; the ratios below them come from rounds that take turns, for the
//! machine may have other work.
//!
//! `cargo bench --bench guard`, or `cargo bench --bench guard -- --quick`; further words choose rows by their names.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::print_stdout)]

mod stanzas;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use criterion::Criterion;
use futures_util::FutureExt as _;
use quick_xml::events::Event as Xml;
use quick_xml::reader::NsReader;
use roomgate::access::RoomName;
use roomgate::chance::SystemChance;
use roomgate::proxy::frames::{Door, Judged};
use roomgate::proxy::tunnel::Inspect as _;
use roomgate::signalling::websocket::{Opcode, Sender, frame};
use roomgate::signalling::xmpp::hosts::Hosts;
use roomgate::signalling::xmpp::{Keys, Opening, Ticket, XmppGuard};
use roomgate::signalling::{Guard, GuardRefusal, News, Onward, Said, Verdict};

/// Any mask costs the same.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x8e];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    let mut rows = rows();
    for row in &mut rows {
        row.times(&mut criterion);
    }
    criterion.final_summary();
    let (flags, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let quick = flags.iter().any(|flag| flag == "--quick");
    rows.retain(|row| words.is_empty() || words.iter().any(|word| row.name.contains(word.as_str())));
    if rows.is_empty() {
        return;
    }
    println!("Beside others that are given the same bytes; {} rounds", rounds(quick));
    println!("{:<36} {:>6}   {:>22}   {:>22}", "", "bytes", "carried and judged", "judged beside");
    println!("{:<36} {:>6}   {:>22}   {:>22}", "", "", "beside carried unread", "read by quick-xml");
    for row in &mut rows {
        row.ratios(rounds(quick));
    }
}

const fn rounds(quick: bool) -> usize {
    if quick { 15 } else { 101 }
}

/// One stanza from one side, and those that are told of it.
struct Row {
    name: &'static str,
    from: Sender,
    text: String,
    /// As it comes over the wire.
    bytes: Bytes,
    guard: XmppGuard,
    guarded: Judged,
    unread: Judged,
}

impl Row {
    fn new(name: &'static str, from: Sender, text: String) -> Self {
        let mask = match from {
            Sender::Client => Some(MASK),
            Sender::Server => None,
        };
        let bytes = frame(Opcode::Text, text.as_bytes(), mask).into();
        let tunnel = |guard| Judged::new(guard, Box::new(Open), &SystemChance).unwrap();
        Self { name, from, text, bytes, guard: inside(), guarded: tunnel(Box::new(inside())), unread: tunnel(Box::new(Lenient)) }
    }

    fn judge(&mut self) -> Option<String> {
        judge(&mut self.guard, self.from, black_box(&self.text))
    }

    fn times(&mut self, criterion: &mut Criterion) {
        criterion.bench_function(&format!("{}: judged", self.name), |b| b.iter(|| self.judge()));
        criterion.bench_function(&format!("{}: carried unread", self.name), |b| b.iter(|| carry(&mut self.unread, self.from, &self.bytes)));
        criterion.bench_function(&format!("{}: read by quick-xml", self.name), |b| b.iter(|| read(black_box(&self.text))));
    }

    fn ratios(&mut self, rounds: usize) {
        let (mut carried, mut read_too) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let unread = time(|| _ = black_box(carry(&mut self.unread, self.from, &self.bytes)));
            carried.push(time(|| _ = black_box(carry(&mut self.guarded, self.from, &self.bytes))) / unread);
            let other = time(|| _ = black_box(read(black_box(&self.text))));
            read_too.push(time(|| _ = black_box(self.judge())) / other);
        }
        println!("{:<36} {:>6}   {}   {}", self.name, self.text.len(), middle(carried), middle(read_too));
    }
}

/// From frame to frame, as a tunnel does it.
fn carry(tunnel: &mut Judged, from: Sender, bytes: &Bytes) -> Bytes {
    let bytes = black_box(bytes).clone();
    let flow = match from {
        Sender::Client => tunnel.client(bytes).now_or_never().unwrap(),
        Sender::Server => tunnel.server(bytes),
    };
    assert!(flow.end.is_none() && !flow.on.is_empty());
    flow.on
}

/// A guard that reads nothing.
struct Lenient;

impl Guard for Lenient {
    fn protocol(&self) -> &'static str {
        "none"
    }

    fn client(&mut self, text: &str) -> Verdict {
        Verdict::Pass(text.to_owned())
    }

    fn server(&mut self, _: &str) -> Onward {
        Onward::AsItCame
    }

    fn decided(&mut self, _: &RoomName, _: Result<(), &str>) -> Verdict {
        Verdict::End(GuardRefusal::NoPermit)
    }

    fn room(&self) -> Option<RoomName> {
        None
    }
}

/// A door that is open.
struct Open;

#[async_trait]
impl Door for Open {
    async fn admits(&mut self, _: &RoomName, _: bool) -> Result<(), String> {
        Ok(())
    }

    fn refused(&mut self, _: &'static str, _: GuardRefusal, _: bool) {}
}

/// What so many times of it take.
fn time(mut work: impl FnMut()) -> f64 {
    let began = Instant::now();
    (0..200).for_each(|_| work());
    began.elapsed().as_secs_f64()
}

/// The median, and where the middle half of the rounds is.
fn middle(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values[values.len() * quarter / 4];
    format!("{:>7.2} ({:>5.2} - {:>5.2})", at(2), at(1), at(3))
}

/// What the guard puts in its place; `None` where it goes on as it came.
fn judge(guard: &mut XmppGuard, from: Sender, text: &str) -> Option<String> {
    match from {
        Sender::Client => match guard.client(text) {
            Verdict::Pass(text) => Some(text),
            Verdict::Say(said, Some(_)) => said.into_iter().next().map(words),
            other => panic!("{other:?}"),
        },
        Sender::Server => match guard.server(text) {
            Onward::AsItCame => None,
            Onward::Instead(said) => said.into_iter().next().map(words),
        },
    }
}

fn words(said: Said) -> String {
    match said {
        Said::ToServer(text) | Said::ToClient(text) => text,
    }
}

/// Reads all of a text, names with their namespaces, attributes and text unescaped; how much there was.
fn read(text: &str) -> usize {
    let mut reader = NsReader::from_str(text);
    let mut length = 0;
    loop {
        let (namespace, event) = reader.read_resolved_event().unwrap();
        black_box(namespace);
        match event {
            Xml::Start(tag) | Xml::Empty(tag) => {
                length += tag.name().as_ref().len();
                for attribute in tag.attributes() {
                    length += quick_xml::escape::unescape(&attribute.unwrap().value).unwrap().len();
                }
            }
            Xml::Text(said) => length += said.len(),
            Xml::GeneralRef(entity) => length += entity.resolve_char_ref().unwrap().map_or(1, char::len_utf8),
            Xml::Eof => return length,
            _ => {}
        }
    }
}

/// A guard whose person is in the room.
fn inside() -> XmppGuard {
    let room = RoomName::canonical("standup").unwrap();
    let mut guard = XmppGuard::new(Opening {
        hosts: Arc::new(Hosts::of("meet.jitsi")),
        keys: Keys::new([&b"a secret of thirty-two bytes or so"[..]]),
        room: Some(room.clone()),
        ticket: Ticket(vec!["visitor:0123456789abcdef0123456789abcdef".into()]),
        admitted: false,
        token: None,
    });
    assert!(matches!(guard.client(stanzas::OPEN), Verdict::Pass(_)));
    assert_eq!(guard.server(stanzas::BOUND), Onward::AsItCame);
    assert_eq!(guard.client(&stanzas::join()), Verdict::Join(room.clone()));
    assert!(matches!(guard.decided(&room, Ok(())), Verdict::Pass(_)));
    assert_eq!(guard.server(&stanzas::own_presence()), Onward::AsItCame);
    assert!(guard.news().contains(&News::Inside));
    guard
}

fn rows() -> Vec<Row> {
    let refused = stanzas::elsewhere();
    let Verdict::Say(said, Some(GuardRefusal::OtherRoom)) = inside().client(&refused) else { panic!("not refused") };
    let pong = stanzas::pong(&words(said.into_iter().next().unwrap()));
    let mut rows = vec![
        Row::new("client: presence", Sender::Client, stanzas::presence()),
        Row::new("client: Jingle session-accept", Sender::Client, stanzas::session_accept()),
        Row::new("client: message to all", Sender::Client, stanzas::message()),
        Row::new("client: ping", Sender::Client, stanzas::PING.into()),
        Row::new("client: refused, swapped for a ping", Sender::Client, refused),
        Row::new("server: its pong, swapped back", Sender::Server, pong),
        Row::new("server: somebody's presence", Sender::Server, stanzas::others_presence()),
        Row::new("server: one's own presence", Sender::Server, stanzas::own_presence()),
    ];
    let swapped = |row: &mut Row| judge(&mut row.guard, row.from, &row.text).is_some_and(|text| text.contains("not-allowed"));
    assert_eq!(rows.iter_mut().filter(|row| row.from == Sender::Server).map(swapped).collect::<Vec<_>>(), [true, false, false]);
    rows
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::*;
use crate::access::WaitingRoom;
use crate::profile::LetterCase;

fn name(text: &str) -> RoomName {
    RoomName::canonical(text).unwrap()
}

fn at(line: u32) -> Place {
    Place { file: Path::new("roomgate.toml").into(), line, column: 1 }
}

const PRIVATE: Privacy = Privacy::Private { knocking: false };
const KNOCKING: Privacy = Privacy::Private { knocking: true };

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn keep_back(table: &mut Table, text: &str, except: &[&str], allow_owners: bool, line: u32) {
    let reserved = Reserved { reason: "kept back".into(), allow_owners };
    table.reserve(pattern(text), except.iter().map(|e| pattern(e)).collect(), reserved, at(line)).unwrap();
}

/// 1 `Standup` private · 2 `admin-office` knocking · 3 refuse `admin*` except `admin-help` · 4 refuse `vip-*`, owners pass ·
/// 5 `team-*` public · 6 `Board*` private · 7 `vip-gold*` knocking
fn table(letter_case: LetterCase) -> Table {
    let mut table = Table::new(letter_case);
    table.state(Room::new(name("Standup"), PRIVATE), at(1)).unwrap();
    table.state(Room::new(name("admin-office"), KNOCKING), at(2)).unwrap();
    keep_back(&mut table, "admin*", &["admin-help"], false, 3);
    keep_back(&mut table, "vip-*", &[], true, 4);
    table.pattern(pattern("team-*"), Room::new(name("x"), Privacy::Public), at(5)).unwrap();
    table.pattern(pattern("Board*"), Room::new(name("x"), PRIVATE), at(6)).unwrap();
    table.pattern(pattern("vip-gold*"), Room::new(name("x"), KNOCKING), at(7)).unwrap();
    table
}

/// Who said it, where, what the room is, and whether owners pass a reserved name.
fn sentence(entry: &Entry) -> String {
    let room = match &entry.room {
        None => "none",
        Some(room) => match room.privacy {
            Privacy::Public => "public",
            Privacy::Private { knocking: false } => "private",
            Privacy::Private { knocking: true } => "knock",
        },
    };
    let reserved = match &entry.reserved {
        None => "",
        Some(Reserved { allow_owners: false, .. }) => " reserved",
        Some(Reserved { allow_owners: true, .. }) => " reserved but for owners",
    };
    let said_by = match &entry.said_by {
        SaidBy::Name { at } => format!("name {}", at.line),
        SaidBy::Reserved { at, .. } => format!("refuse {}", at.line),
        SaidBy::Source { name } => format!("source {name}"),
        SaidBy::Pattern { at, .. } => format!("pattern {}", at.line),
        SaidBy::LetterCase { at, .. } => format!("like {}", at.as_ref().unwrap().line),
        SaidBy::Unknown(_) => "unknown".to_owned(),
    };
    format!("{said_by}: {room}{reserved}")
}

#[tokio::test]
async fn the_first_who_knows_a_name_says_what_it_is() {
    let cases = [
        // asked, where letter case is unsure, where it is known to count
        ("Standup", "name 1: private", "name 1: private"),
        ("standup", "like 1: none", "unknown: public"),
        ("STANDUP", "like 1: none", "unknown: public"),
        ("\u{17f}tandup", "like 1: none", "unknown: public"),
        ("admin-office", "name 2: knock", "name 2: knock"),
        ("Admin-Office", "like 2: none", "unknown: public"),
        ("admin", "refuse 3: none reserved", "refuse 3: none reserved"),
        ("admin-1", "refuse 3: none reserved", "refuse 3: none reserved"),
        ("ADMIN-1", "refuse 3: none reserved", "unknown: public"),
        ("admin-help", "unknown: public", "unknown: public"),
        ("admin-HELP", "refuse 3: none reserved", "refuse 3: none reserved"),
        ("vip-1", "refuse 4: public reserved but for owners", "refuse 4: public reserved but for owners"),
        ("vip-gold1", "refuse 4: knock reserved but for owners", "refuse 4: knock reserved but for owners"),
        ("VIP-1", "refuse 4: none reserved but for owners", "unknown: public"),
        ("vip-GOLD1", "refuse 4: none reserved but for owners", "refuse 4: public reserved but for owners"),
        ("team-a", "pattern 5: public", "pattern 5: public"),
        ("Team-a", "like 5: none", "unknown: public"),
        ("team-A", "pattern 5: public", "pattern 5: public"),
        ("Board-1", "pattern 6: private", "pattern 6: private"),
        ("board-1", "like 6: none", "unknown: public"),
        ("elsewhere", "unknown: public", "unknown: public"),
    ];
    for (case, column) in [(LetterCase::Unsure, 1), (LetterCase::Distinct, 2)] {
        let directory = Directory::new(table(case), Unknown::Public);
        for row in &cases {
            let expected = [row.0, row.1, row.2][column];
            let entry = directory.look_up(&name(row.0)).await.unwrap();
            assert_eq!(sentence(&entry), expected, "{} where letter case is {case:?}", row.0);
            assert_eq!(entry.name, name(row.0));
            assert!(entry.room.as_ref().is_none_or(|room| room.name == name(row.0)), "{}", row.0);
            assert_eq!(directory.known(&name(row.0)).as_ref(), Some(&entry), "{} is known now", row.0);
        }
    }
}

#[tokio::test]
async fn the_word_on_unknown_names_holds_and_owners_of_reserved_ones_find_a_closed_room() {
    let cases = [
        (Unknown::Refuse, "unknown: none", "refuse 4: private reserved but for owners"),
        (Unknown::Public, "unknown: public", "refuse 4: public reserved but for owners"),
        (Unknown::Private, "unknown: private", "refuse 4: private reserved but for owners"),
        (Unknown::Knock, "unknown: knock", "refuse 4: knock reserved but for owners"),
    ];
    for (unknown, open, reserved) in cases {
        let directory = Directory::new(table(LetterCase::Unsure), unknown);
        assert_eq!(sentence(&directory.look_up(&name("elsewhere")).await.unwrap()), open);
        assert_eq!(sentence(&directory.look_up(&name("vip-1")).await.unwrap()), reserved);
    }
}

#[test]
fn a_pattern_that_fits_but_for_letter_case_is_not_passed_over_for_a_broader_one() {
    let mut table = Table::new(LetterCase::Unsure);
    table.pattern(pattern("vip-*"), Room::new(name("x"), PRIVATE), at(1)).unwrap();
    table.pattern(pattern("*"), Room::new(name("x"), Privacy::Public), at(2)).unwrap();
    assert!(matches!(table.by_pattern(&name("VIP-1")), ByPattern::LetterCase(_)));
    assert!(matches!(table.by_pattern(&name("other")), ByPattern::Room(..)));
}

#[test]
fn a_name_is_stated_once() {
    let mut unsure = Table::new(LetterCase::Unsure);
    unsure.state(Room::new(name("Standup"), PRIVATE), at(1)).unwrap();
    for again in ["Standup", "standup", "STANDUP"] {
        let taken = unsure.state(Room::new(name(again), Privacy::Public), at(2)).unwrap_err();
        assert_eq!(taken, Taken { name: name("Standup"), at: at(1) });
    }
    let mut distinct = Table::new(LetterCase::Distinct);
    distinct.state(Room::new(name("Standup"), PRIVATE), at(1)).unwrap();
    distinct.state(Room::new(name("standup"), Privacy::Public), at(2)).unwrap();
    distinct.state(Room::new(name("standup"), Privacy::Public), at(3)).unwrap_err();
    assert_eq!((unsure.len(), distinct.len()), (1, 2));
}

#[test]
fn a_pattern_behind_a_broader_one_is_told_so() {
    let mut table = Table::new(LetterCase::Unsure);
    let room = || Room::new(name("x"), PRIVATE);
    table.pattern(pattern("team-*"), room(), at(1)).unwrap();
    let unheard = table.pattern(pattern("team-a*"), room(), at(2)).unwrap_err();
    assert_eq!(unheard, Unheard { by: "team-*".into(), at: at(1) });
    keep_back(&mut table, "a*", &[], false, 3);
    keep_back(&mut table, "b*", &["bb"], false, 4);
    keep_back(&mut table, "c*", &[], true, 5);
    assert_eq!(table.pattern(pattern("ab*"), room(), at(6)).unwrap_err().at, at(3));
    table.pattern(pattern("bb*"), room(), at(7)).expect("an exception leaves something");
    table.pattern(pattern("cc*"), room(), at(8)).expect("owners enter it");
    let reserved = Reserved { reason: "".into(), allow_owners: false };
    assert_eq!(table.reserve(pattern("cc*"), Vec::new(), reserved, at(9)).unwrap_err().at, at(5));
}

/// Knows the rooms that begin with `s-`; slow until the gate opens; counts how often it was asked.
struct Slow {
    asked: AtomicUsize,
    gate: Semaphore,
    failing: std::sync::atomic::AtomicBool,
}

impl Slow {
    fn new(open: usize) -> Arc<Self> {
        Arc::new(Self { asked: AtomicUsize::new(0), gate: Semaphore::new(open), failing: false.into() })
    }
}

#[async_trait]
impl Source for Slow {
    fn name(&self) -> &str {
        "booking"
    }

    async fn room(&self, asked: &RoomName) -> Result<Option<Room>, SourceError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        if self.failing.load(Ordering::SeqCst) {
            return Err(SourceError("timed out".to_owned()));
        }
        Ok(asked.as_str().starts_with("s-").then(|| Room::new(name("whatever"), PRIVATE)))
    }
}

#[tokio::test]
async fn a_source_is_asked_once_for_all_who_wait_and_only_where_nobody_spoke_before() {
    let source = Slow::new(0);
    let directory = Arc::new(Directory::new(table(LetterCase::Unsure), Unknown::Public).with_sources(vec![source.clone()]));
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let directory = directory.clone();
            tokio::spawn(async move { directory.look_up(&name("s-1")).await.unwrap() })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(directory.known(&name("s-1")), None);
    source.gate.add_permits(1);
    for task in waiting {
        let entry = task.await.unwrap();
        assert_eq!(sentence(&entry), "source booking: private");
        assert_eq!(entry.room.as_ref().unwrap().name, name("s-1"));
    }
    assert_eq!(source.asked.load(Ordering::SeqCst), 1);

    for said_before in ["Standup", "standup", "admin-1"] {
        directory.look_up(&name(said_before)).await.unwrap();
    }
    assert_eq!(source.asked.load(Ordering::SeqCst), 1);

    source.gate.add_permits(1);
    assert_eq!(sentence(&directory.look_up(&name("team-a")).await.unwrap()), "pattern 5: public");
    assert_eq!(source.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_source_that_fails_gives_no_answer_rather_than_the_word_on_unknown_names() {
    let source = Slow::new(100);
    source.failing.store(true, Ordering::SeqCst);
    let directory = Directory::new(table(LetterCase::Unsure), Unknown::Public).with_sources(vec![source.clone()]);
    let unavailable = directory.look_up(&name("elsewhere")).await.unwrap_err();
    assert_eq!(unavailable.to_string(), "the source `booking` gave no answer: timed out");
    assert_eq!(directory.known(&name("elsewhere")), None);
    assert_eq!(sentence(&directory.look_up(&name("Standup")).await.unwrap()), "name 1: private");

    source.failing.store(false, Ordering::SeqCst);
    assert_eq!(sentence(&directory.look_up(&name("elsewhere")).await.unwrap()), "unknown: public");
}

#[tokio::test]
async fn no_answer_from_before_a_reload_is_given_after_it() {
    let source = Slow::new(0);
    let directory = Arc::new(Directory::new(Table::new(LetterCase::Unsure), Unknown::Public).with_sources(vec![source.clone()]));
    let mut changes = directory.changes();
    let asked = {
        let directory = directory.clone();
        tokio::spawn(async move { directory.look_up(&name("standup")).await.unwrap() })
    };
    while source.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }

    let mut stated = Table::new(LetterCase::Unsure);
    stated.state(Room::new(name("standup"), PRIVATE), at(9)).unwrap();
    directory.replace(stated, Unknown::Refuse);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    source.gate.add_permits(10);

    assert_eq!(sentence(&asked.await.unwrap()), "name 9: private", "asked before, answered after");
    assert_eq!(sentence(&directory.known(&name("standup")).unwrap()), "name 9: private");

    assert_eq!(sentence(&directory.look_up(&name("other")).await.unwrap()), "unknown: none");
    directory.replace(Table::new(LetterCase::Unsure), Unknown::Knock);
    assert_eq!(directory.known(&name("other")), None);
    assert_eq!(sentence(&directory.look_up(&name("other")).await.unwrap()), "unknown: knock");
    assert!(changes.has_changed().unwrap());
}

#[tokio::test]
async fn names_that_visitors_make_up_do_not_fill_the_memory() {
    let directory = Directory::new(Table::new(LetterCase::Unsure), Unknown::Public);
    for i in 0..(State::KEPT + 5_000) {
        directory.look_up(&name(&format!("made-up-{i}"))).await.unwrap();
    }
    let state = directory.state.load_full();
    state.found.run_pending_tasks().await;
    assert!(state.found.entry_count() <= State::KEPT);
}

#[test]
fn a_hundred_thousand_rooms_are_one_look_away() {
    let mut table = Table::new(LetterCase::Unsure);
    let begun = Instant::now();
    for i in 0..100_000 {
        let room = Room { waiting_room: WaitingRoom::Guests, ..Room::new(name(&format!("Room-{i}")), PRIVATE) };
        table.state(room, at(i)).unwrap();
    }
    let directory = Directory::new(table, Unknown::Refuse);
    assert_eq!(directory.len(), 100_000);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    let wanted = name("Room-77777");
    let begun = Instant::now();
    for _ in 0..10_000 {
        assert!(directory.known(&wanted).is_some());
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

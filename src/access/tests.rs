//! The two tables of the documentation, walked over every combination of facts; and what must hold whatever the facts are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

/// A table out of the documentation: its column names, and its rows of cells.
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(markdown: &str) -> Self {
        let mut lines = markdown.lines().filter(|l| l.starts_with('|')).map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|c| c.trim().to_owned()).collect::<Vec<_>>()
        });
        let columns = lines.next().expect("a head");
        let rows: Vec<_> = lines.skip(1).collect();
        assert!(rows.iter().all(|r| r.len() == columns.len()), "a row has too many or too few cells");
        Self { columns, rows }
    }

    /// The one row that holds for these facts: its number and its last cell.
    fn row(&self, facts: &[(&str, &str)]) -> (usize, &str) {
        let facts: HashMap<_, _> = facts.iter().copied().collect();
        let holds = |row: &Vec<String>| {
            let cells = self.columns.iter().zip(row).take(self.columns.len() - 1);
            cells.into_iter().all(|(column, cell)| cell == "-" || cell.split(", ").any(|c| c == facts[column.as_str()]))
        };
        let hits: Vec<_> = self.rows.iter().enumerate().filter(|(_, r)| holds(r)).collect();
        assert_eq!(hits.len(), 1, "{facts:?} meets {} rows", hits.len());
        (hits[0].0, hits[0].1.last().unwrap())
    }
}

fn name(text: &str) -> RoomName {
    RoomName::canonical(text).unwrap()
}

fn grant(owner: bool, must_knock: bool) -> Arc<Grant> {
    Arc::new(Grant {
        token: TokenId::jti("t"),
        room: Some(name("standup")),
        owner,
        must_knock,
        person: Person::default(),
        expires: Some(NOW.plus(HOUR)),
        not_before: None,
        issued: Some(NOW),
        eject_at_expiry: None,
        eject_after: None,
    })
}

/// Everything that may differ from one question to the next.
#[derive(Clone, Copy, Debug)]
struct Case {
    reserved: Option<bool>,
    known: bool,
    bar: Option<Bar>,
    time: &'static str,
    used_up: bool,
    token: Option<(bool, bool)>,
    listed: &'static str,
    waiting: WaitingRoom,
    privacy: Privacy,
    knock: KnockState,
    remembered: Option<Answer>,
    full: bool,
}

impl Case {
    fn ask(&self) -> Outcome {
        let mut room = Room::new(name("standup"), self.privacy);
        room.waiting_room = self.waiting;
        room.max_participants = Some(2);
        room.eject_after = Some(HOUR);
        match self.time {
            "early" => room.opens = Some(NOW.plus(HOUR)),
            "over" => room.closes = Some(NOW),
            _ => {}
        }
        let listed: Listed = "ann@example.org".parse().unwrap();
        match self.listed {
            "allow" => room.allow.add(listed),
            "owners" => room.owners.add(listed),
            _ => {}
        }
        let person = Arc::new(Person { email: Some("Ann@Example.org".into()), ..Person::NOBODY });
        let token = self.token.map(|(owner, must_knock)| grant(owner, must_knock));
        let reserved = self.reserved.map(|allow_owners| Reserved { reason: "why".into(), allow_owners });
        let visitor = Visitor {
            token: token.as_ref().map_or(Presented::Nothing, Presented::Grant),
            person: Some(&person),
            bar: self.bar,
            knock: self.knock,
            remembered: self.remembered,
            entered: Some(if self.used_up { NOW.minus(HOUR) } else { NOW }),
            ..Visitor::STRANGER
        };
        let door = Door {
            name: &name("standup"),
            room: Some(&room).filter(|_| self.known),
            reserved: reserved.as_ref(),
            revocations: &Revocations::default(),
            inside: if self.full { 2 } else { 1 },
            leeway: Duration::ZERO,
            require_room: true,
        };
        decide(&door, &visitor, NOW)
    }

    fn owner(&self) -> bool {
        // Nobody is on the lists of a room that is not known.
        self.token.is_some_and(|(owner, _)| owner) || (self.listed == "owners" && self.known)
    }

    fn facts(&self) -> Vec<(&'static str, &'static str)> {
        let waits = self.bar == Some(Bar::Back)
            || self.token.is_some_and(|(_, must_knock)| must_knock)
            || (self.waiting == WaitingRoom::Guests && self.token.is_none() && self.listed == "no")
            || (self.waiting == WaitingRoom::Everyone && !self.owner());
        let may_ask = waits || self.privacy == Privacy::Private { knocking: true };
        let kept = self.reserved.is_some_and(|allow_owners| !(allow_owners && self.owner()));
        vec![
            ("name", if kept { "kept" } else { "free" }),
            ("room", if self.known { "known" } else { "unknown" }),
            (
                "bar",
                match self.bar {
                    None => "no",
                    Some(Bar::Banned) => "banned",
                    Some(Bar::Ejected) => "removed",
                    Some(Bar::Back) => "back",
                },
            ),
            ("time", self.time),
            ("stay", if self.used_up { "used up" } else { "fresh" }),
            ("waits", if waits { "yes" } else { "no" }),
            ("token", if self.token.is_some() { "valid" } else { "none" }),
            ("listed", if self.listed == "no" { "no" } else { "yes" }),
            (
                "privacy",
                match self.privacy {
                    Privacy::Public => "public",
                    Privacy::Private { knocking: false } => "private",
                    Privacy::Private { knocking: true } => "knocking",
                },
            ),
            (
                "knock",
                match self.knock.or(self.remembered.filter(|_| may_ask)) {
                    KnockState::None => "none",
                    KnockState::Waiting => "waiting",
                    KnockState::Granted => "granted",
                    KnockState::Denied => "denied",
                },
            ),
            ("full", if self.full { "yes" } else { "no" }),
        ]
    }
}

const RESERVED: [Option<bool>; 3] = [None, Some(false), Some(true)];
const BARS: [Option<Bar>; 4] = [None, Some(Bar::Banned), Some(Bar::Ejected), Some(Bar::Back)];
const TIMES: [&str; 3] = ["open", "early", "over"];
const TOKENS: [Option<(bool, bool)>; 5] = [None, Some((false, false)), Some((true, false)), Some((false, true)), Some((true, true))];
const LISTED: [&str; 3] = ["no", "allow", "owners"];
const WAITING: [WaitingRoom; 3] = [WaitingRoom::Off, WaitingRoom::Guests, WaitingRoom::Everyone];
const PRIVACIES: [Privacy; 3] = [Privacy::Public, Privacy::Private { knocking: false }, Privacy::Private { knocking: true }];
const KNOCKS: [KnockState; 4] = [KnockState::None, KnockState::Waiting, KnockState::Granted, KnockState::Denied];
const ASKED: [(KnockState, Option<Answer>); 7] = [
    (KnockState::None, None),
    (KnockState::Waiting, None),
    (KnockState::Granted, None),
    (KnockState::Denied, None),
    (KnockState::None, Some(Answer::Allow)),
    (KnockState::None, Some(Answer::Deny)),
    (KnockState::Denied, Some(Answer::Allow)),
];
const BOTH: [bool; 2] = [false, true];

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for reserved in RESERVED {
        for known in BOTH {
            for bar in BARS {
                for time in TIMES {
                    for used_up in BOTH {
                        for token in TOKENS {
                            for listed in LISTED {
                                for waiting in WAITING {
                                    for privacy in PRIVACIES {
                                        for (knock, remembered) in ASKED {
                                            for full in BOTH {
                                                all.push(Case {
                                                    reserved,
                                                    known,
                                                    bar,
                                                    time,
                                                    used_up,
                                                    token,
                                                    listed,
                                                    waiting,
                                                    privacy,
                                                    knock,
                                                    remembered,
                                                    full,
                                                });
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    all
}

#[test]
fn every_combination_of_facts_meets_the_one_row_that_decides_it() {
    let table = Table::read(include_str!("decisions.md"));
    let mut met = vec![0; table.rows.len()];
    for case in cases() {
        let (row, expected) = table.row(&case.facts());
        met[row] += 1;
        let outcome = case.ask();
        assert_eq!(format!("{}: {}", outcome.decision.kind(), outcome.decision.code()), expected, "{case:?}");
        if let Decision::Admit(permit) = outcome.decision {
            assert_eq!(permit.role() == Role::Owner, case.owner(), "{case:?}");
            assert_eq!(permit.room(), &name("standup"));
        }
    }
    let unmet: Vec<_> = met.iter().enumerate().filter(|(_, n)| **n == 0).map(|(row, _)| &table.rows[row]).collect();
    assert!(unmet.is_empty(), "no facts meet {unmet:?}");
}

#[test]
fn every_combination_of_changes_meets_the_one_row_that_reviews_it() {
    let table = Table::read(include_str!("reviews.md"));
    let mut met = vec![0; table.rows.len()];
    let ends = ["ahead", "passed", "ends it"];
    for room_known in BOTH {
        for bar in BARS {
            for knock in KNOCKS {
                for revoked in BOTH {
                    for token_end in ends {
                        for room_end in ends {
                            for used_up in BOTH {
                                for by_token in BOTH {
                                    // A token that states a rule overrules the room's: then only its own count.
                                    let states = by_token || token_end == "ends it";
                                    let rule = |end: &str| if end == "ahead" { Some(NOW.plus(HOUR)) } else { Some(NOW) };
                                    let mut room = Room::new(name("standup"), Privacy::Public);
                                    room.closes = rule(room_end);
                                    room.eject_at_close = room_end == "ends it";
                                    room.eject_after = (!states).then_some(HOUR);
                                    let token = Arc::new(Grant {
                                        expires: rule(token_end),
                                        eject_at_expiry: (token_end == "ends it").then_some(true),
                                        eject_after: states.then_some(HOUR),
                                        ..(*grant(false, false)).clone()
                                    });
                                    let entered = if used_up { NOW.minus(HOUR) } else { NOW };
                                    let permit = Permit::new(&room, Role::Participant, Ground::Token, entered, None, Some(&token));
                                    let revocations: Revocations =
                                        revoked.then_some(Revocation::Token(TokenId::jti("t"))).into_iter().collect();
                                    let standing =
                                        Standing { room: Some(&room).filter(|_| room_known), revocations: &revocations, bar, knock };
                                    let room_end = if states && room_end == "ends it" { "passed" } else { room_end };
                                    let facts = [
                                        ("room", if room_known { "known" } else { "gone" }),
                                        (
                                            "bar",
                                            match bar {
                                                None => "no",
                                                Some(Bar::Banned) => "banned",
                                                Some(Bar::Ejected) => "removed",
                                                Some(Bar::Back) if knock == KnockState::Granted => "returned",
                                                Some(Bar::Back) => "back",
                                            },
                                        ),
                                        ("revoked", if revoked { "yes" } else { "no" }),
                                        ("token's end", token_end),
                                        ("room's end", room_end),
                                        ("time inside", if used_up { "used up" } else { "left" }),
                                    ];
                                    let (row, expected) = table.row(&facts);
                                    met[row] += 1;
                                    let answer = match review(&permit, &standing, NOW) {
                                        Review::Stay { .. } => "stay".to_owned(),
                                        Review::Leave(why) => format!("leave: {} {}", why.code(), why.close_code()),
                                    };
                                    assert_eq!(answer, expected, "{facts:?}");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(met.iter().all(|n| *n > 0), "a row is met by nothing: {met:?}");
}

#[test]
fn a_review_names_the_next_moment_that_may_change_it() {
    let mut room = Room::new(name("standup"), Privacy::Public);
    room.eject_after = Some(HOUR);
    room.closes = Some(NOW.plus(HOUR / 2));
    room.eject_at_close = true;
    let permit = Permit::new(&room, Role::Participant, Ground::Public, NOW, None, None);
    let revocations = Revocations::default();
    let ask = |now| review(&permit, &Standing { room: Some(&room), revocations: &revocations, bar: None, knock: KnockState::None }, now);
    assert_eq!(ask(NOW), Review::Stay { until: Some(NOW.plus(HOUR / 2)) });
    let just_before = NOW.plus(HOUR / 2).minus(Duration::from_millis(1));
    assert_eq!(ask(just_before), Review::Stay { until: Some(NOW.plus(HOUR / 2)) });
    assert_eq!(ask(NOW.plus(HOUR / 2)), Review::Leave(Ending::RoomClosed));
}

fn at_door(token: Presented<'_>, session: Option<&Arc<Grant>>, room: &Room, now: Timestamp, leeway: Duration) -> Outcome {
    let door = Door {
        name: &name("standup"),
        room: Some(room),
        reserved: None,
        revocations: &Revocations::default(),
        inside: 0,
        leeway,
        require_room: false,
    };
    decide(&door, &Visitor { token, session, ..Visitor::STRANGER }, now)
}

#[test]
fn a_tokens_time_is_judged_to_the_millisecond_with_the_leeway_on_both_sides() {
    let room = Room::new(name("standup"), Privacy::Private { knocking: false });
    let leeway = Duration::from_secs(5);
    let exp = NOW.plus(HOUR);
    let token = Arc::new(Grant { expires: Some(exp), not_before: Some(NOW), ..(*grant(false, false)).clone() });
    let millisecond = Duration::from_millis(1);
    for (now, fault) in [
        (NOW.minus(leeway).minus(millisecond), Some(TokenFault::NotYetValid)),
        (NOW.minus(leeway), None),
        (exp.plus(leeway).minus(millisecond), None),
        (exp.plus(leeway), Some(TokenFault::Expired)),
    ] {
        let outcome = at_door(Presented::Grant(&token), None, &room, now, leeway);
        assert_eq!(outcome.token, fault, "at {now}");
        assert_eq!(matches!(outcome.decision, Decision::Admit(_)), fault.is_none(), "at {now}");
    }
}

#[test]
fn whoever_is_sent_out_at_exp_does_not_come_back_by_the_leeway() {
    let room = Room::new(name("standup"), Privacy::Private { knocking: false });
    let token = Arc::new(Grant { expires: Some(NOW), eject_at_expiry: Some(true), ..(*grant(false, false)).clone() });
    let outcome = at_door(Presented::Grant(&token), None, &room, NOW, Duration::from_secs(60));
    assert_eq!(outcome.token, Some(TokenFault::Expired));
}

#[test]
fn what_is_brought_goes_before_the_session_and_a_bad_token_takes_nothing_away() {
    let room = Room::new(name("standup"), Privacy::Private { knocking: false });
    let (owner, participant) = (grant(true, false), grant(false, false));
    let role = |outcome: &Outcome| match &outcome.decision {
        Decision::Admit(permit) => Some(permit.role()),
        Decision::Hold(_) | Decision::Refuse(_) => None,
    };
    let ask = |token, session| at_door(token, session, &room, NOW, Duration::ZERO);
    assert_eq!(role(&ask(Presented::Grant(&participant), Some(&owner))), Some(Role::Participant));
    assert_eq!(role(&ask(Presented::Grant(&owner), Some(&participant))), Some(Role::Owner));
    for fault in TokenFault::ALL {
        let outcome = ask(Presented::Bad(fault), Some(&owner));
        assert_eq!((role(&outcome), outcome.token), (Some(Role::Owner), Some(fault)));
    }
    let elsewhere = Arc::new(Grant { room: Some(name("other")), ..(*owner).clone() });
    assert_eq!(role(&ask(Presented::Grant(&elsewhere), None)), None);
    assert_eq!(ask(Presented::Grant(&elsewhere), None).token, Some(TokenFault::WrongRoom));
}

#[test]
fn a_network_counts_only_where_the_address_is_certain() {
    let mut room = Room::new(name("standup"), Privacy::Private { knocking: false });
    room.allow.add("10.0.0.0/8".parse().unwrap());
    let door = Door {
        name: &name("standup"),
        room: Some(&room),
        reserved: None,
        revocations: &Revocations::default(),
        inside: 0,
        leeway: Duration::ZERO,
        require_room: false,
    };
    for (address, code) in
        [(Some("10.1.2.3"), "listed"), (Some("::ffff:10.1.2.3"), "listed"), (Some("11.0.0.1"), "private"), (None, "private")]
    {
        let visitor = Visitor { address: address.map(|a| a.parse().unwrap()), ..Visitor::STRANGER };
        assert_eq!(decide(&door, &visitor, NOW).decision.code(), code, "{address:?}");
    }
}

fn any_case() -> impl Strategy<Value = Case> {
    use proptest::sample::select;
    let place = (select(&RESERVED[..]), any::<bool>(), select(&BARS[..]), select(&TIMES[..]), any::<bool>());
    let person =
        (select(&TOKENS[..]), select(&LISTED[..]), select(&WAITING[..]), select(&PRIVACIES[..]), select(&ASKED[..]), any::<bool>());
    (place, person).prop_map(|((reserved, known, bar, time, used_up), (token, listed, waiting, privacy, (knock, remembered), full))| Case {
        reserved,
        known,
        bar,
        time,
        used_up,
        token,
        listed,
        waiting,
        privacy,
        knock,
        remembered,
        full,
    })
}

proptest! {
    #[test]
    fn a_ban_is_never_overruled(case in any_case(), bar in prop::sample::select(vec![Bar::Banned, Bar::Ejected])) {
        let decision = Case { bar: Some(bar), ..case }.ask().decision;
        prop_assert!(matches!(decision, Decision::Refuse(_)), "{decision:?}");
    }

    #[test]
    fn without_a_token_or_a_listing_there_is_no_owner(case in any_case()) {
        let case = Case { token: case.token.filter(|(owner, _)| !owner), listed: if case.listed == "owners" { "allow" } else { case.listed }, ..case };
        if let Decision::Admit(permit) = case.ask().decision {
            prop_assert_eq!(permit.role(), Role::Participant);
        }
    }

    #[test]
    fn a_bad_token_never_changes_what_a_stranger_gets(
        fault in prop::sample::select(TokenFault::ALL.to_vec()),
        privacy in prop::sample::select(PRIVACIES.to_vec()),
        waiting in prop::sample::select(WAITING.to_vec()),
    ) {
        let mut room = Room::new(name("standup"), privacy);
        room.waiting_room = waiting;
        let stranger = at_door(Presented::Nothing, None, &room, NOW, Duration::ZERO);
        let bearer = at_door(Presented::Bad(fault), None, &room, NOW, Duration::ZERO);
        prop_assert_eq!(stranger.decision, bearer.decision);
        prop_assert_eq!(bearer.token, Some(fault));
    }

    #[test]
    fn the_order_of_facts_does_not_matter(mut lines in prop::collection::vec("[a-c]@[a-c]\\.org|@[a-c]\\.org|user:[a-c]|group:[a-c]|10\\.[0-3]\\.0\\.0/16", 0..12), seed in any::<u64>()) {
        let list = |lines: &[String]| List::from(lines.iter().map(|l| l.parse::<Listed>().unwrap()));
        let before = list(&lines);
        let turn = usize::try_from(seed % 13).unwrap() % lines.len().max(1);
        lines.rotate_left(turn);
        lines.reverse();
        let after = list(&lines);
        for letter in ["a", "b", "c"] {
            let person = Person { user: Some(letter.into()), email: Some(format!("{letter}@{letter}.org")), groups: vec![letter.into()], name: None };
            prop_assert_eq!(before.names(&person), after.names(&person));
        }
        for net in 0..4_u8 {
            let address = std::net::IpAddr::from([10, net, 1, 1]);
            prop_assert_eq!(before.covers(address), after.covers(address));
        }
    }

    #[test]
    fn a_display_name_has_nothing_invisible_and_stays_as_it_is(given in "\\PC*|.*") {
        if let Some(name) = display_name(&given) {
            prop_assert!(name.chars().count() <= NAME_MAX);
            let hidden = name.chars().any(|c| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}' | '\u{2066}'));
            prop_assert!(!hidden);
            prop_assert_eq!(display_name(&name), Some(name));
        }
    }

    #[test]
    fn an_answered_knock_stays_answered(first in any::<bool>(), second in any::<bool>(), version in 0..5_u32) {
        let answer = |allow| if allow { Answer::Allow } else { Answer::Deny };
        let knock = Knock {
            id: Id::new([1; 16]), room: name("standup"), visitor: Id::new([2; 16]), name: "Ada".into(), message: None, version,
            state: KnockState::Waiting, moved_back: false, at: NOW, answered: None,
        };
        let answered = knock.answer(answer(first), version, "Grace", NOW).unwrap();
        prop_assert_eq!(answered.leave(), answered.clone());
        match answered.answer(answer(second), version, "Linus", NOW) {
            Ok(same) => { prop_assert_eq!(first, second); prop_assert_eq!(same, answered); }
            Err(conflict) => { prop_assert_ne!(first, second); prop_assert_eq!(conflict, Conflict::Answered(answer(first))); }
        }
        prop_assert_eq!(knock.answer(answer(first), version + 1, "Grace", NOW), Err(Conflict::Changed(version)));
    }
}

#[test]
fn lists_say_what_is_wrong_with_a_line() {
    for (line, right) in [
        ("ann@example.org", true),
        ("@example.org", true),
        ("user:42", true),
        ("group:staff", true),
        ("10.0.0.0/8", true),
        ("2001:db8::/32", true),
        ("192.0.2.7", true),
        ("10.0.0.1/8", false),
        ("10.0.0.0/33", false),
        ("10.0.0.0/+8", false),
        ("ann", false),
        ("", false),
        ("@", false),
        ("a@b@c", false),
        ("user:", false),
        ("ann @example.org", false),
    ] {
        assert_eq!(line.parse::<Listed>().is_ok(), right, "{line}");
    }
}

#[test]
fn a_domain_names_its_own_addresses_and_not_those_below_or_beside_it() {
    let list = List::from([Listed::Domain("example.org".into())]);
    for (email, named) in [
        ("a@example.org", true),
        ("A@EXAMPLE.ORG", true),
        ("a@sub.example.org", false),
        ("a@badexample.org", false),
        ("a@example.org.evil", false),
    ] {
        assert_eq!(list.names(&Person { email: Some(email.into()), ..Person::NOBODY }), named, "{email}");
    }
}

#[test]
fn revocations_take_back_what_they_name_and_nothing_else() {
    let grant = |jti: &str, user: &str, issued: Option<i64>| Grant {
        token: TokenId::jti(jti),
        person: Person { user: Some(user.into()), ..Person::NOBODY },
        issued: issued.map(Timestamp::from_secs),
        ..(*grant(false, false)).clone()
    };
    let by = |line: &str| [line.parse::<Revocation>().unwrap()].into_iter().collect::<Revocations>();
    assert!(by("jti:a").revoke(&grant("a", "u", None)));
    assert!(!by("jti:a").revoke(&grant("b", "u", None)));
    assert!(by("user:u").revoke(&grant("a", "u", None)));
    assert!(!by("user:v").revoke(&grant("a", "u", None)));
    assert!(by("room:standup").revoke(&grant("a", "u", None)));
    assert!(!by("room:board").revoke(&grant("a", "u", None)));
    assert!(by("before:100").revoke(&grant("a", "u", Some(99))));
    assert!(!by("before:100").revoke(&grant("a", "u", Some(100))));
    assert!(by("before:100").revoke(&grant("a", "u", None)), "a token that does not say when it was issued may be older");
}

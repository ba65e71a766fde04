#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use http::header::{CACHE_CONTROL, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_796_100_000);

fn scene(room: &RoomName) -> Scene<'_> {
    Scene { room: Some(room), token: None, came: false, hide: false, frames: &[], now: NOW, door: None, look: Look::test() }
}

fn room(name: &str) -> RoomName {
    RoomName::canonical(name).unwrap()
}

#[test]
fn every_no_has_the_status_and_level_that_were_promised() {
    let table: [(&str, u16, u16, &str); 18] = [
        // code, status without and with a credential, level
        ("reserved", 403, 403, "none"),
        ("no-room", 404, 404, "none"),
        ("banned", 403, 403, "none"),
        ("ejected", 403, 403, "none"),
        ("room-not-open", 403, 403, "none"),
        ("room-expired", 403, 403, "none"),
        ("denied", 401, 403, "lobby"),
        ("private", 401, 403, "none"),
        ("full", 403, 403, "none"),
        ("may-knock", 401, 403, "lobby"),
        ("waiting", 401, 403, "lobby"),
        ("owners-only", 401, 403, "none"),
        ("unknown-path", 404, 404, "none"),
        ("unavailable", 503, 503, "none"),
        ("bad-request", 400, 400, "none"),
        ("foreign-origin", 403, 403, "none"),
        ("no-cookies", 403, 403, "none"),
        ("too-many", 429, 429, "none"),
    ];
    let all = tests_all();
    assert_eq!(all.len(), table.len());
    for (code, without, with, level) in table {
        let no = all.iter().find(|no| no.code() == code).unwrap_or_else(|| panic!("{code} is not told"));
        assert_eq!((no.status(false).as_u16(), no.status(true).as_u16(), no.level().as_str()), (without, with, level), "{code}");
    }
}

#[test]
fn every_no_has_a_page_that_says_what_happened_and_what_to_do_next() {
    let room = room("standup");
    for no in tests_all() {
        let page = refusal_page(&no, &scene(&room));
        let words = Look::test().words.no(&no);
        assert_eq!(page.status(), no.status(false));
        for part in [words.title, words.next, "standup", &format!("data-code=\"{}\"", no.code())] {
            assert!(page.body().contains(part), "{}: {part}", no.code());
        }
        assert!(page.body().len() < 6 * 1024, "{}", no.code());
        assert_eq!(page.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(page.headers()[REFERRER_POLICY], "no-referrer");
        assert_eq!(page.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(page.headers().contains_key(WWW_AUTHENTICATE), page.status() == 401, "{}", no.code());
        assert_eq!(page.headers().contains_key(RETRY_AFTER), matches!(page.status().as_u16(), 429 | 503), "{}", no.code());
    }
}

#[test]
fn whatever_was_wrong_with_a_link_is_told_in_one_sentence_and_is_a_credential_that_came() {
    let room = room("standup");
    for fault in TokenFault::ALL {
        let scene = Scene { token: Some(fault), ..scene(&room) };
        let no = No::Refused(Refusal::Private);
        let page = refusal_page(&no, &scene);
        assert_eq!(page.status(), 403, "{fault}");
        assert!(page.body().contains(Look::test().words.link(fault)), "{fault}");
        let json: serde_json::Value = serde_json::from_str(refusal_json(&no, &scene).body()).unwrap();
        assert_eq!(json["code"], "private");
        assert_eq!(json["token_code"], fault.code());
        assert_eq!(json["access"]["level"], "none");
        assert!(json["message"].as_str().unwrap().ends_with(Look::test().words.link(fault)));
    }
    let expired = refusal_page(&No::Refused(Refusal::Private), &Scene { token: Some(TokenFault::Expired), ..scene(&room) });
    assert!(expired.body().contains("This link has expired. Ask whoever invited you for a new one."));
}

#[test]
fn a_script_is_told_in_json_and_not_with_a_token_code_where_there_was_no_token() {
    let room = room("standup");
    let answer = refusal_json(&No::Refused(Refusal::Private), &scene(&room));
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Bearer");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(
        answer.body(),
        r#"{"code":"private","message":"Only people with an invitation can come in. Open the link from your invitation, or ask whoever invited you for one.","access":{"level":"none"}}"#
    );
    let api = api_error(&No::OwnersOnly, &scene(&room));
    assert_eq!(
        api.body(),
        r#"{"error":"authentication-error","info":"Only an owner of this room can watch its door. If that is you, open your own owner’s link once more and then come back."}"#
    );
}

#[test]
fn a_hidden_room_and_none_at_all_are_told_alike() {
    let room = room("standup");
    for token in [None, Some(TokenFault::WrongRoom)] {
        let scene = Scene { hide: true, token, door: Some("/x"), ..scene(&room) };
        let told = |refusal: Refusal| {
            let no = No::Refused(refusal);
            let (page, json, api) = (refusal_page(&no, &scene), refusal_json(&no, &scene), api_error(&no, &scene));
            let heads = [page.status(), json.status(), api.status()];
            (heads, page.headers().clone(), json.headers().clone(), page.into_body(), json.into_body(), api.into_body())
        };
        assert_eq!(told(Refusal::NoRoom), told(Refusal::Private));
    }
    let open = refusal_page(&No::Refused(Refusal::NoRoom), &scene(&room));
    assert!(open.body().contains("No room with this name exists"));
}

#[test]
fn a_name_or_a_reason_is_text_whatever_it_says() {
    for hostile in HOSTILE {
        let no = No::Refused(Refusal::Reserved((*hostile).into()));
        // The names that a profile lets through, and then some.
        let cleaned: String = hostile.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !"/\\?#%".contains(*c)).collect();
        let room = room(&cleaned);
        let page = refusal_page(&no, &scene(&room)).into_body();
        for risky in ["<script>", "<img", "<svg onload", "onerror=alert(1)>", "\"><img", "'><svg", "javascript:alert(1)\""] {
            assert!(!page.contains(risky), "{hostile} gave {risky}");
        }
        let text = page.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&");
        assert!(text.contains(hostile), "{hostile} is shown as it is");
    }
}

pub(super) const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "{{ 7 * 7 }}${7*7}<%= 7 %>",
    "--><script>alert(1)</script><!--",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "javascript:alert(1)",
];

#[test]
fn a_room_that_opens_later_counts_down_and_looks_again_without_scripts_too() {
    let room = room("standup");
    let page = |millis| {
        let no = No::Refused(Refusal::NotOpen(Timestamp::from_millis(NOW.as_millis() + millis)));
        refusal_page(&no, &scene(&room)).into_body()
    };
    let soon = page(12_500);
    assert!(soon.contains("data-opens-in=\"12500\"") && soon.contains("http-equiv=\"refresh\" content=\"13\""), "{soon}");
    assert!(page(86_400_000).contains("content=\"60\""));
    assert!(page(15_600_000).contains("<time datetime=\"2026-12-01T09:00:00Z\">2026-12-01, 09:00 UTC</time>"));
    // Beyond the calendar: no date, and no failure.
    assert!(!page(i64::MAX / 2).contains("<time"));
}

#[test]
fn only_those_who_may_knock_are_shown_the_door() {
    let room = room("standup");
    for no in tests_all() {
        let page = refusal_page(&no, &Scene { door: Some("/_roomgate/knock?room=standup&to=x"), ..scene(&room) }).into_body();
        assert_eq!(page.contains("href=\"/_roomgate/knock?room=standup&#38;to=x\""), no.level() == AccessLevel::Lobby, "{}", no.code());
    }
}

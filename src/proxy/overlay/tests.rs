//! Whole pages in pieces: what comes out is what went in, with one element more or with none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;

fn page(policy: &str) -> Page {
    let mut policies = Policies::default();
    policies.header(policy.as_bytes());
    let asked = Asked { room: RoomName::canonical("a room").unwrap(), site: Site::new(true, "meet.example.org").unwrap() };
    Page { asked, unpack: None, scanner: Some(Scanner::new(policies)), held: Vec::new() }
}

fn passed(policy: &str, text: &[u8], size: usize) -> Vec<u8> {
    let (mut page, mut out) = (page(policy), Vec::new());
    for piece in text.chunks(size.max(1)) {
        out.extend(page.through(Some(Bytes::copy_from_slice(piece)), false).unwrap().bytes);
    }
    out.extend(page.through(None, true).unwrap().bytes);
    out
}

fn without(out: &[u8], policy: &str) -> (Vec<u8>, usize) {
    let terms = if policy.contains("nonce") { Terms::Nonce("n0nce".into()) } else { Terms::Plain };
    let element = element(&RoomName::canonical("a room").unwrap(), &terms).into_bytes();
    let at = out.windows(element.len()).position(|w| w == element);
    match at {
        Some(at) => ([&out[..at], &out[at + element.len()..]].concat(), 1),
        None => (out.to_vec(), 0),
    }
}

#[test]
fn the_element_says_where_it_is_and_in_what_words_it_was_allowed() {
    let out = String::from_utf8(passed("script-src 'nonce-n0nce'", b"<head><title>x</title></head>", 3)).unwrap();
    let expected =
        format!("<head><title>x</title><script async src=\"{}\" data-room=\"a%20room\" nonce=\"n0nce\"></script></head>", script());
    assert_eq!(out, expected);
}

#[test]
fn what_follows_the_place_is_never_held() {
    let mut page = page("");
    assert!(page.through(Some(Bytes::from_static(b"<html><he")), false).unwrap().bytes.is_empty());
    let first = page.through(Some(Bytes::from_static(b"ad><link rel=stylesheet href=x>")), false).unwrap().bytes;
    assert!(first.ends_with(b"<link rel=stylesheet href=x>"));
    let next = Bytes::from_static(b"<p>");
    let again = page.through(Some(next.clone()), false).unwrap().bytes;
    assert_eq!((again.as_ptr(), again.len()), (next.as_ptr(), next.len()), "passed on as it came, not copied");
}

#[test]
fn encodings_are_those_that_read_ascii_as_ascii() {
    for (value, html) in [
        ("text/html", true),
        ("TEXT/HTML; Charset=\"UTF-8\"", true),
        ("text/html;charset=iso-8859-1", true),
        ("text/html;charset=windows-1252", true),
        ("text/html; charset=utf-8; profile=x", true),
        ("text/html;", true),
        ("text/html; charset=utf-16", false),
        ("text/html; charset=utf-16le", false),
        ("text/html; charset=iso-2022-jp", false),
        ("text/html; charset=windows-125", false),
        ("text/html; charset=windows-12522", false),
        ("text/html; charset=", false),
        ("text/html; utf-8", false),
        ("text/html, text/plain", false),
        ("text/plain", false),
        ("application/xhtml+xml", false),
        ("text/htmlx", false),
        ("", false),
    ] {
        assert_eq!(is_html(value), html, "{value}");
    }
}

proptest! {
    #[test]
    fn without_the_element_the_page_is_byte_for_byte_what_it_was(
        before in prop::sample::select(vec!["", "<!doctype html>", "<html>", "<head>", "<!doctype html><html><head>", "<head><title>", "<!-- "]),
        rest in proptest::collection::vec(any::<u8>(), 0..300),
        markup in "[<>a-z/!\"'= -]{0,80}",
        policy in prop::sample::select(vec!["", "script-src 'self'", "script-src 'nonce-n0nce'", "script-src 'none'"]),
        size in 1..40_usize,
    ) {
        let text = [before.as_bytes(), markup.as_bytes(), &rest].concat();
        let out = passed(policy, &text, size);
        let (stripped, _) = without(&out, policy);
        prop_assert_eq!(stripped, text.clone());
        prop_assert_eq!(passed(policy, &text, text.len()), out);
    }
}

//! Beginnings of pages, and where the place is in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;

/// The whole page in pieces of this size.
fn found(page: &[u8], size: usize) -> Verdict {
    let mut scanner = Scanner::new(Policies::default());
    for piece in page.chunks(size.max(1)) {
        let verdict = scanner.read(piece);
        if verdict != Verdict::More {
            return verdict;
        }
    }
    scanner.end()
}

/// In each of these stands `@` where the place is; or nowhere, and then there is none.
const PAGES: &[&str] = &[
    "<head>@</head>",
    "<html><head>@<script src=x></script></head>",
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>@\n  <script>",
    "\u{feff}<!doctype html><HTML><HEAD>@<SCRIPT>",
    "<!doctype html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\"><html><head>@<style>",
    "<?xml version=\"1.0\"?><html><head>@<body>",
    "<!-- <head> --><html><!--><head>@ --><head><p>",
    "<!--><head>@text",
    "<!---><head>@text",
    "<!----><head>@text",
    "<!-- a --!><head>@text",
    "<!-- <!-- --><head>@text",
    "<!-- --- --><head>@text",
    "<!-- - -> --><head>@text",
    "<!><head>@text",
    "<!-x><head>@text",
    "<![CDATA[x]]><head>@text",
    "<head data-a=\"<head>\" data-b='>' c=d>@text",
    "<head a=\"b\"c>@text",
    "<head a\">@text",
    "<head/>@text",
    "<head / a = / >@text",
    "<head\n\tclass\n=\n\"x\"\n>@text",
    "<head><meta charset=utf-8><title>a <b> </titl </title><meta name=viewport content='a>b'>@<link rel=stylesheet href=x>",
    "<head><title></title >@<script>",
    "<head><title></TITLE/x=\">\">@<script>",
    "<head><title><</title>@<script>",
    "<head><title></title</title>@<script>",
    "<head><link rel=icon href=x><link rel=\"shortcut icon\" href=x>@<link rel=preload href=x>",
    "<head><link rel='icon preload' href=x>",
    "<head>@<base href=/x/><meta charset=utf-8>",
    "<head>@<header>",
    "<head>@</body>",
    "<head>@<noscript><meta charset=utf-8></noscript>",
    "<head>@",
    "<head> \n@<",
    "",
    " ",
    "x",
    "hello <head></head>",
    "\u{feff}\u{feff}<head></head>",
    "<header><head></head>",
    "<heads></heads>",
    "<body><head></head>",
    "<frameset><head>",
    "<title>x</title><head></head>",
    "<script><head></script>",
    "<meta charset=utf-8><head></head>",
    "</head><head></head>",
    "</x><head></head>",
    "< head></head>",
    "<1head></head>",
    "<!-- <head> ",
    "<!-- <head> --",
    "<!-- <head> ->",
    "<!-- <head> --!x",
    "<!doctype html <head",
    "<html",
    "<head",
    "<head a=\"><script>",
    "<head><title>x<script></script>",
    "<head><meta content=\">",
    "<html>\0<head></head>",
    "\u{1b}$B<head></head>",
    "<head>\0</head>",
    "<svg><head></head></svg>",
];

#[test]
fn the_place_is_where_a_head_has_begun_and_nowhere_else() {
    for page in PAGES {
        // A place written last is one of a page that ends there.
        let (bytes, place) = (page.replacen('@', "", 1).into_bytes(), page.find('@'));
        let verdict = found(&bytes, bytes.len());
        let space_before = |at: usize| {
            let mut end = at;
            while end > 0 && is_space(bytes[end - 1]) {
                end -= 1;
            }
            end
        };
        match (place, verdict) {
            (Some(place), Verdict::Here(at)) => assert_eq!(at, space_before(place), "{page:?}"),
            (None, Verdict::Nowhere(_)) => {}
            (None, Verdict::Here(at)) if page.contains("icon preload") => assert_eq!(at, 6),
            (place, verdict) => panic!("{page:?}: {place:?} and {verdict:?}"),
        }
        for size in 1..7 {
            assert_eq!(found(&bytes, size), verdict, "{page:?} in pieces of {size}");
        }
    }
}

#[test]
fn nothing_is_looked_for_too_far_away() {
    let page = |n: usize| format!("<!--{}--><head></head>", "x".repeat(n)).into_bytes();
    assert!(matches!(found(&page(FAR - 100), 1000), Verdict::Here(_)));
    assert!(matches!(found(&page(FAR), 1000), Verdict::Nowhere(_)));
    assert!(matches!(found(format!("<head><title>{}", "x".repeat(FAR)).as_bytes(), 1000), Verdict::Nowhere(_)));
}

#[test]
fn a_policy_in_the_head_is_read() {
    let site = super::super::policy::Site::new(true, "meet.example.org").unwrap();
    let allowed = |meta: &str| {
        let mut scanner = Scanner::new(Policies::default());
        assert!(matches!(scanner.read(format!("<head>{meta}<script>").as_bytes()), Verdict::Here(_)), "{meta}");
        scanner.policies.terms(&site, "/x.js").is_some()
    };
    for none in [
        "<meta http-equiv=content-security-policy content=\"script-src 'none'\">",
        "<META HTTP-EQUIV=\"Content-Security-Policy\" CONTENT='connect-src &#39;none&#39;'>",
        "<meta content=\"default-src 'none'\" http-equiv='CONTENT-SECURITY-POLICY'/>",
        "<title><meta></title><link rel=icon href=x><meta http-equiv=content-security-policy content=default-src>",
        "<meta http-equiv=content-security-policy content=\"script-src 'none'\" content=\"script-src 'self'\">",
        "<meta http-equiv=content&#45;security-policy content=x>",
    ] {
        assert!(!allowed(none), "{none}");
    }
    for some in [
        "<meta http-equiv=content-security-policy content=\"script-src 'self'\">",
        "<meta http-equiv=content-security-policy>",
        "<meta http-equiv=content-security-policy-report-only content=\"default-src 'none'\">",
        "<meta name=content-security-policy content=\"default-src 'none'\">",
        "<!-- <meta http-equiv=content-security-policy content=\"default-src 'none'\"> -->",
        "<title><meta http-equiv=content-security-policy content=\"default-src 'none'\"></title>",
    ] {
        assert!(allowed(some), "{some}");
    }
}

proptest! {
    #[test]
    fn pieces_change_nothing(
        parts in proptest::collection::vec(prop::sample::select(vec![
            "<", ">", "!", "--", "-", "head", "<head>", "<html>", "<title>", "</title>", "<meta ", "\"", "'", "=", " ", "/", "x", "<!--", "-->", "<link rel=", "icon", "<script>", "\u{feff}", "&",
        ]), 0..40),
        size in 1..9_usize,
    ) {
        let page = parts.concat().into_bytes();
        let verdict = found(&page, page.len());
        prop_assert_eq!(found(&page, size), verdict);
        if let Verdict::Here(at) = verdict {
            // After a `>`: never inside a token.
            prop_assert!(at <= page.len() && page[..at].ends_with(b">"));
        }
    }
}

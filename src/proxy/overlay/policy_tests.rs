//! Policies, and what they mean for a script of ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::*;

const SCRIPT: &str = "/_roomgate/assets/overlay.0123.js";

fn asked_at(secure: bool, host: &str, headers: &[&str], metas: &[&str]) -> Option<Terms> {
    let mut policies = Policies::default();
    headers.iter().for_each(|h| policies.header(h.as_bytes()));
    metas.iter().for_each(|m| policies.meta(m.as_bytes()));
    policies.terms(&Site::new(secure, host).unwrap(), SCRIPT)
}

fn asked(headers: &[&str]) -> Option<Terms> {
    asked_at(true, "meet.example.org", headers, &[])
}

#[test]
fn a_page_without_a_word_on_scripts_may_have_one() {
    for policy in [
        "",
        ";",
        "frame-ancestors 'none'",
        "img-src 'none'; style-src 'none'; object-src 'none'",
        "script-src 'self'",
        "default-src 'self'",
        "DEFAULT-SRC 'SELF'",
        "script-src *; connect-src *",
        "default-src 'none'; script-src 'self'; connect-src 'self'",
        "default-src 'none'; script-src-elem https:; connect-src https:",
        "default-src https://meet.example.org",
        "default-src http://meet.example.org",
        "default-src meet.example.org",
        "default-src meet.example.org:443",
        "default-src meet.example.org:*",
        "default-src *.example.org",
        "default-src MEET.example.org/",
        "default-src meet.example.org/_roomgate/",
        "script-src meet.example.org/_roomgate/assets/overlay.0123.js; connect-src 'self'",
        "script-src 'none' 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'report-sample' 'sha256-abc='",
        "script-src 'self'; script-src 'none'",
        "script-src 'none'; script-src-elem 'self'",
        "script-src-attr 'none'; script-src 'self'",
        "sandbox allow-scripts allow-same-origin",
        "require-trusted-types-for 'script'; trusted-types none",
        "upgrade-insecure-requests; block-all-mixed-content",
        "script-src\t'self'  'nonce-abc'",
        "connect-src 'self' wss:",
    ] {
        assert_eq!(asked(&[policy]), Some(Terms::Plain), "{policy}");
    }
    assert_eq!(asked(&[]), Some(Terms::Plain));
}

#[test]
fn a_page_that_does_not_let_it_run_or_speak_has_none() {
    for policy in [
        "default-src 'none'",
        "script-src 'none'",
        "script-src",
        "script-src-elem 'none'; script-src 'self'",
        "script-src 'unsafe-inline'",
        "script-src 'sha256-abc='",
        "script-src https://cdn.example.org",
        "script-src ftp:",
        "script-src wss:",
        "script-src data: blob:",
        "script-src meet.example.org:8443",
        "script-src meet.example.org:443x",
        "script-src *.meet.example.org",
        "script-src *example.org",
        "script-src example.org",
        "script-src meet.example.org/static/",
        "script-src meet.example.org/_roomgate/assets",
        "script-src meet.example.org/_roomgate/%61ssets/",
        "script-src meet.example.org/?x",
        "script-src [::1]",
        "script-src 'self' 'strict-dynamic'",
        "script-src 'strict-dynamic' https:",
        "script-src 'nonce-'",
        "script-src 'nonce-a\"b'",
        "script-src 'nonce-a<b'",
        "script-src nonce-abc",
        "script-src self",
        "sandbox",
        "sandbox allow-scripts",
        "sandbox allow-same-origin",
        "require-sri-for script style",
        "connect-src 'none'",
        "connect-src wss:",
        "connect-src meet.example.org/api",
        "connect-src meet.example.org/api/",
        "script-src 'nonce-abc'; connect-src 'none'",
        "script-src 'nonce-abc'; default-src 'nonce-abc'",
    ] {
        assert_eq!(asked(&[policy]), None, "{policy}");
    }
    assert_eq!(asked(&["script-src 'self' \u{e9}"]), None);
}

#[test]
fn a_nonce_of_the_page_is_used_where_nothing_less_will_do() {
    let nonce = |n: &str| Some(Terms::Nonce(n.to_owned()));
    for policy in [
        "script-src 'nonce-aB1+/_-='",
        "script-src 'nonce-aB1+/_-=' 'strict-dynamic'",
        "script-src 'NONCE-aB1+/_-=' 'STRICT-DYNAMIC' https: 'unsafe-inline'",
        "default-src 'self' 'strict-dynamic' 'nonce-aB1+/_-='",
        "script-src-elem 'nonce-aB1+/_-='; script-src 'nonce-other'",
    ] {
        assert_eq!(asked(&[policy]), nonce("aB1+/_-="), "{policy}");
    }
    assert_eq!(asked(&["script-src 'nonce-a' 'nonce-b'", "script-src 'nonce-b'"]), nonce("b"));
    assert_eq!(asked(&["script-src 'nonce-a', script-src 'self'"]), nonce("a"));
    assert_eq!(asked(&["script-src 'nonce-a'", "script-src 'nonce-b'"]), None);
    assert_eq!(asked(&["script-src 'nonce-a'", "script-src 'none'"]), None);
}

#[test]
fn every_policy_of_a_page_counts() {
    assert_eq!(asked(&["script-src 'self'", "connect-src 'none'"]), None);
    assert_eq!(asked(&["script-src 'self', default-src 'none'"]), None);
    assert_eq!(asked(&["script-src 'self', img-src 'none'", "connect-src 'self'"]), Some(Terms::Plain));
}

#[test]
fn a_meta_element_counts_as_it_is_written() {
    let meta = |content: &str| asked_at(true, "meet.example.org", &[], &[content]);
    assert_eq!(meta("script-src 'self'"), Some(Terms::Plain));
    assert_eq!(meta("script-src &#39;self&#39;"), Some(Terms::Plain));
    assert_eq!(meta("script-src &apos;nonce-x&apos;"), Some(Terms::Nonce("x".to_owned())));
    assert_eq!(meta("default-src &quot;none&quot;"), None);
    assert_eq!(meta("img-src &amp;"), None);
    assert_eq!(meta("img-src 'self', script-src 'self'"), None);
    assert_eq!(meta("script-src 'none'"), None);
    assert_eq!(meta("\n  script-src\n 'self';\r\n"), Some(Terms::Plain));
}

#[test]
fn addresses_and_ports_and_schemes_are_compared_strictly() {
    for (secure, host, policy, allowed) in [
        (false, "127.0.0.1:8080", "default-src 'self'", true),
        (false, "127.0.0.1:8080", "default-src 127.0.0.1:8080", true),
        (false, "127.0.0.1:8080", "default-src 127.0.0.1", false),
        (false, "10.0.0.1:8080", "default-src 10.0.0.1:8080", false),
        (false, "10.0.0.1:8080", "default-src *:8080", true),
        (false, "10.0.0.1:8080", "default-src *.0.0.1:8080", false),
        (false, "[::1]:8080", "default-src [::1]:8080", false),
        (false, "[::1]:8080", "default-src 'self'", true),
        (false, "meet.example.org", "default-src https:", false),
        (false, "meet.example.org", "default-src http:", true),
        (true, "meet.example.org", "default-src http:", true),
        (false, "meet.example.org", "default-src https://meet.example.org", false),
        (true, "meet.example.org:8443", "default-src meet.example.org", false),
        (true, "meet.example.org:8443", "default-src https://meet.example.org:8443", true),
        (false, "meet.example.org", "upgrade-insecure-requests", false),
    ] {
        assert_eq!(asked_at(secure, host, &[policy], &[]).is_some(), allowed, "{host} {policy}");
    }
    assert!(Site::new(true, "").is_none() && Site::new(true, "host:port").is_none());
}

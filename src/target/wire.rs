//! What do the raw bytes of a head betray that a parsed head no longer shows?
//!
//! pingora 0.9.1 cuts a fragment off the target, takes bare line feeds for line ends, and removes `Content-Length` beside
//! `Transfer-Encoding`, all before any of our code runs. Two servers could read such a head differently, so it is refused.

use super::head::BadHead;

/// Looks at a head as it came over HTTP/1, up to its empty line.
///
/// # Errors
/// 400, for what the parsed head would hide. HTTP/2 has no such bytes.
pub fn check_wire(head: &[u8], http2: bool) -> Result<(), BadHead> {
    if http2 {
        return Ok(());
    }
    let bad = |reason| Err(BadHead { status: 400, reason });
    let (mut lengths, mut codings) = (0_u32, 0_u32);
    for (number, line) in lines(head).enumerate() {
        let Some(line) = line.strip_suffix(b"\r") else {
            if line.is_empty() {
                continue;
            }
            return bad("a line of the head ends in a bare line feed");
        };
        if memchr::memchr2(b'\r', 0, line).is_some() {
            return bad("the head holds control characters");
        }
        if number == 0 {
            if line.contains(&b'#') {
                return bad("the address holds a fragment");
            }
            if line.iter().filter(|b| **b == b' ').count() != 2 || line.contains(&b'\t') {
                return bad("the request line is not three words");
            }
            continue;
        }
        if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
            return bad("a header is folded over several lines");
        }
        let name = line.get(..memchr::memchr(b':', line).unwrap_or(line.len())).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"content-length") {
            lengths = lengths.saturating_add(1);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            codings = codings.saturating_add(1);
        }
    }
    if lengths.saturating_add(codings) > 1 {
        return bad("the length of the body is stated more than once");
    }
    Ok(())
}

/// The lines of a head; what stands behind the last line feed is one, too.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', head).chain([head.len()]).map(move |end| {
        let line = head.get(start..end).unwrap_or_default();
        start = end.saturating_add(1);
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parsed_head_hides_is_refused() {
        for (head, reason) in [
            ("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", None),
            ("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", None),
            ("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", Some("the address holds a fragment")),
            ("GET /a HTTP/1.1\nHost: h\n\n", Some("a line of the head ends in a bare line feed")),
            ("GET /a HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", Some("a line of the head ends in a bare line feed")),
            ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", Some("the request line is not three words")),
            ("GET\t/a HTTP/1.1\r\nHost: h\r\n\r\n", Some("the request line is not three words")),
            ("GET /a HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", Some("a header is folded over several lines")),
            ("GET /a HTTP/1.1\r\nX: a\rb\r\n\r\n", Some("the head holds control characters")),
            (
                "POST /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                Some("the length of the body is stated more than once"),
            ),
            ("POST /a HTTP/1.1\r\ncontent-length: 3\r\nContent-Length: 3\r\n\r\n", Some("the length of the body is stated more than once")),
        ] {
            assert_eq!(check_wire(head.as_bytes(), false).err().map(|b| b.reason), reason, "{head:?}");
            assert_eq!(check_wire(head.as_bytes(), true), Ok(()));
        }
    }
}

//! What listens at this address and port? Asked in the first words of several protocols, with little patience.
//!
//! Nothing that was answered is ever shown: whoever listens there would write on the operator's terminal.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So long may it take until a connection stands, and as long again until it has answered.
const PATIENCE: Duration = Duration::from_secs(1);

/// So much of an answer is read: Prosody's pages have less than 1 KiB.
const ENOUGH: usize = 4096;

/// What is said first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The head of an XMPP stream (RFC 6120 section 4.2) in this namespace, to this domain.
    Stream { namespace: &'static str, domain: String },
    /// `GET` of this path at this host.
    Get { path: &'static str, host: String },
    /// TLS's first word (RFC 8446 section 4.1.2).
    Hello,
}

/// What listens; the later, the more is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// It takes connections and says nothing.
    Silent,
    /// It says something that is none of these.
    Unknown,
    /// TLS; what is inside is not asked.
    Tls,
    /// HTTP, with this status.
    Http(u16),
    /// XMPP.
    Stream,
    /// Prosody's HTTP, which leads to its XMPP.
    Prosody,
}

/// What trying came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No connection, or none in time.
    Closed,
    /// This machine has no way to that address.
    NoWay,
    /// A connection, from this address of ours.
    Open { answer: Answer, from: Option<IpAddr> },
}

/// Asks one question after the other, each in a connection of its own, until the answer says all. Each question takes two seconds
/// at most.
pub(super) fn ask(to: SocketAddr, questions: &[Question]) -> Outcome {
    let mut outcome = Outcome::Closed;
    for question in questions {
        let mut stream = match TcpStream::connect_timeout(&to, PATIENCE) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable) => return Outcome::NoWay,
            // What was open a moment ago is still told.
            Err(_) => return outcome,
        };
        let from = stream.local_addr().ok().map(|a| a.ip());
        let answer = exchange(&mut stream, question);
        let best = match outcome {
            Outcome::Closed | Outcome::NoWay => answer,
            Outcome::Open { answer: before, .. } => before.max(answer),
        };
        outcome = Outcome::Open { answer: best, from };
        if matches!(best, Answer::Stream | Answer::Prosody | Answer::Tls) {
            break;
        }
    }
    outcome
}

fn exchange(stream: &mut TcpStream, question: &Question) -> Answer {
    let deadline = Instant::now().checked_add(PATIENCE);
    let left = || deadline.and_then(|d| d.checked_duration_since(Instant::now())).filter(|left| !left.is_zero());
    // A few hundred bytes fit into any socket's buffer.
    if stream.set_write_timeout(Some(PATIENCE)).and_then(|()| stream.write_all(&said(question))).is_err() {
        return Answer::Silent;
    }
    let mut heard = Vec::with_capacity(ENOUGH);
    let mut piece = [0; 1024];
    // One that drips a byte at a time gets no more time for it, and one that floods is not read to its end.
    while heard.len() < ENOUGH
        && let Some(left) = left()
        && stream.set_read_timeout(Some(left)).is_ok()
    {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => heard.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        if matches!(heard_as(&heard), Answer::Stream | Answer::Prosody | Answer::Tls) {
            break;
        }
    }
    heard_as(&heard)
}

fn said(question: &Question) -> Vec<u8> {
    match question {
        Question::Stream { namespace, domain } => format!(
            "<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='{namespace}' \
             xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        .into_bytes(),
        Question::Get { path, host } => {
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: roomgate-check\r\nAccept: */*\r\nConnection: close\r\n\r\n")
                .into_bytes()
        }
        Question::Hello => hello().unwrap_or_default(),
    }
}

/// A handshake that is begun and never ended, so that no certificate matters.
fn hello() -> Option<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").ok()?;
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).ok()?;
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).ok()?;
    Some(bytes)
}

fn heard_as(heard: &[u8]) -> Answer {
    let has = |words: &str| memchr::memmem::find(heard, words.as_bytes()).is_some();
    if heard.is_empty() {
        Answer::Silent
    } else if let Some(rest) = heard.strip_prefix(b"HTTP/1.") {
        // `mod_websocket` and `mod_bosh` of Prosody 0.11 to 13; the last where it serves HTTP, and not for the host that was asked.
        if ["to connect to Prosody", "Prosody BOSH endpoint", "Unknown host: "].into_iter().any(has) {
            return Answer::Prosody;
        }
        let status = rest.get(2..5).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
        status.map_or(Answer::Unknown, Answer::Http)
    } else if has("<stream:stream") || has("<stream:error") {
        Answer::Stream
    } else if matches!(heard, [0x15 | 0x16, 3, ..]) {
        // A record of TLS (RFC 8446 section 5.1): an alert, or a handshake.
        Answer::Tls
    } else {
        Answer::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_says_who_listens() {
        for (heard, answer) in [
            (&b""[..], Answer::Silent),
            (b"<?xml version='1.0'?><stream:stream from='meet.jitsi'", Answer::Stream),
            (b"<stream:error><host-unknown/>", Answer::Stream),
            (b"HTTP/1.1 200 OK\r\n\r\n<p>It works! Now point your WebSocket client to this URL to connect to Prosody.", Answer::Prosody),
            (b"HTTP/1.1 200 OK\r\n\r\n<p>It works! Now point your BOSH client to this URL to connect to Prosody.", Answer::Prosody),
            (b"HTTP/1.1 404 Not Found\r\n\r\nUnknown host: meet.jitsi", Answer::Prosody),
            (b"HTTP/1.1 200 OK\r\n\r\n", Answer::Http(200)),
            (b"HTTP/1.0 503 <stream:stream", Answer::Http(503)),
            (b"HTTP/1.1 ", Answer::Unknown),
            (b"\x15\x03\x01\x00\x02", Answer::Tls),
            (b"\x16\x03\x03", Answer::Tls),
            (b"SSH-2.0-OpenSSH", Answer::Unknown),
            (b"\xff\x00\x1b[2J", Answer::Unknown),
        ] {
            assert_eq!(heard_as(heard), answer, "{}", heard.escape_ascii());
        }
    }

    #[test]
    fn the_first_words_are_those_of_their_protocols() {
        let stream = String::from_utf8(said(&Question::Stream { namespace: "jabber:client", domain: "meet.jitsi".into() })).unwrap();
        assert!(
            stream.contains("to='meet.jitsi'") && stream.contains("xmlns='jabber:client'") && stream.ends_with("streams'>"),
            "{stream}"
        );
        let get = String::from_utf8(said(&Question::Get { path: "/http-bind", host: "meet.jitsi".into() })).unwrap();
        assert!(get.starts_with("GET /http-bind HTTP/1.1\r\nHost: meet.jitsi\r\n") && get.ends_with("\r\n\r\n"), "{get}");
        assert!(said(&Question::Hello).starts_with(&[0x16, 3]));
    }
}

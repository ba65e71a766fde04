//! **What is in an Engine.IO exchange?** Protocol 3, as engine.io 3.6.2 and engine.io-parser 2.2.1 read it.
//!
//! The transport below Socket.IO 2: packets, each one WebSocket text message or part of a polling payload
//! (`4:40ab2:40`: length in UTF-16 code units, colon, packet), and the query that opens and continues a session.
//! Binary payloads, base64 packets (`b4…`) and JSONP (`j=`, `d=`) are refused: no client of ours sends them.

#[cfg(test)]
mod tests;

use std::fmt;

/// The most packets that one polling payload may hold: a burst of ICE candidates for a few peers is some dozens.
pub const PACKETS_MAX: usize = 256;

/// The largest polling payload, in bytes. The server itself stops at 1,000,000 (`maxHttpBufferSize`).
pub const PAYLOAD_MAX: usize = 512 * 1024;

/// What a forwarded POST carries as its `Content-Type`. Any other may make the server read the body in another way
/// (`application/octet-stream` is its binary form).
pub const CONTENT_TYPE: &str = "text/plain;charset=UTF-8";

/// What the server answers to a session id that it does not know (status 400): the client then begins anew.
pub const UNKNOWN_SID: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

/// The name of an Engine.IO session, and of the Socket.IO socket in it: whoever knows it speaks for it.
///
/// Made by the server (base64id 2.0: 20 characters of base64url). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sid(String);

impl Sid {
    /// Takes what the server would have written, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 20 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        plain.then(|| Self(text.to_owned()))
    }

    /// The text, for comparing and for the upstream; never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sid(..)")
    }
}

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// GET to hear, POST to say.
    Polling,
    /// An upgraded connection.
    WebSocket,
}

/// What an Engine.IO request's query says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// How packets will travel.
    pub transport: Transport,
    /// Which session goes on; without one, a new one begins.
    pub sid: Option<Sid>,
}

impl Handshake {
    /// Reads the query of a request as it will be forwarded, without its question mark.
    ///
    /// Only what engine.io-client 3 writes: `EIO=3`, `transport`, `sid`, `b64=1` and the cache buster `t`, each once and
    /// without any percent-encoding. The server decodes names and values, and of a repeated one makes a list.
    ///
    /// # Errors
    /// Whatever it might read in another way: this is why.
    pub fn read(query: &str) -> Result<Self, &'static str> {
        let (mut version, mut transport, mut sid, mut base64, mut time) = (None, None, None, None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').ok_or("an Engine.IO parameter without a value")?;
            let place = match name {
                "EIO" => &mut version,
                "transport" => &mut transport,
                "sid" => &mut sid,
                "b64" => &mut base64,
                "t" => &mut time,
                _ => return Err("a parameter that no Engine.IO client sends"),
            };
            if place.replace(value).is_some() {
                return Err("an Engine.IO parameter twice");
            }
        }
        if version != Some("3") {
            return Err("not version 3 of Engine.IO");
        }
        if base64.is_some_and(|b| b != "1") || time.is_some_and(|t| !is_cache_buster(t)) {
            return Err("an Engine.IO parameter with a strange value");
        }
        let transport = match transport {
            Some("polling") => Transport::Polling,
            Some("websocket") => Transport::WebSocket,
            Some(_) | None => return Err("an unknown Engine.IO transport"),
        };
        let sid = match sid {
            None => None,
            Some(text) => Some(Sid::parse(text).ok_or("an Engine.IO session id in a form that no server gives out")?),
        };
        Ok(Self { transport, sid })
    }
}

/// Whether this is a cache buster as engine.io-client writes it in the parameter `t` (yeast 0.1.2: the time in base 64, and
/// a counter after a dot). A meeting token, with its two dots, never looks like it.
pub fn is_cache_buster(text: &str) -> bool {
    let plain =
        |part: &str| !part.is_empty() && part.len() <= 11 && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match text.split_once('.') {
        None => plain(text),
        Some((time, count)) => plain(time) && plain(count),
    }
}

/// One packet that a client sends. Its others (`open`, `pong`, `noop`) only a server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `1`: the session ends (polling only).
    Close,
    /// `2`: are you there?
    Ping,
    /// `2probe`: does this WebSocket work?
    Probe,
    /// `4…`: what Socket.IO says.
    Message(&'a str),
    /// `5`: from here on by this WebSocket.
    Upgrade,
}

/// Why something is not a packet, or not one that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not the protocol's form.
    Malformed,
    /// Too many packets, or too many bytes.
    TooLarge,
    /// In the protocol's form, but nothing that a client of ours sends.
    NotAllowed,
}

impl<'a> Packet<'a> {
    /// Reads one packet.
    ///
    /// # Errors
    /// Where it is none, or none that a client sends.
    pub fn parse(text: &'a str) -> Result<Self, Fault> {
        match text {
            "1" => return Ok(Self::Close),
            "2" => return Ok(Self::Ping),
            "2probe" => return Ok(Self::Probe),
            "5" => return Ok(Self::Upgrade),
            _ => {}
        }
        match text.split_at_checked(1) {
            Some(("4", data)) => Ok(Self::Message(data)),
            Some(("0" | "1" | "2" | "3" | "5" | "6" | "b", _)) => Err(Fault::NotAllowed),
            _ => Err(Fault::Malformed),
        }
    }
}

/// Reads a polling payload into its packets.
///
/// Stricter than the server's parser, which takes `+3`, `0x3`, `1e1` and `" 3 "` for a length too (it asks JavaScript's `Number`).
///
/// # Errors
/// Where the server could read it otherwise, or would read nothing.
pub fn read_payload(payload: &str) -> Result<Vec<&str>, Fault> {
    if payload.len() > PAYLOAD_MAX {
        return Err(Fault::TooLarge);
    }
    let mut packets = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let (length, behind) = rest.split_once(':').ok_or(Fault::Malformed)?;
        let plain = !length.is_empty() && length.len() <= 7 && length.bytes().all(|b| b.is_ascii_digit()) && !length.starts_with('0');
        let units = if plain { length.parse().ok() } else { None }.ok_or(Fault::Malformed)?;
        let end = bytes_of(behind, units).ok_or(Fault::Malformed)?;
        let (packet, behind) = behind.split_at_checked(end).ok_or(Fault::Malformed)?;
        if packets.len() >= PACKETS_MAX {
            return Err(Fault::TooLarge);
        }
        packets.push(packet);
        rest = behind;
    }
    if packets.is_empty() { Err(Fault::Malformed) } else { Ok(packets) }
}

/// How many bytes this many UTF-16 code units are; `None` where the text is too short, or a character would be cut.
fn bytes_of(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

/// Writes a polling payload.
pub fn write_payload<S: AsRef<str>>(packets: impl IntoIterator<Item = S>) -> String {
    let mut out = String::new();
    for packet in packets {
        let packet = packet.as_ref();
        out.push_str(&packet.encode_utf16().count().to_string());
        out.push(':');
        out.push_str(packet);
    }
    out
}

/// The session that the server opens by this packet (`0{"sid":"…",…}`), if it is an open packet.
pub fn opened(packet: &str) -> Option<Sid> {
    #[derive(serde::Deserialize)]
    struct Open {
        sid: String,
    }
    let open: Open = serde_json::from_str(packet.strip_prefix('0')?).ok()?;
    Sid::parse(&open.sid)
}

/// The session that the server opens by the body of its answer to a polling handshake.
pub fn opened_by(body: &[u8]) -> Option<Sid> {
    let packets = read_payload(std::str::from_utf8(body).ok()?).ok()?;
    packets.first().and_then(|first| opened(first))
}

//! **What does a stream of WebSocket bytes say?** Strictly RFC 6455, sans-IO: chunks in, however they were cut; messages out.
//!
//! - [`Reader`] assembles whole messages for a guard, and refuses whatever two readers could take differently.
//! - [`frame`] and [`close`] write.
//! - [`Boundary`] follows an unguarded stream without keeping any of it, so that a close frame can be put between two frames.
//!
//! No extension is ever spoken here: where a guard reads, `Sec-WebSocket-Extensions` must not reach the server.

mod boundary;
#[cfg(test)]
mod tests;

pub use boundary::Boundary;

use bytes::Bytes;

/// The largest message that a guarded connection may send, in bytes: an offer with many tracks is some tens of KiB.
pub const MESSAGE_MAX: usize = 256 * 1024;

/// The largest payload of a control frame, in bytes (RFC 6455 section 5.5).
pub const CONTROL_MAX: usize = 125;

/// Whose frames are read. A client masks every frame, a server none (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The browser.
    Client,
    /// The conferencing server.
    Server,
}

/// What a frame is. Other opcodes are reserved, and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of a fragmented message.
    Continuation,
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// The end.
    Close,
    /// Are you there?
    Ping,
    /// I am.
    Pong,
}

impl Opcode {
    const fn of(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xa => Some(Self::Pong),
            _ => None,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Something whole was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A text message, assembled.
    Text(String),
    /// A binary message, assembled.
    Binary(Bytes),
    /// A ping and its payload, at most [`CONTROL_MAX`] bytes.
    Ping(Bytes),
    /// A pong and its payload, at most [`CONTROL_MAX`] bytes.
    Pong(Bytes),
    /// The sender will say no more: its code, if it gave one, and its reason.
    Close(Option<u16>, String),
}

/// The bytes are no WebSocket's: the connection ends with this close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// RFC 6455 section 7.4.1: 1002 (protocol error), 1007 (not UTF-8) or 1009 (too big).
    pub code: u16,
    /// What was wrong.
    pub what: &'static str,
}

const fn broken(what: &'static str) -> Fault {
    Fault { code: 1002, what }
}

const NOT_UTF8: Fault = Fault { code: 1007, what: "a text that is not UTF-8" };
const TOO_BIG: Fault = Fault { code: 1009, what: "a message larger than allowed" };

/// Reads one direction of a WebSocket, for the whole life of the connection.
///
/// It keeps at most one message and one control frame in memory, and reserves nothing on the word of a length field.
#[derive(Debug)]
pub struct Reader {
    sender: Sender,
    limit: usize,
    at: At,
    /// The data message so far, from its first frame's head on.
    message: Option<Message>,
    /// The control frame so far. It may stand between two fragments (RFC 6455 section 5.4).
    control: Vec<u8>,
}

#[derive(Debug)]
struct Message {
    text: bool,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// In a frame's head, of which so much is here.
    Head([u8; HEAD_MAX], usize),
    /// In a frame's payload, of which so much is still to come.
    Payload(Head, usize),
    /// After a close frame: whatever follows is nobody's.
    Closed,
    /// After a fault.
    Failed(Fault),
}

/// Two bytes, eight of length, four of key.
const HEAD_MAX: usize = 14;

#[derive(Clone, Copy, Debug)]
struct Head {
    fin: bool,
    opcode: Opcode,
    /// All zero where the frame is not masked: then it changes nothing.
    key: [u8; 4],
    length: u64,
}

impl Reader {
    /// A reader of what this side sends, in messages of at most `limit` bytes.
    pub const fn new(sender: Sender, limit: usize) -> Self {
        Self { sender, limit, at: At::Head([0; HEAD_MAX], 0), message: None, control: Vec::new() }
    }

    /// Takes bytes from the front of `input` until something whole was said, or all of it was taken (`None`).
    ///
    /// Call it again with the rest. After [`Event::Close`] everything is taken and nothing is said.
    ///
    /// # Errors
    /// What no strict reader accepts; and from then on the same for ever.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Fault> {
        let outcome = self.step(input);
        if let Err(fault) = outcome {
            self.at = At::Failed(fault);
            self.message = None;
            self.control = Vec::new();
        }
        outcome
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Fault> {
        loop {
            match self.at {
                At::Failed(fault) => return Err(fault),
                At::Closed => {
                    *input = &[];
                    return Ok(None);
                }
                At::Head(mut bytes, have) => {
                    let Some((byte, rest)) = input.split_first() else { return Ok(None) };
                    *input = rest;
                    let have = have.saturating_add(1);
                    if let Some(last) = bytes.get_mut(..have).and_then(|b| b.last_mut()) {
                        *last = *byte;
                    }
                    self.at = match read_head(bytes.get(..have).unwrap_or(&bytes), self.sender)? {
                        None => At::Head(bytes, have),
                        Some(head) => At::Payload(head, self.begin(&head)?),
                    };
                }
                At::Payload(head, left) => {
                    let (now, rest) = input.split_at(left.min(input.len()));
                    *input = rest;
                    self.take(&head, left, now);
                    let left = left.saturating_sub(now.len());
                    if left > 0 {
                        self.at = At::Payload(head, left);
                        return Ok(None);
                    }
                    self.at = At::Head([0; HEAD_MAX], 0);
                    if let Some(event) = self.end(&head)? {
                        return Ok(Some(event));
                    }
                }
            }
        }
    }

    /// A frame begins: may it, and how long is it?
    fn begin(&mut self, head: &Head) -> Result<usize, Fault> {
        let length = usize::try_from(head.length).map_err(|_| TOO_BIG)?;
        let before = match (head.opcode, &self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {
                self.control.clear();
                return Ok(length);
            }
            (Opcode::Continuation, None) => return Err(broken("a continuation of nothing")),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(broken("a message inside a message")),
            (Opcode::Continuation, Some(message)) => message.bytes.len(),
            (Opcode::Text | Opcode::Binary, None) => {
                self.message = Some(Message { text: head.opcode == Opcode::Text, bytes: Vec::new() });
                0
            }
        };
        if before.saturating_add(length) > self.limit {
            return Err(TOO_BIG);
        }
        Ok(length)
    }

    /// Keeps a piece of payload, unmasked.
    fn take(&mut self, head: &Head, left: usize, now: &[u8]) {
        let into = match &mut self.message {
            Some(message) if !head.opcode.is_control() => &mut message.bytes,
            _ => &mut self.control,
        };
        // Where in the key this piece begins follows from how much came before it.
        let offset = usize::try_from(head.length).unwrap_or(0).wrapping_sub(left) & 3;
        let key = head.key.iter().cycle().skip(offset);
        into.extend(now.iter().zip(key).map(|(byte, key)| byte ^ key));
    }

    /// A frame is complete: is something whole said by it?
    fn end(&mut self, head: &Head) -> Result<Option<Event>, Fault> {
        match head.opcode {
            Opcode::Ping => Ok(Some(Event::Ping(std::mem::take(&mut self.control).into()))),
            Opcode::Pong => Ok(Some(Event::Pong(std::mem::take(&mut self.control).into()))),
            Opcode::Close => {
                let (code, reason) = read_close(&self.control)?;
                self.at = At::Closed;
                self.message = None;
                Ok(Some(Event::Close(code, reason)))
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary if !head.fin => Ok(None),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => match self.message.take() {
                None => Err(broken("a continuation of nothing")),
                Some(Message { text: false, bytes }) => Ok(Some(Event::Binary(bytes.into()))),
                Some(Message { text: true, bytes }) => String::from_utf8(bytes).map(|t| Some(Event::Text(t))).map_err(|_| NOT_UTF8),
            },
        }
    }
}

/// Reads a frame's head (RFC 6455 section 5.2), or asks for another byte with `None`.
fn read_head(bytes: &[u8], sender: Sender) -> Result<Option<Head>, Fault> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(broken("a reserved bit is set, and no extension was agreed on"));
    }
    let fin = first & 0x80 != 0;
    let opcode = Opcode::of(first & 0x0f).ok_or(broken("a reserved opcode"))?;
    if opcode.is_control() && !fin {
        return Err(broken("a control frame in fragments"));
    }

    let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
    match (sender, second & 0x80 != 0) {
        (Sender::Client, true) | (Sender::Server, false) => {}
        (Sender::Client, false) => return Err(broken("a client's frame that is not masked")),
        (Sender::Server, true) => return Err(broken("a server's frame that is masked")),
    }
    let short = second & 0x7f;
    if opcode.is_control() && usize::from(short) > CONTROL_MAX {
        return Err(broken("a control frame with more than 125 bytes"));
    }
    let (length, rest) = match short {
        126 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*bytes)), rest)
        }
        127 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*bytes), rest)
        }
        _ => (u64::from(short), rest),
    };
    let minimal = match short {
        126 => length > 125,
        127 => length > u64::from(u16::MAX) && length >> 63 == 0,
        _ => true,
    };
    if !minimal {
        return Err(broken("a length that is not written in its shortest form"));
    }
    let key = match sender {
        Sender::Server => [0; 4],
        Sender::Client => match rest.first_chunk() {
            Some(key) => *key,
            None => return Ok(None),
        },
    };
    Ok(Some(Head { fin, opcode, key, length }))
}

/// Reads a close frame's payload (RFC 6455 section 5.5.1).
fn read_close(payload: &[u8]) -> Result<(Option<u16>, String), Fault> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok((None, String::new())) } else { Err(broken("a close code of one byte")) };
    };
    let code = u16::from_be_bytes(*code);
    if !may_close_with(code) {
        return Err(broken("a close code that may not be sent"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| NOT_UTF8)?;
    Ok((Some(code), reason.to_owned()))
}

/// Which codes may stand in a close frame: those that RFC 6455 section 7.4 and IANA's registry name, and 3000-4999.
const fn may_close_with(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Writes one whole, unfragmented frame; with a mask as a client, without as a server.
///
/// The mask need not be secret between us and our own server, but must be there.
pub fn frame(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len().saturating_add(HEAD_MAX));
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode.bits());
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => out.push(masked | length),
        (_, Ok(length)) => {
            out.push(masked | 126);
            out.extend(length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(masked | 127);
            out.extend(u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    match mask {
        None => out.extend(payload),
        Some(key) => {
            out.extend(key);
            out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
    out
}

/// Writes a close frame. A reason too long for one is cut at a character.
pub fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    for c in reason.chars() {
        if payload.len().saturating_add(c.len_utf8()) > CONTROL_MAX {
            break;
        }
        payload.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    frame(Opcode::Close, &payload, mask)
}

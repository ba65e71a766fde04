//! Where do the frames of a stream end, without keeping any of it?

use super::HEAD_MAX;

/// Follows the frames of one direction of an unguarded tunnel, so that a close frame can be put between two of them.
///
/// It judges nothing: extensions, reserved opcodes and masks pass by. Only what cannot be followed any further
/// ends its knowledge, and then it never again claims to stand at a boundary.
#[derive(Clone, Debug)]
pub struct Boundary(At);

#[derive(Clone, Copy, Debug)]
enum At {
    /// In a head, of which so much is here: zero at a boundary.
    Head([u8; HEAD_MAX], usize),
    /// In a payload: how much is still to come, and whether it is a close frame's.
    Payload(u64, bool),
    /// A close frame went by: the sender has said its last.
    Closed,
    /// Lost.
    Lost,
}

impl Default for Boundary {
    fn default() -> Self {
        Self::new()
    }
}

impl Boundary {
    /// At the beginning of a stream, right after the handshake's answer.
    pub const fn new() -> Self {
        Self(At::Head([0; HEAD_MAX], 0))
    }

    /// Whether a frame may be put here. Never after the sender's own close frame, and never again once lost.
    pub const fn at_boundary(&self) -> bool {
        matches!(self.0, At::Head(_, 0))
    }

    /// Goes on over the next bytes.
    pub fn walk(&mut self, mut bytes: &[u8]) {
        loop {
            match self.0 {
                At::Lost | At::Closed => return,
                At::Head(mut head, have) => {
                    let Some((byte, rest)) = bytes.split_first() else { return };
                    bytes = rest;
                    let have = have.saturating_add(1);
                    if let Some(last) = head.get_mut(..have).and_then(|b| b.last_mut()) {
                        *last = *byte;
                    }
                    self.0 = match length(head.get(..have).unwrap_or(&head)) {
                        Length::More => At::Head(head, have),
                        Length::Impossible => At::Lost,
                        Length::Is(length) => At::Payload(length, head.first().is_some_and(|b| b & 0x0f == 0x8)),
                    };
                }
                At::Payload(0, true) => self.0 = At::Closed,
                At::Payload(0, false) => self.0 = At::Head([0; HEAD_MAX], 0),
                At::Payload(left, close) => {
                    if bytes.is_empty() {
                        return;
                    }
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(take..).unwrap_or_default();
                    self.0 = At::Payload(left.saturating_sub(u64::try_from(take).unwrap_or(left)), close);
                }
            }
        }
    }
}

enum Length {
    More,
    Is(u64),
    Impossible,
}

/// How long the payload behind this head is, once all of the head is here.
fn length(head: &[u8]) -> Length {
    let Some((second, rest)) = head.split_first().and_then(|(_, rest)| rest.split_first()) else { return Length::More };
    let (length, rest) = match second & 0x7f {
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), rest),
            None => return Length::More,
        },
        127 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from_be_bytes(*bytes), rest),
            None => return Length::More,
        },
        short => (u64::from(short), rest),
    };
    if length >> 63 != 0 {
        return Length::Impossible;
    }
    if second & 0x80 != 0 && rest.len() < 4 {
        return Length::More;
    }
    Length::Is(length)
}

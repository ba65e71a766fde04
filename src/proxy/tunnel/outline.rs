//! Where do frames and messages end in a stream of WebSocket bytes? (RFC 6455 section 5.2.) Nothing is kept, nothing is judged.

/// Follows one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Outline {
    at: At,
    /// A fragmented message has begun and not ended.
    amid_message: bool,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// In a frame's head, of which so much is here: none between frames.
    Head([u8; HEAD_MAX], usize),
    /// In a payload: what is to come, and the frame's first byte.
    Payload(u64, u8),
    /// After a close frame: whatever comes is no frame.
    Closed,
    /// After what cannot be followed.
    Lost,
}

impl Default for At {
    fn default() -> Self {
        Self::Head([0; HEAD_MAX], 0)
    }
}

/// What one may want to put something into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Between two frames: for control frames.
    Frames,
    /// Between two messages: for anything.
    Messages,
}

/// Two bytes, eight of length, four of key.
const HEAD_MAX: usize = 14;
const FIN: u8 = 0x80;
const CONTROL: u8 = 0x08;
const CLOSE: u8 = 0x08;
const OPCODE: u8 = 0x0f;

impl Outline {
    /// Whether the stream stands in such a gap. Never after a close frame: nothing may follow it.
    pub(super) fn is_in(&self, gap: Gap) -> bool {
        matches!(self.at, At::Head(_, 0)) && (gap == Gap::Frames || !self.amid_message)
    }

    /// Whether the sender has said its last.
    pub(super) fn said_goodbye(&self) -> bool {
        matches!(self.at, At::Closed)
    }

    /// Whether there will never be a gap again.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.at, At::Closed | At::Lost)
    }

    /// Goes on over these bytes.
    pub(super) fn walk(&mut self, mut bytes: &[u8]) {
        while let Some(rest) = self.step(bytes) {
            bytes = rest;
        }
    }

    /// How many of these bytes lead to the next such gap; `None` where they do not suffice.
    pub(super) fn until(&self, gap: Gap, bytes: &[u8]) -> Option<usize> {
        let mut ahead = self.clone();
        let mut left = bytes;
        while !ahead.is_in(gap) {
            left = ahead.step(left)?;
        }
        Some(bytes.len().saturating_sub(left.len()))
    }

    /// Goes on to the next byte of a head, or to the end of a payload. `None` where there is nothing to go on over.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (first, rest) = bytes.split_first()?;
        match self.at {
            At::Closed | At::Lost => None,
            At::Head(mut head, have) => {
                let have = have.saturating_add(1);
                if let Some(last) = head.get_mut(..have).and_then(|h| h.last_mut()) {
                    *last = *first;
                }
                match payload(head.get(..have).unwrap_or(&head)) {
                    Payload::More => self.at = At::Head(head, have),
                    Payload::Impossible => self.at = At::Lost,
                    Payload::Is(0) => self.end_frame(head[0]),
                    Payload::Is(length) => self.at = At::Payload(length, head[0]),
                }
                Some(rest)
            }
            At::Payload(left, head) => {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                match left.saturating_sub(u64::try_from(take).unwrap_or(left)) {
                    0 => self.end_frame(head),
                    left => self.at = At::Payload(left, head),
                }
                bytes.get(take..)
            }
        }
    }

    fn end_frame(&mut self, head: u8) {
        self.at = if head & OPCODE == CLOSE { At::Closed } else { At::default() };
        if head & CONTROL == 0 {
            self.amid_message = head & FIN == 0;
        }
    }
}

enum Payload {
    More,
    Is(u64),
    Impossible,
}

/// How long the payload behind this head is, once all of the head is here.
fn payload(head: &[u8]) -> Payload {
    let Some((&[_, second], rest)) = head.split_first_chunk::<2>() else { return Payload::More };
    let (length, rest) = match second & 0x7f {
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), rest),
            None => return Payload::More,
        },
        127 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from_be_bytes(*bytes), rest),
            None => return Payload::More,
        },
        short => (u64::from(short), rest),
    };
    if length >> 63 != 0 {
        return Payload::Impossible;
    }
    if second & 0x80 != 0 && rest.len() < 4 {
        return Payload::More;
    }
    Payload::Is(length)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    /// Text (5 bytes), a fragmented text (2 + ping + 2), masked 300 bytes, an empty one.
    fn stream() -> (Vec<u8>, Vec<usize>, Vec<usize>) {
        let frames: [(&[u8], usize, bool); 6] = [
            (&[0x81, 5], 5, true),
            (&[0x01, 2], 2, false),
            (&[0x89, 1], 1, false),
            (&[0x80, 2], 2, true),
            (&[0x82, 0xfe, 0x01, 0x2c, 1, 2, 3, 4], 300, true),
            (&[0x82, 0], 0, true),
        ];
        let (mut bytes, mut gaps, mut message_gaps) = (Vec::new(), vec![0], vec![0]);
        for (head, payload, ends_message) in frames {
            bytes.extend(head);
            bytes.resize(bytes.len() + payload, 0x81);
            gaps.push(bytes.len());
            if ends_message {
                message_gaps.push(bytes.len());
            }
        }
        (bytes, gaps, message_gaps)
    }

    #[test]
    fn gaps_are_found_however_the_stream_is_cut() {
        let (bytes, gaps, message_gaps) = stream();
        for start in 0..=bytes.len() {
            let mut outline = Outline::default();
            outline.walk(&bytes[..start]);
            assert_eq!(outline.is_in(Gap::Frames), gaps.contains(&start), "{start}");
            assert_eq!(outline.is_in(Gap::Messages), message_gaps.contains(&start), "{start}");
            for (gap, all) in [(Gap::Frames, &gaps), (Gap::Messages, &message_gaps)] {
                let next = all.iter().find(|g| **g >= start).map(|g| g - start);
                assert_eq!(outline.until(gap, &bytes[start..]), next, "{gap:?} from {start}");
                assert_eq!(
                    outline.until(gap, &bytes[start..bytes.len().saturating_sub(1).max(start)]),
                    next.filter(|n| start + n < bytes.len() || *n == 0)
                );
            }
            let mut byte_by_byte = Outline::default();
            bytes[..start].iter().for_each(|b| byte_by_byte.walk(&[*b]));
            assert_eq!(format!("{byte_by_byte:?}"), format!("{outline:?}"));
        }
    }

    #[test]
    fn after_a_close_frame_and_after_nonsense_there_is_no_gap() {
        let mut closed = Outline::default();
        closed.walk(&[0x88, 2, 3, 0xe8, 0x81, 0]);
        assert!(closed.said_goodbye() && closed.is_over() && !closed.is_in(Gap::Frames));
        let mut lost = Outline::default();
        lost.walk(&[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x81, 0]);
        assert!(!lost.said_goodbye() && lost.is_over() && !lost.is_in(Gap::Frames));
        assert_eq!(lost.until(Gap::Frames, &[0x81, 0]), None);
    }
}

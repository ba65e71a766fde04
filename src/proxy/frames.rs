//! Who looks at the frames of a tunnel?
//!
//! - [`Unjudged`]: nobody. The bytes pass as they are; only the goodbye is of our making.
//! - [`Judged`]: a [`Guard`]. Both sides are read strictly, and what goes on is written anew: never a byte of the client's own. The
//!   guard sees whole messages; where it must know who may join a room it asks the [`Door`].
//!
//! Both are [inspectors](Inspect) of a [tunnel](crate::proxy::tunnel).

use async_trait::async_trait;
use bytes::Bytes;

use crate::access::RoomName;
use crate::chance::{Chance, NoChance};
use crate::proxy::killable::Ending;
use crate::proxy::tunnel::{Flow, Inspect, Side};
use crate::signalling::websocket::{self, Event, Fault, MESSAGE_MAX, Opcode, Reader, Sender};
use crate::signalling::{Cause, Guard, GuardRefusal, News, Onward, Parting, Said, Verdict};

/// The largest message that a guarded server may send, in bytes: a list of everybody, with pictures.
pub const SERVER_MESSAGE_MAX: usize = 4 * 1024 * 1024;

/// What a guard cannot know: who may join, and who wants to hear of refusals.
#[async_trait]
pub trait Door: Send {
    /// Whether `access` admits this connection's visitor to that room, now; `enters` where they join it by what they say.
    ///
    /// # Errors
    /// Where not: the sentence that a person is told.
    async fn admits(&mut self, room: &RoomName, enters: bool) -> Result<(), String>;

    /// The guard kept a message back; `ends` where the connection ends for it. For metrics and logs.
    fn refused(&mut self, protocol: &'static str, refusal: GuardRefusal, ends: bool);

    /// The guard has learnt something about the person.
    fn hears(&mut self, _news: News) {}
}

/// Lets everything pass.
pub struct Unjudged {
    masks: Masks,
}

impl Unjudged {
    /// For one tunnel.
    ///
    /// # Errors
    /// Without randomness there is no mask.
    pub fn new(chance: &dyn Chance) -> Result<Self, NoChance> {
        Ok(Self { masks: Masks::new(chance)? })
    }
}

#[async_trait]
impl Inspect for Unjudged {
    async fn client(&mut self, bytes: Bytes) -> Flow {
        Flow::on(bytes)
    }

    fn server(&mut self, bytes: Bytes) -> Flow {
        Flow::on(bytes)
    }

    fn goodbye(&mut self, to: Side, ending: Ending, _: bool) -> Bytes {
        self.masks.close(to, ending)
    }
}

/// Lets pass what a guard lets pass.
pub struct Judged {
    guard: Box<dyn Guard>,
    door: Box<dyn Door>,
    client: Reader,
    server: Reader,
    masks: Masks,
    /// What the guard has to say at the end, once it was asked.
    parting: Option<Parting>,
}

impl Judged {
    /// For one tunnel, from its first byte on.
    ///
    /// # Errors
    /// Without randomness there is no mask.
    pub fn new(guard: Box<dyn Guard>, door: Box<dyn Door>, chance: &dyn Chance) -> Result<Self, NoChance> {
        Ok(Self {
            guard,
            door,
            client: Reader::new(Sender::Client, MESSAGE_MAX),
            server: Reader::new(Sender::Server, SERVER_MESSAGE_MAX),
            masks: Masks::new(chance)?,
            parting: None,
        })
    }

    /// Carries a verdict out. Asks the door at most once: a guard that asks again about the same message is not heard.
    async fn carry_out(&mut self, verdict: Verdict, written: &mut Written) -> Result<(), Ending> {
        let verdict = match verdict {
            Verdict::Join(room) => {
                let answer = self.door.admits(&room, true).await;
                self.guard.decided(&room, answer.as_ref().copied().map_err(String::as_str))
            }
            Verdict::May(room) => {
                let answer = self.door.admits(&room, false).await;
                self.guard.decided(&room, answer.as_ref().copied().map_err(String::as_str))
            }
            verdict @ (Verdict::Pass(_) | Verdict::Say(..) | Verdict::Drop(_) | Verdict::End(_)) => verdict,
        };
        match verdict {
            Verdict::Pass(text) => self.say(Said::ToServer(text), written),
            Verdict::Say(said, refusal) => {
                said.into_iter().for_each(|said| self.say(said, written));
                if let Some(refusal) = refusal {
                    self.door.refused(self.guard.protocol(), refusal, false);
                }
            }
            Verdict::Drop(refusal) => self.door.refused(self.guard.protocol(), refusal, false),
            Verdict::End(refusal) => return Err(self.end(refusal)),
            Verdict::Join(_) | Verdict::May(_) => return Err(self.end(GuardRefusal::NoPermit)),
        }
        self.tell();
        Ok(())
    }

    fn tell(&mut self) {
        for news in self.guard.news() {
            self.door.hears(news);
        }
    }

    fn say(&mut self, said: Said, written: &mut Written) {
        match said {
            Said::ToServer(text) => put(&mut written.to_server, self.masks.frame(Side::Server, Opcode::Text, text.as_bytes())),
            Said::ToClient(text) => put(&mut written.to_client, self.masks.frame(Side::Client, Opcode::Text, text.as_bytes())),
        }
    }

    fn end(&mut self, refusal: GuardRefusal) -> Ending {
        self.door.refused(self.guard.protocol(), refusal, true);
        // RFC 6455 section 7.4.1: too big, and "a policy was violated" where nothing fits better.
        Ending { close: if refusal == GuardRefusal::TooLarge { 1009 } else { 1008 }, reason: refusal.code() }
    }

    fn broken(&mut self, fault: Fault) -> Ending {
        let refusal = if fault.code == 1009 { GuardRefusal::TooLarge } else { GuardRefusal::Malformed };
        tracing::debug!(%fault, "a frame that is none");
        Ending { close: fault.code, ..self.end(refusal) }
    }
}

/// What is to be written to each side, in frames.
#[derive(Default)]
struct Written {
    to_server: Vec<u8>,
    to_client: Vec<u8>,
}

/// Puts a frame behind what is there. Mostly nothing is: then it is not copied.
fn put(into: &mut Vec<u8>, frame: Vec<u8>) {
    if into.is_empty() {
        *into = frame;
    } else {
        into.extend_from_slice(&frame);
    }
}

#[async_trait]
impl Inspect for Judged {
    async fn client(&mut self, bytes: Bytes) -> Flow {
        let mut input: &[u8] = &bytes;
        let mut written = Written::default();
        let end = loop {
            let done = match self.client.next(&mut input) {
                Ok(None) => break None,
                Err(fault) => break Some(self.broken(fault)),
                Ok(Some(Event::Text(text))) => {
                    let verdict = self.guard.client(&text);
                    self.carry_out(verdict, &mut written).await
                }
                Ok(Some(Event::Binary(bytes))) => {
                    let verdict = self.guard.client_binary(&bytes);
                    self.carry_out(verdict, &mut written).await
                }
                Ok(Some(control)) => {
                    put(&mut written.to_server, self.masks.control(Side::Server, &control));
                    Ok(())
                }
            };
            if let Err(ending) = done {
                break Some(ending);
            }
        };
        Flow { on: written.to_server.into(), back: written.to_client.into(), end }
    }

    fn server(&mut self, bytes: Bytes) -> Flow {
        let mut input: &[u8] = &bytes;
        let mut written = Written::default();
        let end = loop {
            match self.server.next(&mut input) {
                Ok(None) => break None,
                Err(fault) => {
                    tracing::warn!(%fault, "the upstream sent a frame that is none");
                    break Some(UPSTREAM_BROKEN);
                }
                Ok(Some(Event::Text(text))) => match self.guard.server(&text) {
                    Onward::AsItCame => self.say(Said::ToClient(text), &mut written),
                    Onward::Instead(said) => said.into_iter().for_each(|said| self.say(said, &mut written)),
                },
                Ok(Some(Event::Binary(bytes))) => {
                    put(&mut written.to_client, self.masks.frame(Side::Client, Opcode::Binary, &bytes));
                }
                Ok(Some(control)) => put(&mut written.to_client, self.masks.control(Side::Client, &control)),
            }
        };
        self.tell();
        Flow { on: written.to_client.into(), back: written.to_server.into(), end }
    }

    /// The guard's last words, and the close frame. They stand between two messages: all that is written here is whole.
    fn goodbye(&mut self, to: Side, ending: Ending, _: bool) -> Bytes {
        let parting = self.parting.get_or_insert_with(|| self.guard.parting(cause(ending), ending.reason));
        let (said, close) = match to {
            Side::Server => (std::mem::take(&mut parting.to_server), ending.close),
            Side::Client => (std::mem::take(&mut parting.to_client), parting.close.unwrap_or(ending.close)),
        };
        let mut bytes = Vec::new();
        for text in said {
            put(&mut bytes, self.masks.frame(to, Opcode::Text, text.as_bytes()));
        }
        bytes.extend_from_slice(&self.masks.close(to, Ending { close, ..ending }));
        bytes.into()
    }
}

/// Whether the person has to leave (4400 and up are ours for that), the client is at fault, or neither: the gateway stops, the upstream is gone.
const fn cause(ending: Ending) -> Cause {
    match ending.close {
        4400..=4499 => Cause::Right,
        1001 | 1014 => Cause::Elsewhere,
        _ => Cause::Fault,
    }
}

/// What a client is told whose server does not speak the protocol (RFC 6455 section 7.4.1: 1011, IANA's registry: 1014).
const UPSTREAM_BROKEN: Ending = Ending { close: 1014, reason: "upstream-broken" };

/// Writes frames, and finds a mask for each that goes to the server.
///
/// The mask protects machines between us and the server from bytes that a browser could choose (RFC 6455 section 10.3): it must
/// not be foreseen by the client. One random seed for each tunnel does that, stretched by SplitMix64.
struct Masks(u64);

impl Masks {
    fn new(chance: &dyn Chance) -> Result<Self, NoChance> {
        let mut seed = [0; 8];
        chance.fill(&mut seed)?;
        Ok(Self(u64::from_le_bytes(seed)))
    }

    fn mask_for(&mut self, to: Side) -> Option<[u8; 4]> {
        if to == Side::Client {
            return None;
        }
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let [a, b, c, d, ..] = z.to_le_bytes();
        Some([a, b, c, d])
    }

    fn frame(&mut self, to: Side, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mask = self.mask_for(to);
        websocket::frame(opcode, payload, mask)
    }

    fn close(&mut self, to: Side, ending: Ending) -> Bytes {
        let mask = self.mask_for(to);
        websocket::close(ending.close, ending.reason, mask).into()
    }

    /// A control frame as it was said; nothing, where it is none.
    fn control(&mut self, to: Side, said: &Event) -> Vec<u8> {
        match said {
            Event::Ping(payload) => self.frame(to, Opcode::Ping, payload),
            Event::Pong(payload) => self.frame(to, Opcode::Pong, payload),
            Event::Close(None, _) => self.frame(to, Opcode::Close, &[]),
            Event::Close(Some(code), reason) => {
                let mask = self.mask_for(to);
                websocket::close(*code, reason, mask)
            }
            Event::Text(_) | Event::Binary(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;

//! What of an XMPP server the people need: streams over WebSocket (RFC 7395), anonymous accounts, stream management, pings, one kind of room.
//!
//! Its rooms tell whoever enters of nobody else: with five thousand inside, that alone would be millions of stanzas.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::measured::tell;

/// Who is in a room: address in the room, and the way there.
type Rooms = Rc<RefCell<HashMap<String, HashMap<String, UnboundedSender<Utf8Bytes>>>>>;

/// Runs it until killed.
pub fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell(listener.local_addr().unwrap());
        let rooms = Rooms::default();
        for number in 0_u32.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(serve(stream, number, rooms.clone()));
        }
    });
}

/// The `Err` is as large as the library wants it.
#[allow(clippy::result_large_err)]
fn speak_xmpp(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    response.headers_mut().insert("Sec-WebSocket-Protocol", "xmpp".parse().unwrap());
    Ok(response)
}

async fn serve(stream: TcpStream, number: u32, rooms: Rooms) -> Option<()> {
    stream.set_nodelay(true).unwrap();
    let mut socket = accept_hdr_async(stream, speak_xmpp).await.ok()?;
    let (sender, mut from_room) = unbounded_channel();
    let mut person = Person { jid: format!("p{number}@meet.jitsi/r"), known: false, sender, inside: None, rooms };
    loop {
        tokio::select! {
            Some(text) = from_room.recv() => socket.send(Message::Text(text)).await.ok()?,
            message = socket.next() => match message?.ok()? {
                Message::Text(text) => for answer in person.answer(&text) {
                    socket.send(Message::text(answer)).await.ok()?;
                },
                Message::Close(_) => return None,
                _ => {}
            },
        }
    }
}

struct Person {
    jid: String,
    /// Authenticated.
    known: bool,
    sender: UnboundedSender<Utf8Bytes>,
    /// The room, and the address in it.
    inside: Option<(String, String)>,
    rooms: Rooms,
}

impl Person {
    fn answer(&mut self, said: &str) -> Vec<String> {
        let (jid, id, to) = (&self.jid, attribute(said, "id"), attribute(said, "to"));
        let one = |answer: String| vec![answer];
        match said.split([' ', '>', '/']).next().unwrap() {
            "<open" => {
                let open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='meet.jitsi' id='s1' version='1.0'/>".to_owned();
                let feature = if self.known {
                    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>"
                } else {
                    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms>"
                };
                vec![open, format!("<stream:features xmlns:stream='http://etherx.jabber.org/streams'>{feature}</stream:features>")]
            }
            "<auth" => {
                self.known = true;
                one("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned())
            }
            "<enable" => one(format!("<enabled xmlns='urn:xmpp:sm:3' id='{}' resume='true' max='60'/>", jid.replace(['@', '.', '/'], "-"))),
            "<iq" if said.contains("xmpp-bind") => one(format!(
                "<iq type='result' id='{id}' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{jid}</jid></bind></iq>"
            )),
            "<iq" => one(format!("<iq type='result' id='{id}' from='{to}' to='{jid}' xmlns='jabber:client'/>")),
            "<presence" if attribute(said, "type") == "unavailable" => {
                self.leave();
                Vec::new()
            }
            "<presence" => {
                let (room, to) = (to.split('/').next().unwrap().to_owned(), to.to_owned());
                self.rooms.borrow_mut().entry(room.clone()).or_default().insert(to.clone(), self.sender.clone());
                let answer = format!(
                    "<presence from='{to}' to='{jid}' xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant' jid='{jid}'/><status code='110'/></x></presence>"
                );
                self.inside = Some((room, to));
                one(answer)
            }
            "<message" => {
                let Some((room, from)) = &self.inside else { return Vec::new() };
                let body = &said[said.find("<body").unwrap()..];
                let text = Utf8Bytes::from(format!("<message type='groupchat' id='{id}' from='{from}' xmlns='jabber:client'>{body}"));
                for to in self.rooms.borrow()[room].values() {
                    let _ = to.send(text.clone());
                }
                Vec::new()
            }
            "<close" => one("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>".to_owned()),
            _ => Vec::new(),
        }
    }

    fn leave(&mut self) {
        if let Some((room, own)) = self.inside.take()
            && let Some(people) = self.rooms.borrow_mut().get_mut(&room)
        {
            people.remove(&own);
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The value of the first attribute of this name; all that is spoken here has single quotes.
fn attribute<'a>(text: &'a str, name: &str) -> &'a str {
    let value = text.split_once(&format!(" {name}='")).map(|(_, rest)| rest);
    value.and_then(|rest| rest.split('\'').next()).unwrap_or_default()
}

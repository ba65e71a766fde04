//! Somebody inside with every kind of exchange there is, and how all of them end.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::busy::Busy;
use crate::harness::socket::{Pipe, SOON, Socket, eventually, series};
use crate::harness::{Gateway, Person};

/// One session with an idle socket by query, one below the room's path, one that is flooded both ways, one whose client does
/// not read, a long poll, an event stream, a download and an upload.
pub struct Inside {
    pub idle: Socket,
    pub below: Socket,
    flooded: JoinHandle<(u16, String)>,
    /// Kept open and never read.
    _deaf: Socket,
    poll: Pipe,
    events: Pipe,
    download: Pipe,
    upload: JoinHandle<()>,
}

/// So many of them are tunnels.
pub const TUNNELS: f64 = 4.0;
/// All of them.
const ALL: usize = 8;

impl Inside {
    /// Opens all of them with the cookies that this person has.
    pub async fn enter(gateway: &Gateway, busy: &Busy, person: &Person, room: &str) -> Self {
        let before = busy.living();
        let idle = person.socket(&format!("/ws?room={room}")).await.unwrap();
        let below = person.socket(&format!("/{room}/socket")).await.unwrap();
        let flooded = tokio::spawn(flooded(person.socket(&format!("/{room}/flood")).await.unwrap()));
        let deaf = person.socket(&format!("/{room}/flood")).await.unwrap();
        let poll = person.asks("GET", &format!("/{room}/poll"), &[]).await;
        let mut events = person.asks("GET", &format!("/{room}/steps"), &[]).await;
        let mut download = person.asks("GET", &format!("/{room}/down"), &[]).await;
        busy.step.add_permits(1);
        events.until("step 0.").await;
        download.until("xxxx").await;
        let origin = format!("http://{}", gateway.address);
        let mut wire = person.asks("POST", &format!("/{room}/up"), &[("Origin", &origin), ("Content-Length", "999999999")]).await;
        let upload = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt as _;
            while wire.stream.write_all(&[b'u'; 4096]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        eventually("all exchanges live on the server", Duration::from_secs(5), async || (busy.living() >= before + ALL).then_some(()))
            .await;
        let mut inside = Self { idle, below, flooded, _deaf: deaf, poll, events, download, upload };
        inside.idle.is_alive().await;
        inside.below.is_alive().await;
        inside
    }

    /// All of them are gone a second later, and the sockets were told this.
    pub async fn all_end(mut self, gateway: &Gateway, busy: &Busy, left: usize, (code, reason): (u16, &str)) {
        let since = Instant::now();
        let told = (code, reason.to_owned());
        assert_eq!(self.idle.ends().await, told, "the idle one");
        assert_eq!(self.below.ends().await, told, "the one below the room's path");
        assert_eq!(self.flooded.await.unwrap(), told, "the busy one");
        self.poll.end().await;
        self.events.end().await;
        self.download.end().await;
        self.upload.await.unwrap();
        let took = since.elapsed();
        assert!(took < SOON, "{took:?}");
        assert!(!self.poll.text().contains("late"));
        eventually("the tunnels are closed, the deaf one too", SOON, async || {
            (series(&gateway.metrics().await, "roomgate_tunnels_open") < TUNNELS).then_some(())
        })
        .await;
        eventually("the server knows", SOON, async || (busy.living() <= left).then_some(())).await;
    }

    /// None of them has ended.
    pub async fn all_live(&mut self, busy: &Busy) {
        self.idle.is_alive().await;
        self.below.is_alive().await;
        self.events.came.clear();
        busy.step.add_permits(1);
        self.events.until("step").await;
        self.download.came.clear();
        self.download.until("xxxx").await;
        assert!(!self.flooded.is_finished(), "the busy socket has ended");
        assert!(!self.upload.is_finished(), "the upload has ended");
        assert!(busy.living() >= ALL, "{} live on the server", busy.living());
    }
}

/// Talks without pause, listens, and tells how it ended.
async fn flooded(socket: Socket) -> (u16, String) {
    let (mut to, mut from) = socket.0.split();
    let talking = tokio::spawn(async move {
        while to.send(Message::binary(vec![9; 16 * 1024])).await.is_ok() {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    });
    let ending = loop {
        match from.next().await {
            Some(Ok(Message::Close(Some(frame)))) => break (frame.code.into(), frame.reason.to_string()),
            Some(Ok(Message::Close(None))) => break (1005, String::new()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break (1006, String::new()),
        }
    };
    talking.abort();
    ending
}

//! Those who wait: each opens the knocking page, knocks, and listens for its answer, as the page's script does.

use std::io::BufRead as _;

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::measured::{from_one_of_many, tell};
use crate::unix;

/// So many come at the same time.
const AT_ONCE: usize = 64;

/// Brings so many to the door, tells how many wait, and then when the first and the last of them heard that they may come in.
pub fn run(address: &str, count: &str) {
    let count: usize = count.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (tell_us, mut heard) = unbounded_channel();
        let mut coming = futures_util::stream::iter((0..count).map(|number| knock(address, number))).buffer_unordered(AT_ONCE);
        let mut waiting = 0_usize;
        while let Some(stream) = coming.next().await {
            tokio::task::spawn_local(listen(stream, tell_us.clone()));
            waiting += 1;
        }
        tell(waiting);
        tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next()).await.unwrap();
        let (mut first, mut last) = (f64::MAX, 0_f64);
        for _ in 0..waiting {
            let at: f64 = heard.recv().await.unwrap();
            (first, last) = (first.min(at), last.max(at));
        }
        tell(format_args!("{first:.3} {last:.3}"));
    });
}

/// One visitor, until its stream has said that it waits.
async fn knock(address: &str, number: usize) -> TcpStream {
    loop {
        let mut stream = from_one_of_many(number as u32 * 4).connect(address.parse().unwrap()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let page = format!("GET /_roomgate/knock?room=hall HTTP/1.1\r\nHost: {address}\r\nAccept: text/html\r\n\r\n");
        let page = answer(&mut stream, &page).await;
        let cookie = page.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: ")).unwrap_or_default();
        let cookie = cookie.split(' ').nth(1).unwrap_or_default().trim_end_matches(';');
        let body = format!(r#"{{"room":"hall","name":"Guest {number}"}}"#);
        let asked = format!(
            "POST /_roomgate/knock HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {cookie}\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let asked = answer(&mut stream, &asked).await;
        if asked.starts_with("HTTP/1.1 429") {
            // Everybody together may knock so often; who comes too soon comes again.
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            continue;
        }
        assert!(asked.contains("\"waiting\""), "{asked}");
        let events =
            format!("GET /_roomgate/events?room=hall HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n");
        stream.write_all(events.as_bytes()).await.unwrap();
        until(&mut stream, "\"code\":\"waiting\"").await;
        return stream;
    }
}

async fn listen(mut stream: TcpStream, tell_us: UnboundedSender<f64>) {
    until(&mut stream, "\"level\":\"full\"").await;
    let _ = tell_us.send(unix());
    // It stays open: who comes in closes it by going to another page.
    std::future::pending::<()>().await;
}

/// One answer with a length.
async fn answer(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut text, mut buffer) = (String::new(), vec![0; 16 * 1024]);
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.to_ascii_lowercase().split("content-length: ").nth(1).map(|l| l.lines().next().unwrap().trim().parse().unwrap());
            if length.is_some_and(|length: usize| body.len() >= length) || (length.is_none() && body.ends_with("0\r\n\r\n")) {
                return text;
            }
        }
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

async fn until(stream: &mut TcpStream, word: &str) {
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while !text.contains(word) {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

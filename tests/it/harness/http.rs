//! People: each with a browser (cookies) of their own, and raw bytes for those who are no browser.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::wire::Wire;

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.text()))
    }

    /// The stable code of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no redirect: {self:?}"))
    }

    pub(super) fn parse(raw: &[u8]) -> Self {
        let end = raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(raw)));
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> =
            lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned())).collect();
        let chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v.eq_ignore_ascii_case("chunked"));
        let body = if chunked { dechunk(&raw[end + 4..]) } else { raw[end + 4..].to_vec() };
        Self { status, headers, body }
    }
}

fn dechunk(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = raw.windows(2).position(|w| w == b"\r\n") {
        let Ok(length) = usize::from_str_radix(String::from_utf8_lossy(&raw[..at]).trim(), 16) else { break };
        if length == 0 || raw.len() < at + 2 + length {
            break;
        }
        body.extend_from_slice(&raw[at + 2..at + 2 + length]);
        raw = &raw[(at + 4 + length).min(raw.len())..];
    }
    body
}

/// Somebody with a browser.
#[derive(Clone, Debug)]
pub struct Person {
    pub address: SocketAddr,
    pub cookies: BTreeMap<String, String>,
}

impl Person {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// Opens an address like a person does: a page load, redirects not followed.
    pub async fn opens(&mut self, target: &str) -> Answer {
        let accept = [("Accept", "text/html,application/xhtml+xml"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "none")];
        self.sends("GET", target, &accept, b"").await
    }

    /// The same, redirects followed (ten at most).
    pub async fn visits(&mut self, target: &str) -> Answer {
        let mut answer = self.opens(target).await;
        for _ in 0..10 {
            if answer.status != 303 {
                return answer;
            }
            let next = answer.location().to_owned();
            answer = self.opens(&next).await;
        }
        panic!("{target}: redirects without end");
    }

    /// Asks like a script of the page does.
    pub async fn fetches(&mut self, target: &str) -> Answer {
        self.sends("GET", target, &[("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Site", "same-origin")], b"").await
    }

    /// The status of the same; `None` where the right to ask ended while it was asked, and the connection with it.
    pub async fn asks_for(&self, target: &str) -> Option<u16> {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\nCookie: {}\r\n\r\n",
            self.address,
            self.cookie_line()
        );
        let raw = self.raw_bytes(request.as_bytes()).await;
        (!raw.is_empty()).then(|| Answer::parse(&raw).status)
    }

    /// Sends JSON like a script of the page does.
    pub async fn posts(&mut self, target: &str, json: &serde_json::Value) -> Answer {
        let origin = format!("http://{}", self.address);
        let headers = [("Origin", origin.as_str()), ("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin")];
        self.sends("POST", target, &headers, json.to_string().as_bytes()).await
    }

    /// Asks without a browser's headers and without cookies.
    pub async fn get(&self, target: &str) -> Answer {
        self.clone_without_cookies().sends("GET", target, &[], b"").await
    }

    fn clone_without_cookies(&self) -> Self {
        Self::new(self.address)
    }

    /// Sends a request with these headers and the cookies, and keeps the cookies of the answer.
    pub async fn sends(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() && !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("cookie")) {
            head += &format!("Cookie: {}\r\n", self.cookie_line());
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let mut raw = (head + "\r\n").into_bytes();
        raw.extend_from_slice(body);
        let answer = self.raw(&raw).await;
        for line in answer.all("set-cookie") {
            let (pair, rest) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Asks for a WebSocket like a page of ours does; with other headers where stated.
    pub async fn dials(&mut self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let origin = format!("http://{}", self.address);
        let mut head = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            self.address
        );
        let own = [("Origin", origin.as_str())];
        let stated = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        for (name, value) in own.iter().filter(|(n, _)| !stated(n)).chain(headers).filter(|(_, v)| !v.is_empty()) {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            head += &format!("Cookie: {}\r\n", self.cookie_line());
        }
        let mut wire = Wire::connect(self.address).await;
        wire.send((head + "\r\n").as_bytes()).await;
        wire.answer().await.expect("an answer to a handshake")
    }

    pub fn cookie_line(&self) -> String {
        self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ")
    }

    /// Sends these very bytes on a connection of their own, and reads until the other side closes.
    pub async fn raw(&self, bytes: &[u8]) -> Answer {
        let raw = self.raw_bytes(bytes).await;
        Answer::parse(&raw)
    }

    /// The same, uninterpreted: empty where the connection was closed without an answer.
    pub async fn raw_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut raw = Vec::new();
        let reading = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut raw)).await;
        assert!(reading.is_ok(), "no end of the answer within ten seconds: {:?}", String::from_utf8_lossy(&raw));
        raw
    }
}

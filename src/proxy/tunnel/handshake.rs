//! What do we say to the server to open a WebSocket, and is its answer one? (RFC 6455 section 4.)

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Failure;

/// The most that an answer's head may take, in bytes.
const HEAD_MAX: usize = 32 * 1024;

/// The most headers that an answer may have.
const HEADERS_MAX: usize = 100;

/// The most that is passed on of the body of an answer that is no 101, in bytes.
const BODY_MAX: usize = 16 * 1024;

/// RFC 6455 section 1.3.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What concerns one connection only (RFC 9110 section 7.6.1), or a body that is not there; and where else to ask: browsers do not go there
/// with a handshake, and the target that the server was asked at may hold a token that its client never sees.
const NOT_PASSED_ON: [HeaderName; 9] = [
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::LOCATION,
];
const NOT_PASSED_ON_EITHER: [&str; 2] = ["keep-alive", "proxy-connection"];
/// A server that lets every site in says so of itself (Prosody: `Access-Control-Allow-Origin: *`); who may ask here is ours to say.
const CORS: &str = "access-control-";

/// A handshake that is ready to be sent.
pub(super) struct Handshake {
    head: BytesMut,
    accept: String,
    protocols: Vec<String>,
}

/// What the server said.
pub(super) enum Answer {
    /// Come in; and the first bytes that it sent with it.
    Switched { head: ResponseHeader, early: Bytes },
    /// Anything else.
    Declined { head: ResponseHeader, body: Bytes },
}

/// RFC 6455 section 4.2.1, as far as it is not about the key.
pub(super) fn check_client(headers: &HeaderMap) -> Result<(), Failure> {
    if !tokens(headers, &header::CONNECTION).iter().any(|t| t.eq_ignore_ascii_case("upgrade")) {
        return Err(Failure::Request("no `Connection: Upgrade`"));
    }
    if !matches!(tokens(headers, &header::UPGRADE).as_slice(), [one] if one.eq_ignore_ascii_case("websocket")) {
        return Err(Failure::Request("the `Upgrade` is not to `websocket`"));
    }
    if single(headers, &header::SEC_WEBSOCKET_VERSION).is_none_or(|v| v.as_bytes() != b"13") {
        return Err(Failure::Request("the `Sec-WebSocket-Version` is not 13"));
    }
    Ok(())
}

impl Handshake {
    /// `request` as it shall go out; what makes it a handshake is written here.
    pub(super) fn new(request: &RequestHeader) -> Result<Self, Failure> {
        if request.method != Method::GET {
            return Err(Failure::Request("the method is not GET"));
        }
        // Parsed and judged long ago: this guards the line that we write.
        let target = request.raw_path();
        if !target.starts_with(b"/") || target.iter().any(|b| *b <= b' ' || *b == 0x7f) {
            return Err(Failure::Request("the target is no path"));
        }
        let key = single(&request.headers, &header::SEC_WEBSOCKET_KEY).ok_or(Failure::Request("there must be one `Sec-WebSocket-Key`"))?;
        let accept = accept_for(key.as_bytes());
        let protocols = tokens(&request.headers, &header::SEC_WEBSOCKET_PROTOCOL);

        let mut request = request.clone();
        NOT_PASSED_ON.iter().for_each(|name| drop(request.remove_header(name)));
        NOT_PASSED_ON_EITHER.iter().for_each(|name| drop(request.remove_header(*name)));
        let wrong = |_| Failure::Request("too many headers");
        request.insert_header(header::CONNECTION, "Upgrade").map_err(wrong)?;
        request.insert_header(header::UPGRADE, "websocket").map_err(wrong)?;

        let mut head = BytesMut::with_capacity(1024);
        head.extend_from_slice(b"GET ");
        head.extend_from_slice(request.raw_path());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        request.header_to_h1_wire(&mut head);
        head.extend_from_slice(b"\r\n");
        Ok(Self { head, accept, protocols })
    }

    /// Sends it and reads the answer.
    pub(super) async fn exchange(self, upstream: &mut Stream) -> Result<Answer, Failure> {
        let broken = |_| Failure::Answer("the connection broke");
        upstream.write_all(&self.head).await.map_err(broken)?;
        upstream.flush().await.map_err(broken)?;

        let mut read = BytesMut::with_capacity(2048);
        let head = loop {
            match parse(&read)? {
                // Interim answers (100, 103) are for nobody here; 101 is none of them.
                Some((head, length)) if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS => {
                    drop(read.split_to(length));
                    continue;
                }
                Some((head, length)) => {
                    drop(read.split_to(length));
                    break head;
                }
                None if read.len() >= HEAD_MAX => return Err(Failure::Answer("its head is too large")),
                None => {}
            }
            if upstream.read_buf(&mut read).await.map_err(broken)? == 0 {
                return Err(Failure::Answer("it closed the connection"));
            }
        };

        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            self.check(&head.headers)?;
            let mut answer = passed_on(&head)?;
            let wrong = |_| Failure::Answer("too many headers");
            answer.insert_header(header::CONNECTION, "Upgrade").map_err(wrong)?;
            answer.insert_header(header::UPGRADE, "websocket").map_err(wrong)?;
            return Ok(Answer::Switched { head: answer, early: read.freeze() });
        }
        let body = body(&head.headers, read, upstream).await;
        let mut answer = passed_on(&head)?;
        if body.is_empty() {
            answer.remove_header(&header::CONTENT_TYPE);
            answer.remove_header(&header::CONTENT_ENCODING);
        }
        Ok(Answer::Declined { head: answer, body })
    }

    /// RFC 6455 section 4.1, what a client must check.
    fn check(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if !tokens(headers, &header::UPGRADE).iter().any(|t| t.eq_ignore_ascii_case("websocket")) {
            return Err(Failure::Answer("a 101 without `Upgrade: websocket`"));
        }
        if !tokens(headers, &header::CONNECTION).iter().any(|t| t.eq_ignore_ascii_case("upgrade")) {
            return Err(Failure::Answer("a 101 without `Connection: Upgrade`"));
        }
        if single(headers, &header::SEC_WEBSOCKET_ACCEPT).is_none_or(|accept| accept.as_bytes() != self.accept.as_bytes()) {
            return Err(Failure::Answer("a 101 whose `Sec-WebSocket-Accept` does not belong to our key"));
        }
        if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
            return Err(Failure::Answer("a 101 with an extension that nobody offered"));
        }
        let chosen = tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL);
        if chosen.len() > 1 || chosen.iter().any(|c| !self.protocols.contains(c)) {
            return Err(Failure::Answer("a 101 with a subprotocol that nobody offered"));
        }
        Ok(())
    }
}

/// What a server must answer to this key (RFC 6455 section 4.2.2).
pub(super) fn accept_for(key: &[u8]) -> String {
    let mut sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key);
    sha1.update(MAGIC);
    STANDARD.encode(sha1.finish())
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())
}

fn tokens(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect()
}

struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

/// The head at the beginning of these bytes and its length; `None` where it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Failure::Answer("it is not HTTP")),
    };
    if length > HEAD_MAX {
        return Err(Failure::Answer("its head is too large"));
    }
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Failure::Answer("it has no status"))?;
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Failure::Answer("a header's name"))?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| Failure::Answer("a header's value"))?;
        headers.append(name, value);
    }
    Ok(Some((Head { status, headers }, length)))
}

/// The answer for the client, without what concerns the connection to the server, and without what that nominates.
fn passed_on(head: &Head) -> Result<ResponseHeader, Failure> {
    let nominated = tokens(&head.headers, &header::CONNECTION);
    let mut answer = ResponseHeader::build(head.status, Some(head.headers.len())).map_err(|_| Failure::Answer("its status"))?;
    for (name, value) in &head.headers {
        let of_the_connection = NOT_PASSED_ON.contains(name)
            || NOT_PASSED_ON_EITHER.contains(&name.as_str())
            || nominated.iter().any(|n| n.eq_ignore_ascii_case(name.as_str()));
        if !of_the_connection && !name.as_str().starts_with(CORS) {
            answer.append_header(name.clone(), value.clone()).map_err(|_| Failure::Answer("too many headers"))?;
        }
    }
    Ok(answer)
}

/// A short body of known length; none where it is long, chunked or does not come.
async fn body(headers: &HeaderMap, mut read: BytesMut, upstream: &mut Stream) -> Bytes {
    let length = single(headers, &header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    let Some(length) = length.filter(|n| *n <= BODY_MAX && !headers.contains_key(header::TRANSFER_ENCODING)) else {
        return Bytes::new();
    };
    while read.len() < length {
        match upstream.read_buf(&mut read).await {
            Ok(n) if n > 0 => {}
            _ => return Bytes::new(),
        }
    }
    read.split_to(length).freeze()
}

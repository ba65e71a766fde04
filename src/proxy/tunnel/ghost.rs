//! How do we get at the client's connection itself?
//!
//! A pingora session reads or writes, never both at once, and when it is finished it waits until all is flushed, be it for ever. So
//! we write the 101 through it, take its stream out, and leave a *ghost* in its place: a session over a stream that ends at once
//! and swallows everything, with the same request, the same answer and the same addresses. Hooks that run afterwards (`logging`)
//! see no difference, and pingora's clean-up touches nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    Digest, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest, UniqueID,
    UniqueIDType, tls::SslDigest,
};
use pingora::proxy::Session;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The client's connection, right behind the 101.
pub(super) struct Client {
    pub(super) stream: Stream,
    /// What the client sent together with its handshake.
    pub(super) early: Bytes,
    /// Whether it has already left.
    pub(super) left: bool,
}

/// A request that the ghost is made to read, before it is given the real one.
const ANY_UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: ghost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// Writes the 101 and takes the connection out of the session. `None` where the client is gone.
pub(super) async fn take_over(session: &mut Session, head: ResponseHeader) -> Option<Client> {
    // The addresses are looked up on first use, by file descriptor: later that may be another connection's.
    let _ = (session.client_addr(), session.server_addr());
    let digest = session.digest().cloned().unwrap_or_default();

    let mut ghost = ServerSession::new_http1(Box::new(Ghost { says: Bytes::from_static(ANY_UPGRADE), digest }));
    ghost.read_request().await.ok().filter(|read| *read)?;
    *ghost.req_header_mut() = session.req_header().clone();
    ghost.set_keepalive(None);
    ghost.write_response_header(Box::new(head.clone())).await.ok()?;

    session.write_response_header(Box::new(head), false).await.ok()?;
    session.set_read_timeout(None);
    // Asked once: what had been read behind the handshake comes at once, and where nothing had been, nothing is lost by asking.
    let (early, left) = match tokio::task::unconstrained(session.as_downstream_mut().read_request_body()).now_or_never() {
        Some(Ok(Some(early))) => (early, false),
        Some(Ok(None) | Err(_)) => (Bytes::new(), true),
        None => (Bytes::new(), false),
    };
    match std::mem::replace(session.as_downstream_mut(), ghost) {
        ServerSession::H1(h1) => Some(Client { stream: h1.into_inner(), early, left }),
        ServerSession::H2(_) | ServerSession::Subrequest(_) | ServerSession::Custom(_) => None,
    }
}

#[derive(Debug)]
struct Ghost {
    says: Bytes,
    digest: Digest,
}

impl AsyncRead for Ghost {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let n = self.says.len().min(buf.remaining());
        buf.put_slice(self.says.get(..n).unwrap_or_default());
        self.says.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ghost {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl Shutdown for Ghost {
    async fn shutdown(&mut self) {}
}

impl UniqueID for Ghost {
    fn id(&self) -> UniqueIDType {
        // As pingora's own in-memory streams: no file descriptor.
        0
    }
}

impl Ssl for Ghost {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.digest.ssl_digest.clone()
    }
}

impl GetTimingDigest for Ghost {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.digest.timing_digest.clone()
    }
}

impl GetProxyDigest for Ghost {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.digest.proxy_digest.clone()
    }
}

impl GetSocketDigest for Ghost {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.digest.socket_digest.clone()
    }
}

impl Peek for Ghost {}

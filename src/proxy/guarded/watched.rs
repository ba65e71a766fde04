//! A connection's stream that fails when the connection has been waiting for too long.
//!
//! The timer is lazy: it is set once and looked at again when it rings. Moving bytes cost one reading of the clock.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::{Book, Limits, Turn};

/// The HTTP/2 client preface (RFC 9113 section 3.4) without the SETTINGS frame after it.
const H2_PREFACE: u64 = 24;

/// How many bytes are counted here before they are added to everybody's.
const COUNT_AT: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct Watched {
    stream: Stream,
    turn: Arc<Turn>,
    book: Arc<Book>,
    multiplexed: bool,
    first_request: Duration,
    head: Duration,
    between_requests: Duration,
    silence: Duration,

    /// The turn that the next fields are about.
    seen: u32,
    /// When that turn came.
    since: Instant,
    /// In a turn that awaits a request: when its first byte came.
    head_since: Option<Instant>,
    /// When a byte last moved.
    last: Instant,

    timer: Pin<Box<Sleep>>,
    over: bool,
    read: u64,
    counted_read: u64,
    written: u64,
    counted_written: u64,
}

impl Watched {
    pub(super) fn new(stream: Stream, limits: &Limits, turn: Arc<Turn>, book: Arc<Book>, multiplexed: bool) -> Self {
        let now = Instant::now();
        Self {
            stream,
            turn,
            book,
            multiplexed,
            first_request: limits.first_request,
            head: limits.head,
            between_requests: limits.between_requests,
            silence: limits.silence,
            seen: 0,
            since: now,
            head_since: None,
            last: now,
            timer: Box::pin(tokio::time::sleep(limits.first_request)),
            over: false,
            read: 0,
            counted_read: 0,
            written: 0,
            counted_written: 0,
        }
    }

    /// Notices that a request began or ended since the last look.
    fn look(&mut self) {
        let now = self.turn.now();
        if now != self.seen {
            self.seen = now;
            self.since = Instant::now();
            self.head_since = None;
        }
    }

    fn moved(&mut self, read: usize, written: usize) {
        if read == 0 && written == 0 {
            return;
        }
        self.last = Instant::now();
        if read > 0 && !Turn::exchange_runs(self.seen) && self.head_since.is_none() {
            self.head_since = Some(self.last);
        }
        self.read = self.read.wrapping_add(u64::try_from(read).unwrap_or(0));
        self.written = self.written.wrapping_add(u64::try_from(written).unwrap_or(0));
        if self.read.wrapping_sub(self.counted_read) >= COUNT_AT || self.written.wrapping_sub(self.counted_written) >= COUNT_AT {
            self.count();
        }
    }

    fn count(&mut self) {
        self.book.read.fetch_add(self.read.wrapping_sub(self.counted_read), Ordering::Relaxed);
        self.book.written.fetch_add(self.written.wrapping_sub(self.counted_written), Ordering::Relaxed);
        self.counted_read = self.read;
        self.counted_written = self.written;
    }

    /// When this connection's time is over, as things stand.
    fn deadline(&self) -> Instant {
        let after = |from: Instant, limit: Duration| from.checked_add(limit).unwrap_or(from);
        if self.multiplexed {
            return if self.read < H2_PREFACE { after(self.since, self.first_request) } else { after(self.last, self.silence) };
        }
        if Turn::exchange_runs(self.seen) {
            return after(self.last, self.silence);
        }
        let first = self.seen == 0;
        let begun = if first { after(self.since, self.first_request) } else { after(self.since, self.between_requests) };
        match self.head_since {
            Some(head) if first => after(head, self.head).min(begun),
            Some(head) => after(head, self.head),
            None => begun,
        }
    }

    /// Called wherever the connection waits: whether it has waited for too long.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = self.deadline();
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        loop {
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                if !self.over {
                    self.over = true;
                    self.book.silenced.fetch_add(1, Ordering::Relaxed);
                }
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the client has been silent for too long"));
            }
            self.timer.as_mut().reset(deadline);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.count();
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.look();
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(done) => {
                self.moved(buf.filled().len().saturating_sub(before), 0);
                Poll::Ready(done)
            }
            Poll::Pending => self.waits(cx).map(Err),
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.look();
        match Pin::new(&mut self.stream).poll_write(cx, buf) {
            Poll::Ready(done) => {
                self.moved(0, done.as_ref().map_or(0, |n| *n));
                Poll::Ready(done)
            }
            Poll::Pending => self.waits(cx).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look();
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => self.waits(cx).map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look();
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => self.waits(cx).map(Err),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.look();
        match Pin::new(&mut self.stream).poll_write_vectored(cx, bufs) {
            Poll::Ready(done) => {
                self.moved(0, done.as_ref().map_or(0, |n| *n));
                Poll::Ready(done)
            }
            Poll::Pending => self.waits(cx).map(Err),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Watched {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Watched {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Watched {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for Watched {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream.get_write_pending_time()
    }
}

impl GetProxyDigest for Watched {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Watched {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

#[async_trait]
impl Peek for Watched {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buf).await
    }
}

//! Where does an application listen, and how is it started?

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pingora::apps::{HttpServerApp, ServerApp};
use pingora::listeners::{L4BufferSettings, ListenerConfig, TcpSocketOptions};
use pingora::protocols::TcpKeepalive;
use pingora::server::Fds;
use pingora::services::Service as _;
use pingora::services::listening::Service;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::proxy::guarded::Guarded;
use crate::proxy::tls::Certificates;

/// What pingora reads ahead on each connection. Its own 64 KiB, allocated for every idle socket, is 640 MB for ten thousand.
const READ_AHEAD: usize = 4 * 1024;

/// Binds these addresses, port 0 included, before anything is started: a taken port is an error here and now, where pingora
/// would wait half a minute and then panic.
///
/// # Errors
/// With the address in the message.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    addresses
        .iter()
        .map(|address| {
            let socket = TcpListener::bind(address).map_err(|e| io::Error::new(e.kind(), format!("cannot listen on `{address}`: {e}")))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .collect()
}

/// An application with its sockets, ready to be started.
pub struct Listening<A> {
    /// For those who hand it to a `pingora::server::Server`: the sockets are in [`Listening::sockets`].
    pub service: Service<A>,
    /// The bound sockets, under the names that `service` asks for.
    pub sockets: Fds,
    /// Where it listens: what the system made of port 0.
    pub addresses: Vec<SocketAddr>,
}

impl<A: ServerApp + Send + Sync + 'static> Listening<A> {
    /// Puts an application behind these sockets, with TLS where `certificates` are given, HTTP/2 included. For a
    /// [`Guarded`] one there is [`Listening::guarded`].
    ///
    /// # Errors
    /// Where a socket does not know its address, or the TLS settings are refused.
    pub fn new(name: &str, app: A, sockets: Vec<TcpListener>, certificates: Option<&Arc<Certificates>>) -> io::Result<Self> {
        let mut service = Service::new(name.to_owned(), app);
        let mut fds = Fds::new();
        let mut addresses = Vec::new();
        for socket in sockets {
            let address = socket.local_addr()?;
            let mut endpoint = ListenerConfig::tcp(address.to_string())
                .tcp_socket_options(socket_options())
                .l4_buffer(L4BufferSettings::default().read(READ_AHEAD));
            if let Some(certificates) = certificates {
                endpoint = endpoint.tls(certificates.settings()?);
            }
            service.add_listener(endpoint);
            fds.add(address.to_string(), socket.into_raw_fd());
            addresses.push(address);
        }
        Ok(Self { service, sockets: fds, addresses })
    }

    /// Starts it on the current runtime. The sockets accept already: there is nothing to wait for.
    pub fn start(self) -> Running {
        let Self { mut service, sockets, addresses } = self;
        let (stop, watch) = watch::channel(false);
        let task = tokio::spawn(async move { service.start_service(Some(Arc::new(Mutex::new(sockets))), watch, 1).await });
        Running { addresses, stop, task }
    }
}

impl<A: HttpServerApp + Send + Sync + 'static> Listening<Guarded<A>> {
    /// As [`Listening::new`], and connections with TLS are counted from before their handshake.
    ///
    /// # Errors
    /// As [`Listening::new`].
    pub fn guarded(name: &str, app: Guarded<A>, sockets: Vec<TcpListener>, certificates: Option<&Arc<Certificates>>) -> io::Result<Self> {
        let porter = app.porter();
        let mut listening = Self::new(name, app, sockets, certificates)?;
        listening.service.endpoints().set_pre_tls_callback(porter);
        Ok(listening)
    }
}

/// A client that vanished without a word is noticed within two minutes, however long the tunnel has been silent.
fn socket_options() -> TcpSocketOptions {
    let mut options = TcpSocketOptions::default();
    options.tcp_keepalive = Some(TcpKeepalive {
        idle: Duration::from_secs(60),
        interval: Duration::from_secs(10),
        count: 6,
        #[cfg(target_os = "linux")]
        user_timeout: Duration::from_secs(120),
    });
    options
}

/// A started application. Dropping it stops the listening; exchanges that run go on until they end.
pub struct Running {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes no more connections, tells idle ones to go, and returns when nobody listens any more. Exchanges that run go on.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

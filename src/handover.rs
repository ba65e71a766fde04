//! How do listening sockets go from an old process to a new one, so that nobody who connects meanwhile notices?
//!
//! The new process waits at a Unix socket ([`receive`]); the old one sends it its sockets there ([`offer`]) and goes on serving
//! until the new one says that it serves too. A new one that fails to start costs nothing.
//!
//! Only processes of the same user speak to each other: both sides ask the kernel who the other is.

use std::fs::Permissions;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// So many sockets at most.
const MANY: usize = 64;
/// How long the old process looks for the new one.
const LOOK: Duration = Duration::from_secs(10);
/// How long the new one may take to start.
const START: Duration = Duration::from_secs(60);
/// What the old process says with the sockets: the protocol, and whether the last of them is the admin listener's.
const WITHOUT_ADMIN: &[u8; 16] = b"roomgate-1 admin";
const WITH_ADMIN: &[u8; 16] = b"roomgate-1 ADMIN";
/// What the new one says when it serves.
const READY: &[u8; 6] = b"ready\n";

/// The listening sockets of one gateway.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Where visitors come.
    pub public: Vec<TcpListener>,
    /// Where operators come.
    pub admin: Option<TcpListener>,
}

impl Sockets {
    /// The same sockets under other descriptors: as long as one of them is open, the system queues connections.
    ///
    /// # Errors
    /// Where there are no more descriptors.
    pub fn copy_of(public: &[TcpListener], admin: Option<&TcpListener>) -> io::Result<Self> {
        let public = public.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
        Ok(Self { public, admin: admin.map(TcpListener::try_clone).transpose()? })
    }

    /// Takes out the public one with this address.
    pub fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let at = self.public.iter().position(|socket| socket.local_addr().is_ok_and(|a| a == address))?;
        Some(self.public.swap_remove(at))
    }

    /// Takes out the admin listener's, if it has this address.
    pub fn take_admin(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.admin.take_if(|socket| socket.local_addr().is_ok_and(|a| a == address))
    }
}

/// What a new process got, and whom it has to tell that it serves.
pub struct Inherited {
    /// The sockets.
    pub sockets: Sockets,
    old: UnixStream,
}

impl Inherited {
    /// Tells the old process that this one serves now.
    ///
    /// # Errors
    /// Where the old one is gone.
    pub fn serving(mut self) -> io::Result<()> {
        self.old.write_all(READY)
    }
}

/// The new process: waits for an old one's sockets.
///
/// # Errors
/// Where `path` cannot be had, or nobody came within `patience`.
pub async fn receive(path: &Path, patience: Duration) -> io::Result<Inherited> {
    let listener = listen(path)?;
    let coming = async {
        loop {
            let (stream, _) = listener.accept().await?;
            if is_ours(&stream)? {
                return Ok::<_, io::Error>(stream);
            }
            tracing::warn!("somebody else's process came to the upgrade socket: it was sent away");
        }
    };
    let came = tokio::time::timeout(patience, coming).await;
    let _ = std::fs::remove_file(path);
    let nobody = || io::Error::new(io::ErrorKind::TimedOut, format!("no running gateway came within {} s", patience.as_secs()));
    let stream = came.map_err(|_| nobody())??.into_std()?;
    blocking(move || {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LOOK))?;
        let sockets = read(&stream)?;
        Ok(Inherited { sockets, old: stream })
    })
    .await
}

/// The old process: gives its sockets to the new one, and returns once that one serves. They remain open here too.
///
/// # Errors
/// Where nobody waits at `path`, or the new one did not start: then nothing has changed.
pub async fn offer(path: &Path, sockets: &Sockets) -> io::Result<()> {
    let fds: Vec<OwnedFd> =
        sockets.public.iter().chain(&sockets.admin).map(|s| s.as_fd().try_clone_to_owned()).collect::<io::Result<_>>()?;
    let words = if sockets.admin.is_some() { WITH_ADMIN } else { WITHOUT_ADMIN };
    let connecting = async {
        loop {
            match tokio::net::UnixStream::connect(path).await {
                Ok(stream) => return stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    let nobody = || io::Error::new(io::ErrorKind::NotFound, format!("no new process waits at `{}`", path.display()));
    let stream = tokio::time::timeout(LOOK, connecting).await.map_err(|_| nobody())?;
    if !is_ours(&stream)? {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("another user's process waits at `{}`", path.display())));
    }
    let mut stream = stream.into_std()?;
    blocking(move || {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(START))?;
        write(&stream, words, &fds)?;
        let mut answer = [0; READY.len()];
        match stream.read_exact(&mut answer) {
            Ok(()) if answer == *READY => Ok(()),
            Ok(()) | Err(_) => Err(io::Error::other("the new process did not start")),
        }
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn listen(path: &Path) -> io::Result<tokio::net::UnixListener> {
    let told = |e: io::Error| io::Error::new(e.kind(), format!("cannot wait at `{}`: {e}", path.display()));
    match std::fs::symlink_metadata(path) {
        // Left behind by a process that was killed.
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path).map_err(told)?,
        Ok(_) => return Err(told(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else of this name"))),
        Err(_) => {}
    }
    let listener = tokio::net::UnixListener::bind(path).map_err(told)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(told)?;
    Ok(listener)
}

fn is_ours(stream: &tokio::net::UnixStream) -> io::Result<bool> {
    Ok(stream.peer_cred()?.uid() == rustix::process::geteuid().as_raw())
}

fn write(stream: &UnixStream, words: &[u8], fds: &[OwnedFd]) -> io::Result<()> {
    let fds: Vec<BorrowedFd<'_>> = fds.iter().map(OwnedFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MANY))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if fds.len() > MANY || !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("more than {MANY} listening sockets")));
    }
    sendmsg(stream, &[IoSlice::new(words)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn read(stream: &UnixStream) -> io::Result<Sockets> {
    let mut words = [0; WITH_ADMIN.len()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MANY))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(stream, &mut [IoSliceMut::new(&mut words)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut public: Vec<TcpListener> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            public.extend(fds.map(TcpListener::from));
        }
    }
    let admin = match &words {
        WITH_ADMIN => public.pop(),
        WITHOUT_ADMIN => None,
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "what came to the upgrade socket is no roomgate of this kind")),
    };
    Ok(Sockets { public, admin })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn socket() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    #[tokio::test]
    async fn sockets_arrive_with_their_addresses_and_the_old_process_hears_when_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upgrade.sock");
        let old = Sockets { public: vec![socket(), socket()], admin: Some(socket()) };
        let (first, second) = (old.public[0].local_addr().unwrap(), old.public[1].local_addr().unwrap());
        let admin = old.admin.as_ref().unwrap().local_addr().unwrap();
        let new = tokio::spawn({
            let path = path.clone();
            async move {
                let mut inherited = receive(&path, Duration::from_secs(10)).await.unwrap();
                assert!(!std::fs::exists(&path).unwrap());
                assert!(inherited.sockets.take(admin).is_none(), "the admin listener is not for visitors");
                let taken = [inherited.sockets.take(second), inherited.sockets.take(first)];
                assert!(taken.iter().all(Option::is_some) && inherited.sockets.take(first).is_none());
                assert!(inherited.sockets.take_admin(first).is_none() && inherited.sockets.take_admin(admin).is_some());
                inherited.serving().unwrap();
            }
        });
        offer(&path, &old).await.unwrap();
        new.await.unwrap();
    }

    #[tokio::test]
    async fn a_new_process_that_does_not_start_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upgrade.sock");
        let new = tokio::spawn({
            let path = path.clone();
            async move { drop(receive(&path, Duration::from_secs(10)).await.unwrap()) }
        });
        let failed = offer(&path, &Sockets { public: vec![socket()], admin: None }).await.unwrap_err();
        assert_eq!(failed.to_string(), "the new process did not start");
        new.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_socket_is_not_removed_and_what_a_dead_process_left_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious.toml");
        std::fs::write(&path, "x").unwrap();
        assert!(receive(&path, Duration::ZERO).await.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
        let left = folder.path().join("left.sock");
        drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
        assert_eq!(receive(&left, Duration::ZERO).await.err().unwrap().kind(), io::ErrorKind::TimedOut);
    }
}

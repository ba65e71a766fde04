//! Which certificate do clients see, and how is it changed while we run?
//!
//! One certificate, one key, PEM, read by us: pingora would panic on a bad file. [`Certificates::reload`] swaps them for the
//! handshakes that follow; what does not hold together changes nothing.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use pingora::listeners::tls::TlsSettings;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::access::Timestamp;

mod validity;

pub use validity::Validity;

/// What is wrong with a certificate or key file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read.
    #[error("cannot read `{}`: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not PEM.
    #[error("`{}` is damaged: {error}; it should hold PEM blocks (`-----BEGIN ...-----`)", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// The certificate file holds none.
    #[error("`{}` holds no certificate; it should begin with `-----BEGIN CERTIFICATE-----`, the server's own one first", .0.display())]
    NoCertificate(PathBuf),
    /// The first certificate is none that can be understood.
    #[error("the first certificate in `{}` cannot be understood: it is not X.509", .0.display())]
    NotX509(PathBuf),
    /// The key file holds none.
    #[error("`{}` holds no private key; it should hold `-----BEGIN PRIVATE KEY-----` (without a password)", .0.display())]
    NoKey(PathBuf),
    /// The key is of a kind that TLS cannot use.
    #[error("the private key in `{}` cannot be used: {error}; it should be RSA (2048 bits or more), ECDSA (P-256, P-384) or Ed25519", .path.display())]
    UnusableKey {
        /// The file.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// They do not belong together.
    #[error("the private key in `{}` does not belong to the first certificate in `{}`", .key.display(), .certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

/// A certificate with its key, as handshakes use it, read again at [`Certificates::reload`].
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<Loaded>,
}

struct Loaded {
    pair: Arc<CertifiedKey>,
    validity: Validity,
}

impl Certificates {
    /// Reads and checks both files (PEM; chain with the server's own certificate first).
    ///
    /// # Errors
    /// Says which file is wrong, and what would be right. A certificate that is not valid now is no error: see
    /// [`Certificates::warning`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let loaded = load(certificate, key)?;
        Ok(Arc::new(Self { certificate: certificate.to_owned(), key: key.to_owned(), current: ArcSwap::from_pointee(loaded) }))
    }

    /// Reads both files again. Handshakes that follow use what they hold; connections that are open stay. Returns whether the
    /// certificate is another one than before.
    ///
    /// # Errors
    /// As [`Certificates::load`]; then everything stays as it was.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let loaded = load(&self.certificate, &self.key)?;
        let before = self.current.swap(Arc::new(loaded));
        Ok(before.pair.cert != self.current.load().pair.cert)
    }

    /// From when until when the certificate is valid.
    pub fn validity(&self) -> Validity {
        self.current.load().validity
    }

    /// What an operator should know about the certificate now: that browsers will refuse it, or will soon.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let file = self.certificate.display();
        self.validity().warning(now).map(|what| format!("the certificate in `{file}` {what}"))
    }

    /// The files, to be watched.
    pub fn files(&self) -> [&Path; 2] {
        [&self.certificate, &self.key]
    }

    /// Settings for a listener that serves this certificate, over HTTP/2 or HTTP/1.1 as the client likes.
    ///
    /// # Errors
    /// Never in pingora 0.9.1.
    pub fn settings(self: &Arc<Self>) -> io::Result<TlsSettings> {
        // No paths: with a resolver they are not looked at.
        let mut settings = TlsSettings::intermediate("", "").map_err(|e| io::Error::other(e.to_string()))?;
        settings.set_cert_resolver(self.clone());
        settings.enable_h2();
        Ok(settings)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load().pair.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

fn load(certificate: &Path, key: &Path) -> Result<Loaded, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::Damaged { path: certificate.to_owned(), error })?;
    let Some(own) = chain.first() else {
        return Err(TlsError::NoCertificate(certificate.to_owned()));
    };
    let validity = Validity::of(own).ok_or_else(|| TlsError::NotX509(certificate.to_owned()))?;

    let secret = PrivateKeyDer::from_pem_slice(&zeroize::Zeroizing::new(read(key)?)).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey(key.to_owned()),
        error => TlsError::Damaged { path: key.to_owned(), error },
    })?;
    let signer = ring::sign::any_supported_type(&secret).map_err(|error| TlsError::UnusableKey { path: key.to_owned(), error })?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) => Ok(Loaded { pair: Arc::new(pair), validity }),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }),
        Err(_) => Err(TlsError::NotX509(certificate.to_owned())),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests;

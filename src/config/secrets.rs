//! How do keys and secrets come out of files, and which of them are none?

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::access::RoomName;
use crate::token::{Algorithm, Jwks, KeyFlaw, KeySpec, Material, Options, Secret, Verifier};

use super::document::{Said, Section};
use super::file::Desk;

/// What makes a good secret.
const MAKE: &str = "openssl rand -base64 48 >";

impl Desk<'_> {
    /// Where a file that is named in the config lies: relative to the folder that the config stands in.
    pub(super) fn path(&self, section: &Section<'_>, key: &'static str) -> Option<Said<PathBuf>> {
        let said = section.filled(key)?;
        Some(Said { value: self.folder.join(said.value), at: said.at })
    }

    /// Reads a file that a key names.
    pub(super) fn read(&self, section: &Section<'_>, key: &str, path: &Said<PathBuf>, hint: &str) -> Option<(Vec<u8>, Metadata)> {
        match self.watched.borrow_mut().read(&path.value) {
            Ok(read) => Some(read),
            Err(e) => {
                let missing = e.kind() == ErrorKind::NotFound;
                let reason = if missing { "there is no such file".to_owned() } else { e.to_string() };
                let hint =
                    if missing && !hint.is_empty() { format!(": make one with `{hint} {}`", path.value.display()) } else { String::new() };
                section.problem(path.at, format!("`{key}`: cannot read {}: {reason}{hint}", path.value.display()));
                None
            }
        }
    }

    /// The lines of a file of secrets, without their ends. Bytes that are no text are one secret as they are.
    pub(super) fn secrets(&self, section: &Section<'_>, key: &'static str) -> Option<Said<Vec<Secret>>> {
        let path = self.path(section, key)?;
        let (bytes, meta) = self.read(section, key, &path, MAKE)?;
        warn_of_readers(section, key, &path, &meta);
        let secrets: Vec<Secret> = match std::str::from_utf8(&bytes) {
            Ok(text) => text.lines().filter(|l| !l.is_empty()).map(|l| Secret::new(l.as_bytes().to_vec())).collect(),
            Err(_) => vec![Secret::new(bytes)],
        };
        if secrets.is_empty() {
            section.problem(
                path.at,
                format!("`{key}`: {} is empty: make a secret with `{MAKE} {}`", path.value.display(), path.value.display()),
            );
            return None;
        }
        if secrets.iter().any(|s| s.expose().trim_ascii() != s.expose() || s.expose().starts_with("\u{feff}".as_bytes())) {
            section.problem(
                path.at,
                format!("`{key}`: a secret in {} begins or ends with a blank, or with a byte order mark", path.value.display()),
            );
            return None;
        }
        Some(Said { value: secrets, at: path.at })
    }
}

/// Whoever can read a secret can make tokens or sessions.
pub(super) fn warn_of_readers(section: &Section<'_>, key: &str, path: &Said<PathBuf>, meta: &Metadata) {
    if everybody_reads(meta) {
        let file = path.value.display();
        section.warn(path.at, format!("`{key}`: everybody on this machine can read {file}: `chmod o= {file}`"));
    }
}

#[cfg(unix)]
pub(super) fn everybody_reads(meta: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
pub(super) fn everybody_reads(_: &Metadata) -> bool {
    false
}

/// What is wrong with a key, asked of those who will use it.
pub(super) fn flaw(key: &KeySpec) -> Option<KeyFlaw> {
    probe(std::slice::from_ref(key), &[])
}

/// The same for a secret that seals sessions: it must be as good as one that signs tokens.
pub(super) fn secret_flaw(secret: &Secret) -> Option<KeyFlaw> {
    flaw(&KeySpec { id: None, algorithm: Algorithm::HS256, material: Material::Secret(secret.clone()) })
}

/// The same for a key set.
pub(super) fn set_flaw(set: &Jwks) -> Option<KeyFlaw> {
    probe(&[], std::slice::from_ref(set))
}

fn probe(keys: &[KeySpec], sets: &[Jwks]) -> Option<KeyFlaw> {
    let names = std::sync::Arc::new(RoomName::canonical);
    Verifier::new(keys, sets, Options::default(), names).err().map(|e| e.flaw)
}

/// Whether two paths are written alike, for "the same file twice".
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

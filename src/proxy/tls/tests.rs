#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt;

use super::*;
use crate::proxy::guarded::Limits;
use crate::proxy::killable::lab::{Act, Gateway, certificate, tls_connect};

struct Nothing;

#[async_trait]
impl Act for Nothing {}

fn files(folder: &tempfile::TempDir) -> (PathBuf, PathBuf) {
    (folder.path().join("cert.pem"), folder.path().join("key.pem"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_is_seen_by_new_handshakes_and_breaks_no_connection() {
    let (folder, first) = certificate("meet.example.org");
    let (cert, key) = files(&folder);
    let certificates = Certificates::load(&cert, &key).unwrap();
    let gateway = Gateway::with(Nothing, Limits::default(), Some(&certificates));
    let mut old = tls_connect(&gateway, &first.cert, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(old.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(!certificates.reload().unwrap(), "it is still the same");

    let (other, second) = certificate("meet.example.org");
    assert!(tls_connect(&gateway, &second.cert, &[]).await.is_err());
    // Half of the change is no change: the new certificate and the old key.
    std::fs::copy(files(&other).0, &cert).unwrap();
    assert!(matches!(certificates.reload(), Err(TlsError::Mismatch { .. })));
    tls_connect(&gateway, &first.cert, &[]).await.unwrap();
    std::fs::copy(files(&other).1, &key).unwrap();
    assert!(certificates.reload().unwrap());

    tls_connect(&gateway, &second.cert, &[]).await.unwrap();
    assert!(tls_connect(&gateway, &first.cert, &[]).await.is_err());
    let more = tokio::time::timeout(Duration::from_millis(50), old.read(&mut [0; 1024])).await;
    assert!(!matches!(more, Ok(Ok(0) | Err(_))), "the old connection lives: {more:?}");
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let (folder, issued) = certificate("meet.example.org");
    let (cert, key) = files(&folder);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (cert_pem, key_pem) = (issued.cert.pem(), issued.signing_key.serialize_pem());
    let (other, _) = certificate("other.example.org");
    let no_x509 = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    for (certificate, key, file, said) in [
        (folder.path().join("nowhere.pem"), key.clone(), "nowhere.pem", "cannot read"),
        (cert.clone(), folder.path().join("nowhere.key"), "nowhere.key", "cannot read"),
        (write("empty.pem", ""), key.clone(), "empty.pem", "holds no certificate"),
        (write("swapped.pem", &key_pem), key.clone(), "swapped.pem", "holds no certificate"),
        (write("cut.pem", &cert_pem[..100]), key.clone(), "cut.pem", "is damaged"),
        (write("base64.pem", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"), key.clone(), "base64.pem", "is damaged"),
        (write("asn1.pem", no_x509), key.clone(), "asn1.pem", "is not X.509"),
        (cert.clone(), write("cert.key", &cert_pem), "cert.key", "holds no private key"),
        (cert.clone(), write("junk.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "junk.key", "cannot be used"),
        (cert.clone(), files(&other).1, "cert.pem", "does not belong to"),
    ] {
        let error = Certificates::load(&certificate, &key).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(said), "{error}");
        assert!(!error.contains(key_pem.lines().nth(1).unwrap()), "{error}");
    }
    let chain = write("chain.pem", &format!("subject=ada\n{cert_pem}{cert_pem}"));
    assert!(Certificates::load(&chain, &key).is_ok());
}

#[test]
fn an_operator_is_warned_in_time() {
    let mut params = rcgen::CertificateParams::new(["meet.example.org".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2051, 1, 31); // beyond 2049 the form of the date is another one
    let key = rcgen::KeyPair::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert_file, key_file) = files(&folder);
    std::fs::write(&cert_file, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let certificates = Certificates::load(&cert_file, &key_file).unwrap();

    let (from, until) = (Timestamp::from_secs(1_767_225_600), Timestamp::from_secs(2_558_736_000));
    assert_eq!(certificates.validity(), Validity { from, until });
    let day = Duration::from_secs(24 * 3600);
    for (now, said) in [
        (from.minus(day), Some("is not valid yet")),
        (from, None),
        (until.minus(day * 8), None),
        (until.minus(day * 6), Some("expires within a week")),
        (until, Some("expires within a week")),
        (until.plus(day), Some("has expired")),
    ] {
        let warning = certificates.warning(now);
        assert_eq!(warning.is_some(), said.is_some(), "{now}: {warning:?}");
        assert!(warning.is_none_or(|w| w.contains(said.unwrap()) && w.contains("cert.pem")));
    }
}

#[test]
fn nonsense_is_no_certificate() {
    let (_, issued) = certificate("meet.example.org");
    let der = issued.cert.der();
    assert!(Validity::of(der).is_some());
    for end in 0..der.len() {
        assert!(Validity::of(&der[..end]).is_none(), "{end}");
    }
    for at in 0..der.len().min(200) {
        for bit in 0..8 {
            let mut bent = der.to_vec();
            bent[at] ^= 1 << bit;
            let _ = Validity::of(&bent); // says something or nothing, and does not panic
        }
    }
}

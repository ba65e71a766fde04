//! Key sets from a real server on loopback that turns, lies, stalls and floods.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::access::TokenFault;

use super::*;

/// How the issuer answers.
#[derive(Clone)]
enum Answer {
    /// These bytes, whole.
    Raw(Vec<u8>),
    /// A body of this length, in chunks, that is JSON to the end.
    Huge(usize),
    /// A byte now and then, for ever.
    Slow,
    /// Nothing at all.
    Silence,
    /// The right answer after a while.
    After(Duration, Vec<u8>),
}

/// An issuer of tokens that publishes keys.
struct Issuer {
    url: String,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Issuer {
    async fn publishing(set: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(Answer::Raw(ok(set))));
        let asked = Arc::new(AtomicUsize::new(0));
        let (current, count) = (answer.clone(), asked.clone());
        let server = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (current, count) = (current.clone(), count.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = socket.read_u8().await else { return };
                        head.push(byte);
                    }
                    assert!(head.starts_with(b"GET /jwks.json "));
                    count.fetch_add(1, Ordering::SeqCst);
                    let answer = current.lock().unwrap().clone();
                    let _ = match answer {
                        Answer::Raw(bytes) => socket.write_all(&bytes).await,
                        Answer::After(pause, bytes) => {
                            tokio::time::sleep(pause).await;
                            socket.write_all(&bytes).await
                        }
                        Answer::Huge(len) => {
                            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"keys\":[").await;
                            for _ in 0..len / 1024 {
                                if socket.write_all(&[b' '; 1024]).await.is_err() {
                                    return;
                                }
                            }
                            socket.write_all(b"]}").await
                        }
                        Answer::Slow => {
                            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{").await;
                            loop {
                                tokio::time::sleep(Duration::from_millis(20)).await;
                                if socket.write_all(b" ").await.is_err() {
                                    return;
                                }
                            }
                        }
                        Answer::Silence => {
                            tokio::time::sleep(Duration::from_secs(60)).await;
                            Ok(())
                        }
                    };
                    let _ = socket.shutdown().await;
                });
            }
        });
        Self { url, answer, asked, server }
    }

    fn publishes(&self, set: &Value) {
        self.answers(Answer::Raw(ok(set)));
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn verifier(&self, keys: &[KeySpec]) -> (Verifier, Arc<News>) {
        let news = Arc::new(News::default());
        let options = Options { timeout: Duration::from_millis(400), observer: news.clone(), ..Options::default() };
        (Verifier::new(keys, &[Jwks { url: self.url.clone() }], options, room_names()).unwrap(), news)
    }
}

/// What was reported of fetches.
#[derive(Default)]
struct News(Mutex<Vec<Result<Fetched, FetchError>>>);

impl News {
    fn last(&self) -> Result<Fetched, FetchError> {
        self.0.lock().unwrap().last().cloned().expect("something was asked")
    }
}

impl Observer for News {
    fn fetched(&self, _: &str, result: Result<&Fetched, &FetchError>, _: Duration) {
        self.0.lock().unwrap().push(result.copied().map_err(Clone::clone));
    }
}

fn ok(set: &Value) -> Vec<u8> {
    http("200 OK", &set.to_string())
}

fn http(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn ec_jwk(kid: &str, pair: &EcdsaKeyPair) -> Value {
    let point = pair.public_key().as_ref();
    json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": b64(&point[1..33]), "y": b64(&point[33..]) })
}

fn rsa_jwk(kid: &str, pair: &RsaKeyPair) -> Value {
    let parts = aws_lc_rs::signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": b64(parts.n), "e": b64(parts.e) })
}

fn ec_token(kid: &str, pair: &EcdsaKeyPair, claims: &str) -> String {
    let signed = format!("{}.{}", b64(format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#)), b64(claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", b64(signature.as_ref()))
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (old, new) = (generated(&ECDSA_P256_SHA256_FIXED_SIGNING), generated(&ECDSA_P256_SHA256_FIXED_SIGNING));
    let issuer = Issuer::publishing(&json!({ "keys": [ec_jwk("2025", &old)] })).await;
    let (verifier, news) = issuer.verifier(&[]);
    let first = ec_token("2025", &old, CLAIMS);

    assert_eq!(verifier.verify_now(&first, NOW), None, "a set must be asked");
    assert!(verifier.verify(&first, NOW).await.is_ok());
    assert_eq!((issuer.asked(), news.last()), (1, Ok(Fetched { keys: 1, passed_over: 0, changed: true })));
    assert!(verifier.cached(&first).unwrap().is_ok());

    // Both keys, then the old one goes.
    issuer.publishes(&json!({ "keys": [ec_jwk("2025", &old), ec_jwk("2026", &new)] }));
    let second = ec_token("2026", &new, CLAIMS);
    assert!(verifier.verify(&second, after(31)).await.is_ok());
    assert!(verifier.verify(&first, after(31)).await.is_ok());
    assert_eq!((issuer.asked(), verifier.key_counts()), (2, (0, 2)));
    issuer.publishes(&json!({ "keys": [ec_jwk("2026", &new)] }));
    assert!(verifier.refresh().await);
    assert_eq!(verifier.cached(&first), None, "what the old key signed is forgotten");
    assert_eq!(verifier.verify(&first, after(32)).await, Err(TokenFault::UnknownKey));
    assert!(verifier.verify(&second, after(32)).await.is_ok());
}

#[tokio::test]
async fn a_hundred_who_wait_for_one_key_cause_one_request() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let set = json!({ "keys": [ec_jwk("2026", &pair)] });
    let issuer = Issuer::publishing(&set).await;
    issuer.answers(Answer::After(Duration::from_millis(100), ok(&set)));
    let (verifier, _) = issuer.verifier(&[]);
    let mut herd = tokio::task::JoinSet::new();
    for n in 0..100 {
        let verifier = verifier.clone();
        // Half of them name a key that does not exist.
        let token = ec_token(if n % 2 == 0 { "2026" } else { "nobody" }, &pair, &format!(r#"{{"jti":"{n}"}}"#));
        herd.spawn(async move { (n % 2 == 0, verifier.verify(&token, NOW).await.map(|_| ())) });
    }
    while let Some(result) = herd.join_next().await {
        let (known, result) = result.unwrap();
        assert_eq!(result, if known { Ok(()) } else { Err(TokenFault::UnknownKey) });
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn unknown_names_cause_one_request_in_each_cool_down() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let issuer = Issuer::publishing(&json!({ "keys": [ec_jwk("2026", &pair)] })).await;
    let (verifier, _) = issuer.verifier(&[]);
    for (seconds, asked) in [(100, 1), (100, 1), (129, 1), (130, 2), (131, 2), (159, 2), (160, 3), (50, 4), (51, 4)] {
        let token = ec_token(&format!("no-{seconds}"), &pair, CLAIMS);
        assert_eq!(verifier.verify(&token, after(seconds)).await, Err(TokenFault::UnknownKey));
        assert_eq!(issuer.asked(), asked, "at {seconds}");
    }
    // Nor does a forgery in its name.
    let forged = ec_token("2026", &generated(&ECDSA_P256_SHA256_FIXED_SIGNING), CLAIMS);
    assert_eq!(verifier.verify_now(&forged, after(500)), Some(Err(TokenFault::BadSignature)));
    // A key that is known never needs the set, however many names were tried.
    assert!(verifier.verify_now(&ec_token("2026", &pair, CLAIMS), after(161)).unwrap().is_ok());
    assert_eq!(issuer.asked(), 4);
}

#[tokio::test]
async fn whoever_hangs_up_does_not_keep_the_key_from_others() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let set = json!({ "keys": [ec_jwk("2026", &pair)] });
    let issuer = Issuer::publishing(&set).await;
    issuer.answers(Answer::After(Duration::from_millis(150), ok(&set)));
    let (verifier, _) = issuer.verifier(&[]);
    let token = ec_token("nobody", &pair, CLAIMS);
    let impatient = tokio::time::timeout(Duration::from_millis(50), verifier.verify(&token, NOW)).await;
    assert!(impatient.is_err());
    assert!(verifier.verify(&ec_token("2026", &pair, CLAIMS), NOW).await.is_ok());
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_bad_answer_keeps_the_last_good_one() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let good = json!({ "keys": [ec_jwk("2026", &pair)] });
    let issuer = Issuer::publishing(&good).await;
    let (verifier, news) = issuer.verifier(&[]);
    assert!(verifier.refresh().await);
    let token = ec_token("2026", &pair, CLAIMS);
    let not_a_set = |e: &FetchError| matches!(e, FetchError::NotAKeySet(_));
    let elsewhere = Issuer::publishing(&good).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", elsewhere.url);
    let many: Vec<_> = (0..65).map(|n| ec_jwk(&n.to_string(), &pair)).collect();
    let deep = format!(r#"{{"keys":[{}{}]}}"#, "[".repeat(5000), "]".repeat(5000));
    type Expected<'a> = &'a dyn Fn(&FetchError) -> bool;
    let cases: Vec<(&str, Answer, Expected<'_>)> = vec![
        ("an error", Answer::Raw(http("500 Internal Server Error", &good.to_string())), &|e| *e == FetchError::Status(500)),
        ("not found", Answer::Raw(http("404 Not Found", "{}")), &|e| *e == FetchError::Status(404)),
        ("no content", Answer::Raw(http("204 No Content", "")), &|e| *e == FetchError::Status(204)),
        ("a redirect", Answer::Raw(redirect.into_bytes()), &|e| *e == FetchError::Status(302)),
        ("a page", Answer::Raw(http("200 OK", "<html>hello</html>")), &not_a_set),
        ("nothing", Answer::Raw(http("200 OK", "")), &not_a_set),
        ("a list", Answer::Raw(http("200 OK", "[]")), &not_a_set),
        ("no keys", Answer::Raw(http("200 OK", "{}")), &not_a_set),
        ("keys null", Answer::Raw(http("200 OK", r#"{"keys":null}"#)), &not_a_set),
        ("keys twice", Answer::Raw(http("200 OK", r#"{"keys":[],"keys":[]}"#)), &not_a_set),
        ("half a set", Answer::Raw(http("200 OK", &good.to_string()[..40])), &not_a_set),
        ("deep", Answer::Raw(http("200 OK", &deep)), &not_a_set),
        ("too many", Answer::Raw(ok(&json!({ "keys": many }))), &|e| *e == FetchError::TooManyKeys),
        ("only others", Answer::Raw(ok(&json!({ "keys": [{ "kty": "oct", "k": b64(SECRET) }] }))), &|e| *e == FetchError::NoneUsable(1)),
        ("not even objects", Answer::Raw(ok(&json!({ "keys": [1, null] }))), &|e| *e == FetchError::NoneUsable(2)),
        ("huge", Answer::Huge(64 * 1024 * 1024), &|e| *e == FetchError::TooLarge),
        ("slow", Answer::Slow, &|e| *e == FetchError::TimedOut),
        ("silence", Answer::Silence, &|e| *e == FetchError::TimedOut),
        ("a hang-up", Answer::Raw(Vec::new()), &|e| *e == FetchError::Unreachable),
        ("not HTTP", Answer::Raw(b"220 smtp.example.org\r\n".to_vec()), &|e| *e == FetchError::Unreachable),
        ("a cut body", Answer::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()), &|e| *e == FetchError::Unreachable),
    ];
    for (name, answer, expected) in cases {
        issuer.answers(answer);
        let begun = std::time::Instant::now();
        assert!(!verifier.refresh().await, "{name}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{name} took {:?}", begun.elapsed());
        let error = news.last().expect_err(name);
        assert!(expected(&error), "{name}: {error:?}");
        assert!(verifier.verify(&token, NOW).await.is_ok(), "{name}");
    }
    assert_eq!(elsewhere.asked(), 0, "redirects are not followed");
    issuer.publishes(&good);
    assert!(verifier.refresh().await);
    assert_eq!(news.last(), Ok(Fetched { keys: 1, passed_over: 0, changed: false }));

    // An empty list is an answer: the issuer takes all its keys back.
    issuer.publishes(&json!({ "keys": [] }));
    assert!(verifier.refresh().await);
    assert_eq!(verifier.verify(&token, NOW).await, Err(TokenFault::UnknownKey));
}

#[tokio::test]
async fn while_no_set_came_a_token_of_it_is_a_strangers() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let (verifier, news) = {
        let gone = Issuer::publishing(&json!({ "keys": [] })).await;
        gone.verifier(&specs())
    };
    assert_eq!(verifier.verify(&ec_token("2026", &pair, CLAIMS), NOW).await, Err(TokenFault::UnknownKey));
    assert_eq!(news.last(), Err(FetchError::Unreachable));
    // Our own keys do not need it.
    assert!(verifier.verify_now(&claiming(CLAIMS), NOW).unwrap().is_ok());
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_believed() {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/jwks.json", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        acceptor.accept(socket).await.map(|_| ())
    });
    let news = Arc::new(News::default());
    let options = Options { observer: news.clone(), ..Options::default() };
    let verifier = Verifier::new(&[], &[Jwks { url }], options, room_names()).unwrap();
    assert!(!verifier.refresh().await);
    assert_eq!(news.last(), Err(FetchError::Unreachable));
    assert!(server.await.unwrap().is_err(), "the client must break the handshake off");
}

#[tokio::test]
async fn a_set_cannot_put_a_key_behind_a_name_of_ours() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let issuer = Issuer::publishing(&json!({ "keys": [ec_jwk("main", &pair), ec_jwk("es256", &pair)] })).await;
    let (verifier, _) = issuer.verifier(&specs());
    assert!(verifier.refresh().await);
    assert_eq!(verifier.verify(&ec_token("main", &pair, CLAIMS), NOW).await, Err(TokenFault::WrongAlgorithm));
    assert_eq!(verifier.verify(&ec_token("es256", &pair, CLAIMS), NOW).await, Err(TokenFault::BadSignature));
    assert!(verifier.verify(&claiming(CLAIMS), NOW).await.is_ok());
}

#[tokio::test]
async fn a_token_without_a_name_finds_the_sets_keys_too() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let mut nameless = ec_jwk("x", &pair);
    nameless.as_object_mut().unwrap().remove("kid");
    let issuer = Issuer::publishing(&json!({ "keys": [nameless] })).await;
    let (verifier, _) = issuer.verifier(&specs()[..1]);
    let signed = format!("{}.{}", b64(r#"{"alg":"ES256"}"#), b64(CLAIMS));
    let token = format!("{signed}.{}", b64(pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref()));
    assert!(verifier.verify(&token, NOW).await.is_ok());
    assert!(verifier.verify(&ec_token("any", &pair, CLAIMS), NOW).await.is_ok());
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_key_without_a_name_does_not_hide_the_sets() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let issuer = Issuer::publishing(&json!({ "keys": [ec_jwk("2026", &pair)] })).await;
    let nameless = specs().into_iter().find(|s| s.algorithm == Algorithm::ES256).map(|s| KeySpec { id: None, ..s }).unwrap();
    let (verifier, _) = issuer.verifier(&[nameless]);
    assert!(verifier.verify(&ec_token("2026", &pair, CLAIMS), NOW).await.is_ok());
    // It still answers to any name that the set does not have.
    assert!(verifier.verify(&ec_token("mine", &P256, CLAIMS), NOW).await.is_ok());
    assert_eq!(verifier.verify(&ec_token("nobody", &pair, CLAIMS), NOW).await, Err(TokenFault::BadSignature));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn the_set_is_asked_at_the_start_and_again_and_when_sources_change() {
    let pair = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let issuer = Issuer::publishing(&json!({ "keys": [] })).await;
    let options = Options { refresh: Duration::from_millis(50), ..Options::default() };
    let verifier = Verifier::new(&[], &[Jwks { url: issuer.url.clone() }], options, room_names()).unwrap();
    let task = tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.refresh_forever().await }
    });
    eventually(|| issuer.asked() >= 3).await;
    issuer.publishes(&json!({ "keys": [ec_jwk("2026", &pair)] }));
    eventually(|| verifier.key_counts() == (0, 1)).await;

    let other = Issuer::publishing(&json!({ "keys": [ec_jwk("other", &pair)] })).await;
    let urls = [Jwks { url: issuer.url.clone() }, Jwks { url: other.url.clone() }];
    verifier.replace_keys(&[], &urls, None).unwrap();
    assert_eq!(verifier.key_counts(), (0, 1), "a set that stays keeps its keys");
    eventually(|| verifier.key_counts() == (0, 2)).await;
    verifier.replace_keys(&[], &urls[1..], None).unwrap();
    assert_eq!(verifier.key_counts(), (0, 1));
    assert_eq!(verifier.verify_now(&ec_token("other", &pair, CLAIMS), NOW).map(|r| r.is_ok()), Some(true));
    task.abort();
}

async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within five seconds");
}

#[test]
fn only_keys_that_verify_signatures_of_ours_are_taken_from_a_set() {
    let ec = ec_jwk("k", &P256);
    let rsa = rsa_jwk("k", &RSA);
    let with = |base: &Value, name: &str, value: Value| {
        let mut key = base.clone();
        key[name] = value;
        key
    };
    let without = |base: &Value, name: &str| {
        let mut key = base.clone();
        key.as_object_mut().unwrap().remove(name);
        key
    };
    let point = P384.public_key().as_ref();
    let p384 = json!({ "kty": "EC", "crv": "P-384", "x": b64(&point[1..49]), "y": b64(&point[49..]) });
    let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(ED.public_key().as_ref()) });
    let taken = |key: &Value| jwks::read(json!({ "keys": [key] }).to_string().as_bytes()).ok().map(|(keys, _)| keys[0].algorithm);
    for (name, key, algorithm) in [
        ("ES256", ec.clone(), Algorithm::ES256),
        ("RS256", rsa.clone(), Algorithm::RS256),
        ("EC without alg", without(&ec, "alg"), Algorithm::ES256),
        ("RSA without alg", without(&rsa, "alg"), Algorithm::RS256),
        ("P-384 without alg", p384.clone(), Algorithm::ES384),
        ("Ed25519 without alg", ed.clone(), Algorithm::EdDSA),
        ("Ed25519", with(&ed, "alg", json!("EdDSA")), Algorithm::EdDSA),
        ("PS512", with(&rsa, "alg", json!("PS512")), Algorithm::PS512),
        ("no use", without(&ec, "use"), Algorithm::ES256),
        ("no kid", without(&ec, "kid"), Algorithm::ES256),
        ("verify", with(&ec, "key_ops", json!(["verify"])), Algorithm::ES256),
        ("x5c", with(&rsa, "x5c", json!(["AA=="])), Algorithm::RS256),
    ] {
        assert_eq!(taken(&key), Some(algorithm), "{name}");
    }
    let short = json!({ "kty": "RSA", "n": b64([0xaa_u8; 128]), "e": "AQAB" });
    for (name, key) in [
        ("a shared secret", json!({ "kty": "oct", "alg": "HS256", "k": b64(SECRET) })),
        ("a secret's algorithm", with(&rsa, "alg", json!("HS256"))),
        ("none", with(&rsa, "alg", json!("none"))),
        ("alg null", with(&rsa, "alg", Value::Null)),
        ("another kind's algorithm", with(&rsa, "alg", json!("ES256"))),
        ("another curve's algorithm", with(&ec, "alg", json!("ES384"))),
        ("encryption", with(&rsa, "use", json!("enc"))),
        ("use null", with(&rsa, "use", Value::Null)),
        ("encryption operations", with(&rsa, "key_ops", json!(["encrypt"]))),
        ("key_ops null", with(&rsa, "key_ops", Value::Null)),
        ("an encryption algorithm", with(&rsa, "alg", json!("RSA-OAEP"))),
        ("secp256k1", with(&without(&ec, "alg"), "crv", json!("secp256k1"))),
        ("X25519", with(&ed, "crv", json!("X25519"))),
        ("Ed448", with(&ed, "crv", json!("Ed448"))),
        ("the wrong curve", with(&without(&ec, "alg"), "crv", json!("P-384"))),
        ("no kty", without(&ec, "kty")),
        ("the wrong kty", with(&ec, "kty", json!("RSA"))),
        ("a point beside the curve", with(&ec, "y", ec["x"].clone())),
        ("half a point", without(&ec, "y")),
        ("a short x", with(&ec, "x", json!(b64(&P256.public_key().as_ref()[2..33])))),
        ("padding", with(&rsa, "e", json!("AQAB="))),
        ("an exponent of one", with(&rsa, "e", json!("AQ"))),
        ("1024 bits", short),
        ("a private key", with(&ec, "d", json!(b64([1; 32])))),
        ("kid null", with(&ec, "kid", Value::Null)),
        ("kid a number", with(&ec, "kid", json!(7))),
        ("a long kid", with(&ec, "kid", json!("k".repeat(65)))),
        ("an empty kid", with(&ec, "kid", json!(""))),
        ("a control character in kid", with(&ec, "kid", json!("a\nb"))),
    ] {
        assert_eq!(taken(&key), None, "{name}");
    }
}

#[test]
fn an_address_must_be_one_of_a_key_set() {
    let flaw = |urls: &[&str]| {
        let sets: Vec<_> = urls.iter().map(|u| Jwks { url: (*u).to_owned() }).collect();
        Verifier::new(&[], &sets, Options::default(), room_names()).err()
    };
    for url in
        ["", "jwks.json", "/jwks.json", "file:///etc/passwd", "ftp://x/", "data:,{}", "https://", "https://u:CANARY@x/", "https://u@x/"]
    {
        let error = flaw(&[url]).unwrap_or_else(|| panic!("{url}"));
        assert_eq!((error.key.as_str(), &error.flaw), ("set number 1", &KeyFlaw::Url), "{url}");
        assert!(!error.to_string().contains("CANARY"));
    }
    assert_eq!(flaw(&["https://x/a", "https://x/a"]).unwrap().flaw, KeyFlaw::SameUrl);
    let nine: Vec<String> = (0..9).map(|n| format!("https://x/{n}")).collect();
    assert_eq!(flaw(&nine.iter().map(String::as_str).collect::<Vec<_>>()).unwrap().flaw, KeyFlaw::TooManySets(8));
    assert_eq!(flaw(&["https://id.example.org/jwks.json", "http://127.0.0.1:1/jwks.json"]), None);
}

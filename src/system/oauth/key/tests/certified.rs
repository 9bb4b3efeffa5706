//! A certificate and its private key, which are read again.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, date_time_ymd};

use super::log::log_of;
use super::text;
use crate::clock::Now;
use crate::credential::Credential;
use crate::exchange::error::ExchangeErrorKind;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::certificate::Certificate;
use crate::system::oauth::key::certified_key::CertifiedKey;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::signing_key::SigningKey;

fn rsa() -> &'static str {
    text("/key_files/good/rsa_pkcs8")
}

fn new_rsa() -> &'static str {
    text("/openssl/good/rsa_4096/pem")
}

fn p256() -> &'static str {
    text("/key_files/good/p256_pkcs8")
}

/// A certificate of this key, in PEM. It ends when the year begins.
fn certificate(key: &str, year: i32) -> String {
    let pair = match key == p256() {
        true => KeyPair::from_pem(key).unwrap(),
        false => KeyPair::from_pem_and_sign_algo(key, &PKCS_RSA_SHA256).unwrap(),
    };
    let mut params = CertificateParams::new(["billing".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    params.self_signed(&pair).unwrap().pem()
}

/// 2026-01-01.
const NEW_YEAR: u64 = 1_767_225_600;

fn at(secs: u64) -> Now {
    Now::new(Duration::ZERO, UNIX_EPOCH + Duration::from_secs(secs))
}

/// The key that signs, or the text of the error.
fn signing(key: &CertifiedKey, only: Option<Algorithm>) -> Result<SigningKey, String> {
    key.key(at(NEW_YEAR), &Credential::current, only).map_err(|error| error.to_string())
}

#[test]
fn a_certificate_and_its_key_give_the_thumbprint_in_one_text_or_in_two() {
    let pem = certificate(rsa(), 2030);
    let thumbprint = Certificate::all_in(&pem).unwrap().remove(0).thumbprint;
    let chain = format!("{}{pem}", certificate(new_rsa(), 2040));
    for key in [
        CertifiedKey::in_one(format!("{pem}{}", rsa()).into()),
        CertifiedKey::in_one(format!("{}{chain}", rsa()).into()),
        CertifiedKey::in_one(format!("{pem}{}", rsa()).replace('\n', "\\n").into()),
        CertifiedKey::in_two(pem.clone().into(), rsa().into()),
        CertifiedKey::in_two(chain.clone().into(), rsa().into()),
    ] {
        key.check(None).unwrap();
        let key = signing(&key, Some(Algorithm::Ps256)).unwrap();
        assert_eq!((key.key_id(), key.algorithm()), (Some(&*thumbprint), Algorithm::Ps256));
        assert_eq!(key.fingerprint(), SigningKey::parse(rsa()).unwrap().fingerprint());
    }
}

#[test]
fn each_flaw_of_a_certificate_has_its_own_message() {
    let pem = || certificate(rsa(), 2030);
    let garbled = |body: &str| {
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n{}", rsa())
    };
    for (text, flaw) in [
        (rsa().to_owned(), Flaw::NoCertificate),
        (String::new(), Flaw::NoCertificate),
        (pem(), Flaw::Certificate),
        (garbled("MIIB"), Flaw::CertificateDamaged),
        (garbled("?"), Flaw::CertificateDamaged),
        (format!("{}{}", pem().replace("END", "AND"), rsa()), Flaw::CertificateDamaged),
        (format!("{}{}", pem(), new_rsa()), Flaw::OtherCertificate),
        (format!("{}{}", pem(), p256()), Flaw::OtherCertificate),
        (format!("{}{}{}", pem(), rsa(), new_rsa()), Flaw::TwoKeys),
    ] {
        let key = CertifiedKey::in_one(text.into());
        let message = key.check(None).unwrap_err().to_string();
        assert!(message.ends_with(&*flaw.message()), "{flaw:?}: {message}");
    }
    let two = CertifiedKey::in_two(pem().into(), new_rsa().into());
    assert!(two.check(None).unwrap_err().to_string().contains("do not belong together"));
    let file = CertifiedKey::in_two(Credential::file("/not/there"), rsa().into());
    assert!(file.check(None).is_ok(), "a file is read before each exchange");
    let curve = CertifiedKey::in_two(certificate(p256(), 2030).into(), p256().into());
    let error = signing(&curve, Some(Algorithm::Ps256)).unwrap_err();
    let only_rsa =
        "the provider accepts only RSA keys (PS256), and this one makes ES256 signatures";
    assert!(error.contains(only_rsa), "{error}");
    let error = curve.check(Some(Algorithm::Ps256)).unwrap_err().to_string();
    assert!(error.contains(only_rsa), "{error}");
}

#[test]
fn no_part_of_a_certificate_and_no_other_byte_of_it_is_a_panic() {
    let pem = certificate(rsa(), 2030);
    let der = crate::system::oauth::key::pem::certificates(&pem).unwrap().remove(0);
    let read = |der: &[u8]| {
        use base64::Engine;
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        Certificate::all_in(&format!("-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----"))
    };
    assert!(read(&der).is_ok());
    for length in 0..der.len() {
        assert_eq!(read(&der[..length]), Err(Flaw::CertificateDamaged), "{length}");
    }
    let own = read(&der).unwrap().remove(0).thumbprint;
    for at in 0..der.len() {
        let mut other = der.to_vec();
        other[at] ^= 0x81;
        if let Ok(read) = read(&other) {
            assert_ne!(read[0].thumbprint, own);
        }
    }
}

#[test]
fn a_certificate_can_be_used_until_its_end_and_the_error_has_the_date() {
    let key = CertifiedKey::in_two(certificate(rsa(), 2026).into(), rsa().into());
    let at = |secs| key.key(at(secs), &Credential::current, None);
    assert!(at(NEW_YEAR).is_ok());
    let error = at(NEW_YEAR + 1).unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::Configuration);
    let text = "the certificate was valid until 2026-01-01T00:00:00Z: put a new one there";
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
fn of_two_certificates_of_the_key_the_one_that_ends_last_is_used() {
    let [old, new] = [2025, 2030].map(|year| certificate(rsa(), year));
    let thumbprint = Certificate::all_in(&new).unwrap().remove(0).thumbprint;
    for pem in [format!("{old}{new}{}", rsa()), format!("{}{new}{old}", rsa())] {
        let key = signing(&CertifiedKey::in_one(pem.into()), None).unwrap();
        assert_eq!(key.key_id(), Some(&*thumbprint));
    }
}

#[test]
fn after_the_end_of_the_last_good_pair_the_error_says_why_a_newer_text_is_not_used() {
    let old = format!("{}{}", certificate(rsa(), 2026), rsa());
    let torn = format!("{}{}", certificate(new_rsa(), 2030), rsa());
    let texts = Mutex::new(vec![torn, old]);
    let place = Credential::from_fn(move || Ok(texts.lock().unwrap().pop().unwrap().into()));
    let key = CertifiedKey::in_one(place.clone());
    let log = log_of(async {
        place.read().await.unwrap();
        key.key(at(NEW_YEAR), &Credential::current, None).unwrap();
        place.read().await.unwrap();
        key.key(at(NEW_YEAR), &Credential::current, None).unwrap();
        let error = key.key(at(NEW_YEAR + 1), &Credential::current, None).unwrap_err().to_string();
        assert!(error.contains("valid until 2026-01-01T00:00:00Z"), "{error}");
        assert!(error.contains("do not belong together"), "{error}");
    });
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
}

#[test]
fn while_a_certificate_does_not_belong_to_its_key_the_last_good_pair_is_used_and_one_event_says_so()
{
    let texts = Arc::new(Mutex::new([certificate(rsa(), 2030), rsa().to_owned()]));
    let place = |number: usize| {
        let texts = texts.clone();
        Credential::from_fn(move || Ok(texts.lock().unwrap()[number].as_str().into()))
    };
    let places = [place(0), place(1)];
    let key = CertifiedKey::in_two(places[0].clone(), places[1].clone());
    let (new, newer) = (certificate(new_rsa(), 2030), certificate(new_rsa(), 2031));
    let thumbprint = |pem: &str| Certificate::all_in(pem).unwrap().remove(0).thumbprint;
    let (old, new_print) = (thumbprint(&texts.lock().unwrap()[0]), thumbprint(&new));
    let log = log_of(async {
        for (certificate, private, expected) in [
            (None, None, &old),
            (Some(&new), None, &old), // the certificate is there, and its key is not yet
            (Some(&newer), None, &old), // still not
            (Some(&new), Some(new_rsa()), &new_print),
            (None, Some("hunter2"), &new_print),
            (Some(&newer), Some(new_rsa()), &thumbprint(&newer)),
        ] {
            {
                let mut texts = texts.lock().unwrap();
                certificate.into_iter().for_each(|it| it.clone_into(&mut texts[0]));
                private.into_iter().for_each(|it| it.clone_into(&mut texts[1]));
            }
            for place in &places {
                place.read().await.unwrap();
            }
            assert_eq!(signing(&key, None).unwrap().key_id(), Some(&**expected));
        }
    });
    let count = |text: &str| log.matches(text).count();
    let event = "a certificate and its key cannot be used: the last good pair is used";
    assert_eq!(count(event), 2, "{log}");
    assert_eq!(count("do not belong together"), 1, "{log}");
    assert_eq!(count("WARN"), 2, "{log}");
    assert!(!log.contains("hunter") && !log.contains("MII"), "{log}");
}

#[test]
fn without_a_good_pair_the_error_names_both_places() {
    let key = CertifiedKey::in_two("hunter2".into(), rsa().into());
    let error = signing(&key, None).unwrap_err();
    let begin =
        "the certificate and its private key in value and value: the text has no certificate";
    assert!(error.starts_with(begin), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

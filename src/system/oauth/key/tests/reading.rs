//! A key that is read again.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use super::log::log_of;
use super::{key, text, vector};
use crate::credential::Credential;
use crate::secret::Secret;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::key::kept_key::{KeptKey, Notice};
use crate::system::oauth::key::signing_key::SigningKey;

fn p256() -> &'static str {
    text("/key_files/good/p256_pkcs8")
}

fn ed25519() -> &'static str {
    text("/key_files/good/ed25519_pkcs8")
}

#[test]
fn a_text_is_parsed_once() {
    let (mut kept, parsed) = (KeptKey::default(), Cell::new(0));
    let mut look = |text: &str| {
        let parse = |text: &str| {
            parsed.set(parsed.get() + 1);
            SigningKey::read(text)
        };
        kept.look(&Secret::from(text), parse).0.map(|key| key.thumbprint())
    };
    for _ in 0..3 {
        assert_eq!(look(p256()).unwrap(), key("rfc7515_a3").thumbprint());
    }
    assert_eq!(parsed.get(), 1);
    assert_eq!(look(ed25519()).unwrap(), key("rfc8037").thumbprint());
    for _ in 0..3 {
        assert_eq!(look("bad").unwrap(), key("rfc8037").thumbprint(), "the last good key");
    }
    assert_eq!(parsed.get(), 3);
}

#[test]
fn a_bad_text_keeps_the_last_good_key_and_is_reported_once() {
    let mut kept = KeptKey::default();
    let mut look = |text: &str| {
        let (key, notice) = kept.look(&Secret::from(text), SigningKey::read);
        (key.map(|key| key.algorithm()), notice)
    };
    assert_eq!(look("bad"), (Err(Flaw::NoKey), None), "there is no good key yet");
    assert_eq!(look(p256()), (Ok(Algorithm::Es256), None));
    let report = Notice::KeptLastGood(Flaw::NoKey.message());
    assert_eq!(look("bad"), (Ok(Algorithm::Es256), Some(report)));
    assert_eq!(look("bad"), (Ok(Algorithm::Es256), None));
    assert_eq!(look("worse"), (Ok(Algorithm::Es256), None), "it is bad since the last report");
    assert_eq!(look(ed25519()), (Ok(Algorithm::EdDsa), None));
    let report = Notice::KeptLastGood(Flaw::NoKey.message());
    assert_eq!(look("bad"), (Ok(Algorithm::EdDsa), Some(report)), "it was good in between");
}

#[test]
fn another_key_with_the_same_key_id_is_reported_once() {
    let mut kept = KeptKey::default();
    let mut look = |text: &str, key_id: Option<&'static str>| {
        let parse = |text: &str| {
            let key = SigningKey::read(text)?;
            Ok(match key_id {
                Some(key_id) => key.with_key_id(key_id),
                None => key,
            })
        };
        kept.look(&Secret::from(text), parse).1
    };
    assert_eq!(look(p256(), Some("k1")), None);
    let same = text("/key_files/good/p256_sec1");
    assert_eq!(look(same, Some("k1")), None, "the same key in another form");
    assert_eq!(look(ed25519(), Some("k1")), Some(Notice::SameKeyId("k1".to_owned())));
    assert_eq!(look(ed25519(), Some("k1")), None);
    assert_eq!(look(p256(), Some("k2")), None, "another key id");
    assert_eq!(look(ed25519(), None), None, "no key id");
    assert_eq!(look(p256(), None), None);
}

#[test]
fn an_operator_sees_where_the_key_is_and_nothing_of_it() {
    let content = Arc::new(Mutex::new(p256().to_owned()));
    let read = content.clone();
    let credential = Credential::from_fn(move || Ok(read.lock().unwrap().as_str().into()));
    let key = JwtKey::new(credential.clone()).with_key_id("k1");
    let log = log_of(async {
        for text in [p256(), ed25519(), ed25519(), "hunter2", "hunter3"] {
            text.clone_into(&mut content.lock().unwrap());
            credential.read().await.unwrap();
            key.key(&Credential::current, None).unwrap();
        }
    });
    let count = |text: &str| log.matches(text).count();
    assert_eq!(count("a private key cannot be used: the last good key is used"), 1, "{log}");
    assert_eq!(count("the private key has changed and its key id has not"), 1, "{log}");
    assert!(log.contains("WARN tower_outbound_auth: ") && log.contains("function "), "{log}");
    assert!(!log.contains("hunter") && !log.contains("MC4CAQAw"), "{log}");
}

#[test]
fn the_settings_of_a_key_apply_to_each_text_of_it() {
    let rsa = JwtKey::new(text("/key_files/good/rsa_pkcs1"));
    let chosen = rsa.clone().with_algorithm(Algorithm::Ps256).with_key_id("k1");
    let found = chosen.key(&Credential::current, None).unwrap();
    assert_eq!((found.algorithm(), found.key_id()), (Algorithm::Ps256, Some("k1")));
    assert_eq!(rsa.key(&Credential::current, None).unwrap().algorithm(), Algorithm::Rs256);
    let mut jwk = vector("/rfc7515_a3/jwk").clone();
    jwk["kid"] = "own".into();
    let jwk = JwtKey::new(jwk.to_string());
    let id =
        |key: &JwtKey| key.key(&Credential::current, None).unwrap().key_id().map(str::to_owned);
    assert_eq!(id(&jwk).as_deref(), Some("own"));
    assert_eq!(id(&jwk.with_key_id("set")).as_deref(), Some("set"));
}

#[test]
fn a_value_is_checked_when_it_is_given_and_a_file_is_not() {
    assert!(JwtKey::new(p256()).check().is_ok());
    let error = JwtKey::new("hunter2").check().unwrap_err().to_string();
    assert!(error.contains("has no private key") && !error.contains("hunter2"), "{error}");
    let other = JwtKey::new(p256()).with_algorithm(Algorithm::Ps256);
    assert!(other.check().unwrap_err().to_string().contains("makes ES256 signatures"));
    assert!(JwtKey::new(Credential::file("/not/there")).check().is_ok());
}

//! The nonces that servers give for the next proofs (RFC 9449 sections 8 and 9).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName};

use crate::origin::Origin;

static DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A longer nonce is an attack: each proof would carry it.
const LONGEST: usize = 256;

/// The newest nonce of each origin, in memory only. The token endpoint and the API have one of these each, because their
/// nonces differ even on one host. Its size is bounded by the number of origins that get the credential.
#[derive(Debug, Default)]
pub(crate) struct Nonces(Mutex<HashMap<Origin, Arc<str>>>);

impl Nonces {
    pub(crate) fn newest(&self, origin: &Origin) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(origin).cloned()
    }

    /// Learns the nonce of a response, if it has one.
    pub(crate) fn learn(&self, origin: &Origin, headers: &HeaderMap) {
        let Some(nonce) = nonce_in(headers) else { return };
        let mut nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if nonces.get(origin).is_none_or(|known| **known != *nonce) {
            nonces.insert(origin.clone(), nonce.into());
        }
    }
}

/// The nonce of a response. None if it is too long or has other characters than NQCHAR (RFC 6749 appendix A), or if there
/// are several.
fn nonce_in(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(&DPOP_NONCE).iter();
    let nonce = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let is_nqchar = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    (1..=LONGEST).contains(&nonce.len()).then_some(nonce).filter(|it| it.chars().all(is_nqchar))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    fn learn(nonces: &Nonces, origin: &Origin, values: &[&[u8]]) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&DPOP_NONCE, HeaderValue::from_bytes(value).unwrap());
        }
        nonces.learn(origin, &headers);
    }

    #[test]
    fn each_origin_has_its_own_nonce_and_the_newest_one_counts() {
        let (nonces, a, b) = (Nonces::default(), origin("https://a"), origin("https://b"));
        learn(&nonces, &a, &[b"1"]);
        learn(&nonces, &b, &[b"2"]);
        learn(&nonces, &a, &[b"3"]);
        learn(&nonces, &b, &[]);
        assert_eq!(nonces.newest(&a).as_deref(), Some("3"));
        assert_eq!(nonces.newest(&b).as_deref(), Some("2"));
        assert_eq!(nonces.newest(&origin("https://a:8443")), None);
    }

    #[test]
    fn a_nonce_that_is_too_long_or_has_odd_characters_is_ignored() {
        let (nonces, a) = (Nonces::default(), origin("https://a"));
        let longest = [b'x'; LONGEST];
        learn(&nonces, &a, &[&longest]);
        assert_eq!(nonces.newest(&a).unwrap().len(), LONGEST);
        let hostile: [&[&[u8]]; 8] = [
            &[&[b'x'; LONGEST + 1]],
            &[b""],
            &[b"a b"],
            &[b"a\tb"],
            &[b"a\"b"],
            &[b"a\\b"],
            &[b"nonc\xc3\xa9"],
            &[b"1", b"2"],
        ];
        for values in hostile {
            learn(&nonces, &a, values);
            assert_eq!(nonces.newest(&a).unwrap().len(), LONGEST, "{values:?}");
        }
    }
}

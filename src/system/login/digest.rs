//! Digests and signatures that a request has.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac};
use serde::Deserialize;

use crate::exchange::error::ExchangeError;
use crate::secret::Secret;
use crate::system::login::template::{Lookup, Template, plain};
use crate::system::named::Table;

/// A value that is computed for each request: a digest, or a MAC (RFC 2104).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Digest {
    Hash { algorithm: Algorithm, of: Template, encoding: Encoding },
    Hmac { algorithm: Algorithm, key: Template, of: Template, encoding: Encoding },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Algorithm {
    /// Only for systems that demand it.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// How the bytes become a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    #[default]
    Hex,
    Base64,
    /// Without padding (RFC 7515 section 2).
    Base64url,
}

/// As it is in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    hash: Option<Algorithm>,
    hmac: Option<Algorithm>,
    key: Option<Template>,
    of: Template,
    #[serde(default, rename = "as")]
    encoding: Encoding,
}

impl Digest {
    /// # Errors
    ///
    /// The error of `lookup`.
    pub(crate) fn compute(&self, lookup: Lookup<'_>) -> Result<Secret, ExchangeError> {
        let (bytes, encoding) = match self {
            Digest::Hash { algorithm, of, encoding } => {
                let digest =
                    digest::digest(algorithm.of_digest(), of.render(lookup, plain)?.as_bytes());
                (digest.as_ref().to_vec(), encoding)
            }
            Digest::Hmac { algorithm, key, of, encoding } => {
                let key = key.render(lookup, plain)?;
                let key = hmac::Key::new(algorithm.of_hmac(), key.as_bytes());
                let tag = hmac::sign(&key, of.render(lookup, plain)?.as_bytes());
                (tag.as_ref().to_vec(), encoding)
            }
        };
        Ok(Secret::from(match encoding {
            Encoding::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            Encoding::Base64 => STANDARD.encode(bytes),
            Encoding::Base64url => URL_SAFE_NO_PAD.encode(bytes),
        }))
    }

    pub(crate) fn key(&self) -> Option<&Template> {
        match self {
            Digest::Hash { .. } => None,
            Digest::Hmac { key, .. } => Some(key),
        }
    }

    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        let (Digest::Hash { of, .. } | Digest::Hmac { of, .. }) = self;
        [of].into_iter().chain(self.key())
    }
}

impl Algorithm {
    fn of_digest(self) -> &'static digest::Algorithm {
        match self {
            Algorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => &digest::SHA256,
            Algorithm::Sha384 => &digest::SHA384,
            Algorithm::Sha512 => &digest::SHA512,
        }
    }

    fn of_hmac(self) -> hmac::Algorithm {
        match self {
            Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => hmac::HMAC_SHA256,
            Algorithm::Sha384 => hmac::HMAC_SHA384,
            Algorithm::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let Table(Written { hash, hmac, key, of, encoding }) = Table::deserialize(deserializer)?;
        match (hash, hmac, key) {
            (Some(algorithm), None, None) => Ok(Digest::Hash { algorithm, of, encoding }),
            (None, Some(algorithm), Some(key)) => Ok(Digest::Hmac { algorithm, key, of, encoding }),
            _ => Err(serde::de::Error::custom(
                "a computed value has `hash` (without `key`), or `hmac` with `key`; each names its algorithm, such as \
                 `hmac = \"sha256\"`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computed(json: &str) -> String {
        let digest: Digest = serde_json::from_str(json).unwrap();
        let lookup = |name: &str| {
            Ok(Secret::from(if name == "key" { "Jefe" } else { "what do ya want for nothing?" }))
        };
        digest.compute(&lookup).unwrap().expose().to_owned()
    }

    #[test]
    fn digests_and_macs_match_the_examples_of_the_standards() {
        // FIPS 180-2 appendix B.1, and RFC 4231 section 4.3.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(computed(r#"{"hash":"sha256","of":"abc"}"#), abc);
        let jefe = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(computed(r#"{"hmac":"sha256","key":"{key}","of":"{text}"}"#), jefe);
        // RFC 2202 section 3.
        let sha1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
        assert_eq!(computed(r#"{"hmac":"sha1","key":"{key}","of":"{text}"}"#), sha1);
        assert_eq!(
            computed(r#"{"hash":"sha1","of":"abc","as":"base64"}"#),
            "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="
        );
        assert_eq!(
            computed(r#"{"hash":"sha1","of":"abc","as":"base64url"}"#),
            "qZk-NkcGgWq6PiVxeFDCbJzQ2J0"
        );
        assert_eq!(computed(r#"{"hash":"sha384","of":"abc"}"#).len(), 96);
        assert_eq!(computed(r#"{"hmac":"sha512","key":"{key}","of":"abc"}"#).len(), 128);
    }

    #[test]
    fn a_computed_value_is_either_a_digest_or_a_mac_with_a_key() {
        for json in [
            r#"{"of":"a"}"#,
            r#"{"hash":"sha256","hmac":"sha256","key":"k","of":"a"}"#,
            r#"{"hmac":"sha256","of":"a"}"#,
            r#"{"hash":"sha256","key":"k","of":"a"}"#,
        ] {
            let error = serde_json::from_str::<Digest>(json).unwrap_err().to_string();
            assert!(error.contains("`hmac` with `key`"), "{json}: {error}");
        }
        assert!(serde_json::from_str::<Digest>(r#"{"hash":"md5","of":"a"}"#).is_err());
    }
}

//! The private key that signs JWTs.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::jwk::{self, Jwk};
use crate::system::oauth::key::jws::{HeaderMember, compact, signing_input};
use crate::system::oauth::key::pair::Pair;
use crate::system::oauth::key::{pem, public};

/// A private key that signs JWTs: RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519. Clones share the key.
///
/// The key decides the algorithm: RS256, ES256, ES384 or EdDSA. An RSA key can also make PS256.
///
/// A `SigningKey` is a fixed key. For a key in a file that is rotated, use [`JwtKey`](crate::system::JwtKey). This type has two
/// uses: it shows the [public half](SigningKey::public_jwk) or the [fingerprint](SigningKey::fingerprint) of a key, to register it at
/// a server; and it is the key of [`Dpop::with_key`](crate::system::Dpop::with_key).
///
/// ```
/// use tower_outbound_auth::system::{Algorithm, SigningKey};
///
/// // The key of RFC 8037 appendix A.1. A real key comes from a file, as PEM or JWK.
/// let key = SigningKey::parse(
///     r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?
/// .with_key_id("k1");
/// assert_eq!(key.algorithm(), Algorithm::EdDsa);
/// assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// assert_eq!(format!("{key:?}"), r#"SigningKey { algorithm: EdDsa, key_id: Some("k1"), .. }"#);
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
///
/// The crate wipes the text of the key from its memory. It cannot wipe the key within the cryptographic library (ring).
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    algorithm: Algorithm,
    key_id: Option<Arc<str>>,
}

impl SigningKey {
    /// Reads a key: a PEM, a JWK, or the JSON file of a Google service account.
    ///
    /// - PEM: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) and `EC PRIVATE KEY` (SEC 1). Certificates and other text
    ///   beside the key are ignored. Line breaks may be written as `\n` (two characters), as in variables and JSON.
    /// - JWK: one private key. Its `kid` and its `alg` count.
    /// - The file of a Google service account: its `private_key`, with its `private_key_id` as the key id.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the text has no private key that can sign, or more than one. The
    /// error says what to do, and has nothing of the text.
    pub fn parse(text: &str) -> Result<SigningKey, Error> {
        Ok(SigningKey::read(text)?)
    }

    pub(crate) fn read(text: &str) -> Result<SigningKey, Flaw> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.starts_with('{') {
            let pair = pem::parse(text)?;
            let algorithm = pair.algorithm();
            return Ok(SigningKey { pair: Arc::new(pair), algorithm, key_id: None });
        }
        let Jwk { pair, key_id, algorithm } = jwk::parse(text)?;
        let algorithm = algorithm.unwrap_or(pair.algorithm());
        Ok(SigningKey { pair: Arc::new(pair), algorithm, key_id: key_id.map(Arc::from) })
    }

    /// The PEM of a new key: P-256 for ES256, Ed25519 for `EdDSA`. None for other algorithms, or if the system has no random
    /// numbers.
    pub(crate) fn generate(algorithm: Algorithm) -> Option<Secret> {
        Some(pem::of_pkcs8(Pair::generate(algorithm)?.as_ref()))
    }

    /// Chooses the algorithm: PS256 instead of RS256 for an RSA key. Default: what the key decides.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if a key of this kind, or of this curve, has another algorithm.
    pub fn with_algorithm(self, algorithm: Algorithm) -> Result<SigningKey, Error> {
        Ok(self.using(algorithm)?)
    }

    pub(crate) fn using(self, algorithm: Algorithm) -> Result<SigningKey, Flaw> {
        match self.pair.can(algorithm) {
            true => Ok(SigningKey { algorithm, ..self }),
            false => Err(Flaw::Algorithm(self.pair.algorithm(), algorithm)),
        }
    }

    /// The key with the one algorithm that a provider accepts.
    pub(crate) fn accepted_as(self, only: Algorithm) -> Result<SigningKey, Flaw> {
        let own = self.pair.algorithm();
        self.using(only).map_err(|_| Flaw::NotAccepted(own, only))
    }

    /// Sets the key id: the `kid` in the header of each JWT. Default: the `kid` of a JWK, and none for a PEM.
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> SigningKey {
        SigningKey { key_id: Some(key_id.into().into()), ..self }
    }

    /// The key id.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The algorithm of the signatures.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as JWK: only the members that RFC 7638 section 3.2 names, in its order.
    #[must_use]
    pub fn public_jwk(&self) -> String {
        public::jwk(&self.pair)
    }

    /// The SHA-256 thumbprint of the public half (RFC 7638), in base64url. Two keys have the same thumbprint only if they
    /// are equal.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        public::thumbprint(&self.public_jwk())
    }

    /// `SHA256:` and the SHA-256 of the public half as DER (SPKI), in base64. Snowflake shows this text as
    /// `RSA_PUBLIC_KEY_FP`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        public::fingerprint(&self.pair)
    }

    /// Whether a signature takes so long (0.4 to 3 ms) that an async task must not make it.
    pub(crate) fn is_slow(&self) -> bool {
        matches!(*self.pair, Pair::Rsa(_))
    }

    /// The JWT with this header and these claims, which are JSON.
    ///
    /// # Errors
    ///
    /// *Configuration* if the key cannot sign.
    pub(crate) fn sign(
        &self,
        header: &[HeaderMember],
        claims: &str,
    ) -> Result<Secret, ExchangeError> {
        let signed = signing_input(header, self.algorithm.as_str(), self.key_id(), claims);
        match self.signed(signed) {
            Some(jwt) => Ok(jwt),
            None => Err(ExchangeError::new(
                ExchangeErrorKind::Configuration,
                "the private key makes no signature: its numbers do not belong together, or the system has no random \
                 numbers; make a new key",
            )),
        }
    }

    /// The JWT with this encoded header and these encoded claims. None if the key cannot sign.
    pub(crate) fn signed(&self, signed: String) -> Option<Secret> {
        let signature = self.pair.sign(self.algorithm, signed.as_bytes())?;
        Some(compact(signed, &signature))
    }
}

/// Does not show the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}

//! The key of a system with DPoP, and its options.

use std::fmt;

use crate::credential::Credential;
use crate::error::Error;
use crate::origin::Origin;
use crate::system::oauth::dpop::htu::{HtuOptions, base};
use crate::system::oauth::dpop::keys::{Keys, checked, new_key};
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::key::signing_key::SigningKey;

/// Binds the tokens of an [`OAuth`](crate::system::OAuth) system to a key (DPoP, RFC 9449). A stolen token is then of no use without
/// the key. Each request to the token endpoint and to the API carries a proof of the key in the header `DPoP`.
/// [`manual::dpop`](crate::manual::dpop) says what this protects against.
///
/// - Each sending of a request has a proof of its own.
/// - A nonce of a server (`DPoP-Nonce`) is in the next proof for the same origin. The token endpoint and the API have nonces of their
///   own. They are kept in memory only.
/// - If a server wants another nonce (`use_dpop_nonce`), or refuses a proof (`invalid_dpop_proof`), the request is sent once more with a
///   new proof and the same token. The token is not renewed for this.
/// - If the token endpoint issues a token of another type than `DPoP`, the exchange fails, unless the tokens are
///   [`optional`](Dpop::optional).
///
/// Clones share the key.
///
/// ```
/// use tower_outbound_auth::Origin;
/// use tower_outbound_auth::system::{Dpop, OAuth, OAuthClient};
///
/// // The API is behind a proxy, which has another address than callers see.
/// let inside = Origin::parse("https://inside.example")?;
/// let dpop = Dpop::new()?.htu_base(inside, "https://api.example/reports")?;
/// let system = OAuth::builder("https://idp.example/token")
///     .client(OAuthClient::with_secret("billing", "s3cret"))
///     .dpop(dpop.clone())
///     .build()?;
/// assert!(dpop.thumbprint().is_some_and(|it| it.len() == 43));
/// # let _ = system;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct Dpop {
    pub(crate) keys: Keys,
    pub(crate) optional: bool,
    pub(crate) htu: HtuOptions,
}

impl Dpop {
    /// With a new key for ES256, which is in the memory of this process only. All servers that support DPoP accept ES256.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the system has no random numbers.
    pub fn new() -> Result<Dpop, Error> {
        Dpop::generated(Algorithm::Es256)
    }

    /// With a new key for this algorithm: ES256, or `EdDSA` for a server that accepts it.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) for another algorithm, or if the system has no random numbers.
    pub fn generated(algorithm: Algorithm) -> Result<Dpop, Error> {
        Ok(Dpop::of(Keys::held(new_key(algorithm)?)))
    }

    /// With a key of your own: P-256, P-384 or Ed25519. The refresh token of a public client is bound to the key (RFC 9449 section 5): if
    /// another program has obtained the refresh token with a key, give that key. A login that has begun with a key of this crate goes on
    /// with that one.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) for an RSA key: its signature takes milliseconds, and each request needs one.
    pub fn with_key(key: SigningKey) -> Result<Dpop, Error> {
        Ok(Dpop::of(Keys::held(checked(key)?)))
    }

    /// With a key in a credential: a file, say. It is read before each exchange, like a [`JwtKey`](crate::system::JwtKey), and the text is
    /// one that [`SigningKey::parse`] reads. If the key has changed, the next exchange uses the new one. A token and its key change
    /// together: each request has the key that its token is bound to. If a new text has no usable key, the last good key stays in use,
    /// and one `WARN` event says why.
    ///
    /// The refresh token of a public client is bound to its key, so do not change the key of such a login: from the next start of the
    /// process on, its exchanges fail with an error that says so, and send nothing.
    ///
    /// ```
    /// use tower_outbound_auth::Credential;
    /// use tower_outbound_auth::system::Dpop;
    ///
    /// let dpop = Dpop::key_from(Credential::file("/run/secrets/dpop.pem"))?;
    /// assert_eq!(dpop.thumbprint(), None); // nothing is read yet
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the credential is a value and has no usable key. An RSA key is none. In a
    /// file, it is an error of the exchange.
    pub fn key_from(text: impl Into<Credential>) -> Result<Dpop, Error> {
        let key = JwtKey::new(text).for_each_request();
        key.check()?;
        Ok(Dpop::of(Keys::read_from(key)))
    }

    fn of(keys: Keys) -> Dpop {
        Dpop { keys, optional: false, htu: HtuOptions::default() }
    }

    /// Accepts Bearer tokens too, which have no protection. Use this while a provider introduces DPoP. Default: an exchange that
    /// brings no token of the type `DPoP` fails.
    #[must_use]
    pub fn optional(self) -> Dpop {
        Dpop { optional: true, ..self }
    }

    /// Sets the address that the server behind `origin` sees, such as `https://public.example/prefix`. In proofs for `origin`, it stands
    /// in place of the origin. Set it if a proxy changes the address. For [`Origin::relative`], it is the address of the API. Default:
    /// the URL of the request.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if `base` is no http(s) URL, or has a query, a fragment or user information.
    pub fn htu_base(mut self, origin: Origin, base_url: &str) -> Result<Dpop, Error> {
        let base = base(base_url).ok_or_else(|| {
            Error::configuration(
                "the base of `htu` is an absolute http or https URL without query, fragment and user information, such as \
                 https://public.example/prefix",
            )
        })?;
        self.htu.bases.push((origin, base));
        Ok(self)
    }

    /// Percent-decodes the path in proofs, for servers that compare the decoded path (Okta). Default: the path is unchanged.
    #[must_use]
    pub fn decoded_path(mut self) -> Dpop {
        self.htu.decoded = true;
        self
    }

    /// Makes a new key of the same algorithm. The next exchange uses the new key. Requests use the old key until that exchange has
    /// brought a token: a token and its key change together. The exchange is made when the token is due for renewal. The login of a
    /// public client goes on with the key that it began with.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the algorithm is neither ES256 nor `EdDSA`, if the system has no random
    /// numbers, or if the key is [read from a credential](Dpop::key_from).
    pub fn rotate(&self) -> Result<(), Error> {
        let algorithm = self.keys.last().map_or(Algorithm::Es256, |key| key.algorithm());
        self.keys.replace(new_key(algorithm)?)
    }

    /// The same with a key of your own. The login of a public client is bound to its old key, and goes on with it. If the old key was
    /// yours too, give it again at the next start of the process: with another key, the exchange fails with an error that names both
    /// thumbprints, and nothing is sent.
    ///
    /// # Errors
    ///
    /// As [`with_key`](Dpop::with_key), and if the key is [read from a credential](Dpop::key_from).
    pub fn rotate_to(&self, key: SigningKey) -> Result<(), Error> {
        self.keys.replace(checked(key)?)
    }

    /// The SHA-256 thumbprint of the key (RFC 7638), in base64url: the `jkt` of the next token. None if the key is
    /// [read from a credential](Dpop::key_from), and was not yet read. The login of a public client may have another key, which its
    /// store keeps.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        self.keys.last().map(|key| key.thumbprint().to_owned())
    }

    /// Whether this fits to the other parts of a system.
    pub(crate) fn check(&self, is_strict: bool) -> Result<(), Error> {
        match is_strict {
            false => Ok(()),
            true => Err(Error::configuration(
                "`strict_token_type` and `dpop` do not fit together: the first accepts the type `Bearer` only",
            )),
        }
    }
}

/// Does not show the key.
impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("thumbprint", &self.thumbprint())
            .field("optional", &self.optional)
            .field("htu", &self.htu)
            .finish_non_exhaustive()
    }
}

//! The key of a system with DPoP, and its options.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::error::Error;
use crate::origin::Origin;
use crate::system::oauth::dpop::htu::{HtuOptions, base};
use crate::system::oauth::dpop::proof::ProofKey;
use crate::system::oauth::key::algorithm::Algorithm;
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
/// assert_eq!(dpop.thumbprint().len(), 43);
/// # let _ = system;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct Dpop {
    key: Arc<ArcSwap<ProofKey>>,
    /// The key is in the memory of this process only.
    is_generated: bool,
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
        Ok(Dpop { is_generated: true, ..Dpop::of(new_key(algorithm)?) })
    }

    /// With a key of your own. A public client with refresh tokens needs one, because its refresh token is bound to the key
    /// (RFC 9449 section 5).
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) for an RSA key: its signature takes milliseconds, and each request needs one.
    pub fn with_key(key: SigningKey) -> Result<Dpop, Error> {
        Ok(Dpop::of(checked(key)?))
    }

    fn of(key: SigningKey) -> Dpop {
        let key = Arc::new(ArcSwap::from_pointee(ProofKey::new(key)));
        Dpop { key, is_generated: false, optional: false, htu: HtuOptions::default() }
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
    /// brought a token: a token and its key change together. The exchange is made when the token is due for renewal.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the algorithm is neither ES256 nor `EdDSA`, or if the system has no random
    /// numbers.
    pub fn rotate(&self) -> Result<(), Error> {
        self.rotate_to(new_key(self.key().algorithm())?)
    }

    /// The same with a key of your own. Do not change the key of a public client that has a refresh token, which is bound to the
    /// old key.
    ///
    /// # Errors
    ///
    /// As [`with_key`](Dpop::with_key).
    pub fn rotate_to(&self, key: SigningKey) -> Result<(), Error> {
        self.key.store(Arc::new(ProofKey::new(checked(key)?)));
        Ok(())
    }

    /// The SHA-256 thumbprint of the key (RFC 7638), in base64url: the `jkt` of the next token.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.key().thumbprint().to_owned()
    }

    /// The key of the next exchange.
    pub(crate) fn key(&self) -> Arc<ProofKey> {
        self.key.load_full()
    }

    /// Whether this fits to the other parts of a system.
    pub(crate) fn check(
        &self,
        is_strict: bool,
        keeps_bound_refresh_tokens: bool,
    ) -> Result<(), Error> {
        if is_strict {
            return Err(Error::configuration(
                "`strict_token_type` and `dpop` do not fit together: the first accepts the type `Bearer` only",
            ));
        }
        if keeps_bound_refresh_tokens && self.is_generated {
            return Err(Error::configuration(
                "a public client with refresh tokens and a DPoP key that is in memory only do not fit together: the refresh \
                 token is bound to the key. Keep the key in a file, and use `Dpop::with_key`",
            ));
        }
        Ok(())
    }
}

fn new_key(algorithm: Algorithm) -> Result<SigningKey, Error> {
    SigningKey::generate(algorithm).ok_or_else(|| {
        Error::configuration(format!(
            "no DPoP key for {algorithm} can be made: use ES256 or EdDSA, and check that the system has random numbers"
        ))
    })
}

fn checked(key: SigningKey) -> Result<SigningKey, Error> {
    match key.is_slow() {
        false => Ok(key),
        true => Err(Error::configuration(
            "an RSA key is too slow for DPoP, because each request needs a signature: use a P-256 or an Ed25519 key",
        )),
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

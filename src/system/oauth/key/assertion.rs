//! A JWT that is signed anew for each request.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::basics::BoxError;
use crate::clock::Now;
use crate::credential::{Credential, Values};
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;
use crate::system::oauth::key::certified_key::CertifiedKey;
use crate::system::oauth::key::claims::ClaimSet;
use crate::system::oauth::key::jws::{self, sign_with_secret};
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::key::signing_key::SigningKey;

/// A JWT that is signed anew for each request: claims, and what signs them.
#[derive(Clone, Debug)]
pub(crate) struct Assertion {
    claims: Arc<ClaimSet>,
    signer: Signer,
}

/// What signs an assertion.
#[derive(Clone, Debug)]
pub(crate) enum Signer {
    Key(JwtKey),
    Certified(CertifiedKey),
    /// HS256.
    Secret(Credential),
}

/// A JWT that is ready to be signed.
enum Prepared {
    ByKey(SigningKey, String),
    BySecret(Secret, String),
}

impl Assertion {
    pub(crate) fn new(signer: Signer, claims: ClaimSet) -> Assertion {
        Assertion { claims: Arc::new(claims), signer }
    }

    pub(crate) fn signed_by(key: JwtKey, claims: ClaimSet) -> Assertion {
        Assertion::new(Signer::Key(key), claims)
    }

    pub(crate) fn claims(&self) -> &ClaimSet {
        &self.claims
    }

    /// What an exchange reads for this assertion: the key or the secret, but not [`Assertion::credential`].
    pub(crate) fn credentials(&self) -> &[Credential] {
        self.signer.credentials()
    }

    /// A credential with a new assertion for each request on the wire. [`Assertion::credentials`] must stand beside it among
    /// the credentials of the exchange.
    pub(crate) fn credential(&self) -> Credential {
        let assertion = self.clone();
        Assertion::minted(move |_| Ok(assertion.clone()))
    }

    /// The same, if the claims depend on the values of other credentials. `of` gets these values, so the credentials must
    /// stand beside it too.
    pub(crate) fn minted(
        of: impl Fn(Values<'_>) -> Result<Assertion, ExchangeError> + Send + Sync + 'static,
    ) -> Credential {
        Credential::signed(move |now, values| {
            let making = of(values).map(|assertion| assertion.make(now, values));
            async move {
                match making {
                    Ok(making) => making.await.map_err(BoxError::from),
                    Err(error) => Err(error.into()),
                }
            }
        })
    }

    /// A new assertion. `values` gives the credentials. An RSA key signs on a thread of its own, because that takes
    /// milliseconds.
    ///
    /// # Errors
    ///
    /// *Configuration* if there is no usable key, or if the client secret is too short.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, a signature on a thread is still made, and dropped.
    pub(crate) fn make(
        &self,
        now: Now,
        values: Values<'_>,
    ) -> impl Future<Output = Result<Secret, ExchangeError>> + Send + use<> {
        let (prepared, claims) = (self.prepare(now, values), self.claims.clone());
        async move {
            match prepared? {
                Prepared::BySecret(secret, json) => {
                    sign_with_secret(&secret, claims.header(), &json)
                }
                Prepared::ByKey(key, json) if key.is_slow() => {
                    on_a_thread(move || key.sign(claims.header(), &json)).await
                }
                Prepared::ByKey(key, json) => key.sign(claims.header(), &json),
            }
        }
    }

    fn prepare(&self, now: Now, values: Values<'_>) -> Result<Prepared, ExchangeError> {
        let jwt_id = random()?;
        let only = self.claims.algorithm();
        let key = match &self.signer {
            Signer::Secret(secret) => {
                let json = self.claims.json(now, &jwt_id, String::new);
                return Ok(Prepared::BySecret(values(secret)?, json));
            }
            Signer::Key(key) => key.key(values, only)?,
            Signer::Certified(key) => key.key(now, values, only)?,
        };
        let json = self.claims.json(now, &jwt_id, || key.fingerprint());
        Ok(Prepared::ByKey(key, json))
    }
}

impl Signer {
    /// What an exchange reads before this signs.
    pub(crate) fn credentials(&self) -> &[Credential] {
        match self {
            Signer::Key(key) => key.credentials(),
            Signer::Certified(key) => key.credentials(),
            Signer::Secret(secret) => std::slice::from_ref(secret),
        }
    }
}

fn random() -> Result<String, ExchangeError> {
    jws::random().ok_or_else(|| {
        ExchangeError::new(
            ExchangeErrorKind::Unavailable,
            "the system has no random numbers, which an assertion needs",
        )
    })
}

async fn on_a_thread(
    sign: impl FnOnce() -> Result<Secret, ExchangeError> + Send + 'static,
) -> Result<Secret, ExchangeError> {
    let Ok(runtime) = Handle::try_current() else {
        return Err(ExchangeError::new(
            ExchangeErrorKind::Configuration,
            "an RSA key cannot sign here: there is no tokio runtime",
        ));
    };
    runtime.spawn_blocking(sign).await.unwrap_or_else(|_| {
        Err(ExchangeError::new(
            ExchangeErrorKind::Panicked,
            "the thread that signs an assertion panicked, or the runtime is ending",
        ))
    })
}

//! The client, and how it proves who it is (RFC 6749 section 2.3).

mod keys;

use std::borrow::Cow;
#[cfg(feature = "oauth")]
use std::time::Duration;

use http::HeaderValue;

use crate::credential::Credential;
use crate::endpoint::encoding::is_ambiguous;
use crate::endpoint::request_context::RequestContext;
use crate::error::Error;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;
use crate::secret::Secret;
use crate::system::client::{flaw, with_client};
use crate::system::oauth::client_auth::{BasicEncoding, ClientAuth, basic};
use crate::system::oauth::ended::life;
use crate::system::oauth::way::Way;
#[cfg(feature = "oauth")]
use crate::system::oauth::{
    key::{assertion::Signer, jwt_key::JwtKey},
    signed::Signed,
};

/// The type of an assertion that is a JWT (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client of an [`OAuth`](crate::system::OAuth) system: its id, and how it proves who it is. A client has one proof, so two of them
/// cannot be sent together, which servers refuse (RFC 6749 section 2.3). A method that does not fit the proof is an error of
/// [`build`](crate::system::OAuthBuilder::build), which names both.
///
/// ```
/// use tower_outbound_auth::Credential;
/// use tower_outbound_auth::system::{ClientAuth, OAuthClient};
///
/// let with_secret = OAuthClient::with_secret("billing", Credential::file("/run/secrets/billing"));
/// let in_the_body = with_secret.auth(ClientAuth::Post);
/// // Another program writes the assertion: the kubelet, a sidecar, an agent of the cloud.
/// let with_assertion = OAuthClient::with_assertion("billing", Credential::file("/var/run/secrets/assertion"));
/// # let _ = (in_the_body, with_assertion);
/// ```
#[derive(Clone, Debug)]
pub struct OAuthClient {
    pub(crate) id: Credential,
    pub(crate) proof: Proof,
    /// A method was called that does not fit the proof: why not.
    misfit: Option<&'static str>,
}

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Nothing,
    /// The certificate of the connection.
    Tls,
    Secret(Credential, ClientAuth),
    Assertion {
        assertion: Credential,
        assertion_type: Cow<'static, str>,
        /// The same by the previous key. It has no value while that key cannot be used.
        previous: Option<Credential>,
        /// What the assertions are made of, if this crate makes them: the keys or the secret.
        made_of: Vec<Credential>,
    },
    /// An assertion that is signed here, before the endpoint is known.
    #[cfg(feature = "oauth")]
    Signed(Signed),
}

/// What a client adds to a request.
pub(crate) struct Added {
    pub(crate) params: Vec<(&'static str, Secret)>,
    pub(crate) authorization: Option<HeaderValue>,
}

impl OAuthClient {
    fn of(id: Credential, proof: Proof) -> OAuthClient {
        OAuthClient { id, proof, misfit: None }
    }

    /// A client without a secret (a public client, RFC 6749 section 2.1): only its id is sent.
    pub fn public(id: impl Into<Credential>) -> OAuthClient {
        OAuthClient::of(id.into(), Proof::Nothing)
    }

    /// A client that shows a certificate in TLS: `tls_client_auth` or `self_signed_tls_client_auth` (RFC 8705 section 2). Only
    /// its id is sent. The certificate belongs to the connection: give it to
    /// [`OAuthBuilder::certificate`](crate::system::OAuthBuilder), or to your own client of the token endpoint.
    ///
    /// [`OAuth::discover`](crate::system::OAuth::discover) then takes the `token_endpoint` of `mtls_endpoint_aliases` (RFC 8705
    /// section 5), if the metadata has aliases.
    pub fn tls(id: impl Into<Credential>) -> OAuthClient {
        OAuthClient::of(id.into(), Proof::Tls)
    }

    #[cfg(feature = "oauth")]
    pub(crate) fn is_public(&self) -> bool {
        matches!(self.proof, Proof::Nothing)
    }

    /// A client with a secret, which is sent by Basic with [`BasicEncoding::Auto`]. See [`auth`](OAuthClient::auth).
    pub fn with_secret(id: impl Into<Credential>, secret: impl Into<Credential>) -> OAuthClient {
        let proof = Proof::Secret(secret.into(), ClientAuth::default());
        OAuthClient::of(id.into(), proof)
    }

    /// A client with an assertion that another program makes (RFC 7523 section 2.2): a file that Kubernetes, Azure or SPIFFE
    /// rewrites, or an async function ([`Credential::minted`]). A file is read again before each exchange.
    ///
    /// - If the file has a JWT whose `exp` has passed or is at most 5 s ahead, by the source's clock, it is read once more after
    ///   1 s. If it is still so, the exchange fails with [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration),
    ///   and nothing is sent: the program that writes the file does not run. Of a text that is no JWT, only that it is not
    ///   empty is checked.
    ///   For a JWT that has ended, [`warm_up`](crate::TokenSource::warm_up) fails at once, after the second look.
    /// - A file that is not there yet is [`Unavailable`](crate::exchange::ExchangeErrorKind::Unavailable): it may be written
    ///   later, so [`warm_up`](crate::TokenSource::warm_up) waits for it.
    /// - If the endpoint says that the assertion has expired (a text with `exp` or `expired`, or 700024 of Microsoft Entra),
    ///   the file is read once more, and another text is sent in the same exchange. The error of a refusal has the age of the
    ///   assertion.
    /// - What a function makes is sent as it is. It is new for each request, so to wait for another one would not help.
    ///
    /// The same holds for the files of [`JwtBearer`](crate::system::OAuthGrant::JwtBearer) and of a
    /// [`TokenExchange`](crate::system::TokenExchange).
    pub fn with_assertion(
        id: impl Into<Credential>,
        assertion: impl Into<Credential>,
    ) -> OAuthClient {
        let proof = Proof::Assertion {
            assertion: assertion.into(),
            assertion_type: JWT_BEARER.into(),
            previous: None,
            made_of: Vec::new(),
        };
        OAuthClient::of(id.into(), proof)
    }

    /// (Feature `oauth`.) A client with a private key: `private_key_jwt` (OpenID Connect Core section 9). Each request has an
    /// assertion of its own, which lives for 60 s. The key decides the algorithm. Use one key for one authorization server
    /// only. The id may be in a file beside the key: it is read before each exchange, and is the `iss` and the `sub` of the
    /// assertion.
    #[cfg(feature = "oauth")]
    pub fn with_key(id: impl Into<Credential>, key: JwtKey) -> OAuthClient {
        OAuthClient::signed(id.into(), Signer::Key(key))
    }

    /// (Feature `oauth`.) The key that the provider may still have for this client, while a new key is introduced. Only for
    /// [`with_key`](OAuthClient::with_key). Default: none.
    ///
    /// - If the endpoint refuses the client (`invalid_client`, or a 401) with the key of [`with_key`](OAuthClient::with_key), the
    ///   request is sent once more in the same exchange, with an assertion by the previous key. There is one `WARN` event.
    /// - The key that worked is tried first from then on, until the text of one of the two keys changes. If it is refused, the
    ///   other one is tried again. An exchange has at most two requests with an assertion of this client, and two more if it is
    ///   repeated because a provider or a file has another value.
    /// - Both keys are read before each exchange. If the previous one is missing or unusable, the current one is used alone.
    ///   If both are refused, a changed text of either key ends the pause.
    ///
    /// ```
    /// use tower_outbound_auth::Credential;
    /// use tower_outbound_auth::system::{JwtKey, OAuthClient};
    ///
    /// let key = |name: &str| JwtKey::new(Credential::file(format!("/run/secrets/{name}.pem")));
    /// let client = OAuthClient::with_key("billing", key("current")).previous_key(key("previous"));
    /// # let _ = client;
    /// ```
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn previous_key(mut self, key: JwtKey) -> OAuthClient {
        let is_by_key = match &mut self.proof {
            Proof::Signed(signed) => signed.set_previous(key),
            _ => false,
        };
        if !is_by_key {
            self.misfit = Some(
                "`OAuthClient::previous_key` and a client without a private key do not fit together: it is for `with_key`",
            );
        }
        self
    }

    /// (Feature `oauth`.) A client whose secret signs and is never sent: `client_secret_jwt` (HS256). The secret has 32
    /// bytes or more.
    #[cfg(feature = "oauth")]
    pub fn with_secret_jwt(
        id: impl Into<Credential>,
        secret: impl Into<Credential>,
    ) -> OAuthClient {
        OAuthClient::signed(id.into(), Signer::Secret(secret.into()))
    }

    /// A client whose assertions are signed here.
    #[cfg(feature = "oauth")]
    pub(crate) fn signed(id: Credential, signer: Signer) -> OAuthClient {
        OAuthClient::of(id, Proof::Signed(Signed::new(signer)))
    }

    /// (Feature `oauth`.) The `aud` of the assertions that are signed here. Many servers want their issuer (Keycloak, Auth0 with the
    /// slash at its end), others the URL of the token endpoint (Entra, Okta). Default: the issuer of
    /// [`OAuth::discover`](crate::system::OAuth::discover), else the URL of the token endpoint. The audience of the token is another
    /// one: [`OAuthBuilder::audience`](crate::system::OAuthBuilder::audience).
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> OAuthClient {
        if let Proof::Signed(signed) = &mut self.proof {
            signed.audience = Some(audience.into());
        } else {
            self.misfit = Some(
                "`OAuthClient::audience` and a client that signs nothing do not fit together: it is for `with_key` and \
                 `with_secret_jwt`; for the audience of the token, call `OAuthBuilder::audience`",
            );
        }
        self
    }

    /// (Feature `oauth`.) The `typ` in the header of the assertions that are signed here. Default:
    /// `client-authentication+jwt` (draft-ietf-oauth-rfc7523bis). Without a type: `None`.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn typ(mut self, typ: Option<&str>) -> OAuthClient {
        if let Proof::Signed(signed) = &mut self.proof {
            signed.typ = Some(typ.map(str::to_owned));
        } else {
            self.misfit = Some(
                "`OAuthClient::typ` and a client that signs nothing do not fit together: it is for `with_key` and \
                 `with_secret_jwt`",
            );
        }
        self
    }

    /// (Feature `oauth`.) Sets back `iat` and `exp` of the assertions that are signed here, for a server whose clock is slow. At
    /// most 120 s. Default: none.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn backdate(mut self, backdate: Duration) -> OAuthClient {
        if let Proof::Signed(signed) = &mut self.proof {
            signed.backdate = backdate;
        } else {
            self.misfit = Some(
                "`OAuthClient::backdate` and a client that signs nothing do not fit together: it is for `with_key` and \
                 `with_secret_jwt`",
            );
        }
        self
    }

    /// Sends the secret in another way. Only for [`with_secret`](OAuthClient::with_secret). Default: Basic with
    /// [`BasicEncoding::Auto`].
    #[must_use]
    pub fn auth(mut self, auth: ClientAuth) -> OAuthClient {
        if let Proof::Secret(_, current) = &mut self.proof {
            *current = auth;
        } else {
            self.misfit = Some(
                "`OAuthClient::auth` and a client without a secret that is sent do not fit together: it is for `with_secret`",
            );
        }
        self
    }

    /// Sends another `client_assertion_type`, such as `urn:ietf:params:oauth:client-assertion-type:jwt-spiffe`. Only for
    /// [`with_assertion`](OAuthClient::with_assertion). Default: that of a JWT.
    #[must_use]
    pub fn assertion_type(mut self, name: impl Into<Cow<'static, str>>) -> OAuthClient {
        if let Proof::Assertion { assertion_type, .. } = &mut self.proof {
            *assertion_type = name.into();
        } else {
            self.misfit = Some(
                "`OAuthClient::assertion_type` and a client without an assertion of another program do not fit together: it is \
                 for `with_assertion`",
            );
        }
        self
    }

    /// Whether the connection must show a certificate.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.proof, Proof::Tls)
    }

    /// # Errors
    ///
    /// If a value that is already known cannot be an id or a secret, or if a method was called that does not fit the proof.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(why) = self.misfit {
            return Err(Error::configuration(why));
        }
        self.id.check("client id", flaw)?;
        match &self.proof {
            Proof::Nothing | Proof::Tls => Ok(()),
            Proof::Secret(secret, _) => Ok(secret.check("client secret", flaw)?),
            Proof::Assertion { assertion, .. } => Ok(assertion.check("client assertion", flaw)?),
            #[cfg(feature = "oauth")]
            Proof::Signed(signed) => signed.check(),
        }
    }

    /// The client whose assertions are for this audience, if no other is set.
    ///
    /// # Errors
    ///
    /// If the assertion is set back by more than 120 s.
    pub(crate) fn for_audience(self, audience: &str) -> Result<OAuthClient, Error> {
        match self.proof {
            #[cfg(feature = "oauth")]
            Proof::Signed(signed) => {
                let made_of = signed.credentials();
                let (assertion, previous) = signed.assertions(&self.id, audience)?;
                let assertion_type = JWT_BEARER.into();
                let proof = Proof::Assertion { assertion, assertion_type, previous, made_of };
                Ok(OAuthClient::of(self.id, proof))
            }
            proof => {
                let _ = audience;
                Ok(OAuthClient::of(self.id, proof))
            }
        }
    }

    /// The id, and what proves it.
    pub(crate) fn credentials(&self) -> Vec<Credential> {
        let mut all = vec![self.id.clone()];
        match &self.proof {
            Proof::Nothing | Proof::Tls => {}
            Proof::Secret(secret, _) => all.push(secret.clone()),
            Proof::Assertion { assertion, previous, made_of, .. } => {
                all.push(assertion.in_time(life));
                all.extend_from_slice(previous.as_slice());
                all.extend_from_slice(made_of);
            }
            #[cfg(feature = "oauth")]
            Proof::Signed(_) => {}
        }
        all
    }

    /// Adds the client, and the kind of its proof.
    pub(crate) fn identify(&self, identity: Identity) -> Identity {
        let kind = match &self.proof {
            Proof::Nothing => "none",
            Proof::Tls => "tls",
            Proof::Secret(..) => "secret",
            Proof::Assertion { .. } => "assertion",
            #[cfg(feature = "oauth")]
            Proof::Signed(_) => "assertion",
        };
        with_client(identity, &self.id).with("client_authentication", kind)
    }

    /// # Errors
    ///
    /// If a credential has no value.
    pub(crate) fn add(&self, cx: &RequestContext, way: Way) -> Result<Added, ExchangeError> {
        let id = cx.credential(&self.id)?;
        let mut added = Added { params: Vec::new(), authorization: None };
        match &self.proof {
            Proof::Nothing | Proof::Tls => added.params.push(("client_id", id)),
            // `for_audience` has made an assertion of it.
            #[cfg(feature = "oauth")]
            Proof::Signed(_) => {}
            Proof::Secret(secret, ClientAuth::Post) => {
                added.params = vec![("client_id", id), ("client_secret", cx.credential(secret)?)];
            }
            Proof::Secret(secret, ClientAuth::Basic(encoding)) => {
                let encoding = if way == Way::Second { BasicEncoding::Raw } else { *encoding };
                added.authorization = Some(basic(id.expose(), &cx.credential(secret)?, encoding));
            }
            Proof::Assertion { assertion, assertion_type, previous, .. } => {
                let assertion_type = Secret::from(&**assertion_type);
                let previous = previous.as_ref().filter(|_| way == Way::Second);
                let assertion = previous.unwrap_or(assertion);
                added.params = vec![
                    ("client_id", id),
                    ("client_assertion_type", assertion_type),
                    ("client_assertion", cx.credential(assertion)?),
                ];
            }
        }
        Ok(added)
    }

    /// Whether the server may understand another encoding of these values.
    pub(crate) fn has_another_encoding(&self, values: &[Secret]) -> bool {
        let auto = ClientAuth::Basic(BasicEncoding::Auto);
        let is_auto = matches!(&self.proof, Proof::Secret(_, auth) if *auth == auto);
        is_auto && values.iter().any(|text| is_ambiguous(text.expose()))
    }
}

//! An API that sends a new JWT with every response.

pub(crate) mod hmac;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, StatusCode};

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::content_type::media_type;
use crate::endpoint::failure::{Failure, is_refusal};
use crate::endpoint::grant::Grant;
use crate::endpoint::members::Members;
use crate::endpoint::quotes::Credentials;
use crate::endpoint::request::{ExchangeRequest, json_body};
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::Identity;
use crate::exchange::issued::Issued;
use crate::scheme::jwt::algorithm;
use crate::scheme::presentation::Presentation;
use crate::scheme::rotation::{Adopt, Rotation, without_scheme};
use crate::scheme::value::{InvalidToken, bearer_value};
use crate::secret::Secret;
use crate::system::client::{flaw, identity_of};
use crate::system::rotating::hmac::is_signed_with;

/// The members that may contain the token. The first one that is a text counts.
const MEMBERS: [&str; 4] = ["token", "jwt", "access_token", "accessToken"];

/// (Feature `rotating`.) API key and client secret for a JWT. Every response then replaces the JWT.
///
/// - Exchange: `POST {api_root}/authenticate` with `{"apiKey": .., "clientSecret": ..}`. The JWT comes back
///   as a JSON string, as plain text, as a member of a JSON object (the first text of `token`, `jwt`,
///   `access_token`, `accessToken`), or in the `Authorization` header of the answer.
/// - API: `Authorization: Bearer <jwt>`.
/// - Rotation: a 2xx response has a new token in its `Authorization` header. It is adopted if it is newer than the
///   current token, if its signature is right, and if [it breaks no other rule](crate::token::NotAdopted).
/// - After a 401, the source uses a newer token if it has one. Otherwise it makes one exchange for all callers. While
///   other requests with the same token are still running, it first waits for their responses, for one second at
///   most, because one of them may bring the successor.
///
/// Some APIs refuse a token as soon as they have issued the next one. Such an API serves one request at a time. If
/// many requests arrive at once, it accepts one. The caller of a request that it refuses twice gets the 401 (with
/// [`Recovery::Replayed`](crate::Recovery::Replayed)). For such an API, put a `tower::limit::ConcurrencyLimitLayer`
/// of 1 *below* the layer. Then the token is read after the permit was obtained, and a successor is adopted before
/// the permit is released.
///
/// Use it through [`AuthLayer::rotating`](crate::AuthLayer::rotating), or with options:
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use tower_outbound_auth::AuthLayer;
/// use tower_outbound_auth::scheme::Adopt;
/// use tower_outbound_auth::system::Rotating;
///
/// # fn demo() -> Result<(), tower_outbound_auth::Error> {
/// let scheme = Rotating::new("https://api.example/v1", "key", "secret")?.adopt(Adopt::WhenDue);
/// let endpoint = scheme.endpoint().clone();
/// let layer = AuthLayer::for_endpoint(scheme, &endpoint)?.with_origin(endpoint.origin().clone());
/// # let _ = layer;
/// # Ok(()) }
/// ```
pub struct Rotating {
    endpoint: TokenEndpoint,
    /// Key and secret.
    credentials: [Credential; 2],
    /// The last two different secrets that exchanges showed. The API signs the successors of the exchanges' tokens
    /// with them. Two are kept, because the credential may have a newer value meanwhile, and two sources may share
    /// this scheme.
    signers: Mutex<VecDeque<Secret>>,
    member: Option<String>,
    verify: bool,
    rotation: Rotation,
}

/// The shortest token that is no JWT. The words of a page are shorter.
const SHORTEST: usize = 16;

impl Rotating {
    /// The scheme for one API and one client. `api_root` may have a path: `https://api.example/v1`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the root is no safe URL or has a
    /// query, or if the key or the secret is empty or has control characters.
    pub fn new(
        api_root: &str,
        api_key: impl Into<Credential>,
        client_secret: impl Into<Credential>,
    ) -> Result<Rotating, Error> {
        Rotating::at(TokenEndpoint::below(api_root, "authenticate")?, api_key, client_secret)
    }

    /// The scheme for an endpoint with another path, or with plain http within a mesh
    /// ([`TokenEndpoint::danger_plain_http`]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the key or the secret is empty or
    /// has control characters.
    pub fn at(
        endpoint: TokenEndpoint,
        api_key: impl Into<Credential>,
        client_secret: impl Into<Credential>,
    ) -> Result<Rotating, Error> {
        let credentials = [api_key.into(), client_secret.into()];
        for (credential, what) in credentials.iter().zip(["API key", "client secret"]) {
            credential.check(what, flaw)?;
        }
        Ok(Rotating {
            endpoint,
            credentials,
            signers: Mutex::default(),
            member: None,
            verify: true,
            rotation: Rotation::in_header(AUTHORIZATION),
        })
    }

    /// Sets which tokens of responses are adopted. Default: [`Adopt::EveryNewer`].
    #[must_use]
    pub fn adopt(mut self, adopt: Adopt) -> Rotating {
        self.rotation = self.rotation.adopt(adopt);
        self
    }

    /// The member of the answer's JSON object that has the token. For a member of an inner object, give a JSON pointer such as
    /// `/data/token` (RFC 6901). Default: the first of `token`, `jwt`, `access_token`, `accessToken`.
    #[must_use]
    pub fn with_token_member(self, member: impl Into<String>) -> Rotating {
        Rotating { member: Some(member.into()), ..self }
    }

    /// Accepts tokens without checking their signature.
    ///
    /// By default every token must be signed with HMAC (HS256, HS384 or HS512), with the bytes of the client secret
    /// as the key. This vendor does this. Without the check (because the API uses RS256, or another key), anybody who
    /// can put a header into a response can make the client send a token of their choice. The other rules still hold.
    #[must_use]
    pub fn danger_without_verification(self) -> Rotating {
        Rotating { verify: false, ..self }
    }

    /// The endpoint of the exchange: `{api_root}/authenticate`.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// The token of a successful answer: the first text that can be a token. If signatures are checked, the first that is
    /// signed.
    fn find_token(&self, answer: &ExchangeAnswer) -> Result<Secret, ExchangeError> {
        let in_body = match serde_json::from_slice::<Secret>(answer.text_bytes()) {
            Ok(text) => Some(text).filter(|text| may_be_one(text, answer)),
            Err(_) => match Members::of(answer) {
                Ok(members) => self.member_of(&members)?,
                Err(_) => {
                    answer.text().ok().map(Secret::from).filter(|text| may_be_one(text, answer))
                }
            },
        };
        let in_header = answer.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let usable = |text: Secret| {
            let token = Secret::from(without_scheme(text.expose()));
            bearer_value(&token).is_ok().then_some(token)
        };
        let found: Vec<_> =
            in_body.into_iter().chain(in_header.map(Secret::from)).filter_map(usable).collect();
        let signer = answer.credential(&self.credentials[1])?;
        if let Some(token) = found.iter().find(|token| self.is_signed_by(&signer, token)) {
            self.remember(signer);
            return Ok(token.clone());
        }
        Err(match found.first() {
            Some(token) => not_verified(token),
            None => answer.malformed(
                "has no token: neither as text, nor as a JSON string, nor in a member that was \
                     looked for (see Rotating::with_token_member), nor in Authorization",
            ),
        })
    }

    fn is_signed_by(&self, signer: &Secret, token: &Secret) -> bool {
        !self.verify || is_signed_with(token.expose(), signer.expose().as_bytes())
    }

    fn remember(&self, signer: Secret) {
        let mut signers = self.signers.lock().unwrap_or_else(PoisonError::into_inner);
        signers.retain(|it| it.expose() != signer.expose());
        signers.push_front(signer);
        signers.truncate(2);
    }

    fn member_of(&self, members: &Members<'_>) -> Result<Option<Secret>, ExchangeError> {
        match self.member.as_deref() {
            Some(pointer) if pointer.starts_with('/') => match members.parent_of(pointer) {
                Some((parent, name)) => parent.text(&name),
                None => Ok(None),
            },
            Some(member) => members.text(member),
            None => {
                let mut texts = MEMBERS.into_iter().map(|member| members.text(member));
                texts.find_map(Result::transpose).transpose()
            }
        }
    }
}

/// Whether a text that is the whole body may be a token. A word, a page or broken JSON may not.
fn may_be_one(text: &Secret, answer: &ExchangeAnswer) -> bool {
    let token = without_scheme(text.expose());
    let is_page =
        media_type(answer.headers()) == Some("text/html") || token.starts_with(['<', '{', '[']);
    algorithm(token).is_some() || (token.len() >= SHORTEST && !is_page)
}

/// The error for an exchanged token whose signature is wrong. The next token will have the same fault.
fn not_verified(token: &Secret) -> ExchangeError {
    let wrong = match algorithm(token.expose()).as_deref() {
        None => "it is no JWT",
        Some("HS256" | "HS384" | "HS512") => "the client secret is not the key that signed it",
        Some(_) => "it was not signed with HS256, HS384 or HS512",
    };
    let message = format!(
        "the exchanged token cannot be verified with the client secret: {wrong}. If this API signs \
         otherwise, say so: Rotating::danger_without_verification"
    );
    ExchangeError::new(ExchangeErrorKind::Configuration, message)
}

impl Grant for Rotating {
    fn identity(&self) -> Identity {
        Identity::new("rotating")
            .with("endpoint", self.endpoint.uri().to_string())
            .with("key", identity_of(&self.credentials[0]))
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let [key, secret] = &self.credentials;
        let (key, secret) = (cx.credential(key)?, cx.credential(secret)?);
        let credentials = [("apiKey", key.expose()), ("clientSecret", secret.expose())];
        let request = Request::post(self.endpoint.uri())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/plain;q=0.9")
            .body(Bytes::from_owner(json_body(&credentials)))?;
        Ok(ExchangeRequest::new(request))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        let failure = Failure::in_body(&answer);
        match answer.status() {
            status if status.is_success() => {
                let says_no = failure.as_ref().is_some_and(|it| it.explicit || is_refusal(it));
                match self.find_token(&answer) {
                    _ if says_no => {}
                    Ok(token) => return Ok(Step::Issued(Issued::new(token))),
                    Err(error) if failure.is_none() => return Err(error),
                    Err(_) => {} // the answer itself says why it has no token
                }
            }
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {}
            _ => return Err(answer.unavailable()),
        }
        let [key, secret] = &self.credentials;
        let (id, secret) = (answer.credential(key)?, answer.credential(secret)?);
        let credentials = Credentials { id, secret, id_is_secret: true };
        Err(match failure.as_ref().and_then(|failure| failure.shown(&credentials)) {
            Some(code) => answer.refused(code).judged(),
            None => answer.unavailable().in_doubt(),
        })
    }
}

impl Presentation for Rotating {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }

    fn is_authentic(&self, token: &Secret) -> bool {
        let signers = self.signers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // There is no secret if the token came from another exchange than this scheme's.
        let current = self.credentials[1].current().ok().filter(|_| signers.is_empty());
        signers.iter().chain(&current).any(|signer| self.is_signed_by(signer, token))
    }
}

impl fmt::Debug for Rotating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotating")
            .field("endpoint", &self.endpoint)
            .field("credentials", &self.credentials)
            .field("member", &self.member)
            .field("verify", &self.verify)
            .field("rotation", &self.rotation)
            .finish_non_exhaustive()
    }
}

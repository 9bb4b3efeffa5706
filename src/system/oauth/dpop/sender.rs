//! The proofs of one system, and what its token endpoint says about them.

use std::borrow::Cow;
use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};

use crate::clock::Now;
use crate::credential::Values;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::exchange::bound_key::BoundKey;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::origin::Origin;
use crate::scheme::key_binding::KeyBinding;
use crate::secret::Secret;
use crate::system::oauth::dpop::htu::origin_of;
use crate::system::oauth::dpop::nonces::Nonces;
use crate::system::oauth::dpop::options::Dpop;
use crate::system::oauth::dpop::proof::{Claims, ProofKey};
use crate::system::oauth::key::jws::random;

pub(crate) static DPOP: HeaderName = HeaderName::from_static("dpop");

/// The most requests that are repeated in one exchange because of their proofs.
const MAX_REPEATED: usize = 2;

/// How many tokens wait for their maker at most. One source has one; several sources may share a system.
const MAX_ISSUED: usize = 8;

/// Makes the proofs of one system.
pub(crate) struct DpopSender {
    options: Dpop,
    /// The client is public.
    binds_refresh_tokens: bool,
    endpoint_nonces: Nonces,
    pub(crate) api_nonces: Nonces,
    /// The newest tokens, each with the key that it is bound to.
    issued: Mutex<Issued>,
}

type Issued = Vec<(Secret, Arc<ProofKey>)>;

/// What was noted at a request to the token endpoint.
#[derive(Clone)]
struct Proved {
    key: Arc<ProofKey>,
    nonce: Option<Arc<str>>,
}

impl DpopSender {
    pub(crate) fn new(options: Dpop, binds_refresh_tokens: bool) -> Arc<DpopSender> {
        Arc::new(DpopSender {
            options,
            binds_refresh_tokens,
            endpoint_nonces: Nonces::default(),
            api_nonces: Nonces::default(),
            issued: Mutex::default(),
        })
    }

    /// What tells the key from another one.
    pub(crate) fn key_id(&self) -> String {
        self.options.keys.id()
    }

    /// A proof. An error says what to do.
    pub(crate) fn proof(
        &self,
        key: &ProofKey,
        (method, uri, origin): (&Method, &Uri, &Origin),
        now: Now,
        token: Option<&Secret>,
        nonce: Option<&str>,
    ) -> Result<HeaderValue, &'static str> {
        let htu = self.options.htu.htu(uri, origin).ok_or(
            "the URI of the request is relative, so a DPoP proof cannot name its address: set it by \
             `Dpop::htu_base(Origin::relative(), ..)`",
        )?;
        let no_random = "the system has no random numbers, which a DPoP proof needs";
        let jwt_id = random().ok_or(no_random)?;
        let claims = Claims { jwt_id: &jwt_id, method, htu: &htu, now, token, nonce };
        key.proof(&claims).ok_or(no_random)
    }

    // ===== the token endpoint =====

    /// Adds a new proof to a request to the token endpoint.
    pub(crate) fn proved(
        &self,
        mut request: Request<Bytes>,
        cx: &RequestContext,
    ) -> Result<Request<Bytes>, ExchangeError> {
        let origin = origin_of(request.uri())
            .ok_or_else(|| failed("the token endpoint's URL has user information"))?;
        let values: Values<'_> = &|credential| cx.shown().value(credential);
        let key = match cx.bound_key() {
            Some(bound) => self.key_with(bound, values)?,
            None => self.options.keys.key(values)?,
        };
        let nonce = self.endpoint_nonces.newest(&origin);
        let target = (request.method(), request.uri(), &origin);
        let proof = self.proof(&key, target, cx.now(), None, nonce.as_deref()).map_err(failed)?;
        request.headers_mut().insert(&DPOP, proof);
        request.extensions_mut().insert(Proved { key, nonce });
        Ok(request)
    }

    /// Learns the nonce of an answer. Returns the step if the same request is to be sent once more, with a new proof.
    pub(crate) fn after(&self, answer: &ExchangeAnswer) -> Option<Step> {
        let proved = answer.note::<Proved>()?;
        let origin = origin_of(answer.asked()?)?;
        self.endpoint_nonces.learn(&origin, answer.headers());
        let may_be_about_the_proof =
            matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
        if !may_be_about_the_proof {
            return None;
        }
        let helps = match answer.error_code()?.as_str() {
            "use_dpop_nonce" => self.endpoint_nonces.newest(&origin) != proved.nonce,
            "invalid_dpop_proof" => true,
            _ => false,
        };
        let name = answer.request_name();
        let answers: Vec<_> = iter::successors(Some(answer), |answer| answer.before()).collect();
        let repeated = answers.windows(2).filter(|it| it[0].request_name() == it[1].request_name());
        let is_repeated = answer.before().is_some_and(|before| before.request_name() == name);
        (helps && !is_repeated && repeated.count() < MAX_REPEATED).then_some(Step::Again(name))
    }

    /// Whether a token of this type is bound to the key.
    ///
    /// # Errors
    ///
    /// *Malformed* if it is not bound, and the tokens must be.
    pub(crate) fn is_bound(&self, token_type: Option<&str>) -> Result<bool, ExchangeError> {
        let is_bound = token_type == Some("dpop");
        match is_bound || self.options.optional {
            true => Ok(is_bound),
            false => Err(ExchangeError::new(
                ExchangeErrorKind::Malformed,
                "the token endpoint issued a token that is not bound to the DPoP key (`token_type` is not `DPoP`): switch \
                 DPoP on for this client at the provider, or accept such tokens by `Dpop::optional`",
            )),
        }
    }

    /// The answer has brought this token, which is bound to the key of its request.
    pub(crate) fn issued(&self, token: &Secret, answer: &ExchangeAnswer) {
        if let Some(proved) = answer.note::<Proved>() {
            self.remember(token, &proved.key);
        }
    }

    // ===== keys =====

    fn remember(&self, token: &Secret, key: &Arc<ProofKey>) {
        let mut issued = self.bound();
        issued.retain(|(known, _)| known.expose() != token.expose());
        issued.insert(0, (token.clone(), key.clone()));
        issued.truncate(MAX_ISSUED);
    }

    fn bound(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn last_key(&self) -> Option<Arc<ProofKey>> {
        self.options.keys.last()
    }

    /// The key that this token is bound to. None if no exchange has brought this token, or if it is not bound.
    pub(crate) fn proof_key_of(&self, token: &Secret) -> Option<Arc<ProofKey>> {
        let issued = self.bound();
        let bound = issued.iter().find(|(known, _)| known.expose() == token.expose());
        bound.map(|(_, key)| key.clone())
    }

    /// The key with this thumbprint: the current one, that of an earlier token, or the one that a store has kept.
    ///
    /// # Errors
    ///
    /// *Configuration* if there is no such key, or if the current key cannot be read.
    fn key_with(
        &self,
        bound: &BoundKey,
        values: Values<'_>,
    ) -> Result<Arc<ProofKey>, ExchangeError> {
        let is_it = |key: &Arc<ProofKey>| *key.thumbprint() == *bound.thumbprint;
        if let Some(known) = self.bound().iter().map(|(_, key)| key).find(|it| is_it(it)) {
            return Ok(known.clone());
        }
        let kept = bound.private.clone().and_then(ProofKey::made).map(Arc::new);
        if let Some(kept) = kept.filter(is_it) {
            return Ok(kept);
        }
        let current = self.options.keys.key(values)?;
        match is_it(&current) {
            true => Ok(current),
            false => Err(failed(format!(
                "the login is bound to a DPoP key with the thumbprint {}, and the key that is given has another one ({}): \
                 give the key of the login, or log in again",
                bound.thumbprint,
                current.thumbprint()
            ))),
        }
    }
}

impl KeyBinding for DpopSender {
    fn current(&self, values: Values<'_>) -> Result<BoundKey, ExchangeError> {
        Ok(self.options.keys.key(values)?.bound())
    }

    fn binds_refresh_tokens(&self) -> bool {
        self.binds_refresh_tokens
    }

    fn key_of(&self, token: &Secret) -> Option<BoundKey> {
        Some(self.proof_key_of(token)?.bound())
    }

    fn adopt(&self, token: &Secret, key: &BoundKey, values: Values<'_>) -> bool {
        let key = self.key_with(key, values);
        key.inspect(|key| self.remember(token, key)).is_ok()
    }

    fn accepts_unbound(&self) -> bool {
        self.options.optional
    }
}

fn failed(why: impl Into<Cow<'static, str>>) -> ExchangeError {
    ExchangeError::new(ExchangeErrorKind::Configuration, why)
}

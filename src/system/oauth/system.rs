//! The system: a client, a grant and parameters make requests; answers make tokens.

use std::fmt;
use std::iter;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, StatusCode};

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::encoding::form_body;
use crate::endpoint::failure::{Failure, is_refusal};
use crate::endpoint::grant::Grant;
use crate::endpoint::quotes::Credentials;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, bearer_value, plain_value};
use crate::secret::Secret;
use crate::system::oauth::answer::{
    Meaning, check_type, failed, failed_without_a_secret, is_another_scope,
    knows_no_refresh_tokens, may_be_about_the_client, may_be_about_the_refresh_token, read_2xx,
    with_extra,
};
use crate::system::oauth::client::{OAuthClient, Proof};
use crate::system::oauth::clocks::difference;
use crate::system::oauth::discovery::{DISCOVERY, Discovery, Found};
use crate::system::oauth::grant::OAuthGrant;
use crate::system::oauth::hint::Hint;
use crate::system::oauth::params::Params;
use crate::system::oauth::refresh::REFRESH;

/// The names of the requests with the credentials. A name tells the encoding, and whether it is the second attempt.
/// (If the user chose the encoding, or if it makes no difference, the name is always the first one.)
const PERCENT: &str = "percent";
const RAW: &str = "raw";
const RAW_AFTER_PERCENT: &str = "raw after percent";
const PERCENT_AFTER_RAW: &str = "percent after raw";
/// The token endpoint is known, and nothing has been sent to it.
const DISCOVERED: &str = "discovered";

const REFUSED_ASSERTION: &str = "the token endpoint refuses the client's assertion: check the client id, the key or secret that the \
     provider has for it, and the audience of the assertion";

/// An OAuth 2.0 system: a client, a grant, and parameters.
///
/// Each of them is an axis of its own, so they can be combined freely; [`OAuthBuilder::build`](crate::system::OAuthBuilder::build) says
/// which two do not fit together. For the usual case, a client with a secret, [`ClientCredentials`](crate::system::ClientCredentials) is
/// shorter.
///
/// What an answer means is the same for every combination: see [`ClientCredentials`](crate::system::ClientCredentials).
pub struct OAuth {
    pub(crate) name: &'static str,
    /// The token endpoint. If it is discovered, the issuer.
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) discovery: Option<Discovery>,
    pub(crate) client: Option<OAuthClient>,
    pub(crate) grant: OAuthGrant,
    /// All credentials that an exchange needs.
    pub(crate) credentials: Vec<Credential>,
    pub(crate) params: Params,
    /// More headers of the request, such as a gateway's key.
    pub(crate) headers: Vec<(HeaderName, Credential)>,
    pub(crate) token_member: Option<String>,
    /// Members of the answer for the caller: names or JSON pointers.
    pub(crate) extra: Vec<String>,
    pub(crate) strict_type: bool,
    /// With `Auto`: the last success used the raw encoding.
    pub(crate) raw: Hint,
    pub(crate) refresh: bool,
    /// The endpoint has answered that it does not support refresh tokens.
    pub(crate) without_refresh: Hint,
}

impl OAuth {
    /// The system, before anything but the client and the endpoint is set.
    pub(crate) fn new(
        name: &'static str,
        endpoint: TokenEndpoint,
        client: Option<OAuthClient>,
    ) -> OAuth {
        let credentials = client.iter().flat_map(OAuthClient::credentials).collect();
        OAuth {
            name,
            endpoint,
            discovery: None,
            client,
            grant: OAuthGrant::ClientCredentials,
            credentials,
            params: Params::default(),
            headers: Vec::new(),
            token_member: None,
            extra: Vec::new(),
            strict_type: false,
            raw: Hint::default(),
            refresh: false,
            without_refresh: Hint::default(),
        }
    }

    /// The token endpoint. If it is discovered, the URL of the issuer.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// The name of the request with the credentials in the encoding that worked last.
    fn last_encoding(&self, now: Option<Now>) -> &'static str {
        if self.raw.holds(now) { RAW } else { PERCENT }
    }

    /// The request with the credentials.
    fn request(
        &self,
        cx: &RequestContext,
        name: &'static str,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let grant = self.grant.params(cx)?;
        let grant = grant.iter().map(|(name, value)| (*name, value.expose()));
        let params =
            iter::once(("grant_type", self.grant.name())).chain(grant).chain(self.params.iter());
        let raw = matches!(name, RAW | RAW_AFTER_PERCENT);
        Ok(self.post(cx, params.collect(), raw)?.named(name))
    }

    /// The request with a refresh token (RFC 6749 section 6). It has no scope, so that the scope stays the same.
    fn refresh_request(
        &self,
        cx: &RequestContext,
        refresh_token: &Secret,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let mut params =
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        params.extend(self.params.iter().filter(|(name, _)| *name == "resource"));
        let raw = self.raw.holds(Some(cx.now()));
        Ok(self.post(cx, params, raw)?.named(REFRESH))
    }

    /// A form with the client's authentication.
    fn post(
        &self,
        cx: &RequestContext,
        params: Vec<(&str, &str)>,
        raw: bool,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let mut params: Vec<(&str, &str)> = params; // these may borrow from the credentials
        let added = self.client.as_ref().map(|client| client.add(cx, raw)).transpose()?;
        let discovered = self.discovery.as_ref().and_then(Discovery::last);
        let endpoint = discovered.as_ref().unwrap_or(&self.endpoint);
        let mut request = Request::post(endpoint.uri())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        for (name, credential) in &self.headers {
            let mut value = plain_value(&cx.credential(credential)?)?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if let Some(added) = &added {
            params.extend(added.params.iter().map(|(name, value)| (*name, value.expose())));
            if let Some(authorization) = &added.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
        }
        let body = Bytes::from_owner(form_body(&params));
        Ok(ExchangeRequest::new(request.body(body)?))
    }

    /// The id and the secret in the request. None if the client has no secret.
    fn shown(&self, answer: &ExchangeAnswer) -> Option<[Secret; 2]> {
        let OAuthClient { id, proof: Proof::Secret(secret, _) } = self.client.as_ref()? else {
            return None;
        };
        Some([answer.credential(id).ok()?, answer.credential(secret).ok()?])
    }

    /// The name of the request that follows a refused one, if the endpoint may understand the other encoding. It
    /// depends on the refused encoding. The encoding that worked last does not matter, because another source of this
    /// scheme may have changed it.
    fn other_encoding(&self, refused: &ExchangeAnswer) -> Option<&'static str> {
        let differ = |it: [Secret; 2]| {
            self.client.as_ref().is_some_and(|client| client.has_another_encoding(&it))
        };
        let differ = self.shown(refused).is_some_and(differ);
        match refused.request_name() {
            PERCENT if differ => Some(RAW_AFTER_PERCENT),
            RAW if differ => Some(PERCENT_AFTER_RAW),
            _ => None,
        }
    }

    /// The endpoint refuses the refresh token, so the next request uses the credentials.
    fn fall_back(&self, answer: &ExchangeAnswer, failure: &Failure) -> Step {
        if knows_no_refresh_tokens(answer.status(), failure) {
            self.without_refresh.learn(answer.received());
            let system = self.identity().system();
            tracing::info!(target: TARGET, system, "the endpoint does not support refresh tokens: they are not used for a day");
        }
        Step::Again(self.last_encoding(answer.received()))
    }

    /// The error, with what to do if the endpoint refuses an assertion of the client.
    fn about_the_assertion(&self, error: ExchangeError, answer: &ExchangeAnswer) -> ExchangeError {
        let refused = error.code() == Some("invalid_client");
        match self.client.as_ref().map(|client| &client.proof) {
            Some(Proof::Assertion { made_of, .. }) if refused => {
                let is_signed_here = !made_of.is_empty();
                let clocks = is_signed_here.then(|| difference(answer)).flatten();
                let clocks = clocks.map(|it| format!("; {it}")).unwrap_or_default();
                error.map_message(|_| format!("{REFUSED_ASSERTION}{clocks}"))
            }
            _ => error,
        }
    }

    /// The endpoint refuses the credentials.
    fn read_failure(
        &self,
        answer: &ExchangeAnswer,
        failure: &Failure,
    ) -> Result<Step, ExchangeError> {
        let name = answer.request_name();
        if name == REFRESH && may_be_about_the_refresh_token(failure) {
            return Ok(self.fall_back(answer, failure));
        }
        let other = self.other_encoding(answer);
        if let Some(other) = other.filter(|_| may_be_about_the_client(answer, failure)) {
            return Ok(Step::Again(other));
        }
        if is_refusal(failure) {
            // The server may have changed, so what was learned about it is forgotten.
            self.raw.forget();
            self.without_refresh.forget();
        }
        let error = match self.shown(answer) {
            Some([id, secret]) => {
                failed(answer, failure, &Credentials { id, secret, id_is_secret: false })
            }
            None => failed_without_a_secret(answer, failure),
        };
        let error = self.about_the_assertion(error, answer);
        let is_of_subject =
            self.grant.is_token_exchange() && failure.code.as_deref() == Some("invalid_request");
        Err(if is_of_subject { error.about_the_subject() } else { error })
    }
}

impl Grant for OAuth {
    fn identity(&self) -> Identity {
        let identity = Identity::new(self.name).with("endpoint", self.endpoint.uri().to_string());
        let issuer = self.discovery.iter().map(Discovery::issuer);
        let identity = issuer.fold(identity, |identity, issuer| identity.with("issuer", issuer));
        let identity = match &self.client {
            Some(client) => client.identify(identity),
            None => identity,
        };
        let identity = self.grant.identify(identity);
        let member = self.token_member.iter();
        let identity = member.fold(identity, |identity, it| identity.with("token_member", it));
        self.params.iter().fold(identity, |identity, (name, value)| {
            let mut words: Vec<_> = value.split_whitespace().collect();
            if name == "scope" {
                words.sort_unstable(); // a scope is a set (RFC 6749 section 3.3)
            }
            let value = if name == "scope" { words.join(" ") } else { value.to_owned() };
            identity.with("parameter", name).with("value", value)
        })
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let now = Some(cx.now());
        let step = cx.step().filter(|step| *step != DISCOVERED);
        if let Some(discovery) = &self.discovery {
            match step {
                Some(name) if DISCOVERY.contains(&name) => {
                    return discovery.request(name, cx.now());
                }
                None if cx.step().is_none() && discovery.fresh(cx.now()).is_none() => {
                    return discovery.request(DISCOVERY[0], cx.now());
                }
                _ => {}
            }
        }
        let refresh = self.refresh && !self.without_refresh.holds(now);
        match (step, cx.refresh_token().filter(|_| refresh)) {
            (Some(name), _) => self.request(cx, name),
            (None, Some(refresh_token)) => self.refresh_request(cx, refresh_token),
            (None, None) => self.request(cx, self.last_encoding(now)),
        }
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        let discovery = self.discovery.as_ref();
        if let Some(discovery) = discovery.filter(|_| DISCOVERY.contains(&answer.request_name())) {
            return discovery.read(&answer).map(after);
        }
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return self.read_failure(&answer, &Failure::in_body(&answer).unwrap_or_default());
            }
            _ => return Err(answer.unavailable()),
        }
        let token = match read_2xx(&answer, self.token_member.as_deref())? {
            Meaning::Token(token) => token,
            Meaning::Failure(failure) => return self.read_failure(&answer, &failure),
        };
        let name = answer.request_name();
        match name {
            RAW_AFTER_PERCENT => self.raw.learn(answer.received()),
            PERCENT_AFTER_RAW => self.raw.forget(),
            _ => {}
        }
        check_type(token.token_type.as_deref(), self.strict_type)?;
        let token = match self.grant.is_token_exchange() && name != REFRESH {
            true => token.exchanged(&answer)?,
            false => token,
        };
        let granted = token.scope.clone();
        let issued = token.issued(name == REFRESH, self.refresh);
        let issued = with_extra(issued, &answer, &self.extra);
        let another = granted.zip(self.params.get("scope"));
        Ok(Step::Issued(match another {
            Some((granted, asked)) if is_another_scope(&granted, asked) => {
                issued.with_scope(granted)
            }
            _ => issued,
        }))
    }

    /// Metadata that was read before is used if the issuer cannot be reached.
    fn failed(&self, request_name: &str, error: ExchangeError) -> Result<Step, ExchangeError> {
        match &self.discovery {
            Some(discovery) if DISCOVERY.contains(&request_name) => {
                discovery.or_the_last(error).map(after)
            }
            _ => Err(error),
        }
    }
}

/// The step after a request for metadata.
fn after(found: Found) -> Step {
    Step::Again(match found {
        Found::Endpoint => DISCOVERED,
        Found::Next(name) => name,
    })
}

impl Presentation for OAuth {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth")
            .field("endpoint", &self.endpoint)
            .field("client", &self.client)
            .field("grant", &self.grant)
            .field("params", &self.params)
            .field("refresh", &self.refresh)
            .finish_non_exhaustive()
    }
}

//! The system: a client, a grant and parameters make requests; answers make tokens.

use std::fmt;
use std::iter;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, Request};

use crate::clock::Now;
use crate::credential::Credential;
use crate::credential::shown::Shown;
use crate::endpoint::answer::ExchangeAnswer;
#[cfg(feature = "client")]
use crate::endpoint::certificate::client_certificate::ClientCertificate;
use crate::endpoint::encoding::form_body;
use crate::endpoint::grant::Grant;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;
use crate::scheme::claims::ClaimsChallenges;
use crate::scheme::value::plain_value;
use crate::secret::Secret;
use crate::system::oauth::answer::with_new_refresh_token;
use crate::system::oauth::claims::with_demand;
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::discovery::{DISCOVERY, Discovery};
#[cfg(feature = "oauth")]
use crate::system::oauth::dpop::sender::DpopSender;
use crate::system::oauth::grant::OAuthGrant;
use crate::system::oauth::hint::Hint;
use crate::system::oauth::params::Params;
use crate::system::oauth::way::{Attempt, LastWay, Turn, Way};

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
    /// Which the token endpoint is to see.
    #[cfg(feature = "client")]
    pub(crate) certificate: Option<ClientCertificate>,
    /// A token that is not bound to a certificate is an error.
    pub(crate) bound_tokens: bool,
    /// Binds the tokens to a key.
    #[cfg(feature = "oauth")]
    pub(crate) dpop: Option<Arc<DpopSender>>,
    /// For a client with two encodings of its secret, or with two keys.
    pub(crate) last_way: LastWay,
    pub(crate) refresh: bool,
    /// The endpoint has answered that it does not support refresh tokens.
    pub(crate) without_refresh: Hint,
    /// None if a demand of the API is left to the caller.
    pub(crate) claims: Option<Arc<ClaimsChallenges>>,
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
            #[cfg(feature = "client")]
            certificate: None,
            bound_tokens: false,
            #[cfg(feature = "oauth")]
            dpop: None,
            last_way: LastWay::default(),
            refresh: false,
            without_refresh: Hint::default(),
            claims: None,
        }
    }

    /// The token endpoint. If it is discovered, the URL of the issuer.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// The way that worked last, for these values of the credentials.
    pub(crate) fn last_way(&self, now: Option<Now>, values: &Shown) -> Way {
        let Some(client) = &self.client else { return Way::First };
        let way = self.last_way.way(now, client.texts_of_keys(values));
        let is_possible = client.keys().is_none() || client.has_previous(values);
        if is_possible { way } else { Way::First }
    }

    /// The request with the credentials.
    fn request(
        &self,
        cx: &RequestContext,
        attempt: Attempt,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let grant = self.grant.params(cx)?;
        let grant = grant.iter().map(|(name, value)| (*name, value.expose()));
        let params =
            iter::once(("grant_type", self.grant.name())).chain(grant).chain(self.params.iter());
        Ok(self.post(cx, params.collect(), attempt.way)?.named(attempt.name()))
    }

    /// The request with a refresh token (RFC 6749 section 6). It has no scope, so that the scope stays the same.
    fn refresh_request(
        &self,
        cx: &RequestContext,
        refresh_token: &Secret,
        attempt: Attempt,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let mut params =
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        params.extend(self.params.iter().filter(|(name, _)| *name == "resource"));
        Ok(self.post(cx, params, attempt.way)?.named(attempt.name()))
    }

    /// A form with the client's authentication.
    fn post(
        &self,
        cx: &RequestContext,
        params: Vec<(&str, &str)>,
        way: Way,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let claims = self.demanded_claims();
        let mut params: Vec<(&str, &str)> = params; // these may borrow from the credentials
        if let Some(claims) = &claims {
            params.retain(|(name, _)| *name != "claims");
            params.push(("claims", claims));
        }
        let added = self.client.as_ref().map(|client| client.add(cx, way)).transpose()?;
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
        #[cfg(feature = "client")]
        if let (Some(certificate), Some(notes)) = (&self.certificate, request.extensions_mut()) {
            notes.insert(certificate.clone());
        }
        let request = request.body(Bytes::from_owner(form_body(&params)))?;
        #[cfg(feature = "oauth")]
        let request = match &self.dpop {
            Some(dpop) => dpop.proved(request, cx)?,
            None => request,
        };
        Ok(ExchangeRequest::new(request))
    }

    /// The error of the token endpoint. If that was discovered, the error names it, because the system is named by its issuer.
    pub(crate) fn at_the_endpoint(&self, error: ExchangeError) -> ExchangeError {
        match self.discovery.as_ref().and_then(Discovery::last) {
            Some(endpoint) => {
                error.map_message(|text| format!("{text}; the token endpoint is {endpoint}"))
            }
            None => error,
        }
    }

    /// The parameter `claims`, if the API has demanded some for this token.
    fn demanded_claims(&self) -> Option<String> {
        let demanded = self.claims.as_ref()?.asked()?;
        Some(with_demand(self.params.get("claims"), demanded))
    }

    /// What the end of an exchange means for claims that the API has demanded.
    fn ended(&self, step: Result<Step, ExchangeError>) -> Result<Step, ExchangeError> {
        if let Some(claims) = &self.claims {
            match &step {
                Ok(Step::Issued(_)) => claims.issued(),
                Ok(Step::Again(_)) => {}
                Err(_) => claims.failed(),
            }
        }
        step
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
        #[cfg(feature = "client")]
        let identity = match &self.certificate {
            Some(certificate) => identity.with("certificate", certificate.id()),
            None => identity,
        };
        #[cfg(feature = "oauth")]
        let identity = match &self.dpop {
            Some(dpop) => identity.with("dpop_thumbprint", dpop.key_id()),
            None => identity,
        };
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

    fn seed(&self) -> Option<&Credential> {
        self.grant.seed()
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        if let (None, Some(claims)) = (cx.step(), &self.claims) {
            match cx.is_of_a_further_part() {
                true => claims.go_on(),
                false => claims.begin(),
            }
        }
        let now = Some(cx.now());
        let step = cx.step().filter(|step| *step != OAuth::DISCOVERED);
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
        // With a login, the refresh token is the grant itself.
        let is_login = self.grant.seed().is_some();
        let refresh = self.refresh && !is_login && !self.without_refresh.holds(now);
        let way = self.last_way(now, cx.shown());
        match (step.and_then(Attempt::named), cx.refresh_token().filter(|_| refresh)) {
            (Some(attempt), Some(refresh_token)) if attempt.turn.shows_a_refresh_token() => {
                self.refresh_request(cx, refresh_token, attempt)
            }
            (Some(attempt), _) => self.request(cx, attempt),
            (None, Some(refresh_token)) => {
                let turn = if cx.is_kept() { Turn::Kept } else { Turn::Refresh };
                self.refresh_request(cx, refresh_token, Attempt { way, turn })
            }
            (None, None) => self.request(cx, Attempt { way, turn: Turn::Opening }),
        }
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        let read = self.read_answer(&answer);
        self.ended(read.map_err(|error| with_new_refresh_token(error, &answer)))
    }

    /// Metadata that was read before is used if the issuer cannot be reached.
    fn failed(&self, request_name: &str, error: ExchangeError) -> Result<Step, ExchangeError> {
        self.ended(match &self.discovery {
            Some(discovery) if DISCOVERY.contains(&request_name) => {
                discovery.or_the_last(error).map(OAuth::after)
            }
            _ => Err(error),
        })
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

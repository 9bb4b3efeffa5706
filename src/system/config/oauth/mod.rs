//! The table `oauth` of a file.

pub(crate) mod dpop;
pub(crate) mod rules;

use serde::Deserialize;

use crate::credential::Credential;
use crate::endpoint::certificate::client_certificate::ClientCertificate;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::system::config::client_id::ClientId;
use crate::system::config::oauth::dpop::WrittenDpop;
use crate::system::config::oauth::rules::check;
use crate::system::config::seconds::Seconds;
use crate::system::config::systems::System;
use crate::system::config::texts::Texts;
use crate::system::named::{Named, Text};
use crate::system::oauth::builder::OAuthBuilder;
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::client_auth::{BasicEncoding, ClientAuth};
use crate::system::oauth::grant::{OAuthGrant, TokenExchange};
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::system::OAuth;

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenOAuth {
    endpoint: Option<TokenEndpoint>,
    issuer: Option<Text>,
    #[serde(default)]
    token_endpoint_origin: Texts,
    client_id: Option<ClientId>,
    client_secret: Option<Credential>,
    auth: Option<Text>,
    key: Option<Credential>,
    key_id: Option<Text>,
    previous_key: Option<Credential>,
    previous_key_id: Option<Text>,
    algorithm: Option<Text>,
    secret_jwt: Option<Credential>,
    jwt_audience: Option<Text>,
    jwt_typ: Option<Text>,
    backdate: Option<Seconds>,
    assertion: Option<Credential>,
    assertion_type: Option<Text>,
    certificate: Option<Credential>,
    certificate_key: Option<Credential>,
    #[serde(default)]
    certificate_bound_tokens: bool,
    grant: Option<Text>,
    grant_assertion: Option<Credential>,
    subject: Option<Credential>,
    subject_type: Option<Text>,
    actor: Option<Credential>,
    actor_type: Option<Text>,
    requested_type: Option<Text>,
    #[cfg(feature = "store")]
    refresh_token: Option<Credential>,
    #[serde(default)]
    scope: Texts,
    #[serde(default)]
    audience: Texts,
    #[serde(default)]
    resource: Texts,
    authorization_details: Option<Text>,
    #[serde(default)]
    parameters: Named<Text>,
    #[serde(default)]
    headers: Named<Credential>,
    #[serde(default)]
    extra: Texts,
    token_member: Option<Text>,
    #[serde(default)]
    refresh_tokens: bool,
    #[serde(default)]
    strict_token_type: bool,
    #[serde(default)]
    dpop: WrittenDpop,
}

impl WrittenOAuth {
    /// The members whose combination matters.
    fn written(&self) -> Vec<&'static str> {
        let members = [
            ("endpoint", self.endpoint.is_some()),
            ("issuer", self.issuer.is_some()),
            ("token_endpoint_origin", !self.token_endpoint_origin.0.is_empty()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("auth", self.auth.is_some()),
            ("key", self.key.is_some()),
            ("key_id", self.key_id.is_some()),
            ("previous_key", self.previous_key.is_some()),
            ("previous_key_id", self.previous_key_id.is_some()),
            ("algorithm", self.algorithm.is_some()),
            ("secret_jwt", self.secret_jwt.is_some()),
            ("jwt_audience", self.jwt_audience.is_some()),
            ("jwt_typ", self.jwt_typ.is_some()),
            ("backdate", self.backdate.is_some()),
            ("assertion", self.assertion.is_some()),
            ("assertion_type", self.assertion_type.is_some()),
            ("certificate", self.certificate.is_some()),
            ("certificate_key", self.certificate_key.is_some()),
            ("certificate_bound_tokens", self.certificate_bound_tokens),
            ("grant_assertion", self.grant_assertion.is_some()),
            ("subject", self.subject.is_some()),
            ("subject_type", self.subject_type.is_some()),
            ("actor", self.actor.is_some()),
            ("actor_type", self.actor_type.is_some()),
            ("requested_type", self.requested_type.is_some()),
            #[cfg(feature = "store")]
            ("refresh_token", self.refresh_token.is_some()),
        ];
        members.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
    }

    /// None if a grant with an assertion or a token needs no client.
    fn take_client(&mut self) -> Result<Option<OAuthClient>, Error> {
        let Some(ClientId(id)) = self.client_id.take() else { return Ok(None) };
        if let Some(secret) = self.client_secret.take() {
            let auth =
                self.auth.take().map_or(Ok(ClientAuth::default()), |it| client_auth(&it.0))?;
            return Ok(Some(OAuthClient::with_secret(id, secret).auth(auth)));
        }
        if let Some(assertion) = self.assertion.take() {
            let client = OAuthClient::with_assertion(id, assertion);
            return Ok(Some(match self.assertion_type.take() {
                Some(Text(name)) => client.assertion_type(name),
                None => client,
            }));
        }
        match (self.key.take(), self.secret_jwt.take()) {
            (Some(key), _) => {
                let algorithm = self.algorithm.take().map(|Text(name)| algorithm(&name));
                let algorithm = algorithm.transpose()?;
                let key = jwt_key(key, self.key_id.take(), algorithm);
                let mut client = OAuthClient::with_key(id, key);
                if let Some(previous) = self.previous_key.take() {
                    let previous = jwt_key(previous, self.previous_key_id.take(), algorithm);
                    client = client.previous_key(previous);
                }
                Ok(Some(self.with_claims(client)))
            }
            (None, Some(secret)) => {
                let client = OAuthClient::with_secret_jwt(id, secret);
                Ok(Some(self.with_claims(client)))
            }
            (None, None) if self.certificate.is_some() && self.auth.is_none() => {
                Ok(Some(OAuthClient::tls(id)))
            }
            (None, None) => Ok(Some(OAuthClient::public(id))),
        }
    }

    fn with_claims(&mut self, mut client: OAuthClient) -> OAuthClient {
        if let Some(Text(audience)) = self.jwt_audience.take() {
            client = client.audience(audience);
        }
        if let Some(Text(typ)) = self.jwt_typ.take() {
            client = client.typ(Some(&*typ).filter(|typ| !typ.is_empty()));
        }
        match self.backdate.take() {
            Some(Seconds(backdate)) => client.backdate(backdate),
            None => client,
        }
    }

    /// `rules` has checked that each grant has what it needs.
    fn take_grant(&mut self) -> OAuthGrant {
        if let Some(assertion) = self.grant_assertion.take() {
            return OAuthGrant::JwtBearer(assertion);
        }
        #[cfg(feature = "store")]
        if let Some(seed) = self.refresh_token.take() {
            return OAuthGrant::RefreshToken(seed);
        }
        let Some(subject) = self.subject.take() else { return OAuthGrant::ClientCredentials };
        let mut exchange = TokenExchange::of(subject);
        if let Some(Text(name)) = self.subject_type.take() {
            exchange = exchange.subject_type(name);
        }
        if let (Some(actor), Some(Text(name))) = (self.actor.take(), self.actor_type.take()) {
            exchange = exchange.actor(actor, name);
        }
        if let Some(Text(name)) = self.requested_type.take() {
            exchange = exchange.requested_type(name);
        }
        OAuthGrant::TokenExchange(exchange)
    }
}

impl TryFrom<WrittenOAuth> for System {
    type Error = Error;

    fn try_from(mut it: WrittenOAuth) -> Result<System, Error> {
        let grant = grant_name(it.grant.as_ref())?;
        let is_public = it.auth.as_ref().is_some_and(|auth| auth.0 == "none");
        check(&it.written(), grant, is_public)?;
        if it.scope.0.iter().any(|scope| scope.contains(' ')) {
            return Err(Error::configuration(
                "a scope in `scope` has a blank: write a list, such as `scope = [\"read\", \"write\"]`",
            ));
        }
        let (client, grant) = (it.take_client()?, it.take_grant());
        let system = match (it.endpoint, it.issuer) {
            (Some(endpoint), _) => OAuth::builder(endpoint),
            // `rules` has checked that there is one of the two.
            (None, issuer) => OAuth::discover(&issuer.map(|Text(it)| it).unwrap_or_default()),
        };
        let mut system = system.grant(grant);
        let origins = it.token_endpoint_origin.0.into_iter();
        system = origins.fold(system, OAuthBuilder::token_endpoint_origin);
        if let Some(client) = client {
            system = system.client(client);
        }
        system = it.scope.0.into_iter().fold(system, OAuthBuilder::scope);
        system = it.audience.0.into_iter().fold(system, OAuthBuilder::audience);
        system = it.resource.0.into_iter().fold(system, OAuthBuilder::resource);
        system = it.extra.0.into_iter().fold(system, OAuthBuilder::extra);
        for (name, Text(value)) in it.parameters.0 {
            system = system.parameter(name, value);
        }
        for (name, value) in it.headers.0 {
            system = system.endpoint_header(name, value);
        }
        if let Some(Text(details)) = it.authorization_details {
            system = system.authorization_details(details);
        }
        if let Some(Text(member)) = it.token_member {
            system = system.token_member(member);
        }
        if it.refresh_tokens {
            system = system.refresh_tokens();
        }
        if it.strict_token_type {
            system = system.strict_token_type();
        }
        system = match (it.certificate, it.certificate_key) {
            (Some(certificate), Some(key)) => {
                system.certificate(ClientCertificate::with_key(certificate, key))
            }
            (Some(pem), None) => system.certificate(ClientCertificate::new(pem)),
            (None, _) => system,
        };
        if it.certificate_bound_tokens {
            system = system.certificate_bound_tokens();
        }
        if let Some(dpop) = it.dpop.dpop()? {
            system = system.dpop(dpop);
        }
        let system = system.build()?;
        let endpoint = system.endpoint().clone();
        Ok(System::at(system, &endpoint))
    }
}

fn grant_name(written: Option<&Text>) -> Result<&'static str, Error> {
    match written.map(|it| &*it.0) {
        None | Some("client_credentials") => Ok("client_credentials"),
        Some("jwt_bearer") => Ok("jwt_bearer"),
        Some("token_exchange") => Ok("token_exchange"),
        #[cfg(feature = "store")]
        Some("refresh_token") => Ok("refresh_token"),
        Some(_) => Err(Error::configuration(
            "`grant` is `client_credentials`, `jwt_bearer`, `token_exchange` or `refresh_token`",
        )),
    }
}

fn jwt_key(text: Credential, key_id: Option<Text>, algorithm: Option<Algorithm>) -> JwtKey {
    let mut key = JwtKey::new(text);
    if let Some(Text(key_id)) = key_id {
        key = key.with_key_id(key_id);
    }
    match algorithm {
        Some(algorithm) => key.with_algorithm(algorithm),
        None => key,
    }
}

fn algorithm(name: &str) -> Result<Algorithm, Error> {
    Algorithm::named(name).ok_or_else(|| {
        Error::configuration(
            "`algorithm` is RS256, PS256, ES256, ES384 or EdDSA; for HS256, write `secret_jwt` in place of `key`",
        )
    })
}

fn client_auth(name: &str) -> Result<ClientAuth, Error> {
    match name {
        "basic" => Ok(ClientAuth::Basic(BasicEncoding::Auto)),
        "basic-percent" => Ok(ClientAuth::Basic(BasicEncoding::Percent)),
        "basic-raw" => Ok(ClientAuth::Basic(BasicEncoding::Raw)),
        "basic-form" => Ok(ClientAuth::Basic(BasicEncoding::Form)),
        "post" => Ok(ClientAuth::Post),
        _ => Err(Error::configuration(
            "`auth` is `basic`, `basic-percent`, `basic-raw`, `basic-form` or `post`, or `none` for a public client",
        )),
    }
}

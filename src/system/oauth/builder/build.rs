//! Checks that the parts of an OAuth system fit together, and makes it.

use std::sync::Arc;

use http::HeaderName;

use crate::credential::Credential;
#[cfg(feature = "client")]
use crate::endpoint::certificate::client_certificate::ClientCertificate;
use crate::error::Error;
use crate::origin::Origin;
use crate::system::oauth::builder::{Endpoint, OAuthBuilder, is_scope};
use crate::system::oauth::claims::check_claims;
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::details::checked_details;
#[cfg(feature = "oauth")]
use crate::system::oauth::dpop::sender::DpopSender;
use crate::system::oauth::ended::life;
use crate::system::oauth::grant::OAuthGrant;
use crate::system::oauth::params::Params;
use crate::system::oauth::system::OAuth;

impl OAuthBuilder {
    /// The system.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): a part is wrong by itself, or two parts do not fit together.
    /// The text names them.
    pub fn build(self) -> Result<OAuth, Error> {
        let params = self.params()?;
        let headers = self.checked_headers()?;
        let allowed = self.allowed.iter().map(|origin| Origin::parse(origin));
        let allowed = allowed.collect::<Result<Vec<_>, _>>()?;
        let (endpoint, discovery) = match self.endpoint? {
            Endpoint::At(_) if !allowed.is_empty() => {
                return Err(Error::configuration(
                    "`token_endpoint_origin` and a token endpoint that is given do not fit together: it is for `discover`",
                ));
            }
            Endpoint::At(endpoint) => (endpoint, None),
            Endpoint::Of(discovery) => {
                let is_tls =
                    self.client.as_ref().is_some_and(OAuthClient::is_tls) || self.bound_tokens;
                #[cfg(feature = "client")]
                let is_tls = is_tls || self.certificate.is_some();
                (discovery.url().clone(), Some(discovery.allowing(allowed).for_tls(is_tls)))
            }
        };
        if let Some(client) = &self.client {
            client.check()?;
        }
        #[cfg(feature = "client")]
        if self.certificate.is_some() && endpoint.uri().scheme_str() != Some("https") {
            return Err(Error::configuration(
                "`certificate` and an endpoint without TLS do not fit together: a certificate is shown in TLS only",
            ));
        }
        if self.client.is_none() && self.grant.needs_a_client() {
            let grant = self.grant.name();
            return Err(Error::configuration(format!(
                "the grant `{grant}` and no client do not fit together: call `client`"
            )));
        }
        if self.claims_challenges {
            params.get("claims").map_or(Ok(()), check_claims)?;
        }
        #[cfg(feature = "oauth")]
        if let Some(dpop) = &self.dpop {
            dpop.check(self.strict_type)?;
        }
        if let Some(rule) = self.rule {
            rule(&self.grant, &params)?;
        }
        // The audience of an assertion is the issuer, if it is known.
        let audience = match &discovery {
            Some(discovery) => discovery.issuer().to_owned(),
            None => self.issuer.unwrap_or_else(|| endpoint.uri().to_string()),
        };
        #[cfg(feature = "oauth")]
        let is_public = self.client.as_ref().is_none_or(OAuthClient::is_public);
        let client = self.client.map(|client| client.for_audience(&audience)).transpose()?;
        let mut system = OAuth::new("oauth", endpoint, client);
        let shown = self.grant.credentials().into_iter().map(|it| match &self.grant {
            OAuthGrant::JwtBearer(_) | OAuthGrant::TokenExchange(_) => it.in_time(life),
            _ => it,
        });
        system.credentials.extend(shown);
        system.credentials.extend(headers.iter().map(|(_, value)| value.clone()));
        #[cfg(feature = "client")]
        system.credentials.extend(self.certificate.iter().flat_map(ClientCertificate::credentials));
        #[cfg(feature = "oauth")]
        system.credentials.extend(self.dpop.iter().flat_map(|it| it.keys.credentials()).cloned());
        Ok(OAuth {
            discovery,
            grant: self.grant,
            params,
            headers,
            token_member: self.token_member,
            extra: self.extra,
            strict_type: self.strict_type,
            #[cfg(feature = "client")]
            certificate: self.certificate,
            bound_tokens: self.bound_tokens,
            refresh: self.refresh,
            claims: self.claims_challenges.then(Arc::default),
            #[cfg(feature = "oauth")]
            dpop: self.dpop.map(|dpop| DpopSender::new(dpop, is_public)),
            ..system
        })
    }

    fn params(&self) -> Result<Params, Error> {
        let mut params = Params::default();
        self.scopes.iter().try_for_each(|scope| check_scope(scope))?;
        params.set("scope", self.scopes.join(" "));
        for audience in &self.audiences {
            params.add("audience", audience);
        }
        let audiences = params.iter().filter(|(name, _)| *name == "audience").count();
        if audiences > 1 && !self.grant.is_token_exchange() {
            return Err(Error::configuration(
                "several audiences and a grant other than a token exchange do not fit together: only RFC 8693 section 2.1 \
                 allows them",
            ));
        }
        for resource in &self.resources {
            check_resource(resource)?;
            params.add("resource", resource);
        }
        if let Some(details) = &self.details {
            params.set("authorization_details", checked_details(details)?);
        }
        for (name, value) in &self.parameters {
            params.set_checked(name.clone(), checked(name, value)?)?;
        }
        Ok(params)
    }

    fn checked_headers(&self) -> Result<Vec<(HeaderName, Credential)>, Error> {
        let checked = self.headers.iter().map(|(name, value)| {
            let is_ours = |name: &HeaderName| {
                let name = name.as_str();
                [
                    "authorization",
                    "dpop",
                    "host",
                    "cookie",
                    "accept",
                    "connection",
                    "transfer-encoding",
                ]
                .contains(&name)
                    || name.starts_with("content-")
            };
            match name.parse::<HeaderName>() {
                Ok(name) if !is_ours(&name) => Ok((name, value.clone())),
                Ok(_) => Err(Error::configuration(format!(
                    "the header `{name}` of the token endpoint is set by the crate or by the client"
                ))),
                Err(_) => Err(Error::configuration(format!("{name:?} is no name of a header"))),
            }
        });
        checked.collect()
    }
}

/// The value of a parameter that is given by its name.
fn checked(name: &str, value: &str) -> Result<String, Error> {
    match name {
        _ if value.is_empty() => {}
        "scope" => value.split(' ').try_for_each(check_scope)?,
        "resource" => check_resource(value)?,
        "authorization_details" => return checked_details(value),
        _ => {}
    }
    Ok(value.to_owned())
}

fn check_scope(scope: &str) -> Result<(), Error> {
    match is_scope(scope) {
        true => Ok(()),
        false => Err(Error::configuration(format!(
            "the scope {scope:?} has a blank, a quotation mark, a backslash or a character that is not ASCII (RFC 6749 \
             section 3.3): call `scope` once for each"
        ))),
    }
}

fn check_resource(resource: &str) -> Result<(), Error> {
    match is_absolute(resource) {
        true => Ok(()),
        false => Err(Error::configuration(format!(
            "the resource {resource:?} is no absolute URI, or has a fragment (RFC 8707 section 2)"
        ))),
    }
}

/// An absolute URI (RFC 3986 section 4.3) begins with a scheme. It is checked no further, because it may be a URN.
fn is_absolute(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme
        && uri.len() > scheme.len() + 1
        && uri.chars().all(|c| c.is_ascii_graphic() && c != '#')
}

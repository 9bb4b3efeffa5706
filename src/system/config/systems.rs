//! The tables of a file, one for each system.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::auth::inspect::layer::InspectBodyLayer;
use crate::credential::Credential;
use crate::endpoint::scheme::Scheme;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::origin::Origin;
#[cfg(feature = "rotating")]
use crate::scheme::rotation::Adopt;
use crate::system::atlas::Atlas;
use crate::system::config::client_id::ClientId;
use crate::system::header::HeaderScheme;
#[cfg(feature = "login")]
use crate::system::login::parts::Login;
use crate::system::named::{Named, Table, Text};
use crate::system::oauth::client_auth::{BasicEncoding, ClientAuth};
use crate::system::oauth::client_credentials::ClientCredentials;
use crate::system::oauth::refresh::RefreshTokenIn;
#[cfg(feature = "rotating")]
use crate::system::rotating::Rotating;
use crate::system::token_file::token_file_source;
use crate::token::source::TokenSource;

/// A system that a file describes.
pub(crate) struct System {
    pub(crate) tokens: Tokens,
    /// Whether a request goes over TLS.
    pub(crate) uses_tls: bool,
    /// The origin of the API, if it is that of the endpoint.
    pub(crate) api: Option<Origin>,
    pub(crate) inspect: InspectBodyLayer,
}

/// Where the tokens come from.
pub(crate) enum Tokens {
    Endpoint(Arc<dyn Scheme>),
    File(TokenSource<HeaderScheme>),
}

impl System {
    pub(crate) fn at(scheme: impl Scheme, endpoint: &TokenEndpoint) -> System {
        let uses_tls = endpoint.uri().scheme_str() == Some("https");
        let inspect = InspectBodyLayer::new(|_| false);
        System { tokens: Tokens::Endpoint(Arc::new(scheme)), uses_tls, api: None, inspect }
    }

    /// Such a login is kept in memory if there is no store.
    #[cfg(feature = "store")]
    pub(crate) fn begins_with_a_refresh_token(&self) -> bool {
        matches!(&self.tokens, Tokens::Endpoint(scheme) if scheme.seed().is_some())
    }

    fn of_its_endpoint(self, endpoint: &TokenEndpoint) -> System {
        System { api: Some(endpoint.origin().clone()), ..self }
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tokens {
            Tokens::Endpoint(scheme) => scheme.identity().fmt(f),
            Tokens::File(source) => source.fmt(f),
        }
    }
}

#[cfg(feature = "login")]
impl From<Login> for System {
    fn from(login: Login) -> System {
        let inspect = login.inspect_body();
        System {
            uses_tls: login.uses_tls(),
            tokens: Tokens::Endpoint(Arc::new(login)),
            api: None,
            inspect,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenClientCredentials {
    endpoint: TokenEndpoint,
    client_id: ClientId,
    client_secret: Credential,
    #[serde(default)]
    auth: WrittenAuth,
    grant_type: Option<String>,
    scope: Option<String>,
    audience: Option<String>,
    resource: Option<String>,
    #[serde(default)]
    parameters: Named<Text>,
    #[serde(default)]
    refresh_tokens: bool,
    token_member: Option<String>,
    #[serde(default)]
    extra: Vec<String>,
    #[serde(default)]
    strict_token_type: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenAuth {
    #[default]
    Basic,
    BasicPercent,
    BasicRaw,
    BasicForm,
    Post,
}

impl WrittenAuth {
    fn auth(self) -> ClientAuth {
        match self {
            WrittenAuth::Basic => ClientAuth::Basic(BasicEncoding::Auto),
            WrittenAuth::BasicPercent => ClientAuth::Basic(BasicEncoding::Percent),
            WrittenAuth::BasicRaw => ClientAuth::Basic(BasicEncoding::Raw),
            WrittenAuth::BasicForm => ClientAuth::Basic(BasicEncoding::Form),
            WrittenAuth::Post => ClientAuth::Post,
        }
    }
}

impl TryFrom<WrittenClientCredentials> for System {
    type Error = Error;

    fn try_from(it: WrittenClientCredentials) -> Result<System, Error> {
        let mut system = ClientCredentials::new(it.endpoint, it.client_id.0, it.client_secret)?
            .with_auth(it.auth.auth())
            .with_scope(it.scope.unwrap_or_default())
            .with_audience(it.audience.unwrap_or_default())
            .with_resource(it.resource.unwrap_or_default());
        for (name, Text(value)) in it.parameters.0 {
            system = system.with_parameter(name, value)?;
        }
        if let Some(grant_type) = it.grant_type {
            system = system.with_grant_type(grant_type);
        }
        if let Some(member) = it.token_member {
            system = system.with_token_member(member);
        }
        system = it.extra.into_iter().fold(system, ClientCredentials::with_extra);
        if it.refresh_tokens {
            system = system.with_refresh_tokens();
        }
        if it.strict_token_type {
            system = system.with_strict_token_type();
        }
        let endpoint = system.endpoint().clone();
        Ok(System::at(system, &endpoint))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenAtlas {
    endpoint: TokenEndpoint,
    client_id: ClientId,
    client_secret: Credential,
    refresh_endpoint: Option<TokenEndpoint>,
    refresh_token_in: Option<String>,
}

impl TryFrom<WrittenAtlas> for System {
    type Error = Error;

    fn try_from(it: WrittenAtlas) -> Result<System, Error> {
        let mut system = Atlas::new(it.endpoint, it.client_id.0, it.client_secret)?;
        match (it.refresh_endpoint, it.refresh_token_in) {
            (Some(refresh), place) => {
                let place = place
                    .as_deref()
                    .map_or_else(|| Ok(RefreshTokenIn::default()), refresh_token_in)?;
                system = system.with_refresh(refresh, place);
            }
            (None, Some(_)) => {
                return Err(Error::configuration("`refresh_token_in` needs `refresh_endpoint`"));
            }
            (None, None) => {}
        }
        let endpoint = system.endpoint().clone();
        Ok(System::at(system, &endpoint).of_its_endpoint(&endpoint))
    }
}

fn refresh_token_in(text: &str) -> Result<RefreshTokenIn, Error> {
    let found = text.split_once(':').and_then(|(kind, name)| match kind {
        _ if name.is_empty() => None,
        "header" => name.parse().ok().map(RefreshTokenIn::Header),
        "json" => Some(RefreshTokenIn::Json(name.to_owned().into())),
        "form" => Some(RefreshTokenIn::Form(name.to_owned().into())),
        _ => None,
    });
    found.ok_or_else(|| {
        Error::configuration("`refresh_token_in` is `header:name`, `json:name` or `form:name`")
    })
}

#[cfg(feature = "rotating")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenRotating {
    api_root: String,
    api_key: Credential,
    client_secret: Credential,
    #[serde(default)]
    adopt: WrittenAdopt,
    token_member: Option<String>,
}

#[cfg(feature = "rotating")]
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenAdopt {
    #[default]
    EveryNewer,
    WhenDue,
}

#[cfg(feature = "rotating")]
impl TryFrom<WrittenRotating> for System {
    type Error = Error;

    fn try_from(it: WrittenRotating) -> Result<System, Error> {
        let adopt = match it.adopt {
            WrittenAdopt::EveryNewer => Adopt::EveryNewer,
            WrittenAdopt::WhenDue => Adopt::WhenDue,
        };
        let mut system = Rotating::new(&it.api_root, it.api_key, it.client_secret)?.adopt(adopt);
        if let Some(member) = it.token_member {
            system = system.with_token_member(member);
        }
        let endpoint = system.endpoint().clone();
        Ok(System::at(system, &endpoint).of_its_endpoint(&endpoint))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenTokenFile {
    path: PathBuf,
}

impl TryFrom<WrittenTokenFile> for System {
    type Error = Error;

    fn try_from(it: WrittenTokenFile) -> Result<System, Error> {
        let tokens = Tokens::File(token_file_source(it.path)?);
        Ok(System { tokens, uses_tls: false, api: None, inspect: InspectBodyLayer::new(|_| false) })
    }
}

/// Reads a table as `W`, and checks it there, so that the error of a file names the table.
pub(crate) fn checked<'de, W, D>(deserializer: D) -> Result<Option<System>, D::Error>
where
    W: Deserialize<'de>,
    System: TryFrom<W, Error: fmt::Display>,
    D: Deserializer<'de>,
{
    let checked: Checked<W> = Checked::deserialize(deserializer)?;
    Ok(Some(checked.0))
}

struct Checked<W>(System, std::marker::PhantomData<W>);

impl<'de, W> Deserialize<'de> for Checked<W>
where
    W: Deserialize<'de>,
    System: TryFrom<W, Error: fmt::Display>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Checked<W>, D::Error> {
        let Table(written) = Table::<W>::deserialize(deserializer)?;
        let system = System::try_from(written).map_err(D::Error::custom)?;
        Ok(Checked(system, std::marker::PhantomData))
    }
}

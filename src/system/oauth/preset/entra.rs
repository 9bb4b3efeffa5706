//! Microsoft Entra ID (Azure AD), by the endpoint of its version 2.

use crate::credential::Credential;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::system::oauth::builder::OAuthBuilder;
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::client_auth::ClientAuth;
use crate::system::oauth::grant::OAuthGrant;
#[cfg(feature = "oauth")]
use crate::system::oauth::key::{assertion::Signer, certified_key::CertifiedKey};
use crate::system::oauth::params::Params;
use crate::system::oauth::system::OAuth;

const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

const DEFAULT_SCOPE: &str = "/.default";

/// A tenant of Microsoft Entra ID, from [`OAuth::entra`]. The way in which the client proves who it is gives an [`OAuthBuilder`].
///
/// - The endpoint is `{authority}/{tenant}/oauth2/v2.0/token`.
/// - Client credentials need exactly one [`scope`](OAuthBuilder::scope): a resource and `/.default`, such as
///   `https://graph.microsoft.com/.default`. Entra refuses others (AADSTS1002012, AADSTS28000), so they are an error of
///   [`build`](OAuthBuilder::build). So is a `resource` (AADSTS9010010).
/// - A refusal shows Entra's own number behind the code: `(status 401, invalid_client, 7000215)` is AADSTS7000215.
///
/// ```
/// use tower_outbound_auth::Credential;
/// use tower_outbound_auth::system::OAuth;
///
/// let (app, secret) = ("00000000-0000-0000-0000-000000000001", Credential::file("/run/secrets/graph"));
/// let system = OAuth::entra("contoso.onmicrosoft.com")
///     .secret(app, secret)
///     .scope("https://graph.microsoft.com/.default")
///     .build()?;
/// let endpoint = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token";
/// assert_eq!(system.endpoint().to_string(), endpoint);
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
///
/// [What was confirmed, and where](crate::manual::providers#microsoft-entra).
#[derive(Clone, Debug)]
pub struct Entra {
    authority: String,
    tenant: String,
}

impl OAuth {
    /// A tenant of Microsoft Entra ID: its id, or one of its domains. [`build`](OAuthBuilder::build) returns the error of a
    /// tenant with characters other than letters, digits, `-` and `.`.
    #[must_use]
    pub fn entra(tenant: impl Into<String>) -> Entra {
        Entra { authority: PUBLIC_CLOUD.to_owned(), tenant: tenant.into() }
    }

    /// Workload identity of Azure in a pod: a client whose proof is the token of a Kubernetes service account.
    ///
    /// The variables `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE` are read now, and
    /// `AZURE_AUTHORITY_HOST` if it is set; [`build`](OAuthBuilder::build) returns an error that names those that are missing. The
    /// file is read before each exchange.
    ///
    /// ```
    /// use tower_outbound_auth::Error;
    /// use tower_outbound_auth::system::OAuth;
    ///
    /// fn storage() -> Result<OAuth, Error> {
    ///     OAuth::entra_from_env().scope("https://storage.azure.com/.default").build()
    /// }
    /// # assert!(storage().unwrap_err().to_string().contains("`AZURE_TENANT_ID`"));
    /// ```
    #[must_use]
    pub fn entra_from_env() -> OAuthBuilder {
        from_variables(|name| std::env::var(name).ok())
    }
}

impl Entra {
    /// The authority of another cloud: `https://login.microsoftonline.us`, `https://login.partner.microsoftonline.cn`. Without
    /// `https://`, it is added. It has no path: [`build`](OAuthBuilder::build) returns the error of one. Default:
    /// `https://login.microsoftonline.com`.
    #[must_use]
    pub fn authority(self, host: impl Into<String>) -> Entra {
        let host = host.into();
        let authority = if host.contains("://") { host } else { format!("https://{host}") };
        Entra { authority, ..self }
    }

    /// A client with a secret, which is sent in the body.
    #[must_use]
    pub fn secret(
        self,
        client_id: impl Into<Credential>,
        secret: impl Into<Credential>,
    ) -> OAuthBuilder {
        let client = OAuthClient::with_secret(client_id, secret).auth(ClientAuth::Post);
        builder(self.endpoint()).client(client)
    }

    /// A client with a JWT that another program writes: the token of a Kubernetes service account
    /// ([`Credential::file`], which is read before each exchange), or one from an async function ([`Credential::minted`]).
    #[must_use]
    pub fn federated_token(
        self,
        client_id: impl Into<Credential>,
        token: impl Into<Credential>,
    ) -> OAuthBuilder {
        builder(self.endpoint()).client(OAuthClient::with_assertion(client_id, token))
    }

    /// (Feature `oauth`.) A client with a certificate that is registered at Entra, and its RSA key, both in one PEM.
    ///
    /// - Each request has a JWT of its own: PS256, with the thumbprint of the certificate (`x5t#S256`), a life of 300 s, and the
    ///   endpoint as its audience.
    /// - The PEM is read before each exchange. While a new text is not usable, or a new certificate does not belong to the key,
    ///   the last good pair is used, and one `WARN` event says why. The PEM may have the certificates of a chain too: that of the
    ///   key counts.
    /// - Entra accepts only RSA keys, so another key is an error too.
    /// - After the end of the certificate, the exchange fails with
    ///   [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration), and nothing is sent.
    ///
    /// [`build`](OAuthBuilder::build) returns the error of a PEM that is a value and is not usable.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn certificate(
        self,
        client_id: impl Into<Credential>,
        pem: impl Into<Credential>,
    ) -> OAuthBuilder {
        self.certified(client_id.into(), CertifiedKey::in_one(pem.into()))
    }

    /// (Feature `oauth`.) As [`certificate`](Entra::certificate), with the key in a place of its own, such as `tls.crt` and
    /// `tls.key` of a Kubernetes secret. While one of two files is already new, the last good pair is used.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn certificate_and_key(
        self,
        client_id: impl Into<Credential>,
        certificate: impl Into<Credential>,
        key: impl Into<Credential>,
    ) -> OAuthBuilder {
        self.certified(client_id.into(), CertifiedKey::in_two(certificate.into(), key.into()))
    }

    #[cfg(feature = "oauth")]
    fn certified(self, client_id: Credential, key: CertifiedKey) -> OAuthBuilder {
        builder(self.endpoint()).client(OAuthClient::signed(client_id, Signer::Certified(key)))
    }

    fn endpoint(&self) -> Result<TokenEndpoint, Error> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let has_a_letter = self.tenant.chars().any(|c| c.is_ascii_alphanumeric());
        if !has_a_letter || !self.tenant.chars().all(is_name) {
            return Err(Error::configuration(
                "the tenant of Entra is its id or one of its domains: letters, digits, `-` and `.`",
            ));
        }
        let after_scheme = self.authority.split_once("://").map_or("", |(_, rest)| rest);
        if after_scheme.trim_end_matches('/').contains(['/', '?', '#']) {
            return Err(Error::configuration(
                "the authority of Entra has a path: the authority is a host, such as `https://login.microsoftonline.us`, and \
                 the tenant is given to `entra`",
            ));
        }
        TokenEndpoint::below(&self.authority, &format!("{}/oauth2/v2.0/token", self.tenant))
    }
}

fn builder(endpoint: Result<TokenEndpoint, Error>) -> OAuthBuilder {
    OAuthBuilder::of(endpoint).with_rule(one_resource)
}

/// Entra issues a token for one resource, which the scope names.
fn one_resource(grant: &OAuthGrant, params: &Params) -> Result<(), Error> {
    if let Some(resource) = params.get("resource") {
        return Err(Error::configuration(format!(
            "Entra refuses the parameter `resource` (AADSTS9010010): ask for the scope `{resource}{DEFAULT_SCOPE}` in its place"
        )));
    }
    if !matches!(grant, OAuthGrant::ClientCredentials) {
        return Ok(()); // on behalf of a user, single rights can be asked for
    }
    let example = "such as `https://graph.microsoft.com/.default`";
    let scopes: Vec<_> = params.get("scope").unwrap_or_default().split_whitespace().collect();
    match scopes[..] {
        [] => Err(Error::configuration(format!("Entra needs a scope, {example}: call `scope`"))),
        [scope] if scope.ends_with(DEFAULT_SCOPE) => Ok(()),
        [scope] => Err(Error::configuration(format!(
            "Entra refuses the scope {scope:?} (AADSTS1002012): with client credentials, a scope is a resource and \
             `{DEFAULT_SCOPE}`, {example}"
        ))),
        _ => Err(Error::configuration(
            "Entra issues a token for one resource (AADSTS28000): ask for one scope, and make another source for another \
             resource",
        )),
    }
}

fn from_variables(variable: impl Fn(&str) -> Option<String>) -> OAuthBuilder {
    let names = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"];
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let [Some(tenant), Some(client_id), Some(file)] = names.map(set) else {
        let missing = names.into_iter().filter(|name| set(name).is_none());
        let missing: Vec<_> = missing.map(|name| format!("`{name}`")).collect();
        return OAuthBuilder::of(Err(Error::configuration(format!(
            "not set in the environment: {}. Azure's workload identity sets them in a pod with the label \
             `azure.workload.identity/use: \"true\"`",
            missing.join(", ")
        ))));
    };
    let entra = OAuth::entra(tenant);
    let entra = match set("AZURE_AUTHORITY_HOST") {
        Some(host) => entra.authority(host),
        None => entra,
    };
    entra.federated_token(client_id, Credential::file(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: [(&str, &str); 3] = [
        ("AZURE_TENANT_ID", "contoso"),
        ("AZURE_CLIENT_ID", "app"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token"),
    ];

    fn built(variables: &[(&str, &str)]) -> Result<OAuth, Error> {
        let find = |name: &str| variables.iter().find(|(its_name, _)| *its_name == name);
        let builder = from_variables(|name| find(name).map(|(_, value)| (*value).to_owned()));
        builder.scope("https://storage.azure.com/.default").build()
    }

    #[test]
    fn the_variables_of_the_environment_give_the_tenant_the_client_and_the_file() {
        let system = built(&FULL).unwrap();
        let endpoint = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token";
        assert_eq!(system.endpoint().to_string(), endpoint);
        let places: Vec<_> = system.credentials.iter().map(ToString::to_string).collect();
        assert!(places.contains(&"file /var/run/token".to_owned()), "{places:?}");
        for host in ["https://login.microsoftonline.us/", "login.microsoftonline.us"] {
            let system = built(&[&FULL[..], &[("AZURE_AUTHORITY_HOST", host)]].concat()).unwrap();
            let endpoint = "https://login.microsoftonline.us/contoso/oauth2/v2.0/token";
            assert_eq!(system.endpoint().to_string(), endpoint);
        }
    }

    #[test]
    fn a_variable_that_is_missing_or_empty_is_named() {
        for (name, _) in FULL {
            let others: Vec<_> =
                FULL.into_iter().filter(|(its_name, _)| *its_name != name).collect();
            for variables in [others.clone(), [&others[..], &[(name, "")]].concat()] {
                let error = built(&variables).unwrap_err().to_string();
                let begin = format!("not set in the environment: `{name}`. ");
                assert!(error.contains(&begin), "{error}");
            }
        }
        let error = built(&[]).unwrap_err().to_string();
        let all = "`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`. ";
        assert!(error.contains(all), "{error}");
    }
}

//! The table `entra` of a file.

use serde::Deserialize;

use crate::credential::Credential;
use crate::error::Error;
use crate::system::config::client_id::ClientId;
use crate::system::config::systems::System;
use crate::system::named::Text;
use crate::system::oauth::system::OAuth;

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenEntra {
    tenant: Text,
    authority: Option<Text>,
    client_id: ClientId,
    client_secret: Option<Credential>,
    certificate: Option<Credential>,
    key: Option<Credential>,
    federated_token: Option<Credential>,
    scope: Text,
}

impl TryFrom<WrittenEntra> for System {
    type Error = Error;

    fn try_from(it: WrittenEntra) -> Result<System, Error> {
        let entra = OAuth::entra(it.tenant.0);
        let entra = match it.authority {
            Some(Text(host)) => entra.authority(host),
            None => entra,
        };
        let system = match (it.client_secret, it.certificate, it.key, it.federated_token) {
            (Some(secret), None, None, None) => entra.secret(it.client_id.0, secret),
            (None, Some(pem), None, None) => entra.certificate(it.client_id.0, pem),
            (None, Some(certificate), Some(key), None) => {
                entra.certificate_and_key(it.client_id.0, certificate, key)
            }
            (None, None, None, Some(token)) => entra.federated_token(it.client_id.0, token),
            (None, None, Some(_), None) => {
                return Err(Error::configuration("`key` needs `certificate`"));
            }
            _ => {
                return Err(Error::configuration(
                    "a client has one proof: write one of `client_secret`, `certificate` (with `key`, if the key is \
                     elsewhere) and `federated_token`",
                ));
            }
        };
        let system = system.scope(it.scope.0).build()?;
        let endpoint = system.endpoint().clone();
        Ok(System::at(system, &endpoint))
    }
}

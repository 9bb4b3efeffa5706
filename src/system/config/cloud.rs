//! The tables of a file for the identity that a cloud gives to a machine.

use serde::Deserialize;

use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::system::cloud::azure::AzureManagedIdentity;
use crate::system::cloud::google_metadata::GoogleMetadata;
use crate::system::cloud::user_assigned::UserAssignedIdentity;
use crate::system::config::systems::System;
use crate::system::config::texts::Texts;
use crate::system::named::Text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenGoogleMetadata {
    account: Option<Text>,
    #[serde(default)]
    scopes: Texts,
    endpoint: Option<TokenEndpoint>,
}

impl TryFrom<WrittenGoogleMetadata> for System {
    type Error = Error;

    fn try_from(it: WrittenGoogleMetadata) -> Result<System, Error> {
        let scopes: Vec<_> = it.scopes.0.iter().map(String::as_str).collect();
        let mut system = GoogleMetadata::new(&scopes)?;
        if let Some(Text(account)) = it.account {
            system = system.with_account(account)?;
        }
        if let Some(server) = it.endpoint {
            system = system.with_endpoint(server)?;
        }
        let endpoint = system.endpoint().clone();
        Ok(System::at(system, &endpoint))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenAzureManagedIdentity {
    resource: Text,
    client_id: Option<Text>,
    object_id: Option<Text>,
    resource_id: Option<Text>,
    #[serde(default)]
    app_service: bool,
    endpoint: Option<TokenEndpoint>,
}

impl TryFrom<WrittenAzureManagedIdentity> for System {
    type Error = Error;

    fn try_from(it: WrittenAzureManagedIdentity) -> Result<System, Error> {
        let mut system = match it.app_service {
            true => AzureManagedIdentity::from_app_service_env(it.resource.0)?,
            false => AzureManagedIdentity::new(it.resource.0)?,
        };
        let ids = [
            it.client_id.map(|Text(id)| UserAssignedIdentity::ClientId(id)),
            it.object_id.map(|Text(id)| UserAssignedIdentity::ObjectId(id)),
            it.resource_id.map(|Text(id)| UserAssignedIdentity::ResourceId(id)),
        ];
        let mut ids = ids.into_iter().flatten();
        if let Some(id) = ids.next() {
            system = system.with_identity(id)?;
        }
        if ids.next().is_some() {
            return Err(Error::configuration(
                "there are two ids of the user-assigned identity: write only one of `client_id`, `object_id`, `resource_id`",
            ));
        }
        match (it.endpoint, it.app_service) {
            (Some(_), true) => {
                return Err(Error::configuration(
                    "`app_service` takes the endpoint from the environment: write no `endpoint` beside it",
                ));
            }
            (Some(server), false) => system = system.with_endpoint(server)?,
            (None, _) => {}
        }
        let endpoint = system.endpoint().clone();
        Ok(System::at(system, &endpoint))
    }
}

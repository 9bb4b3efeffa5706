//! The tables of a file for the identity that a cloud gives to a machine.

use serde::Deserialize;

use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::system::cloud::azure::AzureManagedIdentity;
use crate::system::cloud::google_metadata::GoogleMetadata;
use crate::system::cloud::user_assigned::UserAssignedIdentity;
use crate::system::config::systems::System;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenGoogleMetadata {
    account: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    endpoint: Option<TokenEndpoint>,
}

impl TryFrom<WrittenGoogleMetadata> for System {
    type Error = Error;

    fn try_from(it: WrittenGoogleMetadata) -> Result<System, Error> {
        let scopes: Vec<_> = it.scopes.iter().map(String::as_str).collect();
        let mut system = GoogleMetadata::new(&scopes)?;
        if let Some(account) = it.account {
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
    resource: String,
    client_id: Option<String>,
    object_id: Option<String>,
    resource_id: Option<String>,
    #[serde(default)]
    app_service: bool,
    endpoint: Option<TokenEndpoint>,
}

impl TryFrom<WrittenAzureManagedIdentity> for System {
    type Error = Error;

    fn try_from(it: WrittenAzureManagedIdentity) -> Result<System, Error> {
        let mut system = match it.app_service {
            true => AzureManagedIdentity::from_app_service_env(it.resource)?,
            false => AzureManagedIdentity::new(it.resource)?,
        };
        let ids = [
            it.client_id.map(UserAssignedIdentity::ClientId),
            it.object_id.map(UserAssignedIdentity::ObjectId),
            it.resource_id.map(UserAssignedIdentity::ResourceId),
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

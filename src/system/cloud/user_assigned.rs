//! Which identity a request to Azure's servers names, and how.

/// Which user-assigned identity gets the token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserAssignedIdentity {
    /// Its client id.
    ClientId(String),
    /// Its object id, also called principal id.
    ObjectId(String),
    /// Its resource id: `/subscriptions/…/userAssignedIdentities/…`.
    ResourceId(String),
}

impl UserAssignedIdentity {
    pub(crate) fn id(&self) -> &str {
        match self {
            UserAssignedIdentity::ClientId(id)
            | UserAssignedIdentity::ObjectId(id)
            | UserAssignedIdentity::ResourceId(id) => id,
        }
    }

    /// The parameter of a request that names it.
    pub(crate) fn parameter(&self, api: Api) -> &'static str {
        match self {
            UserAssignedIdentity::ClientId(_) => "client_id",
            UserAssignedIdentity::ObjectId(_) => "object_id",
            UserAssignedIdentity::ResourceId(_) => api.resource_id,
        }
    }
}

/// The two forms of the request.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    pub(crate) version: &'static str,
    /// The name of the parameter for a resource id.
    resource_id: &'static str,
}

pub(crate) const MACHINE: Api = Api { version: "2018-02-01", resource_id: "msi_res_id" };
pub(crate) const APP_SERVICE: Api = Api { version: "2019-08-01", resource_id: "mi_res_id" };

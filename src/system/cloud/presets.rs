//! Layers for the identity of a machine, in one call.

use crate::auth::layer::AuthLayer;
use crate::error::Error;
use crate::origin::Origin;
use crate::system::cloud::azure::AzureManagedIdentity;
use crate::system::cloud::google_metadata::GoogleMetadata;

impl AuthLayer<GoogleMetadata> {
    /// (Feature `client`.) The service account of this machine or workload in Google's cloud, by its metadata server, for an API at
    /// the origin `api`.
    ///
    /// For scopes or another service account, see [`GoogleMetadata`] with [`for_endpoint`](AuthLayer::for_endpoint).
    ///
    /// ```
    /// use tower_outbound_auth::AuthLayer;
    ///
    /// let layer = AuthLayer::google_metadata("https://pubsub.googleapis.com")?;
    /// assert_eq!(layer.source().status().counters.exchanges(), 0);
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the origin is no URL, or neither https nor a literal
    /// loopback address.
    pub fn google_metadata<O>(api: O) -> Result<AuthLayer<GoogleMetadata>, Error>
    where
        O: TryInto<Origin>,
        Error: From<O::Error>,
    {
        let metadata = GoogleMetadata::new(&[])?;
        let endpoint = metadata.endpoint().clone();
        Ok(AuthLayer::for_endpoint(metadata, &endpoint)?.with_origin(api.try_into()?))
    }
}

impl AuthLayer<AzureManagedIdentity> {
    /// (Feature `client`.) The managed identity of this virtual machine in Azure, for an API at the origin `api`, which Azure knows
    /// as `resource`.
    ///
    /// For a user-assigned identity, and for App Service, Functions and Container Apps, see [`AzureManagedIdentity`] with
    /// [`for_endpoint`](AuthLayer::for_endpoint).
    ///
    /// ```
    /// use tower_outbound_auth::AuthLayer;
    ///
    /// let vault = "https://company.vault.azure.net";
    /// let layer = AuthLayer::azure_managed_identity("https://vault.azure.net", vault)?;
    /// assert_eq!(layer.source().status().counters.exchanges(), 0);
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): as for [`AzureManagedIdentity::new`]; the origin is no URL,
    /// or neither https nor a literal loopback address.
    pub fn azure_managed_identity<O>(
        resource: impl Into<String>,
        api: O,
    ) -> Result<AuthLayer<AzureManagedIdentity>, Error>
    where
        O: TryInto<Origin>,
        Error: From<O::Error>,
    {
        let identity = AzureManagedIdentity::new(resource)?;
        let endpoint = identity.endpoint().clone();
        Ok(AuthLayer::for_endpoint(identity, &endpoint)?.with_origin(api.try_into()?))
    }
}

//! The identity that a cloud gives to a machine or a container: a server of the cloud issues the token, and nobody keeps a
//! secret.
//!
//! | cloud | system | the server |
//! |---|---|---|
//! | Google: Compute Engine, GKE, Cloud Run | [`GoogleMetadata`](crate::system::GoogleMetadata) | the metadata server, at 169.254.169.254 |
//! | Azure: virtual machines, scale sets, nodes of Kubernetes | [`AzureManagedIdentity`](crate::system::AzureManagedIdentity) | the metadata server, at 169.254.169.254 |
//! | Azure: App Service, Functions, Container Apps | the same, [from the environment](crate::system::AzureManagedIdentity::from_app_service_env) | the one that `IDENTITY_ENDPOINT` names |
//!
//! ```
//! use tower_outbound_auth::system::{AzureManagedIdentity, GoogleMetadata};
//!
//! let google = GoogleMetadata::new(&[])?;
//! let azure = AzureManagedIdentity::new("https://vault.azure.net")?;
//! for endpoint in [google.endpoint(), azure.endpoint()] {
//!     assert_eq!(endpoint.origin().to_string(), "http://169.254.169.254");
//! }
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

pub(crate) mod answer;
pub(crate) mod azure;
pub(crate) mod google_metadata;
#[cfg(feature = "client")]
mod presets;
pub(crate) mod user_assigned;

//! The manual. It has text and examples, and no items.
//!
//! | chapter | read it when |
//! |---|---|
//! | [`getting_started`] | you want a first request to work |
//! | [`choosing_a_system`] | you have the documentation of a provider, and look for the constructor that fits |
//! | [`providers`] | you use Keycloak, Microsoft Entra, Okta, Auth0, Google, Azure, GitHub, Snowflake, Apple, Salesforce or DocuSign |
//! | [`login`] | your API has a login of its own, and a file shall describe it |
//! | `dpop` (feature `oauth`) | your provider binds tokens to a key |
//! | [`mtls`] (feature `client`) | your client shows a certificate, or your provider binds tokens to one |
//! | [`step_up`] | an API answers `insufficient_user_authentication`, `insufficient_scope` or `insufficient_claims` |
//! | `refresh_tokens` (feature `store`) | a person has logged in, and your service has the refresh token |
//! | [`your_own_system`] | you have a `curl` command that works, and no constructor fits |
//! | [`stacking`] | there are other layers, or axum, tonic or reqwest |
//! | [`errors`] | a log shows an error |
//! | [`operating`] | the service runs, and you want to watch it |
//! | [`defaults`] | you want to know a number, and its reason |
//! | [`security`] | you want to know what is protected, and what is not |
//! | [`testing`] | you test a service that uses the layer |
//! | [`migrating`] | you have a layer of your own, or another crate |

pub mod choosing_a_system;
pub mod defaults;
#[cfg(feature = "oauth")]
pub mod dpop;
pub mod errors;
pub mod getting_started;
#[cfg(feature = "login")]
pub mod login;
pub mod migrating;
#[cfg(feature = "client")]
pub mod mtls;
pub mod operating;
pub mod providers;
#[cfg(feature = "store")]
pub mod refresh_tokens;
pub mod security;
pub mod stacking;
pub mod step_up;
pub mod testing;
pub mod your_own_system;

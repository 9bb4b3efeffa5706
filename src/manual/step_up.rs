//! An API that demands more than a valid token: another login, a scope, or claims.
//!
//! Such an API refuses a token that is valid. A new token for the same grant would be refused too, so the layer renews nothing. The caller
//! gets the response at once, with an [`Insufficient`](crate::scheme::Insufficient) in its extensions.
//!
//! # The three demands
//!
//! | status and `error` | the API demands | from | who can help |
//! |---|---|---|---|
//! | 401 `insufficient_user_authentication` | that the user logs in anew (`max_age`), or in another way (`acr_values`): *step-up* | RFC 9470 | a person. A service that acts for itself cannot log in |
//! | 403 `insufficient_scope`; a 401 with this code counts too | a scope that the token lacks (`scope`) | RFC 6750 | the person who configures the client |
//! | 401 `insufficient_claims` | a token with certain claims (`claims`) | Microsoft Entra | the provider: [`claims_challenges`](crate::system::OAuthBuilder::claims_challenges) |
//!
//! # What the caller sees
//!
//! The response of the API is unchanged. There is no [`Recovery`](crate::Recovery) beside the demand, unless the layer has renewed the token,
//! or has tried to. So look for the demand first, and for a `Recovery` only if there is no demand. A service that works for a person can
//! send the demand on, so that the person logs in again:
//!
//! ```
//! use http::Extensions;
//! use tower_outbound_auth::scheme::Insufficient;
//!
//! fn what_to_do(extensions: &Extensions) -> String {
//!     match extensions.get::<Insufficient>() {
//!         Some(Insufficient::Authentication { acr_values, max_age, .. }) => {
//!             let age = max_age.map_or(String::new(), |it| format!(", at most {} s ago", it.as_secs()));
//!             let levels = if acr_values.is_empty() { String::new() } else { format!(" by one of {acr_values:?}") };
//!             format!("ask the user to log in{levels}{age}")
//!         }
//!         Some(Insufficient::Scope { scopes, .. }) if scopes.is_empty() => "the token lacks a scope".to_owned(),
//!         Some(Insufficient::Scope { scopes, .. }) => format!("the request needs the scopes {scopes:?}"), // all of them
//!         Some(Insufficient::Claims { .. }) => "the provider must issue a token with other claims".to_owned(),
//!         _ => "nothing is demanded".to_owned(),
//!     }
//! }
//! # assert_eq!(what_to_do(&Extensions::new()), "nothing is demanded");
//! ```
//!
//! The texts are the API's. Check them before you show them or send them on.
//!
//! | client | where the demand is |
//! |---|---|
//! | a `tower::Service` of `http`'s types | `response.extensions()` |
//! | reqwest, also by `reqwest_client` | `response.extensions()` of reqwest's response |
//! | tonic | the extensions of the HTTP response, which a layer between the generated client and `auth.for_tonic()` sees. The `Status` of the generated client does not have them |
//!
//! The metrics do not count such a response as a refusal: count it where you handle it. With
//! [`claims_challenges`](crate::system::OAuthBuilder::claims_challenges), a demand for claims that the layer answers is counted as one.
//!
//! # When the person has logged in again
//!
//! The new login has a new refresh token. Put it where the old one was: into the file of the seed, say
//! ([`manual::refresh_tokens`](super::refresh_tokens)). The next exchange uses the new login. The current access token still is one of the
//! old login, so report it as refused: `source.reject(&source.token().await?).await`. Then send the request again.
//!
//! # Claims that the layer asks for
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use tower_outbound_auth::system::{OAuth, OAuthClient};
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn reports() -> Result<AuthLayer, Error> {
//!     let system = OAuth::builder("https://idp.example/token")
//!         .client(OAuthClient::with_secret("billing", Credential::file("/run/secrets/billing")))
//!         .parameter("claims", r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#) // always sent
//!         .claims_challenges()
//!         .build()?;
//!     Ok(AuthLayer::oauth(system, "https://reports.example")?.erased())
//! }
//! # let _ = reports;
//! # }
//! ```
//!
//! With this option, a demand for claims counts as a refusal of the token:
//!
//! 1. The JSON object in `claims` goes to the token endpoint as the parameter `claims` of the next exchange, and nowhere else. It is merged with
//!    the parameter `claims` that is always sent. Of two values for one name, that of the API counts.
//! 2. The request is sent again with the new token, if its body was kept.
//! 3. The claims are for this one token. Its successor is asked for without them.
//!
//! | what happens | what the caller gets | exchanges |
//! |---|---|---|
//! | the provider issues a token with the claims, and the API accepts it | the API's answer to the second sending | one |
//! | the API demands the same claims of the new token | the 401 with the demand | none more |
//! | an API demands other claims within a minute | the 401 with the demand | none |
//! | an API demands other claims after a minute | as in the first row | one a minute at most, whatever APIs demand |
//! | the provider refuses the claims | the 401 with the demand, and [`Recovery::RenewalFailed`](crate::Recovery::RenewalFailed) | one; other requests go on with the old token |
//! | a hundred requests get the same demand at once | the API's answer to the second sending | one for all |
//! | the claims are no JSON object in base64, or longer than 4 KiB | the 401, without a demand | none |
//! | the layer has a judge of its own | the 401 with the demand | none |
//!
//! # What it does not protect against
//!
//! - **The API decides what the claims say.** Whoever can answer for an API of the layer can put any claims of at most 4 KiB into the next exchange.
//!   What they mean is decided by the provider, which must not grant more than the client may have. If you do not trust the APIs that far,
//!   leave the option out: that is the default.
//! - **The API can cause one exchange a minute.** With a provider that counts or bills exchanges, this has a price.
//! - **An API that always demands the same claims costs a second exchange for each renewal.** The successor of a token is asked for without
//!   the claims. So the API answers its first request with a 401, and the layer makes another exchange. If you know the claims, send
//!   them always, by [`parameter`](crate::system::OAuthBuilder::parameter).
//! - **The token of all callers changes.** A source has one token. So the claims that one API demands are in the token that the next requests to
//!   other APIs of the layer carry, until it is renewed. Give such an API a layer of its own.
//! - **It does not log a person in.** Step-up needs a person, and a refresh token does not replace one.
//!
//! # Why a demand for a scope is not answered
//!
//! Other clients add the scopes that an API demands to those that they ask for. This crate does not:
//!
//! - The scopes of a service are a decision of the person who configures it. A 403 for a missing scope is a mistake in the configuration, which the
//!   error shows.
//! - If an API's word made the scopes grow, each API of the layer could make the token more powerful. A token that is stolen later, from
//!   that API or another one, would then open more than it was meant to.
//! - A refresh token cannot give a wider scope (RFC 6749 section 6). So it would need another grant, and clients that try it with
//!   the refresh token repeat it without end.
//!
//! Grant the scope at the provider, and name it by [`scope`](crate::system::OAuthBuilder::scope). If few requests need it, give them a
//! layer of their own, so that all others carry a token with less power.

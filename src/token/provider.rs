//! Lets the token of one source be the credential of another.

use crate::basics::BoxError;
use crate::credential::Credential;
use crate::credential::provider::{CredentialProvider, Provided, Rejection};
use crate::exchange::chain::Chain;
use crate::scheme::presentation::Presentation;
use crate::secret::Secret;
use crate::token::machine::events::{Complaint, Generation};
use crate::token::source::TokenSource;

/// The token is a credential of another source. Its value is the text of the token, without a prefix.
///
/// If the endpoint of the other source refuses the token, this source renews it, as [`reject`](TokenSource::reject)
/// does: once for all reports, and within the budget of refusals. A renewal that helped is refunded.
///
/// The other source may be the credential of a third one, and so on: four sources in all. An exchange that needs a fifth one
/// fails with [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration).
///
/// ```
/// use tower_outbound_auth::system::{ClientCredentials, HeaderScheme};
/// use tower_outbound_auth::{TokenSource, exchange};
///
/// // The first login brings a token for the identity provider.
/// let login = exchange::from_fn(|| async { Ok(exchange::Issued::new("an identity")) });
/// let login = TokenSource::new(HeaderScheme::bearer(), login);
/// // This client uses that token as its secret.
/// let api = ClientCredentials::new("https://idp.example/token", "billing", login)?;
/// # let _ = api;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
impl<P: Presentation + ?Sized> CredentialProvider for TokenSource<P> {
    async fn read(&self) -> Result<Provided, BoxError> {
        let token = self.token().await?;
        Ok(Provided::new(Secret::from(token.expose()), token.generation().number()))
    }

    async fn rejected(&self, rejection: Rejection<'_>) {
        let refused = Generation::of(rejection.version);
        // The result is not needed: `read` returns the next token.
        let _ = self.core().clone().renew(Complaint::Refusal, refused, Chain::current()).await;
    }

    fn accepted(&self, version: u64) {
        self.core().replay_accepted(Generation::of(version));
    }

    fn name(&self) -> Option<String> {
        Some(format!("the source {}", self.core().system))
    }
}

/// The same as [`Credential::from_provider`].
impl<P: Presentation + ?Sized> From<TokenSource<P>> for Credential {
    fn from(source: TokenSource<P>) -> Credential {
        Credential::from_provider(source)
    }
}

//! A source whose token is another source's credential.

use crate::basics::BoxError;
use crate::credential::provider::{CredentialProvider, Provided};
use crate::exchange::chain::Chain;
use crate::scheme::presentation::Presentation;
use crate::secret::Secret;
use crate::token::machine::events::{Complaint, Generation};
use crate::token::source::TokenSource;

/// The token as a credential of another source: the text without a prefix.
///
/// If the endpoint of the other source refuses it, this source renews it, as [`reject`](TokenSource::reject) does: once for
/// all who report it, and within the budget of refusals.
///
/// ```
/// use tower_outbound_auth::system::{ClientCredentials, HeaderScheme};
/// use tower_outbound_auth::{Credential, TokenSource, exchange};
///
/// // A login that gives a token for the identity provider …
/// let login = exchange::from_fn(|| async { Ok(exchange::Issued::new("an identity")) });
/// let login = TokenSource::new(HeaderScheme::bearer(), login);
/// // … which is what this client shows there.
/// let secret = Credential::from_provider(login);
/// let api = ClientCredentials::new("https://idp.example/token", "billing", secret)?;
/// # let _ = api;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
impl<P: Presentation + ?Sized> CredentialProvider for TokenSource<P> {
    async fn read(&self) -> Result<Provided, BoxError> {
        let token = self.token().await?;
        Ok(Provided::new(Secret::from(token.expose()), token.generation().number()))
    }

    async fn rejected(&self, version: u64) {
        let refused = Generation::of(version);
        // Whether there is a successor is asked by `read`.
        let _ = self.core().clone().renew(Complaint::Refusal, refused, Chain::current()).await;
    }
}

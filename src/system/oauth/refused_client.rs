//! A refusal of a client that has no secret: what to do.

use crate::endpoint::refusal_codes::CREDENTIALS;
use crate::exchange::error::ExchangeError;
use crate::system::oauth::client::{OAuthClient, Proof};
use crate::system::oauth::grant::OAuthGrant;

/// The error, with what to do if the endpoint refuses a client without a proof, or a client whose proof is its certificate.
pub(crate) fn about_the_client(
    client: &OAuthClient,
    grant: &OAuthGrant,
    error: ExchangeError,
) -> ExchangeError {
    let advice = match (&client.proof, grant) {
        (Proof::Nothing, OAuthGrant::ClientCredentials) => {
            "the token endpoint refuses the client, which shows no proof: the grant `client_credentials` needs a client with a \
             proof, such as a secret or a key (RFC 6749 section 4.4)"
        }
        (Proof::Nothing, _) => {
            "the token endpoint refuses the client, which shows no proof: check the client id, and whether the provider wants a \
             proof, such as a secret or a key"
        }
        (Proof::Tls, _) => {
            "the token endpoint refuses the client: check the client id and the certificate"
        }
        _ => return error,
    };
    error.map_message(|text| if text == CREDENTIALS { advice } else { text }.to_owned())
}

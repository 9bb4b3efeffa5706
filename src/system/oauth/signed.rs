//! The assertions that a client signs, one for each request (RFC 7523 section 3).

use std::time::Duration;

use crate::credential::Credential;
use crate::error::Error;
use crate::system::client::flaw;
use crate::system::oauth::key::assertion::{Assertion, Signer};
use crate::system::oauth::key::claims::ClaimSet;
use crate::system::oauth::key::client_claims;
use crate::system::oauth::key::jws::too_short;
use crate::system::oauth::key::jwt_key::JwtKey;

/// What a client signs, and what signs it. The id is read like any credential, because it is in the claims.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    signer: Signer,
    previous: Option<JwtKey>,
    pub(crate) audience: Option<String>,
    pub(crate) typ: Option<Option<String>>,
    pub(crate) backdate: Duration,
}

impl Signed {
    pub(crate) fn new(signer: Signer) -> Signed {
        Signed { signer, previous: None, audience: None, typ: None, backdate: Duration::ZERO }
    }

    /// False for a client that signs with its secret, or with the key of a certificate: it has no previous key.
    pub(crate) fn set_previous(&mut self, key: JwtKey) -> bool {
        let is_by_key = matches!(self.signer, Signer::Key(_));
        if is_by_key {
            self.previous = Some(key);
        }
        is_by_key
    }

    /// # Errors
    ///
    /// If a value that is already known cannot sign.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.signer {
            Signer::Key(key) => {
                key.check()?;
                self.previous.as_ref().map_or(Ok(()), JwtKey::check)
            }
            Signer::Certified(key) => key.check(self.claims("").algorithm()),
            Signer::Secret(secret) => {
                Ok(secret.check("client secret", |text| flaw(text).or_else(|| too_short(text)))?)
            }
        }
    }

    /// What an exchange reads for the assertions, besides the id of the client.
    pub(crate) fn credentials(&self) -> Vec<Credential> {
        let previous = self.previous.iter().flat_map(JwtKey::credentials).map(Credential::optional);
        self.signer.credentials().iter().cloned().chain(previous).collect()
    }

    /// Two credentials, each with a new assertion of this client for each request on the wire. The second one is by the
    /// previous key. They are for `audience`, if no other one is set.
    ///
    /// # Errors
    ///
    /// If the assertion is set back by more than 120 s.
    pub(crate) fn assertions(
        mut self,
        id: &Credential,
        audience: &str,
    ) -> Result<(Credential, Option<Credential>), Error> {
        self.audience.get_or_insert_with(|| audience.to_owned());
        self.claims("").with_backdate(self.backdate)?;
        let previous =
            self.previous.take().map(Signer::Key).map(|signer| Signed { signer, ..self.clone() });
        Ok((self.assertion(id), previous.map(|it| it.assertion(id).optional())))
    }

    fn assertion(self, id: &Credential) -> Credential {
        let id = id.clone();
        Assertion::minted(move |values| {
            let claims = self.claims(values(&id)?.expose());
            Ok(Assertion::new(self.signer.clone(), claims))
        })
    }

    fn claims(&self, client_id: &str) -> ClaimSet {
        let audience = self.audience.as_deref().unwrap_or_default();
        let claims = match self.signer {
            Signer::Certified(_) => client_claims::entra(client_id, audience),
            Signer::Key(_) | Signer::Secret(_) => client_claims::client(client_id, audience),
        };
        let claims = claims.backdated(self.backdate.as_secs());
        match &self.typ {
            Some(typ) => claims.with_typ(typ.as_deref()),
            None => claims,
        }
    }
}

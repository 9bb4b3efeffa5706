//! The proofs of requests to the API.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::basics::BoxError;
use crate::origin::Origin;
use crate::scheme::challenge::challenges;
use crate::scheme::per_request::{PerRequest, ProofVerdict, RequestToSign, SignedRequest};
use crate::scheme::response::ResponseHead;
use crate::secret::Secret;
use crate::system::oauth::dpop::htu::origin_of;
use crate::system::oauth::dpop::proof::{ProofKey, nonce_of};
use crate::system::oauth::dpop::sender::{DPOP, DpopSender};

/// Makes the proofs of requests with one token, by the key that this token is bound to.
pub(crate) struct Maker {
    sender: Arc<DpopSender>,
    key: Arc<ProofKey>,
}

impl Maker {
    /// A token that no exchange has brought is of the current key. None if that is unknown.
    pub(crate) fn of(sender: &Arc<DpopSender>, token: &Secret) -> Option<Maker> {
        let key = sender.proof_key_of(token).or_else(|| sender.last_key())?;
        Some(Maker { sender: sender.clone(), key })
    }

    /// Whether a newer nonce than that of the request is known.
    fn knows_a_newer_nonce(&self, request: SignedRequest<'_>, origin: &Origin) -> bool {
        let newest = self.sender.api_nonces.newest(origin);
        newest.as_deref() != request.headers.get(&DPOP).and_then(nonce_of).as_deref()
    }
}

impl PerRequest for Maker {
    fn headers(&self, request: RequestToSign<'_>) -> Result<HeaderMap, BoxError> {
        let head = request.head;
        // A token that is not bound needs no proof.
        let is_bound = |value: &HeaderValue| value.as_bytes().starts_with(b"DPoP ");
        if !head.headers.get(AUTHORIZATION).is_some_and(is_bound) {
            return Ok(HeaderMap::new());
        }
        let origin = origin_of(head.uri).ok_or("the URI of the request has user information")?;
        let nonce = self.sender.api_nonces.newest(&origin);
        let target = (head.method, head.uri, &origin);
        let token = Some(request.token);
        let proof = self.sender.proof(&self.key, target, request.now, token, nonce.as_deref())?;
        Ok(HeaderMap::from_iter([(DPOP.clone(), proof)]))
    }

    fn response(&self, request: SignedRequest<'_>, response: ResponseHead<'_>) -> ProofVerdict {
        let Some(origin) = origin_of(request.uri) else { return ProofVerdict::Accepted };
        self.sender.api_nonces.learn(&origin, response.headers);
        match error_about_the_proof(response) {
            Some(ProofError::Nonce) if self.knows_a_newer_nonce(request, &origin) => {
                ProofVerdict::SendAgain
            }
            Some(ProofError::Nonce) => ProofVerdict::Refused,
            Some(ProofError::Proof) => ProofVerdict::SendAgain,
            None => ProofVerdict::Accepted,
        }
    }
}

enum ProofError {
    /// `use_dpop_nonce`
    Nonce,
    /// `invalid_dpop_proof`
    Proof,
}

/// What a response says about the proof: in a challenge of the scheme `DPoP`, or in a body of JSON that was read.
fn error_about_the_proof(response: ResponseHead<'_>) -> Option<ProofError> {
    let may_say_so = matches!(response.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
    if !may_say_so && !response.is_grpc_unauthenticated() {
        return None;
    }
    let of_code = |code: &str| match code {
        "use_dpop_nonce" => Some(ProofError::Nonce),
        "invalid_dpop_proof" => Some(ProofError::Proof),
        _ => None,
    };
    let challenges = challenges(response.headers);
    let of_dpop = challenges.iter().filter(|it| it.scheme.eq_ignore_ascii_case("DPoP"));
    let in_challenge = of_dpop.filter_map(|it| it.param("error")).find_map(of_code);
    in_challenge.or_else(|| of_code(response.body_member("/error")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn says(status: u16, challenges: &[&str]) -> Option<&'static str> {
        let mut response = Response::builder().status(status);
        for challenge in challenges {
            response = response.header("www-authenticate", *challenge);
        }
        let response = response.body(()).unwrap();
        error_about_the_proof(ResponseHead::of(&response)).map(|error| match error {
            ProofError::Nonce => "nonce",
            ProofError::Proof => "proof",
        })
    }

    #[test]
    fn an_error_belongs_to_the_challenge_of_its_scheme() {
        for (status, challenges, expected) in [
            (401, &[r#"DPoP error="use_dpop_nonce""#][..], Some("nonce")),
            (400, &[r#"DPoP error="use_dpop_nonce""#], Some("nonce")),
            (401, &[r#"dpop algs="ES256", error=invalid_dpop_proof"#], Some("proof")),
            (401, &[r#"Bearer error="invalid_token", DPoP error="use_dpop_nonce""#], Some("nonce")),
            (401, &["Bearer", r#"DPoP algs="ES256", error="use_dpop_nonce""#], Some("nonce")),
            (401, &[r#"Bearer error="use_dpop_nonce""#], None),
            (401, &[r#"DPoP error="invalid_token""#], None),
            (403, &[r#"DPoP error="use_dpop_nonce""#], None),
            (200, &[r#"DPoP error="use_dpop_nonce""#], None),
            (401, &[], None),
        ] {
            assert_eq!(says(status, challenges), expected, "{status} {challenges:?}");
        }
    }
}

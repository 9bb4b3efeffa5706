//! Which members of the table fit together.

use crate::error::Error;

/// How a client proves who it is. It has one proof.
const PROOFS: [&str; 4] = ["client_secret", "key", "secret_jwt", "assertion"];

/// A member, and the proofs to which it belongs.
const OF_A_PROOF: [(&str, &[&str]); 9] = [
    ("auth", &["client_secret"]),
    ("key_id", &["key"]),
    ("previous_key", &["key"]),
    ("previous_key_id", &["key"]),
    ("algorithm", &["key"]),
    ("jwt_audience", &["key", "secret_jwt"]),
    ("jwt_typ", &["key", "secret_jwt"]),
    ("backdate", &["key", "secret_jwt"]),
    ("assertion_type", &["assertion"]),
];

/// A member, and the grant to which it belongs.
const OF_A_GRANT: [(&str, &str); 7] = [
    ("grant_assertion", "jwt_bearer"),
    ("subject", "token_exchange"),
    ("subject_type", "token_exchange"),
    ("actor", "token_exchange"),
    ("actor_type", "token_exchange"),
    ("requested_type", "token_exchange"),
    ("refresh_token", "refresh_token"),
];

/// A member, and another one without which it says nothing.
const NEEDS: [(&str, &str); 11] = [
    ("token_endpoint_origin", "issuer"),
    ("auth", "client_id"),
    ("client_secret", "client_id"),
    ("key", "client_id"),
    ("secret_jwt", "client_id"),
    ("assertion", "client_id"),
    ("previous_key_id", "previous_key"),
    ("certificate_key", "certificate"),
    ("certificate_bound_tokens", "certificate"),
    ("actor", "actor_type"),
    ("actor_type", "actor"),
];

/// Checks the names of the members that are written. `is_public` means that the table says `auth = "none"`.
///
/// # Errors
///
/// If two of them do not fit together, or if one is missing. The text names them.
pub(crate) fn check(written: &[&'static str], grant: &str, is_public: bool) -> Result<(), Error> {
    let is = |name: &str| written.contains(&name);
    match (is("endpoint"), is("issuer")) {
        (true, true) => {
            let why = "the metadata of the issuer has the endpoint";
            return Err(apart("endpoint", "issuer", why));
        }
        (false, false) => {
            let what =
                "the table `oauth` needs `endpoint`, or `issuer`, whose metadata has the endpoint";
            return Err(Error::configuration(what));
        }
        _ => {}
    }
    let mut proofs = PROOFS.into_iter().filter(|proof| is(proof));
    let proof = proofs.next();
    if let (Some(one), Some(other)) = (proof, proofs.next()) {
        return Err(apart(one, other, "a client has one proof"));
    }
    if let (Some(proof), true) = (proof, is_public) {
        return Err(apart("auth = \"none\"", proof, "a public client has no proof"));
    }
    for (member, owners) in OF_A_PROOF {
        let belongs = owners.iter().any(|owner| is(owner)) || member == "auth" && is_public;
        if is(member) && !belongs {
            let owners = owners.join("` or `");
            return Err(match proof {
                Some(proof) => apart(member, proof, &format!("`{member}` belongs to `{owners}`")),
                None => Error::configuration(format!("`{member}` needs `{owners}`")),
            });
        }
    }
    for (member, owner) in OF_A_GRANT.into_iter().filter(|(_, owner)| *owner != grant) {
        if is(member) {
            let own = format!("grant = \"{grant}\"");
            return Err(apart(
                &own,
                member,
                &format!("`{member}` belongs to `grant = \"{owner}\"`"),
            ));
        }
    }
    let needed = match grant {
        "jwt_bearer" => "grant_assertion",
        "token_exchange" => "subject",
        "refresh_token" => "refresh_token",
        _ => "client_id",
    };
    if !is(needed) {
        return Err(Error::configuration(format!("`grant = \"{grant}\"` needs `{needed}`")));
    }
    for (member, other) in NEEDS {
        if is(member) && !is(other) {
            return Err(Error::configuration(format!("`{member}` needs `{other}`")));
        }
    }
    // A certificate is a proof too, but may stand beside another one, to bind tokens.
    if is("client_id") && proof.is_none() && !is("certificate") && !is_public {
        let proofs = PROOFS.join("`, `");
        return Err(Error::configuration(format!(
            "`client_id` needs a proof: write one of `{proofs}`, `certificate`, or `auth = \"none\"` for a public client"
        )));
    }
    Ok(())
}

fn apart(one: &str, other: &str, why: &str) -> Error {
    Error::configuration(format!("`{one}` and `{other}` do not fit together: {why}"))
}

//! The claims that single providers want, by their documentation and their own libraries.

use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::claims::{Claim, ClaimSet};
use crate::system::oauth::key::jws::HeaderMember;

/// Google's libraries use this audience whatever the `token_uri` of a key file says.
const GOOGLE: &str = "https://oauth2.googleapis.com/token";

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

fn text(text: &str) -> Claim {
    Claim::Text(text.to_owned())
}

/// `typ`, `alg` and `kid`.
fn jwt() -> Vec<HeaderMember> {
    let typ = HeaderMember::Text("typ", "JWT".to_owned());
    vec![typ, HeaderMember::Algorithm, HeaderMember::KeyId]
}

/// The claims that most APIs want. `life` is in seconds.
pub(crate) fn plain(issuer: &str, life: u64) -> ClaimSet {
    let claims = vec![
        ("iss", text(issuer)),
        ("jti", Claim::JwtId),
        ("iat", Claim::Begin),
        ("exp", Claim::End),
    ];
    ClaimSet::new(jwt(), claims, life)
}

/// A Google service account asks for an access token. `subject` is the user for whom it acts, if a domain has allowed that.
pub(crate) fn google_jwt_bearer(email: &str, scopes: &str, subject: Option<&str>) -> ClaimSet {
    let mut claims = vec![("iss", text(email))];
    claims.extend(subject.map(|subject| ("sub", text(subject))));
    claims.extend([
        ("aud", text(GOOGLE)),
        ("scope", text(scopes)),
        ("iat", Claim::Begin),
        ("exp", Claim::End),
    ]);
    ClaimSet::new(jwt(), claims, HOUR).only(Algorithm::Rs256)
}

/// A Google service account's own token for one API. `audience` is `https://SERVICE/`.
pub(crate) fn google_self_signed_audience(email: &str, audience: &str) -> ClaimSet {
    google_self_signed(email, ("aud", text(audience)))
}

/// A Google service account's own token for scopes. A token has an audience or scopes, and never both.
pub(crate) fn google_self_signed_scope(email: &str, scopes: &[&str]) -> ClaimSet {
    google_self_signed(email, ("scope", Claim::Text(scopes.join(" "))))
}

fn google_self_signed(email: &str, target: (&'static str, Claim)) -> ClaimSet {
    let (iss, sub) = (("iss", text(email)), ("sub", text(email)));
    let claims = vec![iss, sub, target, ("iat", Claim::Begin), ("exp", Claim::End)];
    ClaimSet::new(jwt(), claims, HOUR).only(Algorithm::Rs256)
}

/// A GitHub App, by its client id or its app id. GitHub accepts ten minutes at most, from `iat`, and advises to set `iat`
/// back by a minute.
pub(crate) fn github_app(app: &str) -> ClaimSet {
    let claims = vec![("iss", text(app)), ("iat", Claim::Begin), ("exp", Claim::End)];
    ClaimSet::new(jwt(), claims, 10 * MINUTE).backdated(MINUTE).only(Algorithm::Rs256)
}

/// Key-pair authentication of Snowflake. Its second header is `X-Snowflake-Authorization-Token-Type: KEYPAIR_JWT`. The
/// life is 59 minutes, as in Snowflake's samples.
pub(crate) fn snowflake(account: &str, user: &str) -> ClaimSet {
    let subject = format!("{}.{}", snowflake_account(account), user.to_uppercase());
    let claims = vec![
        ("iss", Claim::WithFingerprint(subject.clone())),
        ("sub", Claim::Text(subject)),
        ("iat", Claim::Begin),
        ("exp", Claim::End),
    ];
    ClaimSet::new(jwt(), claims, 59 * MINUTE).only(Algorithm::Rs256)
}

/// The account in upper case, without its region. A global account ends at its first hyphen.
fn snowflake_account(account: &str) -> String {
    let end = if account.contains(".global") { '-' } else { '.' };
    let account = account.split_once(end).map_or(account, |(account, _)| account);
    account.to_uppercase()
}

/// App Store Connect accepts 20 minutes at most. This is 19.
pub(crate) fn app_store_connect(issuer_id: &str) -> ClaimSet {
    let typ = HeaderMember::Text("typ", "JWT".to_owned());
    let claims = vec![
        ("iss", text(issuer_id)),
        ("iat", Claim::Begin),
        ("exp", Claim::End),
        ("aud", text("appstoreconnect-v1")),
    ];
    let header = vec![HeaderMember::Algorithm, HeaderMember::KeyId, typ];
    ClaimSet::new(header, claims, 19 * MINUTE).only(Algorithm::Es256)
}

/// A connected app of Salesforce. `login` is the login host, such as `https://login.salesforce.com`.
pub(crate) fn salesforce(consumer_key: &str, username: &str, login: &str) -> ClaimSet {
    let claims = vec![
        ("iss", text(consumer_key)),
        ("sub", text(username)),
        ("aud", text(login)),
        ("exp", Claim::End),
    ];
    ClaimSet::new(vec![HeaderMember::Algorithm], claims, 3 * MINUTE).only(Algorithm::Rs256)
}

/// DocuSign. `host` is a host without a scheme, such as `account-d.docusign.com`.
pub(crate) fn docusign(integration_key: &str, user: &str, host: &str, scopes: &[&str]) -> ClaimSet {
    let claims = vec![
        ("iss", text(integration_key)),
        ("sub", text(user)),
        ("aud", text(host)),
        ("iat", Claim::Begin),
        ("exp", Claim::End),
        ("scope", Claim::Text(scopes.join(" "))),
    ];
    let header = vec![HeaderMember::Text("typ", "JWT".to_owned()), HeaderMember::Algorithm];
    ClaimSet::new(header, claims, HOUR).only(Algorithm::Rs256)
}

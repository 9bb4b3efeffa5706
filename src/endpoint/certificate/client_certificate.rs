//! The certificate by which a client shows who it is (RFC 8705).

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use rustls::crypto::CryptoProvider;

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential::Credential;
use crate::endpoint::certificate::flaw::Flaw;
use crate::endpoint::certificate::pair::Pair;
use crate::error::Error;
use crate::secret::Secret;

/// An event says each day that the certificate ends, from this time on before its end.
const NOTICE: Duration = Duration::from_secs(14 * DAY);
const DAY: u64 = 86_400;

/// How many tokens are remembered with their certificates. Each source has one or two at a time, and several sources may share a
/// certificate.
const MAX_TOKENS: usize = 256;

/// A certificate and its private key, which a client shows in TLS (mutual TLS, RFC 8705).
///
/// It goes to three places. Clones are handles to the same certificate.
///
/// | place | what for |
/// |---|---|
/// | [`OAuthBuilder::certificate`](crate::system::OAuthBuilder) | the token endpoint of an OAuth 2.0 system |
/// | [`HttpClient::with_certificate`](crate::endpoint::HttpClient::with_certificate) | the token endpoint of another system, or an API |
/// | [`clients`](ClientCertificate::clients) | an API, with a client of your own |
///
/// - The texts are read before each request to a token endpoint. The next request shows a new pair, over a new connection.
///   Other certificates of a chain may stand beside that of the key.
/// - If the texts cannot be read, or if certificate and key do not belong together, the last good pair stays in use, and a `WARN`
///   event says why. Without one, the exchange fails with
///   [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration), and nothing is sent.
/// - The same holds for a new certificate that has ended or is not valid yet, by the clock of the source: the last good pair is used
///   while it is valid, and there is one `WARN` event. The new pair is used as soon as it is valid. If no pair is valid, the error is
///   that of the newest one.
/// - A `WARN` event a day says that the certificate ends soon, from 14 days before its end.
/// - A provider may bind a token to the certificate. So a request to an API shows the certificate with which its token was issued,
///   although there may be a newer one. The newest 256 tokens are known: more than a hundred sources should not share one value.
///   [`manual::mtls`](crate::manual::mtls) says more.
///
/// ```
/// use tower_outbound_auth::endpoint::ClientCertificate;
/// use tower_outbound_auth::system::{OAuth, OAuthClient};
/// use tower_outbound_auth::Credential;
///
/// let file = |name: &str| Credential::file(format!("/var/run/secrets/billing/{name}"));
/// let certificate = ClientCertificate::with_key(file("tls.crt"), file("tls.key"));
/// let system = OAuth::builder("https://mtls.idp.example/token")
///     .client(OAuthClient::tls("billing"))
///     .certificate(certificate)
///     .build()?;
/// # let _ = system;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    /// The certificate, and its key. One credential has both, if there is only one.
    places: Vec<Credential>,
    state: Mutex<State>,
    /// The newest tokens, each with the pair that its exchange has shown.
    tokens: ArcSwap<Vec<(Secret, Arc<Pair>)>>,
}

#[derive(Default)]
struct State {
    /// The texts that were looked at last.
    seen: Option<Vec<Secret>>,
    /// Of the last texts that can be read.
    newest: Option<Arc<Pair>>,
    /// The last pair before the newest one that was valid, or was not yet compared with a time.
    before: Option<Arc<Pair>>,
    /// The newest pair was not valid when it was last compared with a time.
    is_passed_over: bool,
    /// When the last event about the end of the certificate was.
    told: Option<Duration>,
}

impl ClientCertificate {
    /// With a PEM that has the certificate and its private key, without a password.
    #[must_use]
    pub fn new(pem: impl Into<Credential>) -> ClientCertificate {
        ClientCertificate::at(vec![pem.into()])
    }

    /// With the certificate and its private key in two places, as PEM. While one of them is already new and the other is not, the
    /// last good pair stays in use.
    #[must_use]
    pub fn with_key(
        certificate: impl Into<Credential>,
        key: impl Into<Credential>,
    ) -> ClientCertificate {
        ClientCertificate::at(vec![certificate.into(), key.into()])
    }

    fn at(places: Vec<Credential>) -> ClientCertificate {
        let (state, tokens) = (Mutex::default(), ArcSwap::default());
        ClientCertificate(Arc::new(Inner { places, state, tokens }))
    }

    /// The pair to show. The texts are read again. `now` is the time of the request, if it is known.
    ///
    /// # Errors
    ///
    /// If there has been no usable pair, or if none is valid now.
    pub(crate) async fn current(
        &self,
        now: Option<Now>,
        provider: &CryptoProvider,
    ) -> Result<Arc<Pair>, Error> {
        let mut texts = Vec::new();
        let mut unread = None;
        for place in &self.0.places {
            match place.read().await {
                Ok(text) => texts.push(text),
                Err(error) => unread = Some(error.to_string()),
            }
        }
        let flaw = match unread {
            Some(flaw) => Some(flaw),
            None => self.state().look(texts, provider).err().map(|flaw| self.message(flaw)),
        };
        let shown = self.shown();
        let now = now.map(Now::since_epoch);
        let Some(newest) = self.state().newest.clone() else {
            return Err(unusable(&shown, flaw.as_deref().unwrap_or("there is none")));
        };
        let chosen = self.state().choose(newest, now);
        let (pair, passed_over) = chosen.map_err(|flaw| unusable(&shown, &flaw))?;
        // A subscriber is code of a user, so no event is told under the lock.
        for cause in flaw.into_iter().chain(passed_over) {
            tracing::warn!(target: TARGET, credential = shown, cause, "a client certificate and its key cannot be used: the last good pair is used");
        }
        let notice = now.and_then(|now| self.state().notice(&pair, now));
        if let Some(left) = notice {
            let (days, ends) = (left.as_secs() / DAY, &pair.validity.ends_at);
            tracing::warn!(target: TARGET, credential = shown, days, ends, "a client certificate ends soon");
        }
        Ok(pair)
    }

    /// An exchange that has shown this pair has brought this token.
    pub(crate) fn remember(&self, token: &Secret, pair: &Arc<Pair>) {
        self.0.tokens.rcu(|tokens| {
            let others = tokens.iter().filter(|(it, _)| it.expose() != token.expose()).cloned();
            let tokens = [(token.clone(), pair.clone())].into_iter().chain(others);
            tokens.take(MAX_TOKENS).collect::<Vec<_>>()
        });
    }

    /// The pair for a request with the token in these headers, if an exchange has brought that token.
    pub(crate) fn of_token_in(&self, headers: &HeaderMap) -> Option<Arc<Pair>> {
        let value = headers.get(AUTHORIZATION)?.as_bytes();
        let sent = value.rsplit(|byte| *byte == b' ').next()?;
        let tokens = self.0.tokens.load();
        let found = tokens.iter().find(|(token, _)| token.expose().as_bytes() == sent);
        found.map(|(_, pair)| pair.clone())
    }

    /// The pair of the newest token.
    pub(crate) fn of_newest_token(&self) -> Option<Arc<Pair>> {
        self.0.tokens.load().first().map(|(_, pair)| pair.clone())
    }

    /// The places, for an exchange: a new text ends the pause after a refusal. The exchange goes on without a text, because the last
    /// good pair may be used.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = Credential> {
        self.0.places.iter().map(Credential::optional)
    }

    /// The places, for an identity.
    pub(crate) fn id(&self) -> String {
        self.0.places.iter().map(Credential::id).collect::<Vec<_>>().join(" and ")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, flaw: Flaw) -> String {
        match &*self.0.places {
            [certificate, key] => {
                flaw.message(&place(certificate, "certificate"), &place(key, "key"))
            }
            _ => flaw.message("it", "it"),
        }
    }

    fn shown(&self) -> String {
        self.0.places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
    }
}

impl State {
    /// Reads the pair in these texts, unless they were read before.
    ///
    /// # Errors
    ///
    /// What is wrong with the texts. The last good pair stays.
    fn look(&mut self, texts: Vec<Secret>, provider: &CryptoProvider) -> Result<(), Flaw> {
        if self.seen.as_ref().is_some_and(|seen| is_same(seen, &texts)) {
            return Ok(());
        }
        let read = Pair::read(&texts, provider).map(|pair| {
            let replaced = self.newest.replace(Arc::new(pair));
            if !mem::take(&mut self.is_passed_over) {
                self.before = replaced;
            }
        });
        self.seen = self.newest.is_some().then_some(texts);
        read
    }

    /// The newest pair, or the one before it while only that one is valid. Beside it, why the newest is passed over, if it was not
    /// before. Without a time, the choice of the last time stays.
    ///
    /// # Errors
    ///
    /// If none is valid: why the newest is not.
    fn choose(
        &mut self,
        newest: Arc<Pair>,
        now: Option<Duration>,
    ) -> Result<(Arc<Pair>, Option<String>), String> {
        let Some(now) = now else {
            let before = self.before.clone().filter(|_| self.is_passed_over);
            return Ok((before.unwrap_or(newest), None));
        };
        let flaw = newest.validity.check(now).err();
        let was_passed_over = mem::replace(&mut self.is_passed_over, flaw.is_some());
        let before = self.before.clone().filter(|it| it.validity.check(now).is_ok());
        match (flaw, before) {
            (None, _) => Ok((newest, None)),
            (Some(flaw), Some(before)) => Ok((before, (!was_passed_over).then_some(flaw))),
            (Some(flaw), None) => Err(flaw),
        }
    }

    /// The time until the end of the certificate, if it is time to say so.
    fn notice(&mut self, pair: &Pair, now: Duration) -> Option<Duration> {
        let is_new = self.told.is_none_or(|told| now.saturating_sub(told).as_secs() >= DAY);
        let left = pair.validity.ends.saturating_sub(now);
        let is_due = left <= NOTICE && is_new;
        is_due.then(|| {
            self.told = Some(now);
            left
        })
    }
}

/// A value has no place, so what it is for is named.
fn place(credential: &Credential, what: &str) -> String {
    if credential.is_value() { format!("the value for the {what}") } else { credential.to_string() }
}

fn unusable(shown: &str, flaw: &str) -> Error {
    Error::configuration(format!("the client certificate and its key in {shown}: {flaw}"))
}

fn is_same(one: &[Secret], other: &[Secret]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.expose() == other.expose())
}

/// The places, and neither the certificate nor the key.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientCertificate").field(&self.0.places).finish()
    }
}

//! What a login is for the rest of the crate: a [`Grant`] and a [`Presentation`].

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use ring::digest::{Context, SHA256};
use serde_json::Value;

use crate::auth::inspect::layer::InspectBodyLayer;
use crate::basics::TARGET;
use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::grant::Grant;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;
use crate::scheme::judge::{Judge, Verdict};
use crate::scheme::presentation::Presentation;
use crate::scheme::response::ResponseHead;
use crate::scheme::value::{InvalidToken, surrounded_value};
use crate::secret::Secret;
use crate::system::client::with_client;
use crate::system::login::parts::{Login, STEPS};
use crate::system::login::place::Place;
use crate::system::login::request::{Values, request};
use crate::system::login::rule::AnswerRule;
use crate::system::oauth::refresh::REFRESH;

impl Grant for Login {
    fn identity(&self) -> Identity {
        let endpoint = self.steps.first().map_or_else(String::new, |step| step.url.shown());
        let identity = Identity::new(self.name)
            .with("endpoint", endpoint)
            .with("definition", definition(self));
        let identity = match self.client.and_then(|client| self.credentials.get(client)) {
            Some(client) => with_client(identity, client),
            None => identity,
        };
        let mut others =
            self.credentials.iter().enumerate().filter(|(at, _)| Some(*at) != self.client);
        // Nothing says what a given value changes: it may be a password, or a tenant.
        let identity = match others.any(|(_, it)| it.is_value()) {
            true => identity.with("login", self.number.to_string()),
            false => identity,
        };
        let places = self.names.iter().zip(&self.credentials).filter(|(_, it)| !it.is_value());
        places.fold(identity, |identity, (name, it)| {
            identity.with("credential", format!("{name} {it}"))
        })
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let name = match (cx.step(), &self.refresh, cx.refresh_token()) {
            (Some(name), ..) => name,
            (None, Some(refresh), Some(_)) => {
                return request(refresh, REFRESH, Values::new(self, cx)?);
            }
            (None, ..) => STEPS[0],
        };
        let number = STEPS.iter().position(|it| *it == name).unwrap_or_default();
        // There is a first step, and `read` names no step that does not exist.
        let step = self.steps.get(number).unwrap_or(&self.steps[0]);
        request(step, name, Values::new(self, cx)?)
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        self.read_answer(&answer)
    }
}

impl Presentation for Login {
    fn header_name(&self) -> &HeaderName {
        &self.header
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        surrounded_value(&self.around.0, token, &self.around.1)
    }

    fn judge(&self) -> Judge {
        if self.over.is_empty() && self.doubted.is_empty() {
            return Judge::standard();
        }
        let (over, doubted): (Arc<[_]>, Arc<[_]>) =
            (self.over.as_slice().into(), self.doubted.as_slice().into());
        let (system, told) = (self.name, AtomicBool::new(false));
        Judge::new(move |response| {
            let fits = |rules: &[AnswerRule]| {
                rules.iter().any(|rule| {
                    let fits = rule.fits(response.status, |at| value(at, response));
                    if !fits && is_unread(rule, response) && !told.swap(true, Ordering::Relaxed) {
                        tracing::warn!(
                            target: TARGET, system,
                            "a rule is about the body of a response, and nothing has read it: put `inspect_body` below the layer",
                        );
                    }
                    fits
                })
            };
            if response.is_refusal() || fits(&over) {
                Verdict::Refused
            } else if fits(&doubted) {
                Verdict::Doubted
            } else {
                Verdict::Accepted
            }
        })
    }
}

impl Login {
    /// The layer that reads the bodies which a rule of `over` or `doubted` needs. Put it directly below the layer with the
    /// token. If no rule is about a body, it reads nothing.
    ///
    /// ```
    /// use tower_outbound_auth::system::{AnswerRule, Login, LoginStep};
    ///
    /// let login = Login::builder("intranet")
    ///     .step(LoginStep::post("https://intranet.example/login"))
    ///     .token("/key")
    ///     .over(AnswerRule::status(200).at("/error").is("session_expired"))
    ///     .build()?;
    /// let inspect = login.inspect_body(); // reads the beginning of each 200
    /// # let _ = inspect;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn inspect_body(&self) -> InspectBodyLayer {
        let rules = self.over.iter().chain(&self.doubted).filter(|rule| rule.is_about_the_body());
        let rules: Arc<[_]> = rules.cloned().collect();
        InspectBodyLayer::new(move |response| {
            rules.iter().any(|rule| rule.may_fit(response.status))
        })
    }
}

/// Whether a rule needs a body that could have been read and was not.
fn is_unread(rule: &AnswerRule, response: ResponseHead<'_>) -> bool {
    let says = |name| response.headers.get(name).and_then(|value| value.to_str().ok());
    let is_json = says(CONTENT_TYPE).is_some_and(|it| it.contains("json"));
    let is_plain = !response.headers.contains_key(CONTENT_ENCODING);
    rule.is_about_the_body()
        && rule.may_fit(response.status)
        && is_json
        && is_plain
        && says(CONTENT_LENGTH) != Some("0")
        && response.body_excerpt().is_none()
}

/// A value in a response of the API.
fn value(at: &Place, response: ResponseHead<'_>) -> Option<Value> {
    match at {
        Place::Member(pointer) => response.body_member(pointer),
        Place::Body => response.body_excerpt().map(|text| String::from_utf8_lossy(text).into()),
        Place::Header(_) | Place::Cookie(_) => at.in_head(response.headers).map(Value::from),
    }
}

/// What the token depends on, as one text that reveals nothing.
fn definition(login: &Login) -> String {
    let mut definition = Definition(Context::new(&SHA256));
    (&login.header, &login.around, &login.token).hash(&mut definition);
    login.steps.iter().for_each(|step| step.hash_into(&mut definition));
    definition.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Definition(Context);

impl Hasher for Definition {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0 // the digest is taken from the context
    }
}

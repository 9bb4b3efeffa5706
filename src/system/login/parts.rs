//! The parts of a login, all checked.

use std::fmt;

use http::HeaderName;

use crate::credential::Credential;
use crate::system::login::life::{End, Life};
use crate::system::login::place::Place;
use crate::system::login::rule::AnswerRule;
use crate::system::login::step::LoginStep;
use crate::system::named::Named;

/// The names of the requests.
pub(crate) const STEPS: [&str; 4] = ["step 1", "step 2", "step 3", "step 4"];

/// A system as data: the requests of its login, where its answers have the token, and what its API says.
///
/// Most in-house systems follow no RFC. A login describes one without code: in a file that an operator writes, or by
/// [`Login::builder`]. The manual's chapter [`login`](crate::manual::login) explains all members.
/// [`Config`](super::super::Config) reads a file with a login or another system.
///
/// ```
/// use tower_outbound_auth::system::Login;
///
/// let login: Login = serde_json::from_str(
///     r#"{
///         "name": "intranet",
///         "credentials": {"user": "env:INTRANET_USER", "password": "file:/run/secrets/intranet"},
///         "steps": [{
///             "url": "https://intranet.example/login",
///             "json": {"username": "{user}", "password": "{password}"}
///         }],
///         "token": "/session/key",
///         "expires_in": {"at": "/session/minutes", "unit": "minutes"},
///         "header": "x-session-key",
///         "over": [{"status": 419}]
///     }"#,
/// )?;
/// # let _ = login;
/// # Ok::<_, serde_json::Error>(())
/// ```
///
/// The token is read from the answer of the last step. An answer without it, or with a status other than 2xx, that no rule
/// names counts as an outage. It may be a refusal too: so from the third such answer in a row, the next attempt waits as long
/// as after a refusal. A 408, 425, 429 or 5xx is only an outage.
#[derive(Clone)]
pub struct Login {
    pub(crate) name: &'static str,
    /// Which of the credentials says who logs in.
    pub(crate) client: Option<usize>,
    pub(crate) names: Vec<String>,
    pub(crate) credentials: Vec<Credential>,
    /// Tells logins apart whose credentials are given as values.
    pub(crate) number: u64,
    pub(crate) steps: Vec<LoginStep>,
    pub(crate) refresh: Option<LoginStep>,
    pub(crate) token: Place,
    pub(crate) expires_in: Option<Life>,
    pub(crate) expires_at: Option<End>,
    pub(crate) refresh_token: Option<Place>,
    /// Values of the answer for the caller.
    pub(crate) extra: Named<Place>,
    pub(crate) header: HeaderName,
    /// The texts before and after the token in the header.
    pub(crate) around: (String, String),
    pub(crate) refused: Vec<AnswerRule>,
    pub(crate) over: Vec<AnswerRule>,
    pub(crate) doubted: Vec<AnswerRule>,
}

impl Login {
    pub(crate) fn credential(&self, name: &str) -> Option<&Credential> {
        let number = self.names.iter().position(|it| it == name)?;
        self.credentials.get(number)
    }

    /// Whether a request goes over TLS.
    #[cfg(feature = "client")]
    pub(crate) fn uses_tls(&self) -> bool {
        self.steps.iter().chain(&self.refresh).any(|step| step.url.shown().starts_with("https:"))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("name", &self.name)
            .field("credentials", &self.names.iter().zip(&self.credentials).collect::<Vec<_>>())
            .field("steps", &self.steps)
            .field("refresh", &self.refresh)
            .field("token", &self.token)
            .field("extra", &self.extra)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

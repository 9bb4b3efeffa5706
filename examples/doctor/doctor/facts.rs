//! What the doctor has seen. Nothing in it is secret. A text of a server is in it only if the server had no secret when it sent it.

use std::time::Duration;

/// Everything that the findings are made of.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    pub(crate) asked: Asked,
    pub(crate) connection: Connection,
    /// A variable of the environment that names a proxy, which is not used.
    pub(crate) unused_proxy: Option<&'static str>,
    /// The requests of the exchange, in their order.
    pub(crate) requests: Vec<Sent>,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) refresh: Option<Refresh>,
    pub(crate) api: Option<Api>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    ClientCredentials,
    OAuth,
    Entra,
    Atlas,
    Rotating,
    Login,
    TokenFile,
    /// The identity that a cloud gives to a machine.
    Cloud,
}

impl Kind {
    /// Whether the endpoint is one of RFC 6749.
    pub(crate) fn is_oauth(self) -> bool {
        matches!(self, Kind::ClientCredentials | Kind::OAuth | Kind::Entra)
    }
}

/// What was asked, from the file or the flags.
#[derive(Clone, Default)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    pub(crate) system: String,
    /// Without its query.
    pub(crate) endpoint: Option<String>,
    /// The endpoint is that of an issuer, whose metadata has the token endpoint.
    pub(crate) is_issuer: bool,
    pub(crate) client: Client,
    pub(crate) scope: Option<String>,
    pub(crate) auth: Option<String>,
    /// The place of the token in the answer, if the file says it.
    pub(crate) token_at: Option<String>,
    /// Where the file finds the life of a token.
    pub(crate) life: Option<String>,
    pub(crate) uses_refresh_tokens: bool,
}

/// Who asked.
#[derive(Clone, Default)]
pub(crate) enum Client {
    #[default]
    None,
    Shown(String),
    /// The id is in this place, so it may be a secret.
    In(String),
}

/// The connection to the endpoint, from a handshake of the doctor's own.
#[derive(Clone, Default)]
pub(crate) enum Connection {
    /// It is not looked at, or there is none.
    #[default]
    Unknown,
    Plain,
    ByProxy,
    Tls(Tls),
}

#[derive(Clone, Default)]
pub(crate) struct Tls {
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) names: Vec<String>,
    /// The last day of the certificate, and the days until then.
    pub(crate) ends: Option<(String, i64)>,
    pub(crate) is_self_signed: bool,
}

/// A request, and what came.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) auth: AuthSeen,
    /// The `kid` of the client's assertion.
    pub(crate) key_id: Option<String>,
    /// The claims of the client's assertion, in words.
    pub(crate) claims: Option<String>,
    /// It asked for the metadata of an issuer.
    pub(crate) is_for_metadata: bool,
    pub(crate) answer: Option<Answer>,
}

/// The client authentication of a request on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthSeen {
    /// The id and the secret look the same in every encoding.
    Basic,
    BasicPercent,
    BasicRaw,
    BasicForm,
    Body,
    /// A client without a proof, or no client.
    Nothing,
    /// A JWT with this algorithm, or another assertion.
    Assertion(Option<&'static str>),
    ClientHeaders,
    Json,
    /// A login: the file says it.
    OfTheFile,
    /// The platform knows the machine.
    OfTheMachine,
}

#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// One of a list.
    pub(crate) content_type: Option<&'static str>,
    /// Its `charset` is another one than UTF-8.
    pub(crate) is_another_charset: bool,
    /// The server's `Date` minus our clock, in seconds.
    pub(crate) ahead: Option<i64>,
    pub(crate) no_store: bool,
    pub(crate) pragma: bool,
    /// In seconds, if it is a number.
    pub(crate) retry_after: Option<Option<u64>>,
    /// Headers about a rate limit that are numbers.
    pub(crate) limits: Vec<(&'static str, u64)>,
    /// The schemes of `WWW-Authenticate`.
    pub(crate) challenges: Vec<&'static str>,
    pub(crate) is_compressed: bool,
    /// Whether each cookie has `Secure`, and whether it states its life.
    pub(crate) cookies: Vec<(bool, bool)>,
    pub(crate) members: Members,
}

/// The members of an answer, or the lack of them.
#[derive(Clone, Default)]
pub(crate) struct Members {
    pub(crate) expires_in: ExpiresIn,
    /// `expires_on` or `expires_at`.
    pub(crate) end: Option<&'static str>,
    pub(crate) has_token_type: bool,
    pub(crate) has_refresh_token: bool,
    /// An `error`.
    pub(crate) has_error: bool,
    pub(crate) scope: Option<Vec<Word>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum ExpiresIn {
    #[default]
    Absent,
    Number(f64),
    Text,
    Other,
}

/// A word of the granted scope. It is not shown if it looks like a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    Shown(String),
    Hidden,
}

#[derive(Clone)]
pub(crate) enum Outcome {
    Token(Token),
    Failure(Failure),
}

impl Default for Outcome {
    fn default() -> Outcome {
        Outcome::Failure(Failure::default())
    }
}

#[derive(Clone, Default)]
pub(crate) struct Failure {
    /// The crate's own text.
    pub(crate) text: String,
    /// The crate's kind, such as `refused`.
    pub(crate) kind: &'static str,
    pub(crate) code: Option<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Token {
    /// Counted from the request. `None` if the token does not expire.
    pub(crate) life: Option<Duration>,
    pub(crate) is_stated: bool,
    /// One of a list.
    pub(crate) token_type: Option<&'static str>,
    /// The header of the API that carries it.
    pub(crate) header: String,
    pub(crate) jwt: Option<Jwt>,
}

/// The names of the claims of a JWT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Jwt {
    /// One of a list.
    pub(crate) alg: Option<&'static str>,
    pub(crate) iss: bool,
    pub(crate) aud: bool,
    pub(crate) exp: bool,
}

/// What an API says about itself.
#[derive(Clone)]
pub(crate) struct Api {
    /// As it was given.
    pub(crate) url: String,
    /// Where its metadata should be.
    pub(crate) place: String,
    pub(crate) metadata: Metadata,
}

#[derive(Clone)]
pub(crate) enum Metadata {
    /// Why there is no answer.
    Unreachable(String),
    /// Another status than 200.
    Status(u16),
    Unreadable,
    Read(Described),
}

/// Parts of the metadata. They were read before a credential was sent. Each is cut to a length, and has only visible ASCII.
#[derive(Clone, Default)]
pub(crate) struct Described {
    pub(crate) resource: Option<String>,
    /// `resource` is the URL, letter for letter.
    pub(crate) is_for_the_url: bool,
    pub(crate) servers: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

/// A second exchange.
#[derive(Clone)]
pub(crate) struct Refresh {
    /// What the first request of the exchange showed.
    pub(crate) used: Used,
    pub(crate) result: Result<NewToken, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    RefreshToken,
    /// A refresh token, which was refused, and then the credentials.
    RefusedRefreshToken,
    Credentials,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewToken {
    pub(crate) is_new: bool,
    /// Whether another refresh token came.
    pub(crate) new_refresh_token: bool,
}

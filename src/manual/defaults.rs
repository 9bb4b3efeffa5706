//! Every default, and its reason: a page, no code.
//!
//! What has a method in its row can be changed there. What has none is part of how the source decides, and
//! stays as it is: each number has been weighed against the others.
//!
//! # When a token is renewed
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | refresh-ahead begins at | 80–90 % of the life, drawn once per token | an hour's token leaves 6 to 12 minutes to ride out an outage; at most a quarter more exchanges than the fewest possible; a fleet that started together does not renew together | |
//! | hard margin, in which callers wait for a successor | the last 10 % of the life, at most 30 s | a token that ends on its way is refused; one of three seconds must still work | |
//! | life counts from | the sending of the exchange request | an answer that took long brings a token that is as old | |
//! | life of a token that says nothing of it | 5 min | too long a guess costs a refusal, which is healed; too short a one, an exchange | [`default_lifetime`](crate::token::SourceBuilder::default_lifetime) |
//! | of several stated lives | the shortest counts: `expires_in`, a JWT's `exp` − `iat`, `expires_on` or `expires_at` | some caches hand out a stale `expires_in` beside the right end | |
//! | a stated life of zero or less | counts as unstated | servers mean "no end" or "unknown" by it; taken as the end, it would be an outage | |
//! | a moment at which a token ends | by our clock; by the answer's `Date` where the two differ by more than 10 s | a `Date` of 8 s ago was seen; more is a wrong clock, and the issuer's is the one that counts | |
//! | longest life | 100 years | a longer one is "for ever", and no sum of times overflows | |
//! | shortest life worth having | 1 s | anything less is over before it can be used, and would be renewed without end | |
//! | a request that cannot be sent again | waits for a successor that is due, or for the renewal of a refused token, 1 s at most; never with [`Off`](crate::replay::Off) | its refusal could not be healed; a token endpoint that hangs must not hold it up | [`with_replay`](crate::AuthLayer::with_replay) |
//! | with no traffic | nothing happens | credentials travel as rarely as possible | |
//!
//! # How long things may take
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | an exchange in all: headers and body, further steps | 10 s | a slow identity provider needs it on a bad day, and a caller can just bear it | [`exchange_timeout`](crate::token::SourceBuilder::exchange_timeout) |
//! | of these, to connect | 3 s | a lost SYN is sent again after 1 s, and once more after 3 s | |
//! | a caller's wait | for one exchange | who wants less puts a timeout above the layer: it cuts the call, and never the exchange | |
//! | a refusal's wait for a successor that is on its way in another response | 1 s | an API that rotates its token may refuse one whose successor it has just sent | |
//! | draining a refused response | 50 ms and 16 KiB | enough for an error page; more costs more than a new connection | |
//!
//! # After a failure
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | pause without a usable token | 1 s, doubling up to 30 s | callers are failing: try often, but not per request | [`retry_now`](crate::TokenSource::retry_now) ends any pause |
//! | pause with one | 1 s, doubling up to 2 min, and never past the token's end | nobody notices yet; another try must fall within its life | |
//! | pause after refused credentials | 10 s, doubling up to 5 min | repetition locks accounts; never for ever, because somebody will mend it | a changed [`Credential`](crate::Credential) ends it |
//! | jitter | a pause is 80–100 % of its slot | clients that failed together do not return together | |
//! | a 4xx that cannot be read | paced as an outage twice, then as a refusal | a gateway's page passes; a refusal in unknown words must not lock the account | a changed [`Credential`](crate::Credential) ends it |
//! | `Retry-After`, and the headers of rate limits | honoured up to 5 min; while a token is usable, one attempt in its hard margin comes first | a typing error must not stop a service for a day | |
//! | credentials are looked up while refused | once a second at most, when somebody asks | a corrected secret helps at once; a disk is not polled | |
//!
//! # After a refusal (401)
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | a request is sent again | once | the second answer is the server's word (RFC 9110 section 15.5.2) | [`with_replay`](crate::AuthLayer::with_replay): [`Off`](crate::replay::Off) |
//! | of which methods | all | 401 means that the request was not applied | [`with_replay_methods`](crate::AuthLayer::with_replay_methods) |
//! | with which bodies | those in memory, and boxed streams | the first are shared, not copied; of the others is kept what was sent | [`with_replay`](crate::AuthLayer::with_replay): [`Wrap`](crate::replay::Wrap), [`Rewrap`](crate::replay::Rewrap) |
//! | of a stream is kept | 64 KiB | most requests that are streamed at all; of many uploads, what was sent before an early refusal | [`with_cap`](crate::replay::Wrap::with_cap) |
//! | of all streams and `String`s of a layer | 64 MiB | a thousand uploads at once; more should not be kept by accident | [`with_buffer_quota`](crate::AuthLayer::with_buffer_quota) |
//! | renewals that refusals may cause | 5 in a row, and one more every 30 s; a renewal that helped does not count | any number of honest revocations is healed; a route that refuses everything costs 6 exchanges in its first minute | |
//! | renewals for doubted responses ([`Verdict::Doubted`](crate::scheme::Verdict::Doubted)) | one a minute, which does not count among the 5 | most doubted responses mean something else, and an API may send many | which responses are doubted: [`with_judge`](crate::AuthLayer::with_judge) |
//! | a doubted response waits for its renewal | 1 s | it mostly is the right answer, and a token endpoint may hang | |
//! | of a doubted response, these methods are sent again | idempotent ones | it does not say that the request was not applied | |
//! | what counts as a refusal | a 401, or gRPC's `UNAUTHENTICATED` in place of a response, unless its challenge names another reason (`insufficient_scope`, `invalid_request`); a 403 whose challenge says `invalid_token` | another token would not help elsewhere | [`Presentation::judge`](crate::scheme::Presentation::judge) |
//!
//! # What a token endpoint's answer means
//!
//! | answer | kind of the failure | next attempt |
//! |---|---|---|
//! | a 2xx with a token | none: a success | |
//! | a 2xx, 400, 401 or 403 with a code that somebody has to mend (`invalid_client`, `invalid_scope`, …) | [`Refused`](crate::exchange::ExchangeErrorKind::Refused) | as after refused credentials |
//! | the same with another code (`temporarily_unavailable`, …) | [`Unavailable`](crate::exchange::ExchangeErrorKind::Unavailable) | as in an outage |
//! | another 4xx, or one that cannot be read: an empty 401, a firewall's page, a 404 | `Unavailable` | as in an outage, from the third in a row on as after a refusal |
//! | 408, 425, 429, any 5xx, whatever the body says | `Unavailable` | as in an outage, or when the answer says |
//! | a redirect, 407, 511: something in between | `Unavailable` | as in an outage |
//! | a 2xx with neither a token nor a code | [`Malformed`](crate::exchange::ExchangeErrorKind::Malformed) | as in an outage |
//! | a 2xx with a token that has ended | [`Expired`](crate::exchange::ExchangeErrorKind::Expired) | as in an outage |
//!
//! A code stands under `error`, `error.code`, `errors[0].code` or `errorCode`. For Atlas and the rotating
//! preset, every code with a 2xx, 400 or 401 is a refusal.
//!
//! # Where a credential goes
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | origins | the token endpoint's (Atlas, rotating), the given one (client credentials), none ([`AuthLayer::new`](crate::AuthLayer::new)) | a credential goes nowhere by accident | [`with_origin`](crate::AuthLayer::with_origin) |
//! | plain http | to literal loopback addresses only | everybody on the way could read it | [`Origin::danger_plain_http`](crate::Origin::danger_plain_http), [`TokenEndpoint::danger_plain_http`](crate::endpoint::TokenEndpoint::danger_plain_http) |
//! | a request to another origin | an error | a request without its credential is not what was asked for | [`with_foreign`](crate::AuthLayer::with_foreign) |
//! | a request of method TRACE or CONNECT, or whose `Connection` names the credential's header | an error | the credential would be shown, or lost on the way | the extension [`Exempt`](crate::Exempt) |
//! | a credential header that the caller set | replaced | this layer is responsible for the header | [`with_caller_header`](crate::AuthLayer::with_caller_header) |
//! | a proxy to the token endpoint (built-in client) | none, whatever the environment says; never to this machine | a variable that was set for another program would move the credentials to another way | `HttpClient::with_proxy`, `with_proxy_from_env` |
//! | redirects of the token endpoint | not followed | the request carries the credentials | |
//!
//! # Schemes
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | client authentication | Basic, percent-encoded, raw once if that is refused and differs | understood by every server that decodes, and by those that do not | [`with_auth`](crate::system::ClientCredentials::with_auth) |
//! | what was learned of a server (its encoding, that it takes no refresh tokens) | holds for a day, or until it refuses the credentials | an upgraded server is found out by itself | |
//! | where the token stands | `access_token`, else `token` | | [`with_token_member`](crate::system::ClientCredentials::with_token_member) |
//! | the type of a token | any is sent as `Bearer` but `DPoP`, `mac`, `pop` and `N_A` | servers write many words and mean Bearer; these need a proof, or are no access token | [`with_strict_token_type`](crate::system::ClientCredentials::with_strict_token_type) |
//! | scope, audience, resource | none | the server decides; ask for no more than is needed | `with_scope`, `with_audience`, `with_resource` |
//! | refresh tokens | left alone | with client credentials they gain nothing; Atlas's endpoint is not documented | [`ClientCredentials::with_refresh_tokens`](crate::system::ClientCredentials::with_refresh_tokens), [`Atlas::with_refresh`](crate::system::Atlas::with_refresh) |
//! | tokens in responses | every newer one is adopted | works with APIs that refuse the old one at once | [`Rotation::adopt`](crate::scheme::Rotation::adopt) |
//! | their signature (rotating preset) | checked | whoever can set a header could have a token of theirs sent | `Rotating::danger_without_verification` |
//! | clocks of a successor's issuer and ours | may differ by 60 s | whole seconds, and servers that are a little off | |
//!
//! # Caps
//!
//! | what | default | reason |
//! |---|---|---|
//! | a token endpoint's answer | 256 KiB | more is an error page, or an attack |
//! | an access token, a refresh token | 64 KiB | no header takes more |
//! | a token in a response | 16 KiB | it came in a header |
//! | a `WWW-Authenticate` that is read | 8 KiB, 16 challenges | real ones have one or two |
//! | requests of one exchange | 4; as many once more if a [`CredentialProvider`](crate::credential::CredentialProvider) has another value after a refusal | a challenge and its answer, a refresh token and the credentials, with room |
//! | asking such a provider after a refusal | half of the exchange's time | one that hangs must not turn a refusal into a timeout |
//! | of a server's error code | 64 visible characters | it goes into logs |

//! All defaults, with their reasons. This page has no code.
//!
//! The last column names the method that changes a default, or what ends it. If the column is empty, the default cannot be
//! changed.
//!
//! # When a token is renewed
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | refresh-ahead begins at | 80–90 % of the life, drawn once per token | a token of one hour leaves 6 to 12 minutes for an outage; at most 25 % more exchanges than the minimum; services that started together do not renew together | |
//! | a token in a file ([`AuthLayer::token_file`](crate::AuthLayer::token_file)) is looked at | a minute after the last look, or at 80–90 % of the rest of its life; in the background | a platform rewrites a token some minutes before its end; a look costs a request nothing | another exchange: [`with_refresh_after`](crate::exchange::Issued::with_refresh_after) |
//! | hard margin, in which callers wait for the next token | the last 10 % of the life, at most 30 s | a token that expires on its way to the API is refused; a token with a life of 3 s must still work | |
//! | the life begins | when the exchange request is sent | the server may have issued the token at that moment | |
//! | life of a token whose answer states none | 5 min | too long a guess costs a refusal, after which the request is sent again; too short a guess costs an exchange | [`default_lifetime`](crate::token::SourceBuilder::default_lifetime) |
//! | several stated lives | the shortest counts: `expires_in`, a JWT's `exp` − `iat`, `expires_on` or `expires_at` | some caches return an old `expires_in` beside the correct time of expiry | |
//! | a stated life of zero or less | counts as unstated | some servers mean "no expiry" or "unknown"; if it counted as the expiry, there would be an outage | |
//! | an expiry that is given as a point in time | is compared with our clock; with the answer's `Date` if the two differ by more than 10 s | a `Date` that was 8 s old has been observed; a larger difference means that a clock is wrong, and the issuer's clock decides | |
//! | a number under `expires_in` from 1.7 × 10^9 to 2^31 − 2 seconds, or the same in milliseconds | counts as a point in time | some servers write the expiry there; no token has a life of 54 to 68 years | |
//! | longest life | 100 years | a longer one means "for ever"; with this limit, no sum of times overflows | |
//! | shortest usable life | 1 s | a shorter token expires before it is used, and would be renewed without end | |
//! | a request that cannot be sent again, while the token is due for renewal or was refused | waits for the next token, 1 s at most; with [`Off`](crate::replay::Off) it does not wait | if it is refused, the caller gets the refusal; a token endpoint that hangs must not delay it longer | [`with_replay`](crate::AuthLayer::with_replay) |
//! | without requests | no exchange is made | credentials are sent as rarely as possible | |
//!
//! # How long things may take
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | a whole exchange: all its requests, with headers and bodies | 10 s | enough for a slow identity provider, and not too long for a caller | [`exchange_timeout`](crate::token::SourceBuilder::exchange_timeout) |
//! | connecting, as a part of the exchange | 3 s | a lost SYN is sent again after 1 s; the next repetition would come only after 3 s | |
//! | a caller waits for | one exchange | for a shorter wait, put a timeout above the layer: it ends the call, and the exchange goes on | |
//! | settling time of a new token, in which the API may refuse it | none, at most 30 s | most providers accept a new token at once; GitHub needs some seconds | [`settling_time`](crate::token::SourceBuilder::settling_time) |
//! | a request that is refused within it is sent again with the same token | after 1 s | the token needs time, and another one would need the same time | |
//! | after a refusal, the wait for a new token that another response may bring | 1 s | an API that rotates its token may refuse a token right after it has sent the next one | |
//! | reading a refused response to its end | 50 ms and 16 KiB | enough for an error page; reading more costs more than a new connection | |
//!
//! # After a failure
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | pause without a usable token | 1 s, doubling up to 30 s | callers fail meanwhile: try often, but not for each request | [`retry_now`](crate::TokenSource::retry_now) ends any pause |
//! | pause with a usable token | 1 s, doubling up to 2 min, and never past the token's expiry | callers notice nothing yet; another try must come before the token expires | |
//! | pause after refused credentials | 10 s, doubling up to 5 min | repeated refusals can lock the account; the tries never end, because a person will correct the credentials | a changed [`Credential`](crate::Credential) ends it |
//! | random part of a pause | each pause is 80–100 % of the time above | clients that failed at the same time do not try again at the same time | |
//! | a 4xx answer that cannot be read | the first two in a row are paced as an outage, the next ones as a refusal | an error page of a gateway is temporary; a refusal in unknown words must not lock the account | a changed [`Credential`](crate::Credential) ends it |
//! | `Retry-After`, and the headers of rate limits | obeyed up to 5 min; while a token is usable, one attempt is made earlier, in its hard margin | a wrong header must not stop a service for a day | |
//! | refused credentials are reloaded | at most once a second, when a request needs a token | no file is polled. So some requests in the second after a correction still get the old error. [`warm_up`](crate::TokenSource::warm_up) and [`probe`](crate::TokenSource::probe) read first, and use the corrected secret at once | |
//!
//! # After a refusal (401)
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | a request is sent again | once | the second answer is final (RFC 9110 section 15.5.2) | [`with_replay`](crate::AuthLayer::with_replay): [`Off`](crate::replay::Off) |
//! | a request is sent again for its own headers, such as a DPoP proof | once more, and the token is not renewed | a server may change its nonce at any time; a server that refuses two proofs refuses the third too | [`ProofVerdict`](crate::scheme::ProofVerdict) |
//! | a nonce for DPoP proofs | at most 256 bytes, one for each origin, in memory | each proof has it; a longer one is an attack | |
//! | requests of these methods are sent again | all | 401 means that the request was not applied | [`with_replay_methods`](crate::AuthLayer::with_replay_methods) |
//! | requests with these bodies are sent again | bodies in memory, and boxed streams | bodies in memory are shared, not copied; of a stream, a copy of what was sent is kept | [`with_replay`](crate::AuthLayer::with_replay): [`Wrap`](crate::replay::Wrap), [`Rewrap`](crate::replay::Rewrap) |
//! | copy of one stream | at most 64 KiB | enough for most streamed requests, and for what many uploads have sent before an early refusal | [`Same::with_cap`](crate::replay::Same::with_cap) |
//! | copies of all streams and `String`s of a layer | at most 64 MiB | enough for a thousand uploads at once; a layer must not use more memory by accident | [`with_buffer_quota`](crate::AuthLayer::with_buffer_quota) |
//! | renewals that refusals may cause | 5 in a row, and one more every 30 s; a renewal that helped does not count | every revoked token is replaced; a route that refuses every token costs 6 exchanges in its first minute | |
//! | exchanges for claims that an API demands ([`claims_challenges`](crate::system::OAuthBuilder::claims_challenges)) | none; if set, one a minute for other claims, and none for the same ones | an API that always demands claims costs little | the same method |
//! | renewals for doubted responses ([`Verdict::Doubted`](crate::scheme::Verdict::Doubted)) | one per minute, not counted among the 5 | most doubted responses mean something else, and an API may send many | which responses are doubted: [`with_judge`](crate::AuthLayer::with_judge) |
//! | a doubted response waits for the renewal | 1 s at most | the response is mostly correct, and a token endpoint may hang | |
//! | after a doubted response, requests of these methods are sent again | idempotent ones | the server may have applied the request | |
//! | the part of a body that a judge can read | none; with [`InspectBodyLayer`](crate::InspectBodyLayer), 4 KiB of the bodies that its predicate chooses | the body of an error is short; each such response holds a copy of this part | [`with_limit`](crate::InspectBodyLayer::with_limit) |
//! | such a body is waited for | 50 ms at most, from its first pause on | a short body comes sooner; a stream is not delayed noticeably | [`with_wait`](crate::InspectBodyLayer::with_wait) |
//! | what counts as a refusal | a 401, or gRPC's `UNAUTHENTICATED` in the headers of the response, unless its challenge names another reason (`insufficient_scope`, `invalid_request`, `insufficient_user_authentication`, `insufficient_claims`); a 403 whose challenge says `invalid_token` | in other cases another token does not help | [`with_judge`](crate::AuthLayer::with_judge); for a scheme of your own [`Presentation::judge`](crate::scheme::Presentation::judge) |
//!
//! # What a token endpoint's answer means
//!
//! | answer | kind of the failure | next attempt |
//! |---|---|---|
//! | a 2xx with a token | none: a success | |
//! | a 2xx, 400, 401 or 403 with a code that means that a person must correct something (`invalid_client`, `invalid_scope`, …) | [`Refused`](crate::exchange::ExchangeErrorKind::Refused) | as after refused credentials |
//! | the same with another code (`temporarily_unavailable`, …) and without a token | [`Unavailable`](crate::exchange::ExchangeErrorKind::Unavailable) | as in an outage |
//! | another 4xx, one that cannot be read, or a 2xx that states a failure without a code: an empty 401, a firewall's page, a 404 | `Unavailable` | as in an outage, from the third in a row on as after a refusal |
//! | 408, 425, 429, any 5xx, whatever the body says | `Unavailable` | as in an outage, or at the time that the answer names |
//! | a redirect; 407, 511: the answer of a proxy or a captive portal | `Unavailable` | as in an outage |
//! | a 2xx with neither a token nor a failure, or with a token that cannot be sent | [`Malformed`](crate::exchange::ExchangeErrorKind::Malformed) | as in an outage |
//! | a 2xx with a token that has ended | [`Expired`](crate::exchange::ExchangeErrorKind::Expired) | as in an outage |
//!
//! The code is read from `error`, `error.code`, `errors[0].code` or `errorCode`. For Atlas and the
//! rotating preset, every code with a 400 or 401, or with a 2xx without a token, is a refusal. A 403 of Atlas counts as an outage;
//! of a rotating API, its code is read.
//!
//! # Where a credential goes
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | origins | the token endpoint's (Atlas, rotating), the given one (client credentials), none ([`AuthLayer::new`](crate::AuthLayer::new)) | no credential is sent to a wrong host by accident | [`with_origin`](crate::AuthLayer::with_origin) |
//! | plain http | to literal loopback addresses only; a token endpoint may also be the metadata server of a cloud ([`link_local_metadata`](crate::endpoint::TokenEndpoint::link_local_metadata)) | everybody on the network path could read the credential | [`Origin::danger_plain_http`](crate::Origin::danger_plain_http), [`TokenEndpoint::danger_plain_http`](crate::endpoint::TokenEndpoint::danger_plain_http) |
//! | a request to another origin | an error | an error is better than a request that silently lacks its credential | [`with_foreign`](crate::AuthLayer::with_foreign) |
//! | a request of method TRACE or CONNECT, or whose `Connection` names the credential's header | an error | the answer would show the credential, or a proxy would remove it | the extension [`Exempt`](crate::Exempt) |
//! | a credential header that the caller set | replaced | this layer is responsible for the header | [`with_caller_header`](crate::AuthLayer::with_caller_header) |
//! | a proxy to the token endpoint (built-in client) | none, whatever the environment says; never for an endpoint on this machine or over plain http | a variable that was set for another program would send the credentials through its proxy | `HttpClient::with_proxy`, `with_proxy_from_env` |
//! | redirects of the token endpoint | not followed | the request carries the credentials | |
//!
//! # Schemes
//!
//! | what | default | reason | to change it |
//! |---|---|---|---|
//! | client authentication | Basic, percent-encoded; once without the encoding if that is refused and the two differ | some servers decode, others do not | [`with_auth`](crate::system::ClientCredentials::with_auth) |
//! | what the scheme has learned about a server (its encoding; that it accepts no refresh tokens) | is kept for a day, or until the server refuses the credentials | a change of the server is noticed | |
//! | the member that has the token | `access_token`, else `token` | | [`with_token_member`](crate::system::ClientCredentials::with_token_member) |
//! | tokens that are bound to a certificate ([`manual::mtls`](super::mtls)) | not demanded; but a binding to another certificate than was shown is an error | many providers know clients by certificates, and bind no tokens | [`certificate_bound_tokens`](crate::system::OAuthBuilder::certificate_bound_tokens) |
//! | a token whose exchange has shown a certificate | is renewed, at the latest, after 80 % of what was left of the certificate's life when the token was issued | an API refuses a certificate that has ended | |
//! | the type of a token | every type is sent as `Bearer`, except `DPoP`, `mac`, `pop` and `N_A` | servers write many words and mean Bearer; the exceptions need a proof, or are no access token | [`with_strict_token_type`](crate::system::ClientCredentials::with_strict_token_type) |
//! | scope, audience, resource | none | the server decides; ask for no more than is needed | `with_scope`, `with_audience`, `with_resource` |
//! | a refresh token in doubt is sent again ([`manual::refresh_tokens`](super::refresh_tokens)) | when the last access token has ended, at each attempt until the endpoint accepts or refuses it; not if there is a primary credential | a second use ends the login at many providers, and often its access tokens too | [`reuse_grace`](crate::token::SourceBuilder) |
//! | a lease of a login that somebody else has is asked for again | every 20 ms, within the exchange timeout | the other one renews the token for both | |
//! | a new file of a login that a dead process left | is removed after a minute | a write takes no minute | |
//! | refresh tokens | not used | with client credentials they have no advantage; Atlas's endpoint is not documented | [`ClientCredentials::with_refresh_tokens`](crate::system::ClientCredentials::with_refresh_tokens), [`Atlas::with_refresh`](crate::system::Atlas::with_refresh) |
//! | tokens in responses | every newer one is adopted | works with APIs that refuse the old one at once | [`Rotation::adopt`](crate::scheme::Rotation::adopt) |
//! | their signature (rotating preset) | checked | otherwise, anybody who can set a response header could choose the token | `Rotating::danger_without_verification` |
//! | our clock and the clock of a new token's issuer | may differ by 60 s | times in tokens are whole seconds, and clocks differ a little | |
//!
//! # Caps
//!
//! | what | default | reason |
//! |---|---|---|
//! | a token endpoint's answer | 256 KiB | more is an error page, or an attack |
//! | the file of a login | 1 MiB | a longer file is no login |
//! | an access token, a refresh token | 64 KiB | no header takes more |
//! | a token in a response | 16 KiB | it came in a header |
//! | a `WWW-Authenticate` that is read | 8 KiB, 16 challenges | real ones have one or two |
//! | requests of one exchange | 4; another 4 if a [`CredentialProvider`](crate::credential::CredentialProvider) has another value after a refusal | enough for a challenge and its answer, a refresh token and the credentials |
//! | asking such a provider after a refusal | half of the exchange's time | a provider that hangs must not turn a refusal into a timeout |
//! | a server's error code | 64 visible characters | it goes into logs |
//! | the part of a body that a judge can read | 64 KiB, 256 frames | each inspected response may hold this much |
//! | a granted scope, a token's type | 200 and 64 visible characters | they go into logs |
//! | members of an answer for the caller ([`Issued::with_extra`](crate::exchange::Issued::with_extra)) | 16, with 4 KiB of names and values; one for which there is no room is left out | an address and some ids need less; they live as long as the token |
//! | reading a credential | 5 s | a pipe without a writer, or a file system that hangs |
//! | a file of a credential | 64 KiB | a longer file is another file |
//! | a changed file of a credential | is used when it has been unchanged for 250 ms | a file that is written in parts must not be used half |
//! | redirects that a reqwest client follows | 10 | as reqwest's own default |
//!
//! # Higher and lower
//!
//! Seven defaults are numbers that you can change.
//!
//! | what | higher | lower |
//! |---|---|---|
//! | [`exchange_timeout`](crate::token::SourceBuilder::exchange_timeout), 10 s | callers without a token wait longer for an endpoint that hangs, and the next attempt begins later | a slow endpoint, or one further request in an exchange, becomes a failure; below 3 s the connection alone may not be made; less than 10 ms counts as 10 ms |
//! | [`default_lifetime`](crate::token::SourceBuilder::default_lifetime), 5 min | a token that states no life is used longer; if it expires earlier, requests get a 401, a renewal, and a second sending, and a request that cannot be sent again gets the 401 | more exchanges: one for each 80 to 90 % of this time while there are requests; less than 1 s counts as 1 s |
//! | [`settling_time`](crate::token::SourceBuilder::settling_time), none | a new token is used later, and a token that is revoked soon after its issue is renewed later; more than 30 s counts as 30 s | with a provider that needs time, requests are refused after each renewal, and a refusal renews the token although it is good |
//! | [`Same::with_cap`](crate::replay::Same::with_cap), 64 KiB | longer streams can be sent again; each streamed request may hold this much memory until its response | a stream gets its 401, with [`NotReplayable`](crate::Recovery::NotReplayable), after fewer bytes |
//! | [`with_buffer_quota`](crate::AuthLayer::with_buffer_quota), 64 MiB | more uploads at once can be sent again | under load, requests are sent without a copy, and cannot be sent again |
//! | [`InspectBodyLayer::with_limit`](crate::InspectBodyLayer::with_limit), 4 KiB | a refusal in a longer body is found; each inspected response holds this much memory | JSON that is longer has no members for a judge |
//! | [`InspectBodyLayer::with_wait`](crate::InspectBodyLayer::with_wait), 50 ms | a refusal in a slow body is found; a stream among the inspected responses is delayed by this time | a refusal in a body that comes later is not found |

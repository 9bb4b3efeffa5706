//! From what stands in the log to what happened and what to do.
//!
//! A line has these parts, each only if it is known:
//!
//! ```text
//! no token: client_credentials (https://idp.example/token, client "billing"): the token endpoint refuses the credentials:
//!     check the client id and the secret (status 401, invalid_client); that was 3.2 s ago; the next attempt is due in 6.8 s
//! ```
//!
//! the system, its token endpoint and the client; what happened; what to do; the HTTP status and the error code of the token
//! endpoint; how old the error is, if nothing was sent for this request; when the next attempt may be made.
//!
//! If a line does not say enough, run the doctor in a clone of this crate: `cargo run --example doctor -- --config billing.toml`.
//! It asks the token endpoint once, and says what came, what is wrong, and what to try. It shows no secret, so its report can be
//! sent to the provider.
//!
//! # An exchange failed
//!
//! [`Error::kind`](crate::Error::kind) is `exchange`, and [`Error::exchange`](crate::Error::exchange) says more. A request before
//! the next attempt gets the same error at once. The kind of the failed exchange is in
//! [`ExchangeError::kind`](crate::exchange::ExchangeError::kind):
//!
//! | kind | the text says | what happened | what to do |
//! |---|---|---|---|
//! | `unreachable` | `Connection refused` | nothing listens at the port | check the port, and whether the server runs |
//! | `unreachable` | `failed to lookup address` | the name of the host is unknown here | check the name and the DNS |
//! | `unreachable` | `invalid peer certificate: UnknownIssuer` | a private authority, or one that this machine does not know | give its root to [`TlsRoots::pem`](crate::endpoint::TlsRoots) |
//! | `unreachable` | `certificate expired`, `certificate not valid yet` | the certificate, or the clock of this machine | compare the clock, then renew the certificate |
//! | `unreachable` | `certificate not valid for name` | another host answered: a wrong name, a proxy, a captive portal | check the name, and the network in between |
//! | `unreachable` | `deadline has elapsed` | no connection within 3 s: a firewall, a wrong address, a host that is down | check the address, the route and the firewall |
//! | `unreachable` | `InvalidContentType`, `invalid HTTP version` | https was spoken to a port without TLS, or the reverse | change the scheme or the port |
//! | `unreachable` | `is this a machine of Google's cloud?`, `is this a machine of Azure?` | there is no metadata server at 169.254.169.254. With a status: something else has answered there | on another machine, use another system; in a container, look at its network |
//! | `timeout` | `no answer within 10s` | the endpoint accepted the connection and did not answer in time | look at the endpoint; [`exchange_timeout`](crate::token::SourceBuilder::exchange_timeout) sets the limit |
//! | `timeout` | `the credentials could not be read within 10s` | a provider hangs | look at the place that the text names |
//! | `unavailable` | `failed on its own side`, `gets too many requests` | a 5xx, or a 429 | wait: the attempts go on, and obey `Retry-After` |
//! | `unavailable` | `there is no token endpoint at this address` | a 404, 405 or 410 | check the path |
//! | `unavailable` | `Azure's identity endpoint is not there`, `Azure's identity endpoint is being updated` | a 404 or a 410 of the metadata server | wait: the attempts go on. If it lasts, this is no machine of Azure, or the address is wrong |
//! | `unavailable` | `the answer is a redirect to ..` | the endpoint has moved, its path is wrong (a slash at its end is enough), or a login page is in between | compare the endpoint's address with the target in the text. The target has no query, and no path if the path may show a secret. Redirects are not followed, because the request has the credentials |
//! | `unavailable` | `the answer is a redirect without a usable address` | the same; `Location` is missing, or is no http(s) address | check the address |
//! | `unavailable` | `something in between ..` | a proxy or a captive portal answered | look at the network in between |
//! | `unavailable` | `check the path, and the program that writes the file` | a token file, or the file of an assertion, is missing, empty or unreadable | see whether the platform has written it: it is looked at again after each pause |
//! | `unavailable` | `for a reason that may pass` | a code such as `temporarily_unavailable` | wait |
//! | `unavailable` | `for a reason that is not known here`, `gives no reason that is known here` | a 4xx with an unknown code, or without one | check the address and the credentials |
//! | `unavailable` | `there is no metadata at any of its` | an issuer's metadata is at none of the places of the specifications | compare the issuer with the provider's documentation: it is an https URL without `/.well-known/…` |
//! | `unavailable` | `refuses the DPoP proof` | the clocks differ, or the endpoint sees another URL than this client | compare the clocks; `Dpop::htu_base` |
//! | `unavailable` | `wants a nonce in the DPoP proof` | the endpoint asks for a nonce and sends none, or refuses the one that it sent | look at its header `DPoP-Nonce` |
//! | `unavailable` | `the refresh token was sent` at .. | its answer was lost, so it is [in doubt](super::refresh_tokens#a-refresh-token-in-doubt) | wait: it is sent again when the last access token has ended. For a provider that accepts a second use, set [`reuse_grace`](crate::token::SourceBuilder) |
//! | `unavailable` | `somebody else has taken over the lease of this login` | an exchange took longer than its lease | nothing: the next attempt asks the store again |
//! | `refused` | `refuses the credentials` | a wrong id or secret, or an encoding that the server does not expect | check both; [`with_auth`](crate::system::ClientCredentials::with_auth) changes the encoding. A secret in a file is read again when a request needs a token, at most once a second: some requests in that second still fail |
//! | `refused` | `the client, which shows no proof` | the client is public, and the grant or the provider wants a proof | give the client a secret, a key or a certificate: see [`OAuthClient`](crate::system::OAuthClient) |
//! | `refused` | `check the client id and the certificate` | the provider does not know this client, or not its certificate | register the certificate at the provider |
//! | `refused` | `refuses the client's assertion: check the client id` | the key, the secret or the audience is another than the provider has, or a clock is wrong | compare the public key, its `kid` and the audience with what is registered: the text has the place of the key and the `kid` that was sent; [`audience`](crate::system::OAuthClient) sets the audience. The text says by how much the clocks differ, if it is more than 10 s |
//! | `refused` | `refuses the client's assertion: the provider must know` | the provider does not know the issuer, the subject or the audience of a JWT that another program makes | register the three as they stand in the JWT; the doctor shows them |
//! | `refused` | `the token that was shown` | the server does not trust the issuer of a subject's token or of an assertion, its audience is another server, or it has expired | look at the place that the text names. A source at that place has already renewed its token once |
//! | `refused` | `refuses the current and the previous key` | the provider has neither of the two keys of this client | register one of them. A changed text of either key ends the pause |
//! | `refused` | `the previous key in file ..` | the provider refuses the current key, and the previous one is missing or no key | register the current key, or put the previous one there |
//! | `refused` | `the JWT in file ..` | a refusal of an assertion or a token that another program writes; the text has its age and its end | compare them with the clocks. If the JWT is old, look at the program that writes it. If it is new, the provider does not know its issuer, its subject or its audience |
//! | `refused` | `refuses the grant` | a wrong secret, or a token that was shown has expired | check the credentials |
//! | `refused` | `lacks a parameter or has a wrong one`, `does not support this grant` | the endpoint expects something else | compare the request with the provider's documentation |
//! | `refused` | `wants a person to take part`, `refuses the audience or the resource`, `does not allow this client to use this grant`, `refuses the scope`, `denies access` | the client lacks a right | give it the right at the provider, or ask for less. Then [`retry_now`](crate::TokenSource::retry_now) |
//! | `refused` | `Google's metadata server knows no service account` | a 404: the machine or the workload has no service account of this name | attach one, or correct the name |
//! | `refused` | `Google's metadata server denies the token`, `Google's metadata server refuses the request` | a 403 or a 400: a missing right, a wrong scope, or a concealed server | allow the workload to use the service account |
//! | `refused` | `Azure gives no token for this identity` | the machine or the app has no such managed identity, or it was assigned some minutes ago | assign it, or correct its id |
//! | `refused` | `Azure knows no resource` | `resource` is no App ID URI of an API, or one that the tenant does not have | give the App ID URI, without a slash that it does not have |
//! | `refused` | `has refused the refresh token: log in again` | the login was ended, or another program has used its refresh token | log in again, and put the new refresh token where the text says |
//! | `refused` | `If the refresh token was issued to a DPoP key` | the first refresh token of a login was refused with a DPoP key, and may be bound to another one | give the key of the program that has obtained it, by `Dpop::with_key` or `Dpop::key_from` |
//! | `refused` | `the store has no refresh token for this login` | the file was changed by hand | restore it, or log in again |
//! | `malformed` | `A page of HTML` | the address is that of a login page, or something in between answered | check the address |
//! | `malformed` | `must be equal letter for letter` | the metadata is that of another issuer than the one that was given: often a slash at the end, or an address inside a cluster | give the issuer as the metadata has it. For an address inside a cluster, use [`OAuth::builder`](crate::system::OAuth::builder) or [`OAuth::keycloak`](crate::system::OAuth::keycloak) |
//! | `malformed` | `another origin than the issuer's` | the metadata puts the token endpoint at another origin | if that is right, [`token_endpoint_origin`](crate::system::OAuthBuilder::token_endpoint_origin) allows it |
//! | `malformed` | `has no token in ..` | the token has another name | [`with_token_member`](crate::system::ClientCredentials::with_token_member) |
//! | `malformed` | `a token that is no access token` | the answer to a token exchange has a refresh token, an ID token or a SAML assertion | ask for an access token with [`requested_type`](crate::system::TokenExchange::requested_type) |
//! | `malformed` | `so it comes from another server` | a proxy, a captive portal or another cloud answered in place of Google's metadata server | look at the network, and whether this is a machine of Google's cloud |
//! | `malformed` | `not bound to the DPoP key` | the endpoint issued a Bearer token although DPoP was asked for | switch DPoP on for this client at the provider, or `Dpop::optional` |
//! | `malformed` | `a token that is bound to a key (its type is DPoP)` | the provider binds the tokens of this client to a key (DPoP), and none was given | [`OAuthBuilder::dpop`](crate::system::OAuthBuilder::dpop) |
//! | `malformed` | `is bound to another certificate than this client has shown` | something between this machine and the endpoint ends TLS, and shows a certificate of its own | look at the network, and at the proxy before the endpoint |
//! | `malformed` | `not bound to a certificate` | [`certificate_bound_tokens`](crate::system::OAuthBuilder::certificate_bound_tokens) demands a binding, and the provider binds nothing | switch it on for this client at the provider |
//! | `expired` | `had already expired when it arrived` | one of the two clocks is wrong, or a cache answered | compare the clocks |
//! | `expired` | `the token in the file expired` | the platform has stopped rewriting the file, or this machine's clock is wrong | look at the program that writes it: the text has the age of the file |
//! | `configuration` | `cannot be read: ..`, `is not set`, `is empty` | the credential is not where the text says | put it there: it is read again when a request needs a token, at most once a second. Some requests in that second still fail |
//! | `configuration` | `is a file, and no folder` | the path of a store goes through a file | correct the path |
//! | `configuration` | `is bound to the DPoP key with the thumbprint` | the login in the store began with DPoP, and the system has none now; nothing was sent | configure `dpop` as before, or log in again with another store |
//! | `configuration` | `do not belong together` | the certificate and the private key are not a pair | give the certificate that was made for this key |
//! | `configuration` | `the private key is encrypted` | the key has a passphrase | write it without one, by the command in the text |
//! | `configuration` | `the provider accepts only` | the key is of a kind that the provider does not accept | make a key of that kind, and register it |
//! | `configuration` | `the certificate was valid until ..` | the certificate of a client has ended; nothing was sent | put a new certificate and its key there, and register the certificate at the provider |
//! | `configuration` | `the client certificate and its key in ..` | there is no usable pair yet, or the certificate is not valid now; nothing was sent | put a certificate and its private key there, as PEM: they are read before each request |
//! | `configuration` | `the two may be swapped` | the key is where the certificate should be | exchange the two paths |
//! | `configuration` | `may be DER` | the file of a certificate or a key is binary | write it as PEM, by a command in the text |
//! | `configuration` | `does not show the certificate of the system` | the system has a certificate, and the client of its token endpoint is another one than `HttpClient` | use `HttpClient`, or give the certificate to your client only |
//! | `configuration` | `and a client with a certificate needs one` | the metadata of the issuer has `mtls_endpoint_aliases` without a token endpoint | [`OAuth::builder`](crate::system::OAuth::builder) with the address |
//! | `configuration` | `is the program that writes it running` | the JWT in the file has ended, or ends within 5 s. The file was read twice, and nothing was sent | look at the program that writes the file, and at the clock of this machine |
//! | `configuration` | `the login is bound to a DPoP key with the thumbprint` | the login of a public client has another DPoP key than the one that is given; nothing was sent | give the key of the login, or log in again |
//! | `configuration` | `an RSA key is too slow for DPoP` | the file of the DPoP key has an RSA key | put a P-256 or an Ed25519 key there |
//! | `configuration` | `and others may read it` | the file of a login can be read by others | run the command in the text |
//! | `configuration` | `has the login of another client, endpoint, grant or scope` | two logins have one file, or the description of the login was changed | give each its own file; if it is the same login, remove the member `key` |
//! | `configuration` | `is no login that this crate has written` | the file is damaged | restore it, or move it away and log in again |
//! | `configuration` | cannot lock ..: `create the folder` | the folder of the login's file is missing; nothing was sent | create it. Then [`retry_now`](crate::TokenSource::retry_now), or wait for the next attempt |
//! | `configuration` | cannot read .., cannot lock .., cannot write ..: `give this process the right to read and write there, and in the folder` | the process may not use the file of the login, its lock or its folder; nothing was sent | give it the right. Then `retry_now` |
//! | `configuration` | cannot lock .., cannot write ..: `make room on the disk`, `the store needs a folder that this process may write to` | a refresh token could not be written down, so nothing was sent | correct it: nothing is lost. Then `retry_now` |
//! | `configuration` | `it has taken more than 5 s` | a file system or a function hangs, or a pipe has no writer | look at the place that the text names |
//! | `configuration` | `the token endpoint's client goes through another layer` | the client of the token endpoint has a layer with another credential | give it a client without that layer |
//! | `configuration` | `the chain of sources is longer than four` | a source needs the token of another source, and so on: more than four of them | give one of the sources that the text names a credential that needs no other source |
//! | `reentrant` | `sends through the layer that the token is for` | the client of the token endpoint has this very layer | give it a client without the layer |
//! | `reentrant` | `needs a token of the source that it works for` | the exchange, or a provider of its credential, asks this very source | give the client no layer of this source, and take the credential from another source |
//! | `panicked` | `the exchange panicked` | a bug in the exchange or the scheme | the panic's own message is on standard error |
//! | any | a number behind the code: `invalid_client, 7000215` | the server's `error_codes`. Those of Microsoft Entra are its AADSTS numbers. Of 7000215 (a wrong secret), 700016 (an app that the tenant does not know), 90002 (an unknown tenant), 700024 (an assertion that has expired or is not valid yet) and 700027 (one that no registered certificate has signed), the text says what to do | for another one, search for AADSTS and the number |
//! | any | `withheld` in place of the code | the server's code has a part of a credential (four characters in a row are enough), or a text that may be one | look at the log of the server, or send the request by hand |
//!
//! # A request was not sent
//!
//! | kind | what happened | what to do |
//! |---|---|---|
//! | `exchange` | there is no usable token: see above | |
//! | `foreign_origin` | the request is for an origin that the credential is not bound to; the text lists those that are | [`with_origin`](crate::AuthLayer::with_origin), or [`Foreign::SendUnauthenticated`](crate::Foreign::SendUnauthenticated) |
//! | `foreign_origin` | the URI names no host | an absolute URI; for a client with one peer, [`Origin::relative`](crate::Origin::relative) |
//! | `foreign_origin` | the `Host` header contradicts the URI | take the header off |
//! | `foreign_origin` | the URI is not http(s), or has user information or an unusable port | correct the URI |
//! | `insecure` | plain http, TRACE, CONNECT, or a `Connection` header that names the credential's header | use https; the text says which it is |
//! | `proof` | a [`PerRequest`](crate::scheme::PerRequest) failed | the source of the error says why |
//! | `proof` | `the URI of the request is relative, so a DPoP proof cannot name its address` | `Dpop::htu_base` with `Origin::relative()` |
//! | `timeout` | the deadline of the caller ended while the request waited for a token or for the inner service, or the runtime stands still | a longer deadline; look for code that blocks the runtime |
//! | `runtime` | the call was made outside a tokio runtime, or in one without a timer | `enable_all()` on the runtime's builder |
//! | `reentrant` | an exchange asked for a token of its own source | give the exchange a client without the layer |
//! | `configuration` | the set-up cannot work; the text says what to change | |
//!
//! `sent_elsewhere` is the exception: a reqwest client *has* sent the request to another origin or through a proxy. Replace the
//! credential, then build the client as the page `adapter::reqwest` (feature `reqwest`, listed in [`adapter`](crate::adapter)) says.
//!
//! # A 401 reached the caller
//!
//! The response is the server's own. [`Recovery`](crate::Recovery) in its extensions says what the layer did.
//! [`TokenSource::reject`](crate::TokenSource::reject) gives the same reason, with the kind `no_successor`.
//!
//! If our clock and the API's differ by more than 10 s, the response also has a [`ClockDifference`](crate::ClockDifference). APIs refuse
//! a token from the future, and one that has ended by their clock: correct the clock that is wrong.
//! [`Status::clock_difference`](crate::token::Status::clock_difference) and an event say it too.
//!
//! | `Recovery` | what happened | what to do |
//! |---|---|---|
//! | `replayed` | the second answer was a 401 as well | the client lacks a right, or the API does not know the issuer |
//! | `not_replayable` | the body is a stream of more than the kept part, or the method is not sent again. The token is being renewed | [`Same::with_cap`](crate::replay::Same::with_cap), or send the request again yourself |
//! | `budget_spent` | five renewals in a row did not help | look for a route or a server that refuses good tokens |
//! | `renewal_failed` | the exchange failed, its pause is not over, or (a doubted response) it takes more than 1 s | [`last_error`](crate::token::Status::last_error), and the first table |
//! | `renewed_lately` | a doubted response; the token was renewed less than a minute ago | nothing: the response is probably meant |
//! | `same_token` | the token endpoint issued the refused token again, or the file still has it | revoke it at the provider, or wait for its end |
//! | `fixed_token` | a [fixed](crate::TokenSource::fixed) token cannot be renewed | replace it |
//! | `out_of_time` | the deadline of the caller ended before the second sending | a longer deadline |
//! | `resend_failed` | the second sending broke off | send the request again |
//! | `proof_refused` | the API refuses the DPoP proof or its nonce twice, or wants a nonce and the request cannot be sent again | compare the clocks; if the API is behind a proxy, `Dpop::htu_base`; else send the request again |
//!
//! # The API demands more than a valid token
//!
//! Such a response is handed on at once, without a `Recovery`: a new token for the same grant would be refused too.
//! [`Insufficient`](crate::scheme::Insufficient) in its extensions says what the API demands ([`step_up`](super::step_up) has the whole):
//!
//! | status and `error` | what the API demands | what to do |
//! |---|---|---|
//! | 401 `insufficient_user_authentication` | that the user logs in anew or in another way | a person must log in; a client cannot do that on its own behalf |
//! | 403 `insufficient_scope` | a scope that the token lacks | grant it to the client at the provider, and ask for it with [`scope`](crate::system::OAuthBuilder::scope) |
//! | 401 `insufficient_claims` | a token with other claims (Microsoft Entra) | let the system ask for it: [`claims_challenges`](crate::system::OAuthBuilder::claims_challenges) |
//!
//! # An error of the API's own connection
//!
//! Errors of the inner service are not this crate's, and are not changed. hyper's first line says little: `client error
//! (Connect)`. The reason is in the sources, so print them all:
//!
//! ```
//! use std::error::Error;
//!
//! fn in_full(error: &(dyn Error + 'static)) -> String {
//!     let errors = std::iter::successors(Some(error), |&error| error.source());
//!     errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
//! }
//!
//! # use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
//! # let cause = std::io::Error::other("Connection refused (os error 111)");
//! # let error = ExchangeError::new(ExchangeErrorKind::Unreachable, "client error (Connect)").with_source(cause);
//! # let error: tower_outbound_auth::BoxError = error.into();
//! let line = in_full(&*error); // error: a `BoxError`
//! assert_eq!(line, "client error (Connect): Connection refused (os error 111)");
//! ```
//!
//! An error of this crate has its cause in its first line already. Print it with `{}`; with `{:?}`, as `main` prints an error
//! that it returns, the same line stands in quotes: `Error { kind: Exchange, text: "no token: ..", .. }`. An error of
//! `reqwest_middleware` is printed with `{}` too: with `{:?}` it may have several lines, and has a backtrace if `RUST_BACKTRACE` is set.
//!
//! # In code
//!
//! ```
//! use tower_outbound_auth::exchange::ExchangeErrorKind;
//! use tower_outbound_auth::{BoxError, Error, ErrorKind};
//!
//! fn describe(error: &BoxError) -> &'static str {
//!     let Some(ours) = Error::find(&**error) else { return "the API itself failed" };
//!     match (ours.kind(), ours.exchange().map(|it| it.kind())) {
//!         (ErrorKind::Exchange, Some(ExchangeErrorKind::Refused)) => "a person must correct the credentials",
//!         _ if ours.is_transient() => "try again, after `retry_after` if it is known",
//!         _ => "a mistake in our set-up",
//!     }
//! }
//! # assert_eq!(describe(&"reset".into()), "the API itself failed");
//! ```

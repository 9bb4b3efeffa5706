//! The published token. The hot path reads it with one atomic load and without a lock.
//!
//! 1. Only the holder of the source's lock writes. So an older token never replaces a newer one.
//! 2. A token is published before the waiting callers are woken.
//! 3. One read tells whether the token may be sent, and whether it is due for renewal.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwapOption, Guard};
use http::HeaderValue;

use crate::clock::Now;
use crate::exchange::chain::SourceId;
use crate::exchange::extra::Extra;
use crate::scheme::per_request::PerRequest;
use crate::secret::Secret;
use crate::token::machine::events::Generation;
use crate::token::machine::queries::Flags;
use crate::token::machine::rotation::Lineage;
use crate::token::machine::window::Window;
use crate::token::options::Presented;

/// An access token: cheap to clone, and `Debug` shows nothing of its text.
///
/// ```
/// use tower_outbound_auth::system::HeaderScheme;
/// use tower_outbound_auth::TokenSource;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let source = TokenSource::fixed(HeaderScheme::bearer(), "abc")?;
/// let token = source.token().await?;
/// assert_eq!(token.expose(), "abc");
/// assert_eq!(token.header_value(), "Bearer abc");
/// assert!(!format!("{token:?}").contains("abc"));
/// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
#[derive(Clone)]
pub struct AccessToken(Arc<Published>);

pub(crate) struct Published {
    pub(crate) secret: Secret,
    pub(crate) presented: Presented,
    pub(crate) generation: Generation,
    pub(crate) window: Window,
    /// The first token of its lineage, if responses bring new tokens.
    pub(crate) line: Option<Arc<Lineage>>,
    /// The source of the token.
    pub(crate) source: SourceId,
    pub(crate) extra: Extra,
}

impl Published {
    #[inline]
    fn per_request(&self) -> Option<(&Arc<dyn PerRequest>, &Secret)> {
        self.presented.per_request.as_ref().map(|maker| (maker, &self.secret))
    }
}

impl AccessToken {
    pub(crate) fn new(published: Arc<Published>) -> AccessToken {
        AccessToken(published)
    }

    /// The token's text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.secret.expose()
    }

    /// The value of the credential header, with its prefix, marked sensitive.
    #[must_use]
    pub fn header_value(&self) -> &HeaderValue {
        &self.0.presented.value
    }

    /// When it expires, by the wall clock at the time of its exchange. None if it does not expire.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        let end = self.0.window.ends_at;
        (end != Now::NEVER).then(|| UNIX_EPOCH + end.since_epoch())
    }

    /// A member of the answer that brought the token, if the system keeps it
    /// ([`Issued::with_extra`](crate::exchange::Issued::with_extra)). A newer token of the same source may have another value.
    /// A token that a response of the API brought has the members of the exchange before it.
    ///
    /// If the value is an address of the API, compare it with the addresses that you know before you send requests there. The
    /// layer does the same: it sends the credential only to the origins that you bind.
    ///
    /// ```
    /// use tower_outbound_auth::exchange::{self, Issued};
    /// use tower_outbound_auth::system::HeaderScheme;
    /// use tower_outbound_auth::{Origin, TokenSource};
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let login = exchange::from_fn(|| async {
    ///     Ok(Issued::new("abc").with_extra("instance_url", "https://eu7.crm.example"))
    /// });
    /// let source = TokenSource::new(HeaderScheme::bearer(), login);
    /// let known = [Origin::parse("https://eu7.crm.example")?, Origin::parse("https://us2.crm.example")?];
    ///
    /// let token = source.token().await?;
    /// let instance = Origin::parse(token.extra("instance_url").unwrap_or_default())?;
    /// assert!(known.contains(&instance), "the answer names an unknown instance");
    /// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
    /// # Ok::<_, tower_outbound_auth::BoxError>(())
    /// ```
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.0.extra.get(name)
    }

    pub(crate) fn all_extra(&self) -> &Extra {
        &self.0.extra
    }

    /// Its number among the tokens of its source.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    pub(crate) fn is_usable(&self, now: Now) -> bool {
        !now.has_reached(self.0.window.ends_at)
    }

    /// The rest of its life.
    pub(crate) fn left(&self, now: Now) -> Duration {
        now.until(self.0.window.ends_at)
    }

    /// Whether its refresh-ahead time has come.
    pub(crate) fn age(&self, now: Now) -> Age {
        if now.has_reached(self.0.window.refresh_at) { Age::Stale } else { Age::Fresh }
    }

    /// The maker of headers for each request, and the token that it makes them for.
    pub(crate) fn per_request(&self) -> Option<(&Arc<dyn PerRequest>, &Secret)> {
        self.0.per_request()
    }

    pub(crate) fn presented(&self) -> &Presented {
        &self.0.presented
    }

    pub(crate) fn line(&self) -> Option<&Arc<Lineage>> {
        self.0.line.as_ref()
    }

    pub(crate) fn is_of(&self, source: SourceId) -> bool {
        self.0.source == source
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut token = f.debug_struct("AccessToken");
        token.field("generation", &self.0.generation);
        if !self.0.extra.is_empty() {
            token.field("extra", &self.0.extra);
        }
        token.finish_non_exhaustive()
    }
}

/// The phase of a token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Fresh,
    /// Its refresh-ahead time has come. A refresh is running or paused, so no refresh is requested.
    Stale,
    /// Its refresh-ahead time has come, and a request may start a refresh.
    Due,
}

/// The result of the hot path's read.
pub(crate) struct Read {
    token: Guard<Option<Arc<Published>>>,
    pub(crate) age: Age,
    /// The token is due for renewal and there is no pause, or it was refused and is being renewed.
    pub(crate) ageing: bool,
}

impl Read {
    /// The token as a handle of its own.
    #[cold]
    #[inline(never)]
    pub(crate) fn to_token(&self) -> Option<AccessToken> {
        self.token.as_ref().map(|token| AccessToken(token.clone()))
    }

    /// The token itself.
    #[inline]
    pub(crate) fn published(&self) -> Option<&Published> {
        self.token.as_deref()
    }
}

pub(crate) struct Cell {
    token: ArcSwapOption<Published>,
    /// A refresh is running. Callers with a usable token need not ask for another one until this time.
    quiet_until: Moment,
    /// The pause after a failure ends at this time. Until then no refresh starts and no caller waits for one, not
    /// even in the hard margin. So requests do not take the lock during an outage.
    paused_until: Moment,
    /// The number of a refused token whose renewal is running, or has not yet helped. If another server accepts it, one
    /// server is faulty.
    rejected_token: AtomicU64,
    /// The current token was refused, and its renewal is under way.
    renewing: AtomicBool,
}

impl Cell {
    pub(crate) fn new() -> Cell {
        Cell {
            token: ArcSwapOption::empty(),
            quiet_until: Moment::default(),
            paused_until: Moment::default(),
            rejected_token: AtomicU64::new(0),
            renewing: AtomicBool::new(false),
        }
    }

    /// The current token, if it can be sent without waiting.
    #[inline]
    pub(crate) fn read(&self, now: Now) -> Option<Read> {
        let token = self.token.load();
        if now.has_reached(token.as_ref()?.window.refresh_at) {
            return self.read_late(token, now);
        }
        let ageing = self.renewing.load(Ordering::Relaxed);
        Some(Read { token, age: Age::Fresh, ageing })
    }

    /// A token whose refresh-ahead time has come.
    #[inline(never)]
    fn read_late(&self, token: Guard<Option<Arc<Published>>>, now: Now) -> Option<Read> {
        let window = &token.as_ref()?.window;
        if !now.has_reached(window.margin_at) {
            let ageing = self.paused_until.has_come(now);
            let due = ageing && self.quiet_until.has_come(now);
            return Some(Read { token, age: if due { Age::Due } else { Age::Stale }, ageing });
        }
        let no_successor = !self.paused_until.has_come(now) && !now.has_reached(window.ends_at);
        no_successor.then_some(Read { token, age: Age::Stale, ageing: false })
    }

    /// Whether the source needs to know that a token of this generation was accepted.
    #[inline]
    pub(crate) fn is_rejected_token(&self, generation: Generation) -> bool {
        self.rejected_token.load(Ordering::Relaxed) == generation.number()
    }

    /// The current token, usable or not.
    pub(crate) fn latest(&self) -> Option<AccessToken> {
        self.token.load_full().map(AccessToken)
    }

    /// Publishes a token. Call it under the source's lock. Returns the token that was replaced: drop it without the lock.
    #[must_use]
    pub(crate) fn publish(&self, token: Arc<Published>) -> Option<Arc<Published>> {
        self.token.swap(Some(token))
    }

    /// Publishes the other facts for the hot path. Call it under the source's lock.
    pub(crate) fn publish_flags(&self, flags: Flags) {
        self.quiet_until.set(flags.quiet_until);
        self.paused_until.set(flags.paused_until);
        let rejected_token = flags.rejected_token.map_or(0, Generation::number);
        self.rejected_token.store(rejected_token, Ordering::Relaxed);
        self.renewing.store(flags.renews_a_refused_token, Ordering::Relaxed);
    }
}

/// A moment on both clocks. After a suspend, a pause may be over although the monotonic clock has stood still. A
/// missing moment counts as one that has come. A reader may get halves of two moments. It then asks once without
/// need, or one request later.
#[derive(Default)]
struct Moment {
    mono: AtomicU64,
    wall: AtomicU64,
}

impl Moment {
    fn set(&self, moment: Option<Now>) {
        let (mono, wall) = moment.map_or((0, 0), |it| (it.mono_nanos(), it.wall_nanos()));
        self.mono.store(mono, Ordering::Relaxed);
        self.wall.store(wall, Ordering::Relaxed);
    }

    fn has_come(&self, now: Now) -> bool {
        now.mono_nanos() >= self.mono.load(Ordering::Relaxed)
            || now.wall_nanos() >= self.wall.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{Age, Moment};
    use crate::clock::{Clock, Now};
    use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
    use crate::system::header::HeaderScheme;
    use crate::testkit::{ManualClock, ScriptedExchange};
    use crate::token::source::TokenSource;

    #[tokio::test]
    async fn a_token_shows_its_generation_and_its_expiry() {
        let clock = ManualClock::new();
        let source = TokenSource::builder(HeaderScheme::bearer(), ScriptedExchange::new());
        let token = source.clock(clock.clone()).build().token().await.unwrap();
        assert_eq!(token.expose(), "token-1");
        assert_eq!(token.header_value(), "Bearer token-1");
        let end = clock.now().since_epoch() + Duration::from_secs(3_600);
        assert_eq!(token.expires_at(), Some(UNIX_EPOCH + end));
        assert_eq!(token.generation().number(), 1);
        assert_eq!(format!("{token:?}"), "AccessToken { generation: Generation(1), .. }");
        let fixed = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
        assert_eq!(fixed.token().await.unwrap().expires_at(), None);
    }

    #[test]
    fn a_moment_has_come_if_one_of_the_clocks_has_reached_it() {
        let at = |mono, wall| {
            Now::new(Duration::from_secs(mono), UNIX_EPOCH + Duration::from_secs(wall))
        };
        let moment = Moment::default();
        assert!(moment.has_come(at(0, 0)), "a missing moment has come");
        moment.set(Some(at(10, 1_010)));
        for (mono, wall, has_come) in [
            (9, 1_009, false),
            (10, 1_009, true),
            (9, 1_010, true), // after a suspend
            (10, 900, true),  // the wall clock was set back
            (11, 1_011, true),
        ] {
            assert_eq!(moment.has_come(at(mono, wall)), has_come, "{mono} {wall}");
        }
        moment.set(None);
        assert!(moment.has_come(at(0, 0)));
    }

    #[tokio::test]
    async fn the_lock_is_taken_only_if_it_may_change_something() {
        let clock = ManualClock::new();
        let exchange = ScriptedExchange::new().with_delay(Duration::from_secs(1), clock.clone());
        let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
            .clock(clock.clone())
            .build();
        let read = || source.core().cell.read(clock.now()).map(|read| read.age == Age::Due);
        let ageing = || source.core().cell.read(clock.now()).is_some_and(|read| read.ageing);
        assert_eq!(read(), None, "no token");
        let first = tokio::spawn({
            let source = source.clone();
            async move { source.token().await }
        });
        let next_exchange = async |nth| {
            while exchange.exchanges() < nth {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_secs(1));
            source.settled().await;
        };
        next_exchange(1).await;
        let token = first.await.unwrap().unwrap();
        assert_eq!(read(), Some(false), "fresh");
        let rejected_token = source.core().cell.is_rejected_token(token.generation());
        assert!(!rejected_token, "its acceptance does not matter");

        clock.advance(Duration::from_secs(3_300));
        assert_eq!(read(), Some(true), "due");
        exchange.fail_next(9, ExchangeError::new(ExchangeErrorKind::Unreachable, "down"));
        source.core().request_refresh();
        assert_eq!(read(), Some(false), "a refresh is under way");
        assert!(ageing(), "a caller may wait for it");
        next_exchange(2).await;
        assert_eq!(read(), Some(false), "a pause");
        assert!(!ageing(), "there is nothing to wait for");
        clock.advance(Duration::from_secs(2));
        assert_eq!(read(), Some(true), "the pause is over");

        clock.advance(Duration::from_secs(270));
        assert_eq!(read(), None, "in the hard margin there may be something to wait for");
        source.core().request_refresh();
        next_exchange(3).await;
        assert_eq!(
            read(),
            Some(false),
            "in a pause there is nothing to wait for, even in the hard margin"
        );
        clock.advance(Duration::from_secs(60));
        assert_eq!(read(), None, "over");
    }
}

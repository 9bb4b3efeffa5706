//! What every store must do, as a test.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;

use crate::clock::Now;
use crate::error::BoxError;
use crate::store::{Acquire, Entry, Fence, Key, Lease, Publish, Stored, TokenStore};

/// How long a law waits for a lease whose holder has died, beyond its time. The time is on the test's clock.
const TTL: Duration = Duration::from_secs(5);

/// The login of a public client with DPoP: its refresh token, and the key that this is bound to.
const CARRY: &str = r#"{"token":"r1","dpop_key":"-----BEGIN PRIVATE KEY-----\n\"\u00e9\\\n","n":12345678901234567890}"#;

/// Checks the laws of a [`TokenStore`] (feature `store`). Call it in a test of a store of your own.
///
/// `open` opens the store. Each call must give a handle to the *same* store: it plays another process. `now` is any time. The store
/// must have nothing under `key`. At the end it has a token there.
///
/// ```
/// use tower_outbound_auth::clock::{Clock, SystemClock};
/// use tower_outbound_auth::store::{Key, MemoryStore};
/// use tower_outbound_auth::testkit::store_laws;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let store = MemoryStore::new();
/// store_laws(|| store.clone(), Key::new([7; 16]), SystemClock::new().now()).await?;
/// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
///
/// # Errors
///
/// A text that names the law that does not hold, or an error of the store.
pub async fn store_laws<S: TokenStore>(
    open: impl Fn() -> S,
    key: Key,
    now: Now,
) -> Result<(), BoxError> {
    let laws = Laws { open, key, now };
    let first = laws.one_lease_at_a_time().await?;
    let second = laws.a_kept_carry_outlives_its_holder(first).await?;
    let third = laws.a_newer_token_is_found(second).await?;
    laws.an_older_token_changes_nothing(third).await?;
    laws.a_slow_holder_is_welcome_only_if_it_is_newer().await?;
    laws.a_dropped_call_leaves_no_lease().await
}

struct Laws<F> {
    open: F,
    key: Key,
    now: Now,
}

impl<S: TokenStore, F: Fn() -> S> Laws<F> {
    async fn acquire(&self, seen: Option<Fence>, now: Now) -> Result<Acquire, BoxError> {
        Ok((self.open)().acquire(&self.key, seen, TTL, now).await?)
    }

    /// A lease at this time.
    async fn lead(&self, seen: Option<Fence>, now: Now) -> Result<Lease, BoxError> {
        match self.acquire(seen, now).await? {
            Acquire::Lead(lease) => Ok(lease),
            other => Err(format!("law 7: a free lease is given: {other:?}").into()),
        }
    }

    async fn load(&self) -> Result<Stored, BoxError> {
        Ok((self.open)().load(&self.key).await?)
    }

    async fn seen(&self) -> Result<Option<Fence>, BoxError> {
        Ok(self.load().await?.fence())
    }

    /// Laws 1, 2, 7 and 9. Returns the fence of the last lease.
    async fn one_lease_at_a_time(&self) -> Result<Fence, BoxError> {
        let stored = self.load().await?;
        check(stored.entry.is_none() && stored.carry.is_none(), "the store is empty at first")?;
        let first = self.lead(None, self.now).await?;
        let busy = matches!(self.acquire(None, self.now).await?, Acquire::Busy { .. });
        check(busy, "laws 1 and 9: a second caller learns that somebody else has the lease")?;
        check(first.stored().carry.is_none(), "a first lease has no carry")?;
        let fence = first.fence();
        (self.open)().release(first).await?;
        let second = self.lead(None, self.now).await?;
        check(second.fence() > fence, "law 2: the fence of the next lease is larger")?;
        let fence = second.fence();
        drop(second); // its holder has died
        let third = self.lead(None, self.now + TTL).await?;
        check(third.fence() > fence, "law 2: also after the death of a holder")?;
        let fence = third.fence();
        drop(third);
        Ok(fence)
    }

    /// Law 8.
    async fn a_kept_carry_outlives_its_holder(&self, last: Fence) -> Result<Fence, BoxError> {
        let now = self.now + TTL + TTL;
        let lease = self.lead(None, now).await?;
        check(lease.fence() > last, "law 2: the fence of the next lease is larger")?;
        kept(&(self.open)().keep(&lease, &CARRY.into()).await?)?;
        drop(lease);
        let next = self.lead(None, now + TTL).await?;
        check(is_carry(next.stored(), CARRY), "law 8: the next lease has the carry as it is")?;
        check(next.stored().entry.is_none(), "a carry alone is no token")?;
        let fence = next.fence();
        drop(next);
        Ok(fence)
    }

    /// Law 6. Returns the lease that published.
    async fn a_newer_token_is_found(&self, last: Fence) -> Result<Lease, BoxError> {
        let now = self.now + TTL * 4;
        let lease = self.lead(None, now).await?;
        check(lease.fence() > last, "law 2: the fence of the next lease is larger")?;
        let (token, carry_text) = (r#"{"token":"a1"}"#.into(), r#"{"token":"r2"}"#.into());
        kept(&(self.open)().publish(&lease, &token, &carry_text).await?)?;
        let stored = self.load().await?;
        check(carry(&stored, "r2"), "a token and its carry are stored in one step")?;
        let is_whole = is_carry(&stored, r#"{"token":"r2"}"#);
        check(is_whole, "law 8: a carry replaces the one before, with all its members")?;
        check(stored.fence() == Some(lease.fence()), "a token has the fence of its lease")?;
        for seen in [None, Fence::new(1)] {
            let found = self.acquire(seen, now).await?;
            let newer = matches!(&found, Acquire::Newer(entry) if token_of(entry, "a1"));
            check(
                newer,
                "law 6: a caller that has seen less gets the token, also while somebody has the lease",
            )?;
        }
        Ok(lease)
    }

    /// Law 3.
    async fn an_older_token_changes_nothing(&self, lease: Lease) -> Result<(), BoxError> {
        let again =
            (self.open)().publish(&lease, &r#"{"token":"a9"}"#.into(), &"{}".into()).await?;
        check(
            matches!(again, Publish::Superseded(_)),
            "law 3: the same fence is not stored twice",
        )?;
        let stored = self.load().await?;
        let same = stored.entry.as_ref().is_some_and(|entry| token_of(entry, "a1"));
        check(same && carry(&stored, "r2"), "law 3: and nothing is changed")?;
        (self.open)().release(lease).await?;
        Ok(())
    }

    /// Laws 4 and 5, for a store whose leases end by time. The leases of others end with their holders.
    async fn a_slow_holder_is_welcome_only_if_it_is_newer(&self) -> Result<(), BoxError> {
        let (seen, now) = (self.seen().await?, self.now + TTL * 6);
        let slow = self.lead(seen, now).await?;
        let next = match self.acquire(seen, now + TTL).await? {
            Acquire::Lead(next) => next,
            Acquire::Busy { .. } => return Ok(()),
            other @ Acquire::Newer(_) => {
                return Err(format!("law 6: nothing newer was published: {other:?}").into());
            }
        };
        let late = (self.open)().keep(&slow, &r#"{"token":"r8"}"#.into()).await?;
        check(matches!(late, Publish::Superseded(_)), "law 5: an ended lease keeps nothing")?;
        check(carry(&self.load().await?, "r2"), "law 5: and changes nothing")?;
        kept(
            &(self.open)()
                .publish(&slow, &r#"{"token":"a2"}"#.into(), &r#"{"token":"r3"}"#.into())
                .await?,
        )?;
        (self.open)().release(slow).await?;
        let seen = self.seen().await?;
        let busy = matches!(self.acquire(seen, now + TTL).await?, Acquire::Busy { .. });
        check(busy, "law 5: an ended lease releases nobody else's")?;
        kept(
            &(self.open)()
                .publish(&next, &r#"{"token":"a3"}"#.into(), &r#"{"token":"r4"}"#.into())
                .await?,
        )?;
        check(carry(&self.load().await?, "r4"), "law 4: the newer holder's token counts")?;
        (self.open)().release(next).await?;
        Ok(())
    }

    /// Law 10.
    async fn a_dropped_call_leaves_no_lease(&self) -> Result<(), BoxError> {
        let (seen, now) = (self.seen().await?, self.now + TTL * 8);
        let store = (self.open)();
        for polls in 0..4 {
            let mut call = Box::pin(store.acquire(&self.key, seen, TTL, now));
            for _ in 0..polls {
                if (&mut call).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(call);
        }
        // A thread may still be at work for a dropped call.
        for _ in 0..500 {
            if let Acquire::Lead(lease) = self.acquire(seen, now + TTL).await? {
                (self.open)().release(lease).await?;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err("law 10: a dropped call keeps no lease".into())
    }
}

fn check(holds: bool, law: &str) -> Result<(), BoxError> {
    if holds { Ok(()) } else { Err(law.into()) }
}

fn kept(publish: &Publish) -> Result<(), BoxError> {
    check(matches!(publish, Publish::Stored), "the holder of the lease may write")
}

/// Whether the whole carry is this JSON.
fn is_carry(stored: &Stored, expected: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    stored.carry.as_ref().is_some_and(|carry| json(carry.expose()) == json(expected))
}

fn carry(stored: &Stored, token: &str) -> bool {
    stored.carry.as_ref().is_some_and(|carry| carry.expose().contains(&format!("\"{token}\"")))
}

fn token_of(entry: &Entry, token: &str) -> bool {
    entry.token.expose().contains(&format!("\"{token}\""))
}

//! A stand-in for `arc-swap`, because these tools cannot follow its code. It has the same guarantees, made with
//! the types of the tool: a load sees one moment, and a later load in a thread that knows of it never sees an
//! earlier moment.

use std::ops::Deref;
use std::sync::Arc;

use crate::sync::Mutex;

pub struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

impl<T> ArcSwapOption<T> {
    pub fn empty() -> ArcSwapOption<T> {
        ArcSwapOption(Mutex::new(None))
    }

    pub fn load(&self) -> Guard<Option<Arc<T>>> {
        Guard(self.load_full())
    }

    pub fn load_full(&self) -> Option<Arc<T>> {
        self.0.lock().unwrap().clone()
    }

    pub fn swap(&self, next: Option<Arc<T>>) -> Option<Arc<T>> {
        std::mem::replace(&mut *self.0.lock().unwrap(), next)
    }
}

pub struct Guard<T>(T);

impl<T> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

//! How many requests are under way at once with one host.
//!
//! A place is taken before a request is sent, and given back when its answer has been read or dropped. A
//! thread that has a place is let through: it asks on behalf of what it is doing (for the bytes of a blob
//! that it is sending on within one registry), and would otherwise wait for itself. Requests for tokens take no
//! place, since others may wait for the token with a place in their hands.
//!
//! Invariant: no more threads than the limit have places of one host.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::ThreadId;

/// The limits of all hosts of a run, by name.
#[derive(Debug, Default)]
pub(crate) struct HostLimits(Mutex<BTreeMap<String, Arc<Limit>>>);

/// The limit of one host.
#[derive(Debug)]
struct Limit {
    most: usize,
    /// Who has places, and how many.
    held: Mutex<Vec<(ThreadId, usize)>>,
    freed: Condvar,
}

/// The right to a request, as long as it lasts.
#[derive(Debug)]
pub(crate) struct Place {
    limit: Arc<Limit>,
    owner: ThreadId,
}

impl HostLimits {
    /// Takes a place of a host; waits until there is one.
    pub(crate) fn take(&self, host: &str, most: NonZeroU8) -> Place {
        let limit = {
            let mut limits = lock(&self.0);
            let limit = limits.entry(host.to_owned()).or_insert_with(|| {
                Arc::new(Limit {
                    most: usize::from(most.get()),
                    held: Mutex::default(),
                    freed: Condvar::new(),
                })
            });
            limit.clone()
        };
        limit.take()
    }
}

impl Limit {
    fn take(self: Arc<Self>) -> Place {
        let owner = std::thread::current().id();
        let mut held = lock(&self.held);
        loop {
            if let Some((_, places)) = held.iter_mut().find(|(thread, _)| *thread == owner) {
                *places += 1;
                break;
            }
            if held.len() < self.most {
                held.push((owner, 1));
                break;
            }
            held = self
                .freed
                .wait(held)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        drop(held);
        Place { limit: self, owner }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = lock(&self.limit.held);
        if let Some(at) = held.iter().position(|(thread, _)| *thread == self.owner) {
            held[at].1 -= 1;
            if held[at].1 == 0 {
                held.swap_remove(at);
                self.limit.freed.notify_one();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    fn two() -> NonZeroU8 {
        NonZeroU8::new(2).unwrap()
    }

    #[test]
    fn no_more_than_there_are_places() {
        let (limits, now, most) = (
            HostLimits::default(),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _place = limits.take("a", two());
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_micros(200));
                        now.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 2);
        assert!(lock(&limits.0)["a"].held.lock().unwrap().is_empty());
    }

    /// Who has a place is let through, also where no other is free; another host has places of its own.
    #[test]
    fn nobody_waits_for_himself() {
        let limits = HostLimits::default();
        let first = limits.take("a", NonZeroU8::MIN);
        let second = limits.take("a", NonZeroU8::MIN);
        let _other = limits.take("b", NonZeroU8::MIN);
        drop(second);
        // The first place is still taken.
        let (tell, told) = mpsc::channel();
        std::thread::scope(|scope| {
            let limits = &limits;
            scope.spawn(move || {
                drop(limits.take("a", NonZeroU8::MIN));
                tell.send(()).unwrap();
            });
            assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
            drop(first);
            told.recv_timeout(Duration::from_secs(20)).unwrap();
        });
    }

    /// An answer may be read to its end by another thread than the one that asked.
    #[test]
    fn a_place_may_be_given_back_by_another_thread() {
        let limits = HostLimits::default();
        let place = limits.take("a", NonZeroU8::MIN);
        std::thread::scope(|scope| {
            scope.spawn(move || drop(place));
        });
        std::thread::scope(|scope| {
            scope.spawn(|| drop(limits.take("a", NonZeroU8::MIN)));
        });
    }
}

//! The same work for many things, on a few threads. What comes out does not depend on how many.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::Result;

/// Does `work` for all numbers below `count`, in whatever order; returns what came of each. The error is
/// that of the lowest number that has one; after an error nothing new is begun.
pub(crate) fn each<T: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let run = || {
        let mut done = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                break;
            }
            let result = work(at);
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            done.push((at, result));
        }
        done
    };
    let mut all: Vec<(usize, Result<T>)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.min(count)).map(|_| scope.spawn(run)).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| match handle.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        handles.into_iter().flat_map(join).collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn results_are_in_order() {
        for threads in 1..5 {
            let squares = each(10, threads, |n| Ok(n * n)).unwrap();
            assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
        }
        assert_eq!(each(0, 4, Ok).unwrap(), Vec::<usize>::new());
    }

    #[test]
    fn an_error_ends_it() {
        let error = each(100, 1, |n| match n {
            3 => Err(Error::Nowhere { at: 3 }),
            n if n > 3 => panic!("it goes on"),
            n => Ok(n),
        });
        assert!(error.is_err());
    }
}

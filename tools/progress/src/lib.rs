//! How far a long transfer has come: a bar on standard error where that is a terminal, and nothing at
//! all where it is not. It is gone when the transfer is over, so that what succeeds stays silent.
//!
//! It decides nothing, and nothing depends on it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that is drawn anew so often each second at most.
const RATE: u8 = 10;

/// A transfer of so many bytes.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Begins a transfer. `name` is what the user calls it.
    pub fn new(name: &str, bytes: u64) -> Self {
        // Hides itself where standard error is no terminal.
        let target = ProgressDrawTarget::stderr_with_hz(RATE);
        Self::drawn(name, bytes, target)
    }

    fn drawn(name: &str, bytes: u64, target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        let style =
            "{prefix}  {bar:40.cyan/dim} {bytes:>10} of {total_bytes}  {bytes_per_sec}  {eta}";
        bar.set_style(ProgressStyle::with_template(style).expect("a literal that is right"));
        bar.set_prefix(name.to_owned());
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress { bar }
    }

    /// More bytes have come or gone.
    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Bytes that were counted have to come or go again.
    pub fn take_back(&self, bytes: u64) {
        self.bar.dec(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::InMemoryTerm;

    #[test]
    fn it_shows_how_far_and_goes() {
        let screen = InMemoryTerm::new(2, 120);
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let progress = Progress::drawn("//app:push", 4 << 20, target);
        progress.add(3 << 20);
        progress.take_back(1 << 20);
        let mut shown = screen.contents();
        for _ in 0..100 {
            if shown.contains("2.00 MiB") {
                break;
            }
            // It draws itself by and by.
            std::thread::sleep(Duration::from_millis(50));
            shown = screen.contents();
        }
        assert!(shown.starts_with("//app:push"), "{shown}");
        assert!(shown.contains("2.00 MiB of 4.00 MiB"), "{shown}");
        drop(progress);
        assert_eq!(screen.contents(), "");
    }

    #[test]
    fn without_a_terminal_there_is_nothing() {
        let progress = Progress::drawn("x", 1, ProgressDrawTarget::hidden());
        progress.add(1);
        assert!(progress.bar.is_hidden());
    }
}

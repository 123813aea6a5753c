//! What the demo shows: aligned lines, colours on a terminal only, a bar while a program runs.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::process::Child;
use std::time::{Duration, Instant};

/// The screen.
pub(crate) struct Screen {
    colour: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Screen { colour }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// The demo's own name.
    pub(crate) fn title(&self, text: &str) {
        println!("{}", self.paint("1", text));
    }

    /// The name of a part.
    pub(crate) fn heading(&self, text: &str) {
        println!("\n{}", self.paint("1;36", text));
    }

    /// One fact.
    pub(crate) fn line(&self, name: &str, text: &str) {
        println!("  {}  {text}", self.paint("2", &format!("{name:<14}")));
    }

    /// The end.
    pub(crate) fn verdict(&self, name: &str, text: &str) {
        println!(
            "\n{}  {}",
            self.paint("1;32", &format!("✓ {name}")),
            self.paint("1", text)
        );
    }

    /// What to do next.
    pub(crate) fn note(&self, text: &str) {
        println!("  {text}");
    }

    /// Waits for a child that reads about `bytes`, with a bar on a terminal. Returns the time it took.
    pub(crate) fn wait(
        &self,
        name: &str,
        bytes: u64,
        child: &mut Child,
    ) -> std::io::Result<Duration> {
        let start = Instant::now();
        // Hides itself where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        let style = "  {prefix:<14}  {bar:40.cyan/dim} {bytes:>10} of {total_bytes}";
        bar.set_style(ProgressStyle::with_template(style).expect("a literal that is right"));
        bar.set_prefix(name.to_owned());
        while child.try_wait()?.is_none() {
            if !bar.is_hidden() {
                bar.set_position(has_read(child.id()).min(bytes));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bar.finish_and_clear();
        Ok(start.elapsed())
    }
}

/// How many bytes a process has read so far; zero where the system does not say.
fn has_read(process: u32) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let read = io
        .lines()
        .find_map(|line| line.strip_prefix("rchar: ")?.parse().ok());
    read.unwrap_or(0)
}

/// `12.3 MB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// `12 345`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            [size(999), size(1000), size(12_345_678)],
            ["999 B", "1.0 kB", "12.3 MB"]
        );
        assert_eq!(
            [count(7), count(1234), count(1_234_567)],
            ["7", "1 234", "1 234 567"]
        );
    }
}

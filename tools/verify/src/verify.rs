//! The verb: makes every check, and writes a report where all hold.

use action::Outputs;
use files::OutFile;
use inspect::check::Limit;

use crate::error::{Error, Result, told};
use crate::plan::{Plan, shown};
use crate::report::{Outcome, Report};
use crate::request::{AttestedCheck, Check, ImageCheck, Request};
use crate::source::{self, Opened};
use crate::{attested, digest, expect, same};

/// Makes the checks.
///
/// # Errors
/// What the checks found; several become one.
pub(crate) fn run(plan: &Plan, request: &Request, outputs: &Outputs) -> Result<()> {
    let mut failed = Vec::new();
    let mut outcomes = Vec::new();
    for check in &request.checks {
        match one(check, request) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => failed.push(error),
        }
    }
    if !failed.is_empty() {
        let checks = plan.checks.len();
        return match (checks, failed.len()) {
            (1, _) => Err(failed.remove(0)),
            _ => Err(Error::Several { checks, failed }),
        };
    }
    let report = Report::new(&request.origin, outcomes);
    let out = Some(&outputs.out).filter(|out| !out.as_os_str().is_empty());
    for path in out.into_iter().chain(&outputs.receipt) {
        let mut file = OutFile::create(path)?;
        file.put(&report.to_bytes()?)?;
        file.commit()?;
    }
    Ok(())
}

fn one(check: &Check, request: &Request) -> Result<Outcome> {
    match check {
        Check::Digest(check) => digest::check(check),
        Check::Structure(check) => expect::check(check),
        Check::Same(check) => same::check(check),
        Check::Image(check) => image(check, request),
        Check::Attested(check) => attested(check, request),
    }
}

fn attested(check: &AttestedCheck, request: &Request) -> Result<Outcome> {
    let found = attested::check(&attested::Task {
        source: &check.source,
        attached: &check.attached,
        keys: &check.keys,
        require: &check.require,
        listings: &check.listings,
        links: source::links(check.follow_links),
        access: &request.access,
    })?;
    let findings = found.all();
    match findings.is_empty() {
        true => Ok(Outcome::Attested(found)),
        false => Err(Error::Attested {
            image: shown(&check.source),
            findings,
        }),
    }
}

fn image(check: &ImageCheck, request: &Request) -> Result<Outcome> {
    let name = shown(&check.source);
    let links = source::links(check.follow_links);
    let store = match source::open(&check.source, links, &request.access)? {
        Opened::Store(store) => store,
        Opened::Wrong(finding) => {
            return Err(Error::Unsound {
                image: name,
                findings: vec![told(finding.rule, &finding.to_string())],
            });
        }
    };
    let mut options = inspect::Options::default();
    if let Some(slack) = check.max_unpacked_size {
        options.limit = Limit { ratio: 0, slack };
    }
    let report = inspect::check(store.as_ref(), options)
        .map_err(|trouble| Error::trouble(&name, trouble))?;
    let counts =
        |finding: &&inspect::Finding| check.strict || finding.rule.level() == inspect::Level::Error;
    let findings: Vec<String> = report
        .findings
        .iter()
        .filter(counts)
        .map(|finding| told(finding.rule, &finding.to_string()))
        .collect();
    match findings.is_empty() {
        true => Ok(Outcome::image(&name, &report)),
        false => Err(Error::Unsound {
            image: name,
            findings,
        }),
    }
}

//! The verbs for people: `image`, `update`. Registries are reached with the user's own logins and proxy
//! unless a file of settings says otherwise.

use std::path::PathBuf;

use inspect::{Finding, Level, Report as Found};
use registry::Access;
use serde::Serialize;

use crate::error::{Error, Result, told};
use crate::plan::shown;
use crate::report::Sound;
use crate::request::Kind;
use crate::source::{self, Opened};
use crate::update::{self, What};
use crate::{attested, explain, rebuild, sarif};

/// What to do for people.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Read an image, all of it, and list everything that is wrong
    Image(ImageArguments),
    /// Say why two images differ: a tree of causes, each with the field that mends it
    Explain(ExplainArguments),
    /// Check what is said of an image by documents that refer to it: signatures, bills of materials, provenance
    Attested(AttestedArguments),
    /// Make an image again by its sealed requests, and compare
    #[command(long_flag = "rebuild")]
    Rebuild(RebuildArguments),
    /// Write what a test expects into the source tree
    Update(UpdateArguments),
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// Arguments of `image`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImageArguments {
    /// A layout, an archive, or a name as `registry.example.com/team/app:1.0`
    image: String,
    /// How the findings are printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Fail for warnings too
    #[arg(long)]
    strict: bool,
    /// Follow links that lead out of a layout
    #[arg(long)]
    follow_links: bool,
    #[command(flatten)]
    settings: SettingsArgument,
}

/// How causes are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CauseFormat {
    /// A tree for people.
    Text,
    /// One JSON object.
    Json,
}

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArguments {
    /// A layout, an archive, or a name as `registry.example.com/team/app:1.0`
    first: String,
    /// What it is compared with
    second: String,
    /// How the causes are printed
    #[arg(long, value_enum, default_value = "text")]
    format: CauseFormat,
    /// The listing of a layer, by its digest or diff_id: with those of both sides layers are not read
    #[arg(long, value_name = "DIGEST=FILE")]
    listing: Vec<String>,
    /// Follow links that lead out of a layout
    #[arg(long)]
    follow_links: bool,
    #[command(flatten)]
    settings: SettingsArgument,
}

/// Arguments of `attested`.
#[derive(Debug, clap::Args)]
pub(crate) struct AttestedArguments {
    /// A layout, an archive, or a name as `registry.example.com/team/app:1.0`
    image: String,
    /// A public key, as a PEM file; one of those that are given must have signed the image
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// A layout with documents that refer to the image, as `attest` writes them
    #[arg(long, value_name = "LAYOUT")]
    attached: Vec<PathBuf>,
    /// What must be there; with keys, a signature in any case, and provenance must be signed
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    require: Vec<Kind>,
    /// The listing of a layer, by its digest or diff_id: files are compared without reading the layer
    #[arg(long, value_name = "DIGEST=FILE")]
    listing: Vec<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    format: CauseFormat,
    /// Follow links that lead out of layouts
    #[arg(long)]
    follow_links: bool,
    #[command(flatten)]
    settings: SettingsArgument,
}

/// Arguments of `rebuild`.
#[derive(Debug, clap::Args)]
pub(crate) struct RebuildArguments {
    /// The sealed requests: a file, a layout that `attest` wrote, or an image in a registry that they refer to
    sealed: String,
    /// The folder that the requests' paths are in
    #[arg(long, value_name = "FOLDER")]
    inputs: PathBuf,
    /// The folder of the programs
    #[arg(long, value_name = "FOLDER")]
    tools: PathBuf,
    /// Where it is made; it must not exist, and stays
    #[arg(long, value_name = "FOLDER")]
    work: PathBuf,
    #[command(flatten)]
    settings: SettingsArgument,
}

/// Arguments of `update`.
#[derive(Debug, clap::Args)]
pub(crate) struct UpdateArguments {
    /// A file with a digest, or a receipt; with `--copy`, any file; with `--documents`, a layout
    actual: PathBuf,
    /// The file to write; below $BUILD_WORKSPACE_DIRECTORY, which `bazel run` sets, unless it is absolute
    to: PathBuf,
    /// Write the file itself, not the digest that it holds
    #[arg(long)]
    copy: bool,
    /// Write the manifests and configs of a layout, for a review to show what moves
    #[arg(long, conflicts_with = "copy")]
    documents: bool,
}

/// How registries are reached.
#[derive(Debug, clap::Args)]
pub(crate) struct SettingsArgument {
    /// A JSON file as `access` of a request; without it, your own logins and proxy
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl SettingsArgument {
    pub(crate) fn load(&self) -> Result<Access> {
        Ok(Access::of_a_file(self.settings.as_deref())?)
    }
}

/// Does it.
///
/// # Errors
/// Those of the verb.
pub(crate) fn run(verb: &Verb) -> std::result::Result<(), action::Failed> {
    match verb {
        Verb::Image(arguments) => image(arguments),
        Verb::Explain(arguments) => explain(arguments),
        Verb::Attested(arguments) => attested(arguments),
        Verb::Rebuild(arguments) => {
            let task = rebuild::Task {
                source: &arguments.sealed,
                inputs: &arguments.inputs,
                tools: &arguments.tools,
                work: &arguments.work,
                access: &arguments.settings.load()?,
            };
            let rebuilt = rebuild::rebuild(&task)?;
            let (digest, steps) = (rebuilt.digest, rebuilt.steps);
            action::print(&format!(
                "{digest}: made again in {steps} steps, the same bytes\n"
            ))
        }
        Verb::Update(arguments) => {
            let workspace = workspace();
            let UpdateArguments {
                actual,
                to,
                copy,
                documents,
            } = arguments;
            let what = match (copy, documents) {
                (true, _) => What::Copy,
                (_, true) => What::Documents,
                _ => What::Digest,
            };
            Ok(update::update(actual, to, what, workspace.as_deref())?)
        }
    }
}

/// Where `bazel run` was called.
#[allow(
    clippy::disallowed_methods,
    reason = "a verb for people: `bazel run` tells by this variable alone where the source tree is"
)]
fn workspace() -> Option<PathBuf> {
    std::env::var_os("BUILD_WORKSPACE_DIRECTORY").map(PathBuf::from)
}

fn image(arguments: &ImageArguments) -> std::result::Result<(), action::Failed> {
    let place = source::parse(&arguments.image)?;
    let name = shown(&place);
    let links = source::links(arguments.follow_links);
    let found = match source::open(&place, links, &arguments.settings.load()?)? {
        Opened::Store(store) => inspect::check(store.as_ref(), inspect::Options::default())
            .map_err(|trouble| Error::trouble(&name, trouble))?,
        Opened::Wrong(finding) => Found {
            findings: vec![finding],
            ..Found::default()
        },
    };
    let shown = Sound::new(&name, &found);
    let counts = |finding: &&Finding| arguments.strict || finding.rule.level() == Level::Error;
    let told = |finding: &Finding| told(finding.rule, &finding.to_string());
    let findings: Vec<String> = found.findings.iter().filter(counts).map(told).collect();
    match arguments.format {
        Format::Json => action::print_plan(&shown)?,
        Format::Sarif => action::print_plan(&sarif::log(&name, &found.findings))?,
        Format::Text => {
            for warning in found.findings.iter().filter(|finding| !counts(finding)) {
                action::print(&format!("{name}: warning: {}\n", told(warning)))?;
            }
            if findings.is_empty() {
                action::print(&format!("{}\n", shown.line()))?;
            }
        }
    }
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Error::Unsound {
            image: name,
            findings,
        }
        .into()),
    }
}

/// What `explain` says as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    first: &'a str,
    second: &'a str,
    same_content: bool,
    causes: &'a [explain::Cause],
}

/// Listings by digest, as they are given on the command line.
fn listings(given: &[String]) -> Result<explain::Listings> {
    let mut listings = explain::Listings::new();
    for text in given {
        let bad = |reason: String| Error::ListingOf {
            text: text.into(),
            reason,
        };
        let (digest, path) = text
            .split_once('=')
            .ok_or_else(|| bad("it has no `=`".into()))?;
        let digest = digest
            .parse()
            .map_err(|error: oci::Error| bad(error.to_string()))?;
        listings.insert(digest, path.into());
    }
    Ok(listings)
}

fn attested(arguments: &AttestedArguments) -> std::result::Result<(), action::Failed> {
    let source = source::parse(&arguments.image)?;
    let found = attested::check(&attested::Task {
        source: &source,
        attached: &arguments.attached,
        keys: &arguments.key,
        require: &arguments.require,
        listings: &listings(&arguments.listing)?,
        links: source::links(arguments.follow_links),
        access: &arguments.settings.load()?,
    })?;
    match arguments.format {
        CauseFormat::Json => action::print_plan(&found)?,
        CauseFormat::Text => action::print(&found.lines())?,
    }
    let findings = found.all();
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Error::Attested {
            image: shown(&source),
            findings,
        }
        .into()),
    }
}

fn explain(arguments: &ExplainArguments) -> std::result::Result<(), action::Failed> {
    let (first, second) = (
        source::parse(&arguments.first)?,
        source::parse(&arguments.second)?,
    );
    let listings = listings(&arguments.listing)?;
    let links = source::links(arguments.follow_links);
    let access = arguments.settings.load()?;
    let found = explain::explain([&first, &second], links, &access, &listings)?;
    let [one, two] = &found.digests;
    match arguments.format {
        CauseFormat::Json => action::print_plan(&Shown {
            first: one,
            second: two,
            same_content: found.same_content,
            causes: &found.causes,
        })?,
        CauseFormat::Text => {
            let mut text = match one == two {
                true => format!("{one}\n"),
                false => format!("{one} → {two}\n"),
            };
            for cause in &found.causes {
                cause.render(0, &mut text);
            }
            action::print(&text)?;
        }
    }
    match found.causes.is_empty() {
        true => Ok(()),
        false => Err(Error::NotSame {
            first: shown(&first),
            second: shown(&second),
            same_content: found.same_content,
            causes: Vec::new(),
            update: None,
        }
        .into()),
    }
}

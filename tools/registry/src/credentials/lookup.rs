//! Where people's logins are, and in which order they are looked for:
//!
//! 1. `DOCKER_AUTH_CONFIG`: the document itself, in the variable
//! 2. the file that `REGISTRY_AUTH_FILE` names
//! 3. `$DOCKER_CONFIG/config.json`
//! 4. `$XDG_RUNTIME_DIR/containers/auth.json`
//! 5. `$XDG_CONFIG_HOME/containers/auth.json`, else `~/.config/containers/auth.json`
//! 6. `~/.docker/config.json`, where `DOCKER_CONFIG` is not set
//! 7. `~/.dockercfg`
//! 8. the file that `NETRC` names, else `~/.netrc`
//!
//! In each file: the helper of the registry, then the store, then the entries of the file itself.

use std::path::{Path, PathBuf};

use super::Source;
use super::config::{ConfigFile, LIMIT};
use super::netrc::Netrc;
use crate::error::{Error, Result};

/// The variables that say where logins are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `DOCKER_AUTH_CONFIG`.
    pub docker_auth_config: Option<String>,
    /// `REGISTRY_AUTH_FILE`.
    pub registry_auth_file: Option<PathBuf>,
    /// `DOCKER_CONFIG`.
    pub docker_config: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `NETRC`.
    pub netrc: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process. Not for builds.
    #[allow(
        clippy::disallowed_methods,
        reason = "people's logins are where their environment says; builds name a file instead"
    )]
    pub fn current() -> Self {
        let path = |name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        Environment {
            docker_auth_config: std::env::var("DOCKER_AUTH_CONFIG")
                .ok()
                .filter(|value| !value.is_empty()),
            registry_auth_file: path("REGISTRY_AUTH_FILE"),
            docker_config: path("DOCKER_CONFIG"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            xdg_config_home: path("XDG_CONFIG_HOME"),
            home: path("HOME"),
            netrc: path("NETRC"),
        }
    }
}

/// What there is, in order.
pub(super) fn sources(environment: &Environment) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    if let Some(text) = &environment.docker_auth_config {
        let name = PathBuf::from("$DOCKER_AUTH_CONFIG");
        let config = ConfigFile::read(name.clone(), text.as_bytes())?;
        let has_auths = serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|document| document.get("auths").is_some());
        if !has_auths {
            let reason = "it has no `auths`".to_owned();
            return Err(Error::CredentialFile { path: name, reason });
        }
        sources.push(Source::Config(config));
    }
    let home = environment.home.as_deref();
    let below = |folder: Option<&Path>, path: &str| folder.map(|folder| folder.join(path));
    let config_home = match &environment.xdg_config_home {
        Some(folder) => Some(folder.clone()),
        None => below(home, ".config"),
    };
    let docker = match &environment.docker_config {
        Some(_) => None,
        None => below(home, ".docker/config.json"),
    };
    let files = [
        environment.registry_auth_file.clone(),
        below(environment.docker_config.as_deref(), "config.json"),
        below(
            environment.xdg_runtime_dir.as_deref(),
            "containers/auth.json",
        ),
        below(config_home.as_deref(), "containers/auth.json"),
        docker,
    ];
    for path in files.into_iter().flatten() {
        if let Some(bytes) = read(&path)? {
            sources.push(Source::Config(ConfigFile::read(path, &bytes)?));
        }
    }
    if let Some(path) = below(home, ".dockercfg")
        && let Some(bytes) = read(&path)?
    {
        sources.push(Source::Config(ConfigFile::read_legacy(path, &bytes)?));
    }
    if let Some(path) = environment.netrc.clone().or(below(home, ".netrc"))
        && let Some(bytes) = read(&path)?
    {
        let text = String::from_utf8_lossy(&bytes);
        let name = path.display().to_string();
        sources.push(Source::Netrc(Netrc::read(name, &text)));
    }
    Ok(sources)
}

/// A file that need not be there.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    if !files::exists(path) {
        return Ok(None);
    }
    Ok(Some(files::read_at_most(path, LIMIT)?))
}

//! A base, looked at before anything is built on it.
//!
//! It does not repair: a base whose config and manifest disagree is refused, and so is one that
//! would have to run something. What the request says how to treat is treated so.

use oci::config::History;
use oci::media_type::Family;
use oci::{Config, Digest, MediaType, Platform};

use crate::error::{Error, Result};
use crate::gather::BaseInput;
use crate::request::{Base, BaseHistory, Docker, OnBuild};

/// A base, looked at.
pub(crate) struct Below<'a> {
    pub(crate) request: &'a Base,
    pub(crate) input: &'a BaseInput,
    pub(crate) config: Config,
    pub(crate) platform: Platform,
    pub(crate) diff_ids: Vec<Digest>,
    pub(crate) history: Vec<History>,
}

impl<'a> Below<'a> {
    /// Looks at a base.
    ///
    /// # Errors
    /// A base that cannot be built on, or not in the way that the request asks for.
    pub(crate) fn new(request: &'a Base, input: &'a BaseInput) -> Result<Self> {
        let layout = request.layout.clone();
        let manifest = &input.image.manifest;
        if request.docker == Docker::Refuse {
            let config = [&manifest.media_type, &manifest.config.media_type];
            let layers = manifest.layers.iter().map(|layer| &layer.media_type);
            let docker = |kind: &&MediaType| kind.family() == Some(Family::Docker);
            if let Some(found) = config.into_iter().chain(layers).find(docker) {
                return Err(Error::Docker {
                    media_type: found.as_str().into(),
                    layout,
                });
            }
        }
        let Some(mut config) = input.image.config.clone() else {
            let media_type = manifest.config.media_type.as_str().into();
            return Err(Error::NotAnImage { media_type, layout });
        };
        let broken = |error| Error::Base {
            layout: layout.clone(),
            error,
        };
        let platform = config.platform().map_err(broken)?;
        let diff_ids = config.diff_ids().map_err(broken)?;
        if diff_ids.len() != manifest.layers.len() {
            let (layers, diff_ids) = (manifest.layers.len(), diff_ids.len());
            return Err(Error::DiffIdCount {
                layers,
                diff_ids,
                layout,
            });
        }
        let history = config.history().map_err(broken)?;
        let steps = history.iter().filter(|step| !step.empty_layer).count();
        let kept = request.history == BaseHistory::Keep;
        if kept && !history.is_empty() && steps != diff_ids.len() {
            return Err(Error::History {
                steps,
                layers: diff_ids.len(),
                layout,
            });
        }
        let triggers = config.texts("OnBuild").map_err(broken)?.unwrap_or_default();
        if let Some(first) = triggers.first() {
            match request.on_build {
                OnBuild::Refuse => {
                    let first = first.into();
                    return Err(Error::OnBuild {
                        count: triggers.len(),
                        first,
                        layout,
                    });
                }
                OnBuild::Drop => config.set_field("OnBuild", None),
                OnBuild::Keep => {}
            }
        }
        Ok(Below {
            request,
            input,
            config,
            platform,
            diff_ids,
            history,
        })
    }

    /// What is wrong with its config.
    pub(crate) fn broken(&self, error: oci::Error) -> Error {
        Error::Base {
            layout: self.request.layout.clone(),
            error,
        }
    }
}

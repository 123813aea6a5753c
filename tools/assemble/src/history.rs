//! The history of an image: the base's, a step for each new layer, steps that made no layer.
//!
//! Invariant: as many steps are of layers as there are layers, so that tools which pair them agree.

use oci::Config;
use oci::config::History;
use oci::receipt::LayerHistory;

use crate::base::Below;
use crate::gather::LayerInput;
use crate::request::{BaseHistory, Image};

/// What the history says of a new layer whose receipt says nothing.
const CREATED_BY: &str = "layer";

/// What the history says of a base's layer if the base says nothing.
const NO_HISTORY: &str = "the base has no history";

/// What the history says of a base's layer if the base's was left out.
const LEFT_OUT: &str = "the base's history was left out";

/// The history: the base's, a step for each layer, steps that made none.
pub(crate) fn history(
    config: &mut Config,
    request: &Image,
    base: Option<&Below>,
    layers: &[LayerInput],
) {
    let created = config
        .document()
        .get("created")
        .and_then(|text| text.as_str())
        .map(str::to_owned);
    let mut steps = Vec::new();
    if let Some(base) = base {
        let reason = match base.request.history {
            BaseHistory::Drop => Some(LEFT_OUT),
            BaseHistory::Keep if base.history.is_empty() => Some(NO_HISTORY),
            BaseHistory::Keep => None,
        };
        if let Some(reason) = reason {
            config.document_mut().remove("history");
            let step = History {
                created: created.clone(),
                comment: Some(reason.into()),
                ..History::default()
            };
            steps.extend(std::iter::repeat_n(step, base.diff_ids.len()));
        }
    }
    let step = |from: &LayerHistory, empty_layer| History {
        created: created.clone(),
        created_by: from.created_by.clone(),
        author: from.author.clone(),
        comment: from.comment.clone(),
        empty_layer,
    };
    let unknown = LayerHistory {
        created_by: Some(CREATED_BY.into()),
        ..LayerHistory::default()
    };
    steps.extend(
        layers
            .iter()
            .map(|layer| step(layer.receipt.history.as_ref().unwrap_or(&unknown), false)),
    );
    steps.extend(request.history.iter().map(|given| step(given, true)));
    config.push_history(&steps);
}

//! Scopes: what a token lets us do (the token specification of distribution, "Resource scope").

use std::collections::{BTreeMap, BTreeSet};

/// A set of resources and what may be done to each.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scopes(BTreeMap<String, BTreeSet<String>>);

impl Scopes {
    /// To read a repository.
    pub(crate) fn pull(repository: &str) -> Self {
        Scopes::default().with(repository, &["pull"])
    }

    /// To write a repository.
    pub(crate) fn push(repository: &str) -> Self {
        Scopes::default().with(repository, &["pull", "push"])
    }

    /// And this.
    pub(crate) fn with(mut self, repository: &str, actions: &[&str]) -> Self {
        let resource = format!("repository:{repository}");
        let known = self.0.entry(resource).or_default();
        known.extend(actions.iter().map(|action| (*action).to_owned()));
        self
    }

    /// Adds what a challenge asks for; what is no scope is passed over.
    pub(crate) fn widen(&mut self, scope: &str) {
        for one in scope.split(' ') {
            if let Some((resource, actions)) = one.rsplit_once(':')
                && resource.contains(':')
            {
                let known = self.0.entry(resource.to_owned()).or_default();
                let actions = actions.split(',').filter(|action| !action.is_empty());
                known.extend(actions.map(str::to_owned));
            }
        }
    }

    /// The scopes as they are asked for: those to push first, since some registries read no more
    /// than one.
    pub(crate) fn list(&self) -> Vec<String> {
        let mut list: Vec<(bool, String)> = self
            .0
            .iter()
            .map(|(resource, actions)| {
                let words: Vec<&str> = actions.iter().map(String::as_str).collect();
                let reads_only = !actions.contains("push");
                (reads_only, format!("{resource}:{}", words.join(",")))
            })
            .collect();
        list.sort();
        list.into_iter().map(|(_, scope)| scope).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_comes_first_and_actions_are_one_scope() {
        let mut scopes = Scopes::pull("a/mount-source").with("z", &["pull", "push"]);
        assert_eq!(
            scopes.list(),
            ["repository:z:pull,push", "repository:a/mount-source:pull"]
        );
        scopes.widen("repository:a/mount-source:pull,push nonsense registry:catalog:*");
        assert_eq!(
            scopes.list(),
            [
                "repository:a/mount-source:pull,push",
                "repository:z:pull,push",
                "registry:catalog:*",
            ]
        );
    }

    #[test]
    fn a_repository_may_have_a_port_before_it() {
        let mut scopes = Scopes::default();
        scopes.widen("repository:host:5000/x:pull");
        assert_eq!(scopes.list(), ["repository:host:5000/x:pull"]);
    }
}

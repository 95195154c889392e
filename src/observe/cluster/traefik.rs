//! Traefik: whom it believes what forwarded headers say. These are arguments of its program, so they can be read and not
//! kept.

use super::ClusterSource;
use super::controllers::{pods_of_program, unvouched};
use super::marks::Program;
use crate::net::{Prefix, RangeSet};
use k8s_openapi::api::core::v1::{Container, Pod};

/// Arguments, whose names are not told apart by case.
const ENTRY_POINTS: &str = "--entrypoints.";
const TRUSTED: &str = "forwardedheaders.trustedips";

/// One entry point of a Traefik that believes somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPoint {
    pub name: String,
    /// A pod that has it, as `NAMESPACE/NAME`.
    pub pod: String,
    /// Texts of the list.
    trusted: Vec<String>,
}

impl EntryPoint {
    /// Part of these that is not believed there.
    pub fn lacks(&self, proxy: &RangeSet) -> RangeSet {
        proxy.subtract(&self.trusted.iter().filter_map(|text| Prefix::parse(text).ok()).collect())
    }
}

/// What is kept of a container's arguments: the lists, and nothing of other programs.
pub(super) fn arguments(container: &Container) -> Option<Vec<String>> {
    let words = container.command.iter().chain(&container.args).flatten();
    let kept: Vec<String> = words.filter(|word| read(word).is_some()).cloned().collect();
    (!kept.is_empty()).then_some(kept)
}

/// Name of the entry point and its list.
fn read(word: &str) -> Option<(String, Vec<String>)> {
    let (key, list) = word.split_once('=')?;
    let key = key.to_ascii_lowercase();
    let (name, setting) = key.strip_prefix(ENTRY_POINTS)?.split_once('.')?;
    (setting == TRUSTED).then(|| (name.to_owned(), list.split(',').map(|one| one.trim().to_owned()).collect()))
}

/// Entry points that believe somebody, one of each name and list.
pub fn entry_points(source: &dyn ClusterSource) -> Vec<EntryPoint> {
    let pods = pods_of_program(source, Program::Traefik, true).into_iter();
    let all = pods.flat_map(|pod| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let key = format!("{}/{}", text(&pod.metadata.namespace), text(&pod.metadata.name));
        lists(&pod).into_iter().map(move |(name, trusted)| EntryPoint { name, pod: key.clone(), trusted })
    });
    let mut found: Vec<EntryPoint> = all.collect();
    found.sort();
    found.dedup_by(|a, b| (&a.name, &a.trusted) == (&b.name, &b.trusted));
    found
}

/// What to do about pods that have Traefik's arguments in namespaces that nobody vouches for.
pub fn unvouched_entry_points(source: &dyn ClusterSource) -> Option<String> {
    let pods = pods_of_program(source, Program::Traefik, false);
    unvouched("a pod says that it runs Traefik", pods.iter().map(|pod| &pod.metadata))
}

pub(super) fn lists(pod: &Pod) -> Vec<(String, Vec<String>)> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let words = containers.flat_map(|container| container.command.iter().chain(&container.args).flatten());
    words.filter_map(|word| read(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lists_are_kept_and_read_whatever_their_case() {
        let words = [
            "--providers.kubernetescrd",
            "--entryPoints.web.address=:8000",
            "--entryPoints.websecure.forwardedHeaders.trustedIPs=192.0.2.0/24, 10.0.0.1",
            "--entrypoints.web.forwardedheaders.insecure=false",
        ];
        let args = Some(words.map(str::to_owned).to_vec());
        let container = Container { args, ..Container::default() };
        assert_eq!(arguments(&container), Some(vec![words[2].to_owned()]));
        assert_eq!(arguments(&Container::default()), None);
        let (name, trusted) = read(words[2]).unwrap();
        let point = EntryPoint { name, pod: String::new(), trusted };
        assert_eq!(point.name, "websecure");
        let proxy: RangeSet =
            ["192.0.2.0/25", "2001:db8::/32"].iter().map(|text| Prefix::parse(text).unwrap()).collect();
        assert_eq!(point.lacks(&proxy).texts(), ["2001:db8::/32"]);
    }
}

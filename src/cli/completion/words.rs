//! What the words on the line say of the cluster: read without judging the line, which is not finished.

use crate::cli::cluster::ClusterArgs;
use std::ffi::OsString;
use std::path::PathBuf;

/// The flags that decide where names are looked up.
#[derive(Clone, Debug, Default)]
pub struct Words {
    pub namespace: Option<String>,
    pub cluster: ClusterArgs,
}

impl Words {
    /// The last value of a flag counts. A flag without a value is one that is being typed.
    pub fn read(words: &[OsString]) -> Self {
        let mut read = Self::default();
        let mut words = words.iter().filter_map(|word| word.to_str()).peekable();
        while let Some(word) = words.next() {
            let (flag, glued) = split(word);
            let known = ["-n", "--namespace", "--context", "--kubeconfig"].contains(&flag);
            let Some(value) = (if known { glued.or_else(|| words.peek().copied()) } else { None }) else { continue };
            let value = value.to_owned();
            if value.is_empty() {
                continue;
            }
            match flag {
                "--context" => read.cluster.context = Some(value),
                "--kubeconfig" => read.cluster.kubeconfig = Some(PathBuf::from(value)),
                _ => read.namespace = Some(value),
            }
        }
        read
    }
}

/// A flag, and the value in the same word: `--flag=value`, `-n=value`, `-nvalue`.
fn split(word: &str) -> (&str, Option<&str>) {
    if let Some((flag, value)) = word.split_once('=') {
        return (flag, Some(value));
    }
    match word.strip_prefix("-n") {
        Some(value) if !value.is_empty() => ("-n", Some(value)),
        _ => (word, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_giving_a_flag_is_read() {
        for line in ["-n shop", "-n=shop", "-nshop", "--namespace shop", "--namespace=shop", "-n blog -n shop"] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Words::read(&words).namespace.as_deref(), Some("shop"), "{line}");
        }
        let line = ["diagnose", "--context", "west", "--kubeconfig=/tmp/k", "-n", ""].map(OsString::from);
        let read = Words::read(&line);
        assert_eq!(read.cluster.context.as_deref(), Some("west"));
        assert_eq!(read.cluster.kubeconfig, Some(PathBuf::from("/tmp/k")));
        assert_eq!(read.namespace, None);
    }
}

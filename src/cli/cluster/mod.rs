//! How a command that reads the cluster finds it, with the flags that kubectl users expect, and the
//! name of what it reads.

pub mod live;

use anyhow::{Context, ensure};
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::PathBuf;

#[derive(clap::Args, Clone, Debug, Default)]
pub struct ClusterArgs {
    /// Context of the kubeconfig to use
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// Kubeconfig to use [default: KUBECONFIG, ~/.kube/config, or the pod's own]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
}

/// The same, for a command that reads a namespaced resource.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct NamespacedArgs {
    /// Namespace of a NAME without one [default: default]
    #[arg(short, long, value_name = "NAMESPACE", help_heading = "Cluster")]
    pub namespace: Option<String>,
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Namespace and name of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceName {
    pub namespace: String,
    pub name: String,
}

impl NamespacedArgs {
    /// Reads `NAMESPACE/NAME` or `NAME`.
    pub fn resource(&self, text: &str) -> anyhow::Result<ResourceName> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (self.namespace.as_deref(), text),
        };
        let namespace = namespace.unwrap_or("default");
        for (what, part) in [("namespace", namespace), ("name", name)] {
            ensure!(
                is_name(part),
                "{text:?} is not NAMESPACE/NAME: the {what} {part:?} must be 1 to 63 lower-case letters, digits and hyphens"
            );
        }
        Ok(ResourceName { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl ClusterArgs {
    /// A client for the cluster that the flags and the environment name.
    pub async fn client(&self) -> anyhow::Result<kube::Client> {
        kube::Client::try_from(self.config().await?).context("no client for this cluster configuration")
    }

    /// How to reach that cluster.
    pub async fn config(&self) -> anyhow::Result<kube::Config> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match &self.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path)
                    .with_context(|| format!("cannot read --kubeconfig {}", path.display()))?;
                kube::Config::from_custom_kubeconfig(file, &options).await
            }
            None if self.context.is_some() => kube::Config::from_kubeconfig(&options).await,
            None => return kube::Config::infer().await.context("no usable cluster configuration"),
        };
        config.context("the cluster configuration cannot be used")
    }
}

/// Segments of an API path come from here: nothing else may get into one.
fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

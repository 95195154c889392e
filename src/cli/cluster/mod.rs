//! How a command that reads the cluster finds it, with the flags that kubectl users expect, and the
//! name of what it reads.

pub mod live;

use crate::api::names::is_dns_label;
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
    /// Namespace of a NAME without one [default: the context's, else default]
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

/// A resource as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    namespace: Option<String>,
    name: String,
}

impl NamespacedArgs {
    /// Reads `NAMESPACE/NAME` or `NAME`.
    pub fn named(&self, text: &str) -> anyhow::Result<Named> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (self.namespace.as_deref(), text),
        };
        for (what, part) in [("namespace", namespace), ("name", Some(name))] {
            let Some(part) = part else { continue };
            // Segments of an API path come from here: nothing else may get into one.
            ensure!(
                is_dns_label(part),
                "{text:?} is not NAMESPACE/NAME: the {what} {part:?} must be 1 to 63 lower-case letters, digits and hyphens"
            );
        }
        Ok(Named { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

impl Named {
    /// Without a namespace, that of the context is meant, as with kubectl.
    pub fn within(self, config: &kube::Config) -> ResourceName {
        let namespace = self.namespace.unwrap_or_else(|| config.default_namespace.clone());
        ResourceName { namespace, name: self.name }
    }
}

impl ClusterArgs {
    /// A client for the cluster that the flags and the environment name.
    pub async fn client(&self) -> anyhow::Result<kube::Client> {
        client(self.config().await?)
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

/// What a configuration lacks that names no key or authority that can be used.
pub const NO_CLIENT: &str = "no client for this cluster configuration";

/// A client for a configuration.
pub fn client(config: kube::Config) -> anyhow::Result<kube::Client> {
    kube::Client::try_from(config).context(NO_CLIENT)
}

//! `leeward watch`: all origins live in the terminal. What is shown is what the operator wrote into their statuses;
//! nothing is probed from here.

mod detail;
mod feed;
mod keys;
mod lines;
mod list;
mod model;
mod origin;
mod screen;
#[cfg(test)]
mod tests;

use super::cluster::{ClusterArgs, client};
use super::exit::Exit;
use feed::Scope;
use std::io::{IsTerminal, stdin, stdout};

#[derive(clap::Args, Debug)]
#[command(
    after_help = "On a terminal: j k or arrows choose, Enter shows one origin, / filters, ? lists the keys, q quits. \
    Elsewhere one table is printed, and then each change as a line."
)]
pub struct Args {
    /// Namespace to watch [default: all]
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with = "all_namespaces", help_heading = "Cluster")]
    namespace: Option<String>,
    /// Watch all namespaces, which is the default
    #[arg(short = 'A', long, help_heading = "Cluster")]
    all_namespaces: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl Args {
    pub async fn run(self) -> anyhow::Result<Exit> {
        let config = self.cluster.config().await?;
        let scope = Scope { client: client(config)?, namespace: self.namespace };
        // What cannot work at all is said before the screen is taken.
        scope.look().await?;
        let changes = scope.follow();
        if stdin().is_terminal() && stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        {
            screen::show(changes).await?;
        } else {
            lines::print(changes).await?;
        }
        Ok(Exit::Fine)
    }
}

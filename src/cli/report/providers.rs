//! What a provider's support asks for, and where a customer finds it: dated data, since such pages drift.

use crate::api::Provider;
use serde::Deserialize;
use std::sync::LazyLock;

/// What belongs into a ticket to one provider.
#[derive(Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ticket {
    provider: Provider,
    /// To be copied from a failing answer, a log or the console.
    pub give: Vec<String>,
    /// What only the provider's own records show.
    pub ask: Vec<String>,
}

static TICKETS: LazyLock<Vec<Ticket>> =
    LazyLock::new(|| crate::yaml::read(include_str!("data/tickets.yaml")).unwrap_or_default());

/// The provider's entry, else that of any proxy.
pub fn ticket(provider: Provider) -> Ticket {
    let of = |wanted: Provider| TICKETS.iter().find(|t| t.provider == wanted).cloned();
    of(provider).or_else(|| of(Provider::Generic)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_can_be_read_and_names_each_provider_once() {
        let tickets: Vec<Ticket> = serde_saphyr::from_str(include_str!("data/tickets.yaml")).unwrap();
        let mut names: Vec<Provider> = tickets.iter().map(|t| t.provider).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), tickets.len());
        assert!(tickets.iter().all(|t| !t.give.is_empty()));
    }

    #[test]
    fn a_provider_without_an_entry_is_asked_what_any_proxy_is_asked() {
        assert_eq!(ticket(Provider::Qrator), ticket(Provider::Generic));
        assert_ne!(ticket(Provider::Cloudflare), ticket(Provider::Generic));
    }
}

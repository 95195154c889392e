//! What every page has: head, landmarks, and the replica that answers.

use super::{Known, Problem, Replica, Role, State};
use maud::{DOCTYPE, Markup, html};

/// A whole page. `title` is what the tab shows.
pub fn page(title: &str, replica: &Replica, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="data:,";
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    nav aria-label="Pages" { a href="/" { "Leeward" } " · " a href="/api/v1alpha1/origins" { "JSON" } }
                }
                main #main { (*body) }
                footer {
                    p.notice[replica.role != Role::Leader] { "Replica " code { (replica.name) } ". " (replica.role.words()) }
                }
            }
        }
    }
    .into_string()
}

/// A state as sign and word.
pub fn state(state: State) -> Markup {
    html! { span class=(state.class()) { span aria-hidden="true" { (state.sign()) } " " (state) } }
}

/// Where the page of an origin is. Names of resources need no escaping in a path.
pub fn link(known: &Known) -> String {
    format!("/origins/{}/{}", known.namespace(), known.name())
}

/// A wide table scrolls by itself, and by keyboard; the page does not.
pub fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div.scrolling role="region" aria-label=(label) tabindex="0" { (*table) } }
}

/// A page that says why there is none.
pub fn problem(replica: &Replica, title: &str, said: &Problem) -> String {
    page(
        &format!("{title} – Leeward"),
        replica,
        &html! { h1 { (title) } p { (said) } p { a href="/" { "All origins" } } },
    )
}

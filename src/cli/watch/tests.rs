use super::feed::Change;
use super::keys::Key;
use super::model::{Mode, Model, Next};
use super::origin::Origin;
use super::screen::{Paint, draw};
use crate::api::ProtectedOrigin;
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn origin(key: &str, healthy: &str, cause: &str) -> Origin {
    let (namespace, name) = key.split_once('/').unwrap();
    let at = "2027-01-15T07:00:00Z";
    let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": at});
    let object = json!({
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"proxy": {"url": format!("https://{name}.example.com/")}, "origin": {"type": "Addresses"}},
        "status": {
            "conditions": [condition("OriginHealthy", healthy, cause), condition("Ready", "True", "Ready")],
            "diagnosis": {
                "cause": cause, "layer": "ProxyPolicy", "confidence": "High", "pattern": "Steady",
                "scope": {"type": "All"}, "sinceTime": at,
                "summary": "The origin drops every connection of the proxy, and answers others. A sentence that is longer than a line of a terminal of eighty columns.",
                "remedy": {"action": "Allow the proxy's addresses.", "automatic": false, "reference": "docs/causes/x.md"},
                "evidence": [{"observation": "ViaProxy", "vantage": "cluster", "address": "198.51.100.10:443",
                              "result": "UnexpectedStatus", "phase": "firstByte", "statusCode": 502, "detail": "after about 2 s"}],
            },
        },
    });
    Origin::new(&serde_json::from_value::<ProtectedOrigin>(object).unwrap())
}

fn model() -> Model {
    let mut model = Model::default();
    let all = vec![
        origin("blog/blog", "True", "Healthy"),
        origin("shop/shop", "False", "ProxyBlocked"),
        origin("web/web", "True", "Healthy"),
    ];
    model.take(Change::All(all), NOW);
    model
}

fn picture(model: &mut Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, Paint::none(), NOW)).unwrap();
    terminal.backend().to_string()
}

fn press(model: &mut Model, keys: &str) -> Next {
    keys.chars().map(|letter| model.press(Key::Letter(letter))).last().unwrap()
}

#[test]
fn it_fits_a_terminal_of_eighty_by_twenty_four() {
    let picture = picture(&mut model(), 80, 24);
    for said in [
        "Leeward  3 origins, 1 unhealthy  08:00:00Z",
        "> shop/shop                       True    False   ProxyBlocked             60m",
        "  blog/blog                       True    True    Healthy                  60m",
        "ProxyBlocked since 2027-01-15T07:00:00Z (60m), High confidence, Steady, All",
        "  Allow the proxy's addresses.",
        "  ViaProxy UnexpectedStatus 502 in firstByte, 198.51.100.10:443, from cluster:",
        "j k choose   Enter one origin   / filter   ? keys   q quit",
    ] {
        assert!(picture.contains(said), "{said:?} is not in\n{picture}");
    }
}

#[test]
fn it_draws_in_every_size() {
    for (width, height) in [(1, 1), (10, 3), (20, 10), (80, 5), (300, 100)] {
        for mode in [Mode::List, Mode::Detail, Mode::Filter, Mode::Help] {
            let mut model = model();
            model.mode = mode;
            picture(&mut model, width, height);
        }
    }
}

#[test]
fn keys_choose_show_filter_and_quit() {
    let mut model = model();
    let chosen = |model: &Model| model.chosen().unwrap().key.clone();
    assert_eq!(chosen(&model), "shop/shop", "the unhealthy one is on top");
    press(&mut model, "j");
    assert_eq!(chosen(&model), "blog/blog");
    press(&mut model, "G");
    assert_eq!(chosen(&model), "web/web");
    press(&mut model, "gk");
    assert_eq!(chosen(&model), "shop/shop");
    model.press(Key::Enter);
    assert_eq!(model.mode, Mode::Detail);
    assert_eq!(press(&mut model, "q"), Next::Stay, "q leaves the detail first");
    press(&mut model, "/webq");
    assert_eq!(model.shown().len(), 0, "q is a letter while the filter is typed");
    model.press(Key::Backspace);
    assert_eq!(chosen(&model), "web/web");
    model.press(Key::Enter);
    model.press(Key::Escape);
    assert_eq!(model.shown().len(), 3);
    assert_eq!(press(&mut model, "q"), Next::Quit);
    model.mode = Mode::Filter;
    assert_eq!(model.press(Key::Interrupt), Next::Quit);
}

#[test]
fn changes_are_kept_and_only_real_ones() {
    let mut model = model();
    let one = |o: Origin| Change::One(Box::new(o));
    assert!(model.take(one(origin("web/web", "True", "Healthy")), NOW).is_empty());
    assert_eq!(model.take(one(origin("web/web", "False", "OriginTimeout")), NOW), ["web/web"]);
    assert_eq!(model.take(one(origin("new/new", "True", "Healthy")), NOW), ["new/new"]);
    assert_eq!(model.take(Change::Gone("blog/blog".to_owned()), NOW), ["blog/blog"]);
    let seen: Vec<&str> = model.seen("web/web").map(|s| s.said.as_str()).collect();
    assert_eq!(seen, ["OriginTimeout, High confidence, healthy False, ready True"]);
    // What happened while the API server was away is a change like any other.
    model.take(Change::Away("connection refused".to_owned()), NOW);
    assert!(
        picture(&mut model, 80, 24).contains("API server away for 0s, shown is what was known: connection refused")
    );
    let changed = model.take(Change::All(vec![origin("web/web", "True", "Healthy")]), NOW);
    assert_eq!(changed, ["new/new", "shop/shop", "web/web"]);
    assert!(model.away.is_none());
}

#[test]
fn the_detail_scrolls_no_further_than_its_end() {
    let mut model = model();
    model.press(Key::Enter);
    for _ in 0..100 {
        model.press(Key::PageDown);
    }
    let end = picture(&mut model, 80, 12);
    assert!(end.contains("Ready True Ready"), "{end}");
    model.press(Key::Up);
    assert_ne!(picture(&mut model, 80, 12), end, "one step back moves at once");
}

#[test]
fn an_empty_list_a_filter_and_the_keys_say_what_they_are() {
    let mut empty = Model::default();
    empty.take(Change::All(Vec::new()), NOW);
    assert!(picture(&mut empty, 80, 24).contains("There is no ProtectedOrigin yet."));
    let mut one = model();
    press(&mut one, "/zzz");
    let filtering = picture(&mut one, 80, 24);
    assert!(filtering.contains("No origin matches the filter.") && filtering.contains("/zzz▏  Enter keep   Esc clear"));
    one.press(Key::Enter);
    assert!(picture(&mut one, 80, 24).contains("filter: zzz   Esc clear   / change   ? keys   q quit"));
    let mut helped = model();
    press(&mut helped, "?");
    let keys = picture(&mut helped, 100, 24);
    for said in [
        "PgUp PgDn g G far",
        "What is shown is what the operator wrote into each status; nothing is probed from here.",
        "Changes are those that were seen since this program was started.",
    ] {
        assert!(keys.contains(said), "{said:?} is not in\n{keys}");
    }
    let mut detail = model();
    detail.press(Key::Enter);
    let detail = picture(&mut detail, 80, 40);
    assert!(detail.contains("Changes seen while watching") && detail.contains("j k ↑ ↓ scroll   Esc q back   ? keys"));
}

#[test]
fn every_key_is_named_on_a_wide_line() {
    let mut model = model();
    press(&mut model, "?");
    let picture = picture(&mut model, 120, 24);
    let keys = "j k ↑ ↓ choose   PgUp PgDn g G far   Enter one origin   / filter   Esc back   ? keys   q quit";
    for key in keys.split("   ") {
        assert!(picture.contains(key), "{key:?} is not in\n{picture}");
    }
}

//! Changes evidence part by part, so that most of what comes out is evidence still: each value is replaced by one that was
//! seen in its place elsewhere, or by an extreme one of its type.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Evidence to begin with.
pub const SEEDS: [&str; 6] = [
    include_str!("../../tests/evidence/at-rest.json"),
    include_str!("../../tests/evidence/every-fact.json"),
    include_str!("../../tests/cli/cert-expired-verified.json"),
    include_str!("../../tests/cli/healthy-origin-exposed.json"),
    include_str!("../../tests/cli/proxy-blocked-drop-nginx.json"),
    include_str!("../../tests/cli/proxy-blocked-one-edge.json"),
];
/// Words that a field may hold, by its name.
const WORDS: &str = include_str!("words.json");

/// Numbers at which types end and arithmetic turns.
const NUMBERS: [i64; 12] = [-1, 0, 1, 19, 20, 255, 403, 502, 65_535, 65_536, 4_294_967_295, i64::MAX];
/// Times at the ends of what can be told, and around the seeds.
const TIMES: [&str; 5] = [
    "-009999-01-02T01:59:59Z",
    "9999-12-30T22:00:00.999999999Z",
    "1970-01-01T00:00:00Z",
    "2026-11-25T15:21:30Z",
    "2026-11-24T15:21:29Z",
];

/// A small generator (xorshift64*), so that a seed tells everything.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// A number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = if self.0 == 0 { 1 } else { self.0 };
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap_or_default();
        number.checked_rem(limit).unwrap_or_default()
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }
}

/// What may stand where.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Value>,
    /// Values by the name of their field; those in a list by the name of the list.
    values: BTreeMap<String, Vec<Value>>,
    /// Names of the fields of the objects that stand under a name.
    fields: BTreeMap<String, Vec<String>>,
}

impl Default for Mutator {
    /// Learns from the seeds and the words.
    fn default() -> Self {
        let seeds: Vec<Value> = SEEDS.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let words: BTreeMap<String, Vec<Value>> = serde_json::from_str(WORDS).unwrap_or_default();
        let mut mutator = Self { seeds, values: words, fields: BTreeMap::new() };
        let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for seed in &mutator.seeds {
            learn("", seed, &mut mutator.values, &mut fields);
        }
        mutator.fields = fields.into_iter().map(|(name, set)| (name, set.into_iter().collect())).collect();
        mutator
    }
}

fn learn(
    name: &str,
    value: &Value,
    values: &mut BTreeMap<String, Vec<Value>>,
    fields: &mut BTreeMap<String, BTreeSet<String>>,
) {
    match value {
        Value::Object(map) => {
            fields.entry(name.to_owned()).or_default().extend(map.keys().cloned());
            for (name, value) in map {
                learn(name, value, values, fields);
            }
        }
        Value::Array(items) => {
            for item in items {
                learn(name, item, values, fields);
            }
            return;
        }
        _ => {}
    }
    let known = values.entry(name.to_owned()).or_default();
    if !known.contains(value) {
        known.push(value.clone());
    }
}

impl Mutator {
    /// The text with a few of its parts changed; one of the seeds where the text is no JSON. Rarely a byte is changed.
    pub fn mutate(&self, text: &[u8], seed: u64) -> Vec<u8> {
        let mut dice = Dice::new(seed);
        let mut document = match serde_json::from_slice(text) {
            Ok(document) => document,
            Err(_) => dice.pick(&self.seeds).cloned().unwrap_or_default(),
        };
        for _ in 0..=dice.below(4) {
            self.change("", &mut document, &mut dice);
        }
        let mut text = serde_json::to_vec(&document).unwrap_or_default();
        if dice.one_in(50) {
            let (at, to) = (dice.below(text.len()), dice.below(256));
            if let (Some(byte), Ok(to)) = (text.get_mut(at), u8::try_from(to)) {
                *byte = to;
            }
        }
        text
    }

    /// Goes down to one part and changes it.
    fn change(&self, name: &str, value: &mut Value, dice: &mut Dice) {
        match value {
            Value::Object(map) if dice.one_in(8) => self.change_fields(name, map, dice),
            Value::Object(map) => {
                // Twice as often what holds more, or the few words at the top would be all that changes.
                let first = dice.below(map.len());
                let leaf = map.values().nth(first).is_some_and(|v| !v.is_object() && !v.is_array());
                let at = if leaf && dice.one_in(2) { dice.below(map.len()) } else { first };
                if let Some((name, value)) = map.iter_mut().nth(at) {
                    self.change(name, value, dice);
                }
            }
            Value::Array(items) if items.is_empty() || dice.one_in(4) => self.change_list(name, items, dice),
            Value::Array(items) => {
                let at = dice.below(items.len());
                if let Some(item) = items.get_mut(at) {
                    self.change(name, item, dice);
                }
            }
            leaf => *leaf = self.other(name, leaf, dice),
        }
    }

    /// Takes a field away, or sets one as it was seen elsewhere.
    fn change_fields(&self, name: &str, map: &mut Map<String, Value>, dice: &mut Dice) {
        let at = dice.below(map.len());
        if dice.one_in(6)
            && let Some(gone) = map.keys().nth(at).cloned()
        {
            map.remove(&gone);
        } else if let Some(field) = self.fields.get(name).and_then(|fields| dice.pick(fields)) {
            let known = self.values.get(field).and_then(|values| dice.pick(values));
            map.insert(field.clone(), known.cloned().unwrap_or_default());
        }
    }

    /// Adds an item that was seen in such a list, doubles one, takes one or all others away, or turns the order.
    fn change_list(&self, name: &str, items: &mut Vec<Value>, dice: &mut Dice) {
        let at = dice.below(items.len());
        match dice.below(7) {
            0 if !items.is_empty() => {
                items.remove(at);
            }
            1 => items.reverse(),
            // All but one: what contradicts each other names nothing.
            3 if !items.is_empty() => {
                items.swap(0, at);
                items.truncate(1);
            }
            2 => {
                if let Some(twin) = items.get(at).cloned() {
                    items.push(twin);
                }
            }
            _ => items.extend(self.values.get(name).and_then(|values| dice.pick(values)).cloned()),
        }
    }

    /// Another value for a field: one that was seen there, or an extreme one of the same type.
    fn other(&self, name: &str, value: &Value, dice: &mut Dice) -> Value {
        let known = self.values.get(name).and_then(|values| dice.pick(values));
        match value {
            Value::Bool(told) => Value::Bool(!told),
            Value::Number(_) if !dice.one_in(4) => Value::from(dice.pick(&NUMBERS).copied().unwrap_or_default()),
            Value::String(text) if is_time(text) && !dice.one_in(3) => {
                Value::from(dice.pick(&TIMES).copied().unwrap_or_default())
            }
            Value::String(_) if dice.one_in(12) => Value::from("é".repeat(dice.below(900))),
            _ => known.cloned().unwrap_or_default(),
        }
    }
}

fn is_time(text: &str) -> bool {
    text.ends_with('Z') && text.contains('T') && text.contains(':')
}

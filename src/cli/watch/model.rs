//! What is on the screen, apart from how it looks: the origins, which one is chosen, and what changed since the start.

use super::feed::Change;
use super::keys::Key;
use super::origin::{self, Origin};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Changes that are remembered for each origin.
const REMEMBERED: usize = 50;

/// What the keys act upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    List,
    Detail,
    /// The filter is being typed.
    Filter,
    Help,
}

/// Whether a key ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Stay,
    Quit,
}

/// A change that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub at: Timestamp,
    pub said: String,
}

#[derive(Debug, Default)]
pub struct Model {
    origins: BTreeMap<origin::Key, Origin>,
    history: HashMap<origin::Key, VecDeque<Seen>>,
    chosen: Option<origin::Key>,
    pub filter: String,
    pub mode: Mode,
    /// First line of the detail that is shown.
    pub scroll: u16,
    /// Since when the API server does not answer, and why.
    pub away: Option<(Timestamp, String)>,
    /// Whether everything has been listed once.
    pub listed: bool,
}

impl Model {
    /// Takes in what is new; returns the keys of what changed in a way that is worth a line.
    pub fn take(&mut self, change: Change, now: Timestamp) -> Vec<origin::Key> {
        let changed = match change {
            Change::All(all) => {
                let there: BTreeSet<_> = all.iter().map(|origin| origin.key.clone()).collect();
                let gone: Vec<_> = self.origins.keys().filter(|key| !there.contains(*key)).cloned().collect();
                let mut changed: Vec<_> = gone.into_iter().filter_map(|key| self.remove(key, now)).collect();
                let first = !self.listed;
                changed.extend(all.into_iter().filter_map(|origin| self.put(origin, first, now)));
                self.away = None;
                self.listed = true;
                changed
            }
            Change::One(origin) => self.put(*origin, false, now).into_iter().collect(),
            Change::Gone(key) => self.remove(key, now).into_iter().collect(),
            Change::Away(why) => {
                let since = self.away.take().map_or(now, |(since, _)| since);
                self.away = Some((since, why));
                Vec::new()
            }
        };
        self.settle();
        changed
    }

    fn put(&mut self, origin: Origin, first: bool, now: Timestamp) -> Option<origin::Key> {
        let key = origin.key.clone();
        let said = origin.said();
        let news = match self.origins.get(&key) {
            Some(before) if before.said() == said => None,
            Some(_) => Some(said),
            None if first => None,
            None => Some(format!("new: {said}")),
        };
        self.origins.insert(key.clone(), origin);
        let news = news?;
        self.remember(&key, news, now);
        Some(key)
    }

    fn remove(&mut self, key: origin::Key, now: Timestamp) -> Option<origin::Key> {
        self.origins.remove(&key)?;
        self.remember(&key, "deleted".to_owned(), now);
        Some(key)
    }

    fn remember(&mut self, key: &origin::Key, said: String, at: Timestamp) {
        let seen = self.history.entry(key.clone()).or_default();
        seen.push_front(Seen { at, said });
        seen.truncate(REMEMBERED);
    }

    /// What passes the filter, the unhealthy first.
    pub fn shown(&self) -> Vec<&Origin> {
        let wanted = self.filter.to_lowercase();
        let matches =
            |o: &&Origin| [&o.key, &o.cause, &o.url].into_iter().any(|text| text.to_lowercase().contains(&wanted));
        let mut shown: Vec<&Origin> = self.origins.values().filter(matches).collect();
        shown.sort_by_key(|o| match o.healthy.as_str() {
            "False" => 0,
            "Unknown" => 1,
            _ => 2,
        });
        shown
    }

    pub fn get(&self, key: &str) -> Option<&Origin> {
        self.origins.get(key)
    }

    /// How many there are, and how many of them are unhealthy.
    pub fn counts(&self) -> (usize, usize) {
        (self.origins.len(), self.origins.values().filter(|o| o.healthy == "False").count())
    }

    pub fn chosen(&self) -> Option<&Origin> {
        self.origins.get(self.chosen.as_ref()?)
    }

    /// The place of the chosen one in what is shown.
    pub fn place(&self) -> Option<usize> {
        let chosen = self.chosen.as_ref()?;
        self.shown().iter().position(|o| o.key == *chosen)
    }

    /// What was seen of an origin, newest first.
    pub fn seen(&self, key: &str) -> impl Iterator<Item = &Seen> {
        self.history.get(key).into_iter().flatten()
    }

    /// Something that is shown is chosen, if anything is.
    fn settle(&mut self) {
        if self.place().is_none() {
            self.chosen = self.shown().first().map(|o| o.key.clone());
            self.scroll = 0;
        }
    }

    fn step(&mut self, by: isize) {
        let shown = self.shown();
        let last = shown.len().saturating_sub(1);
        let place = self.place().unwrap_or_default().saturating_add_signed(by).min(last);
        self.chosen = shown.get(place).map(|o| o.key.clone());
        self.scroll = 0;
    }

    /// What a key does.
    pub fn press(&mut self, key: Key) -> Next {
        match (self.mode, key) {
            (_, Key::Interrupt) | (Mode::List, Key::Letter('q')) => return Next::Quit,
            // The next picture has the new size.
            (_, Key::Resized) => {}
            (Mode::Filter, key) => self.type_filter(key),
            (_, Key::Letter('?')) => self.mode = if self.mode == Mode::Help { Mode::List } else { Mode::Help },
            (Mode::Help, _) | (Mode::Detail, Key::Letter('q') | Key::Escape | Key::Enter) => self.mode = Mode::List,
            (Mode::List, Key::Escape) => {
                self.filter.clear();
                self.settle();
            }
            (Mode::List, Key::Enter) if self.chosen.is_some() => self.mode = Mode::Detail,
            (_, Key::Letter('/')) => self.mode = Mode::Filter,
            (mode, key) => {
                if let Some(by) = key.steps() {
                    if mode == Mode::Detail {
                        let down = u16::try_from(by.unsigned_abs()).unwrap_or(u16::MAX);
                        self.scroll =
                            if by < 0 { self.scroll.saturating_sub(down) } else { self.scroll.saturating_add(down) };
                    } else {
                        self.step(by);
                    }
                }
            }
        }
        Next::Stay
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Letter(letter) => self.filter.push(letter),
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Escape => {
                self.filter.clear();
                self.mode = Mode::List;
            }
            Key::Enter => self.mode = Mode::List,
            other => self.step(other.steps().unwrap_or_default()),
        }
        self.settle();
    }
}

//! What a key means.

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::time::Duration;
use tokio::sync::mpsc;

/// A screenful, more or less.
const PAGE: isize = 10;
/// How soon the reader sees that nobody listens any more.
const PAUSE: Duration = Duration::from_millis(250);
/// Keys that may wait.
const BACKLOG: usize = 64;

/// A key, or a terminal of another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Letter(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Control-C, which the terminal no longer turns into a signal.
    Interrupt,
    Resized,
}

impl Key {
    /// How far it moves.
    pub const fn steps(self) -> Option<isize> {
        match self {
            Self::Up | Self::Letter('k') => Some(-1),
            Self::Down | Self::Letter('j') => Some(1),
            Self::PageUp => Some(-PAGE),
            Self::PageDown | Self::Letter(' ') => Some(PAGE),
            Self::Home | Self::Letter('g') => Some(isize::MIN / 2),
            Self::End | Self::Letter('G') => Some(isize::MAX / 2),
            _ => None,
        }
    }

    fn of(event: &Event) -> Option<Self> {
        let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else {
            return matches!(event, Event::Resize(..)).then_some(Self::Resized);
        };
        if *kind == KeyEventKind::Release {
            return None;
        }
        if modifiers.contains(KeyModifiers::CONTROL) {
            return matches!(code, KeyCode::Char('c')).then_some(Self::Interrupt);
        }
        Some(match code {
            KeyCode::Char(letter) => Self::Letter(*letter),
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace => Self::Backspace,
            _ => return None,
        })
    }
}

/// Reads keys on a thread of its own, since the terminal cannot be waited for together with the network. The channel
/// closes when the terminal is gone.
pub fn read() -> mpsc::Receiver<Key> {
    let (sender, keys) = mpsc::channel(BACKLOG);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let key = match event::poll(PAUSE) {
                Ok(false) => continue,
                Ok(true) => event::read().map(|event| Key::of(&event)),
                Err(error) => Err(error),
            };
            match key {
                Ok(Some(key)) if sender.blocking_send(key).is_ok() => {}
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return,
            }
        }
    });
    keys
}

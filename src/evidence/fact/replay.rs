//! A request repeated with one thing changed: what differs between the two answers is what the change does.

use crate::evidence::Probe;
use serde::{Deserialize, Serialize};

/// One repeated request. It is one request on one connection to one address, like every probe.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    pub variation: Variation,
    pub probe: Box<Probe>,
    /// How often in a row it has ended like this.
    #[serde(default = "once")]
    pub times: u32,
}

const fn once() -> u32 {
    1
}

/// The one thing that was changed.
#[derive(
    Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter,
)]
pub enum Variation {
    /// Nothing: the same request once more.
    Again,
    /// The TLS profile of the proxy instead of ours.
    ProxyTls,
    /// HTTP/2 instead of HTTP/1.1.
    Http2,
    /// With a PROXY protocol preamble where none is declared.
    Preamble,
    /// Without the declared PROXY protocol preamble.
    NoPreamble,
    /// Another Host that is declared: that of the public URL, or the origin's own name.
    OtherHost,
    /// A Host that nobody knows.
    StrangeHost,
    /// The site's root instead of the path.
    Root,
    /// A path that nobody knows.
    StrangePath,
    /// With small segments, so that no packet is large.
    SmallSegments,
    /// `probe.largePath`.
    LargePath,
    /// `probe.largePath` with small segments.
    LargePathSmallSegments,
}

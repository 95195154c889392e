//! One probe from its first packet to its evidence: connect, shake hands, ask once, judge.

use super::connect::{Attempt, connect};
use super::exchange::{Answer, exchange};
use super::fault::Ended;
use super::handshake::{Shaken, handshake};
use super::identity::{random, with_nonce};
use super::judge::{self, Judged};
use super::request::ProbeRequest;
use super::trust::Trust;
use super::{http2, preamble};
use crate::api::spec::Scheme;
use crate::api::validated::Deadlines;
use crate::api::{Observation, Outcome, Phase};
use crate::evidence::probe::{CertVerdict, Certificate, Fault, Timings};
use crate::evidence::{Probe, Variant};
use jiff::Timestamp;
use rustls::crypto::SecureRandom;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// A probe, and where its response wants to send the visitor.
pub(super) struct Done {
    pub(super) probe: Probe,
    pub(super) location: Option<Url>,
}

/// Runs a probe. Whatever happens on the way is part of the result.
pub(super) async fn once(request: &ProbeRequest, trust: &Trust, vantage: &str, source: &dyn SecureRandom) -> Done {
    let id = random(source);
    let path = match request.variant {
        Variant::Plain => request.path.clone(),
        Variant::Bypass => with_nonce(&request.path, &random(source)),
    };
    let at = Timestamp::now();
    let clock = Clock::start(&request.deadlines);
    let mut timings = Timings::default();
    let connected_by = clock.within(request.deadlines.connect);
    let Attempt { witness, result } = connect(request.address, connected_by, request.manner.small_segments).await;
    timings.connect_ms = Some(milliseconds(clock.started.elapsed()));
    let mut certificate = None;
    let answer = match result {
        Err(ended) => Err(ended),
        Ok(stream) => {
            let stages = Stages { request, trust, clock: &clock, path: &path, id: &id };
            stages.after_connect(stream, &mut timings, &mut certificate).await
        }
    };
    timings.total_ms = milliseconds(clock.started.elapsed());
    let tcp = witness.as_ref().and_then(super::tcp_info::Witness::facts);
    let (judged, response, location) = match answer {
        Err(Ended { phase, outcome, fault, alert }) => {
            (Judged { outcome, phase: Some(phase), fault: Some(fault), alert }, None, None)
        }
        Ok(answer) => {
            let judged = edge_certificate(request, certificate.as_ref(), judge::judge(request, &answer));
            let location = judge::target(request, &path, &answer).map(|(_, url)| url);
            (judged, Some(judge::keep(request, &path, &answer)), location)
        }
    };
    let Judged { outcome, phase, fault, alert } = judged;
    let probe = Probe {
        observation: request.observation,
        variant: request.variant,
        vantage: vantage.to_owned(),
        access: request.access,
        address: Some(request.address),
        outcome,
        phase,
        fault,
        alert,
        timings,
        response,
        certificate,
        tcp,
        id,
        at,
    };
    Done { probe, location }
}

/// Visitors do not get past a bad certificate of the edge. That of the origin only matters to a proxy
/// that checks it, so there it is recorded and no more.
fn edge_certificate(request: &ProbeRequest, certificate: Option<&Certificate>, judged: Judged) -> Judged {
    let via_proxy = matches!(request.observation, Observation::ViaProxy | Observation::ViaProxyLong);
    let bad = certificate.is_some_and(|c| c.verdict != CertVerdict::Valid);
    if via_proxy && bad && judged.outcome == Outcome::OK {
        return Judged { outcome: Outcome::CertInvalid, phase: Some(Phase::Tls), fault: None, alert: None };
    }
    judged
}

/// The stages behind the connection.
struct Stages<'a> {
    request: &'a ProbeRequest,
    trust: &'a Trust,
    clock: &'a Clock,
    path: &'a str,
    id: &'a str,
}

impl Stages<'_> {
    /// Each stage is boxed, so that a probe that hangs in one carries no room for the others.
    async fn after_connect(
        &self,
        mut stream: tokio::net::TcpStream,
        timings: &mut Timings,
        certificate: &mut Option<Certificate>,
    ) -> Result<Answer, Ended> {
        let Ok(http) = self.request.http(self.path, self.id) else {
            return Err(Ended::new(Phase::FirstByte, Fault::LocalSocket));
        };
        preamble::send(&mut stream, self.request.manner.preamble).await?;
        let deadlines = &self.request.deadlines;
        let asked;
        let body = |answered: Instant| self.clock.from(answered, deadlines.body);
        let answer = match self.request.scheme {
            Scheme::HTTP => {
                asked = Instant::now();
                Box::pin(exchange(stream, http, self.clock.within(deadlines.first_byte), body)).await
            }
            Scheme::HTTPS => {
                let begun = Instant::now();
                let end = self.clock.within(deadlines.tls);
                let Shaken { certificate: shown, result } =
                    Box::pin(handshake(stream, self.trust, self.request, end)).await;
                timings.tls_ms = Some(milliseconds(begun.elapsed()));
                *certificate = shown;
                let stream = result?;
                asked = Instant::now();
                let first_byte = self.clock.within(deadlines.first_byte);
                if self.request.manner.http2 {
                    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                        // The server speaks no HTTP/2, which is no fault of its.
                        return Err(Ended::new(Phase::Tls, Fault::LocalSocket));
                    }
                    Box::pin(http2::exchange(stream, http, first_byte, body)).await
                } else {
                    Box::pin(exchange(stream, http, first_byte, body)).await
                }
            }
        };
        match &answer {
            Ok(answer) => {
                timings.first_byte_ms = Some(milliseconds(answer.first_byte));
                timings.body_ms = Some(milliseconds(answer.body_time));
            }
            Err(_) => timings.first_byte_ms = Some(milliseconds(asked.elapsed())),
        }
        answer
    }
}

/// The deadline of a phase ends with that of the whole at the latest.
struct Clock {
    started: Instant,
    end: Instant,
}

impl Clock {
    fn start(deadlines: &Deadlines) -> Self {
        let started = Instant::now();
        Self { started, end: started + deadlines.total }
    }

    fn within(&self, limit: Duration) -> Instant {
        self.from(Instant::now(), limit)
    }

    fn from(&self, moment: Instant, limit: Duration) -> Instant {
        (moment + limit).min(self.end)
    }
}

/// Whole milliseconds.
pub(super) fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

//! One question over a connection of its own: for checks, which want to see how a forwarder does, and what it is.

use crate::carriers::counters::LineCounters;
use crate::carriers::https;
use crate::carriers::settings::{CarrierSettings, Transport};
use crate::carriers::target::{Stream, Target};
use schoolgate_plane::matches;
use schoolgate_wire::pad_query;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;
use tokio::time::timeout;

/// Why there is no answer, in words for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SingleError(String);

/// The answer to one question.
#[derive(Debug)]
pub struct SingleAnswer {
    /// The message, with the ID of the query and its question.
    pub reply: Vec<u8>,
    /// How long connection and handshake took.
    pub opened_in: Duration,
    /// How long the answer took after that.
    pub answered_in: Duration,
    /// The certificate of the forwarder (DER); empty without TLS.
    pub certificate: Vec<u8>,
}

/// Asks once. Blocks. The same certificates are believed as by the connections that stand.
///
/// # Errors
/// [`SingleError`]: not reached, not believed, no reply to this question, or none in time.
pub fn ask_once(
    address: SocketAddr,
    settings: CarrierSettings,
    query: &[u8],
    within: Duration,
) -> Result<SingleAnswer, SingleError> {
    let target = Target::new(address, settings, std::sync::Arc::new(LineCounters::default()));
    let target = target.map_err(|error| SingleError(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| SingleError(error.to_string()))?;
    let asked = async { timeout(within, ask(&target, query)).await };
    LocalSet::new().block_on(&runtime, asked).unwrap_or_else(|_| {
        Err(SingleError(format!(
            "no answer over {} within {} s",
            target.settings.transport.as_str(),
            within.as_secs_f32()
        )))
    })
}

async fn ask(target: &Target, query: &[u8]) -> Result<SingleAnswer, SingleError> {
    let began = Instant::now();
    let stream = target.open().await.map_err(|error| SingleError(error.problem))?;
    let opened_in = began.elapsed();
    let certificate = match &stream {
        Stream::Plain(_) => Vec::new(),
        Stream::Tls(tls) => {
            tls.get_ref().1.peer_certificates().and_then(<[_]>::first).map_or(Vec::new(), |one| one.to_vec())
        }
    };
    let asked = Instant::now();
    let mut reply = match target.settings.transport {
        Transport::Https => https::ask_once(stream, target, query).await.map_err(SingleError)?,
        Transport::Tcp | Transport::Tls => framed(stream, target, query)
            .await
            .map_err(|error| SingleError(format!("the connection broke: {error}")))?,
    };
    if target.settings.transport == Transport::Https
        && let Some((place, id)) = reply.first_chunk_mut::<2>().zip(query.first_chunk::<2>())
    {
        *place = *id;
    }
    match matches(&reply, query) {
        true => Ok(SingleAnswer { reply, opened_in, answered_in: asked.elapsed(), certificate }),
        false => Err(SingleError("what came is no reply to what was asked".to_owned())),
    }
}

async fn framed(mut stream: Stream, target: &Target, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut query = query.to_vec();
    if target.settings.transport == Transport::Tls {
        pad_query(&mut query, true);
    }
    let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[length.to_be_bytes().as_slice(), &query].concat()).await?;
    stream.flush().await?;
    let mut reply = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}

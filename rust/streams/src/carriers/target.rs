//! One forwarder as its connections need it: where it is, and what is believed of it.

use crate::carriers::counters::{LineCounters, LineEvent};
use crate::carriers::note::Note;
use crate::carriers::settings::{CarrierSettings, Transport};
use crate::carriers::trust::{TrustError, client_config, in_words, is_distrust};
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The protocols, as we name them in the handshake.
const DOT_ALPN: &[u8] = b"dot";
const H2_ALPN: &[u8] = b"h2";
/// A connection over which nothing goes is looked at so often by the kernel.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The kernel gives a connection up where what we sent is not confirmed for so long.
const UNCONFIRMED: Duration = Duration::from_secs(4);

/// One forwarder.
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub settings: CarrierSettings,
    /// What happened to its connections.
    pub counters: Arc<LineCounters>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    /// A forwarder that is spoken to like this.
    ///
    /// # Errors
    /// [`TrustError`]: its name or its pins cannot be used.
    pub fn new(
        address: SocketAddr,
        settings: CarrierSettings,
        counters: Arc<LineCounters>,
    ) -> Result<Self, TrustError> {
        let alpn = match settings.transport {
            Transport::Tcp => None,
            Transport::Tls => Some(DOT_ALPN),
            Transport::Https => Some(H2_ALPN),
        };
        let tls = match alpn {
            None => None,
            Some(alpn) => {
                let name = ServerName::try_from(settings.name.clone());
                let name = name.map_err(|error| TrustError::Tls(format!("{:?}: {error}", settings.name)))?;
                Some((TlsConnector::from(client_config(&settings, alpn)?), name))
            }
        };
        Ok(Self { address, settings, counters, tls })
    }

    /// Opens a connection, with TLS if it has it. An error is counted.
    pub async fn open(&self) -> Result<Stream, OpenError> {
        let stream = TcpStream::connect(self.address).await.and_then(prepared).map_err(|error| {
            self.counters.count(LineEvent::FailedConnect);
            OpenError::unreachable(format!("no connection: {error}"))
        })?;
        let Some((connector, name)) = &self.tls else { return Ok(Stream::Plain(stream)) };
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| {
            self.counters.count(LineEvent::FailedTls);
            let problem = in_words(&error, &self.settings.name);
            OpenError { problem, is_distrusted: is_distrust(&error) }
        })?;
        let session = stream.get_ref().1;
        if self.settings.transport == Transport::Https && session.alpn_protocol() != Some(H2_ALPN) {
            self.counters.count(LineEvent::FailedTls);
            return Err(OpenError::unreachable("it does not speak HTTP/2".to_owned()));
        }
        if session.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.counters.count(LineEvent::Resumed);
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    socket.set_tcp_user_timeout(Some(UNCONFIRMED))?;
    Ok(stream)
}

/// Why a connection could not be opened.
pub struct OpenError {
    /// In words for the operator.
    pub problem: String,
    is_distrusted: bool,
}

impl OpenError {
    /// The forwarder is not reached, or speaks otherwise.
    pub fn unreachable(problem: String) -> Self {
        Self { problem, is_distrusted: false }
    }

    /// What the pool is told.
    pub fn note(&self) -> Note {
        if self.is_distrusted { Note::Distrusted } else { Note::Unreachable }
    }
}

/// A connection to a forwarder.
pub enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, out),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

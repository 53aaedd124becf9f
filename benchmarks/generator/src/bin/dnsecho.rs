//! The floor: a UDP server on one core that turns each query into a reply by one bit (QR) and does nothing else.
//!
//! No DNS server that receives and sends by system calls can be faster than this on the same kernel and core.

use schoolgate_bench_generator::arguments::Arguments;
use schoolgate_bench_generator::batch::{Batch, deepen};
use schoolgate_bench_generator::place::pin;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

const USAGE: &str = "dnsecho --listen ADDRESS:PORT [--core N] [--batch 64]";
const QR: u8 = 0x80;

fn main() -> std::io::Result<()> {
    let mut arguments = Arguments::read(USAGE);
    let listen: SocketAddr = arguments.need("listen");
    pin(arguments.maybe("core"));
    let mut batch = Batch::new(arguments.or("batch", 64), true);
    arguments.done();
    let socket = UdpSocket::bind(listen)?;
    deepen(socket.as_raw_fd());
    loop {
        let Ok(received) = batch.receive(socket.as_raw_fd(), libc::MSG_WAITFORONE) else { continue };
        for at in 0..received {
            let (buffer, length) = batch.buffer(at);
            buffer[2] |= QR;
            batch.set_length(at, length);
        }
        batch.send_all(socket.as_raw_fd(), received);
    }
}

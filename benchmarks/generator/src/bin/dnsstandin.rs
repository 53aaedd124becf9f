//! The upstream of a benchmark: an address for every name, at once, by UDP.
//!
//! A and AAAA get one record (documentation prefixes), every other type NODATA with an SOA. It runs on the generator's
//! core and goes first there, so that a miss waits for the server under test and not for the generator's turn to end.

use schoolgate_bench_generator::arguments::Arguments;
use schoolgate_bench_generator::batch::{Batch, MOST_OCTETS, deepen};
use schoolgate_bench_generator::place::{go_first, pin};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

const USAGE: &str = "dnsstandin --listen ADDRESS:PORT [--core N] [--batch 64] [--ttl-s 3600]";
const A: u16 = 1;
const AAAA: u16 = 28;
/// Longest answer: an SOA with both names compressed to the root.
const ANSWER_OCTETS: usize = 40;

fn main() -> std::io::Result<()> {
    let mut arguments = Arguments::read(USAGE);
    let listen: SocketAddr = arguments.need("listen");
    pin(arguments.maybe("core"));
    let ttl_s: u32 = arguments.or("ttl-s", 3600);
    let mut batch = Batch::new(arguments.or("batch", 64), true);
    arguments.done();
    let socket = UdpSocket::bind(listen)?;
    deepen(socket.as_raw_fd());
    println!("{{\"goes_first\": {}}}", go_first());
    loop {
        let Ok(received) = batch.receive(socket.as_raw_fd(), libc::MSG_WAITFORONE) else { continue };
        for at in 0..received {
            let (buffer, length) = batch.buffer(at);
            let length = answer(buffer, length, ttl_s).unwrap_or(0);
            batch.set_length(at, length);
        }
        batch.send_all(socket.as_raw_fd(), received);
    }
}

/// Turns the query in the buffer into its answer; `None` where it is no query.
fn answer(buffer: &mut [u8; MOST_OCTETS], length: usize, ttl_s: u32) -> Option<usize> {
    let end = question_end(buffer.get(..length)?)?;
    let qtype = u16::from_be_bytes([buffer[end - 4], buffer[end - 3]]);
    let last = buffer[13];
    let record = |rtype: u16, data: &[u8]| {
        let (rtype, octets) = (rtype.to_be_bytes(), (data.len() as u16).to_be_bytes());
        [&[0xc0, 0x0c], rtype.as_slice(), &[0, 1], &ttl_s.to_be_bytes(), &octets, data].concat()
    };
    let is_answered = matches!(qtype, A | AAAA);
    let record = match qtype {
        A => record(A, &[192, 0, 2, last]),
        AAAA => record(AAAA, &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]),
        _ => {
            let mut soa = [0; 22];
            soa[5] = 1; // serial; names are the root
            soa[18..22].copy_from_slice(&ttl_s.to_be_bytes());
            record(6, &soa)
        }
    };
    // QR, RD as asked, RA; one question, one record.
    buffer[2] = 0x80 | buffer[2] & 0x01;
    buffer[3] = 0x80;
    buffer[4..12].copy_from_slice(&[0, 1, 0, u8::from(is_answered), 0, u8::from(!is_answered), 0, 0]);
    buffer.get_mut(end..end + record.len())?.copy_from_slice(&record);
    Some(end + record.len())
}

fn question_end(message: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        match *message.get(at)? {
            0 => break,
            length if length < 64 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
    (at + 5 + ANSWER_OCTETS <= MOST_OCTETS && at + 5 <= message.len()).then_some(at + 5)
}

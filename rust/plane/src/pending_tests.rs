//! Who waits for which question, for how long, and how many may.

use super::*;

fn question(name: &[u8]) -> QuestionRef<'_> {
    QuestionRef { name, qtype: 1, flags: 0, rewrite: None }
}

fn waiter(ticket: u64, id: u8) -> Waiter {
    waiter_at("192.0.2.1:1000", ticket, id)
}

fn waiter_at(address: &str, ticket: u64, id: u8) -> Waiter {
    let address = address.parse().expect("an address");
    Waiter {
        requester: Requester::Stream(ticket, address, address, schoolgate_querylog::Door::Tcp),
        packet: [0, id, 1, 0].into(),
        edns: None,
        since_us: 0,
    }
}

/// A waiter like no other, at an address of its own.
fn other_waiter(number: u32) -> Waiter {
    waiter_at(&format!("{}:1000", std::net::Ipv4Addr::from(0x0a00_0000 + number)), u64::from(number), 1)
}

fn join(pending: &mut Pending, name: &[u8], waiter: Waiter, has_stale: bool, now_ms: u64) -> Joined {
    pending.join(question(name), waiter, has_stale, now_ms)
}

fn first(joined: Joined) -> Arc<Question> {
    match joined {
        Joined::First(question) => question,
        other => panic!("the first to ask, not {other:?}"),
    }
}

#[test]
fn equal_questions_are_asked_once_and_all_are_answered() {
    let mut pending = Pending::default();
    let sent = first(join(&mut pending, b"\x01a\0", waiter(1, 1), false, 0));
    assert_eq!(join(&mut pending, b"\x01a\0", waiter(2, 1), false, 1), Joined::Later);
    first(join(&mut pending, b"\x01b\0", waiter(3, 1), false, 1));
    assert_eq!(pending.take(sent.borrow()).len(), 2);
    assert_eq!((pending.len(), pending.waiting()), (1, 1));
}

#[test]
fn a_client_that_repeats_itself_is_answered_once() {
    let mut pending = Pending::default();
    let sent = first(join(&mut pending, b"\x01a\0", waiter(1, 1), false, 0));
    assert_eq!(join(&mut pending, b"\x01a\0", waiter(1, 1), false, 5), Joined::Again);
    assert_eq!(join(&mut pending, b"\x01a\0", waiter(1, 2), false, 6), Joined::Later);
    assert_eq!(pending.take(sent.borrow()).len(), 2);
}

#[test]
fn stale_comes_first_and_then_nothing_waits_for_ever() {
    let mut pending = Pending::default();
    join(&mut pending, b"\x01a\0", waiter(1, 1), true, 100);
    assert!(pending.next_stale(100 + STALE_AFTER_MS - 1).is_none());
    assert_eq!(pending.next_stale(100 + STALE_AFTER_MS).map(|(_, waiters)| waiters.len()), Some(1));
    join(&mut pending, b"\x01a\0", waiter(2, 1), true, 2_000);
    assert!(pending.next_expired(100 + GIVE_UP_AFTER_MS - 1).is_none());
    assert_eq!(pending.next_expired(100 + GIVE_UP_AFTER_MS).map(|(_, waiters)| waiters.len()), Some(1));
    assert_eq!((pending.len(), pending.waiting(), pending.next_due_ms()), (0, 0, None));
}

#[test]
fn an_answered_question_does_not_expire_when_it_is_asked_again() {
    let mut pending = Pending::default();
    let sent = first(join(&mut pending, b"\x01a\0", waiter(1, 1), true, 0));
    pending.take(sent.borrow());
    join(&mut pending, b"\x01a\0", waiter(2, 2), true, 1_000);
    assert!(pending.next_stale(STALE_AFTER_MS).is_none());
    assert!(pending.next_expired(GIVE_UP_AFTER_MS).is_none());
    assert!(pending.next_expired(1_000 + GIVE_UP_AFTER_MS).is_some());
}

#[test]
fn what_a_waiter_keeps_does_not_grow_with_its_options() {
    let mut packet = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03WwW\x07example\x00\x00\x01\x00\x01".to_vec();
    let end = packet.len();
    packet.extend_from_slice(b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\xff\x00\xfd\xe9\xfe\xfc");
    packet.extend_from_slice(&[0; 0xfefc]);
    let mut query = Query::default();
    schoolgate_wire::peek(&packet, &mut query).expect("a query");
    let waiter = Waiter::new(waiter(1, 1).requester, &packet, &query, 0);
    assert_eq!(waiter.packet.len(), end);
    schoolgate_wire::peek(&waiter.packet, &mut query).expect("still a query");
    assert!(waiter.edns.is_some_and(|edns| edns.dnssec_ok) && query.id == 0x1234);
}

#[test]
fn a_whole_morning_may_wait_for_one_question_and_each_is_answered_once() {
    let mut pending = Pending::default();
    let sent = first(join(&mut pending, b"\x01a\0", other_waiter(0), false, 0));
    for number in 1..20_000 {
        assert_eq!(join(&mut pending, b"\x01a\0", other_waiter(number), false, 0), Joined::Later);
    }
    for number in 0..20_000 {
        assert_eq!(join(&mut pending, b"\x01a\0", other_waiter(number), false, 0), Joined::Again);
    }
    assert_eq!(pending.take(sent.borrow()).len(), 20_000);
    assert_eq!(pending.waiting(), 0);
}

#[test]
fn after_a_stale_answer_the_same_query_waits_again() {
    let mut pending = Pending::default();
    for number in 0..20 {
        join(&mut pending, b"\x01a\0", other_waiter(number), true, 0);
    }
    assert_eq!(pending.next_stale(STALE_AFTER_MS).map(|(_, waiters)| waiters.len()), Some(20));
    assert_eq!(join(&mut pending, b"\x01a\0", other_waiter(3), true, 0), Joined::Later);
    assert_eq!(join(&mut pending, b"\x01a\0", other_waiter(3), true, 0), Joined::Again);
}

#[test]
fn a_dead_domain_leaves_room_for_the_others() {
    let mut pending = Pending::default();
    let name = |number: u32, domain: &[u8]| [&[3], &number.to_be_bytes()[1..], domain].concat();
    for number in 0..u32::from(MAX_QUESTIONS_PER_DOMAIN) {
        first(join(&mut pending, &name(number, b"\x01x\x07example\x02de\0"), other_waiter(number), false, 0));
    }
    let more = name(1 << 20, b"\x07example\x02de\0");
    assert_eq!(join(&mut pending, &more, other_waiter(1 << 20), false, 0), Joined::Full);
    let known = name(1, b"\x01x\x07example\x02de\0");
    assert_eq!(join(&mut pending, &known, other_waiter(1 << 20), false, 0), Joined::Later);
    // One of these at most is counted at the same place.
    let others = [&b"\x01a\x03org\0"[..], b"\x01b\x03org\0"];
    let admitted =
        others.iter().filter(|other| join(&mut pending, other, other_waiter(1 << 21), false, 0) != Joined::Full);
    assert!(admitted.count() > 0);
    while pending.next_expired(GIVE_UP_AFTER_MS).is_some() {}
    first(join(&mut pending, &more, other_waiter(1 << 20), false, GIVE_UP_AFTER_MS));
}

#[test]
fn a_few_clients_cannot_fill_what_is_free() {
    let mut pending = Pending::default();
    // Each name is a domain of its own.
    let name = |number: u32| {
        let digits = format!("{number:06}");
        [&[6], digits.as_bytes(), b"\x03com\0"].concat()
    };
    let mut number = 0;
    for client in 0..8 {
        for _ in 0..MAX_WAITING_PER_CLIENT {
            number += 1;
            let address = format!("192.0.2.{client}:1000");
            join(&mut pending, &name(number), waiter_at(&address, u64::from(number), 1), false, 0);
        }
    }
    let held = pending.len();
    assert!(held < MAX_QUESTIONS * 9 / 10, "{held}");
    for _ in 0..200 {
        number += 1;
        let joined = join(&mut pending, &name(number), waiter_at("198.51.100.1:5", u64::from(number), 1), false, 0);
        first(joined);
    }
}

#[test]
fn addresses_of_one_subnet_are_one_client() {
    let mut pending = Pending::default();
    let name =
        |number: u32| [&[4][..], &(number | 0x0101_0101).to_be_bytes(), &number.to_be_bytes()[..0], &[0]].concat();
    let at = |number: u32| waiter_at(&format!("[2001:db8::{:x}]:5", number % 512), u64::from(number), 1);
    let joined = (0..4096)
        .filter(|number| !matches!(join(&mut pending, &name(number << 1), at(*number), false, 0), Joined::Full));
    assert!(joined.count() <= usize::from(MAX_WAITING_PER_CLIENT));
}

#[test]
fn questions_have_a_bound_and_room_comes_back() {
    let mut pending = Pending::default();
    let name = |number: u32| [[3].as_slice(), &number.to_be_bytes()[1..], &[0]].concat();
    // Clients that are counted at one place get less at the end, so a few more of them ask.
    for number in 0..2 * MAX_QUESTIONS as u32 {
        join(&mut pending, &name(number), other_waiter(number), false, 0);
    }
    assert_eq!(pending.len(), MAX_QUESTIONS);
    assert_eq!(join(&mut pending, b"\x01z\0", other_waiter(1 << 20), false, 0), Joined::Full);
    let oldest = question(&name(0)).to_owned();
    assert_eq!(pending.take(oldest.borrow()).len(), 1);
    // One place is free, for a client that shares its count with no other: of 64, some are.
    let is_first = |at: u32, pending: &mut Pending| {
        matches!(join(pending, b"\x01z\0", other_waiter((1 << 20) + at), false, 0), Joined::First(_))
    };
    assert!((0..64).any(|at| is_first(at, &mut pending)));
}

#[test]
fn those_who_wait_have_a_bound_in_all() {
    let mut pending = Pending::default();
    let mut crowded = 0;
    for number in 0..2 * MAX_WAITING as u32 {
        match join(&mut pending, b"\x01a\0", other_waiter(number), false, 0) {
            Joined::First(_) | Joined::Later => {}
            Joined::Crowded => crowded += 1,
            other => panic!("{number}: {other:?}"),
        }
    }
    assert!(pending.waiting() <= MAX_WAITING && pending.waiting() > MAX_WAITING * 9 / 10, "{}", pending.waiting());
    assert_eq!(crowded, 2 * MAX_WAITING - pending.waiting());
    while pending.next_expired(GIVE_UP_AFTER_MS).is_some() {}
    assert_eq!(pending.waiting(), 0);
    first(join(&mut pending, b"\x01z\0", other_waiter(1 << 20), false, GIVE_UP_AFTER_MS));
}

#[test]
fn one_client_does_not_take_the_places_of_the_others() {
    let mut pending = Pending::default();
    let name = |number: u16| [[2].as_slice(), &number.to_be_bytes(), &[0]].concat();
    // A client that takes a quarter of what is free, again and again, ends with a fifth of all.
    for number in 0..(MAX_QUESTIONS / 5) as u16 {
        first(join(&mut pending, &name(number), waiter(u64::from(number), 1), false, 0));
    }
    assert_eq!(join(&mut pending, b"\x01z\0", waiter(1, 1), false, 0), Joined::Full);
    // One of these at most falls on the same place.
    let admitted = (1..3).filter(|n| join(&mut pending, b"\x01z\0", other_waiter(*n), false, 0) != Joined::Full);
    assert!(admitted.count() > 0);
    while pending.next_expired(GIVE_UP_AFTER_MS).is_some() {}
    first(join(&mut pending, b"\x01z\0", waiter(1, 1), false, GIVE_UP_AFTER_MS));
}

#[test]
fn quickly_answered_questions_leave_nothing_behind() {
    let mut pending = Pending::default();
    first(join(&mut pending, b"\x04slow\0", waiter(1, 1), true, 0));
    for number in 0..20 * MAX_QUESTIONS as u32 {
        let name = [[4].as_slice(), &number.to_be_bytes(), &[0]].concat();
        let sent = first(join(&mut pending, &name, waiter(2, 1), true, 1));
        pending.take(sent.borrow());
    }
    assert_eq!((pending.give_up_at.len(), pending.stale_at.len()), (1, 1));
    assert!(pending.next_stale(STALE_AFTER_MS).is_some() && pending.next_expired(GIVE_UP_AFTER_MS).is_some());
}

//! What the cache says it holds is what it takes.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::allocation::live_octets;
use crate::cache::{Held, PacketCache};
use crate::question::Question;
use crate::stored::{Beside, Body, Stored};
use schoolgate_wire::{AnswerImage, Name, Rcode, Record, Revealed, rtype};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

fn record(owner: &Name, rtype: u16, data: &[u8]) -> Record {
    Record { owner: owner.clone(), rtype, ttl_s: 300, data: data.into() }
}

/// Answers as they are met: one address or two of IPv4 or IPv6, every third behind an alias.
fn answer(number: u32) -> Arc<Stored> {
    answer_of(number, 1 + number as usize % 2)
}

fn answer_of(number: u32, addresses: usize) -> Arc<Stored> {
    let name = Name::from_text(&format!("host{number}.site{}.example.com", number % 977)).unwrap();
    let alias = Name::from_text(&format!("edge{}.example.net", number % 97)).unwrap();
    let (qtype, address) =
        if number.is_multiple_of(2) { (rtype::A, &[192, 0, 2, 1][..]) } else { (rtype::AAAA, &[0x20; 16][..]) };
    let owner = if number.is_multiple_of(3) { &alias } else { &name };
    let mut records = vec![record(owner, qtype, address); addresses];
    if number.is_multiple_of(3) {
        records.insert(0, record(&name, rtype::CNAME, alias.as_wire()));
    }
    let image = AnswerImage::from_records(&name, qtype, Rcode::NOERROR, &records, None).unwrap();
    let (mut names, mut addresses) = (Vec::<Name>::new(), Vec::<IpAddr>::new());
    for revealed in image.revealed() {
        match revealed {
            Revealed::Name(name) => names.push(name),
            Revealed::Address(address) => addresses.push(address),
        }
    }
    let question = Question { name: name.as_wire().into(), qtype, flags: 0, rewrite: None };
    let beside = Beside::of(&image, &names, &addresses, None);
    Arc::new(Stored::answer(&question, image, beside, 0).fresh_for_ms(300_000))
}

#[test]
fn a_full_cache_takes_as_much_memory_as_it_says() {
    // Where tables fit the bound well and where they do not; answers of one address, and of many.
    for (octets, addresses) in [(4 << 20, 1), (4 << 20, 24), (5_900_000, 1), (6 << 20, 24)] {
        let before = live_octets();
        let mut cache = PacketCache::new(octets).unwrap();
        for number in 0..60_000 {
            cache.insert(Held::new(answer_of(number, addresses)));
        }
        let (tables, own) = cache.own_octets();
        let said = cache.octets() + tables as u64;
        assert!(said <= octets && said > octets - 2000, "full");
        let taken = live_octets() - before + own as i64;
        println!("{} entries, {said} said, {taken} taken", cache.entries());
        assert!((taken - said as i64).abs() * 20 <= taken, "{said} said, {taken} taken");
    }
}

#[test]
fn an_answer_that_is_replaced_is_let_go_with_its_key() {
    let mut cache = PacketCache::new(1 << 20).unwrap();
    let first = answer(1);
    cache.insert(Held::new(first.clone()));
    cache.insert(Held::new(answer(1)));
    assert_eq!((cache.entries(), Arc::strong_count(&first)), (1, 1));
}

#[test]
fn a_flood_of_random_names_does_not_sweep_out_what_is_asked_for() {
    let mut cache = PacketCache::new(1 << 20).unwrap();
    let used: Vec<_> = (0..1000).map(answer).collect();
    for _ in 0..2 {
        for stored in &used {
            if cache.get(stored.question()).is_none() {
                cache.insert(Held::new(stored.clone()));
            }
        }
    }
    for flood in 0..5 {
        (0..4000).for_each(|number| cache.insert(Held::new(answer(10_000 + 4000 * flood + number))));
        for stored in &used {
            let _ = cache.get(stored.question());
        }
    }
    assert!(cache.entries() < 4000, "each wave alone is more than the cache holds");
    let kept = used.iter().filter(|stored| cache.get(stored.question()).is_some()).count();
    assert_eq!(kept, used.len());
}

#[test]
fn answers_that_may_not_be_kept_any_more_sweep_out_nothing_either() {
    let mut cache = PacketCache::new(1 << 20).unwrap();
    let used: Vec<_> = (0..1000).map(answer).collect();
    for stored in used.iter().cycle().take(2000) {
        if cache.get(stored.question()).is_none() {
            cache.insert(Held::new(stored.clone()));
        }
    }
    for number in 0..20_000 {
        let brief = answer(10_000 + number);
        cache.insert(Held::new(brief.clone()));
        // The same with a TTL of 0, as a forwarder says it that counts down.
        let question = brief.question().to_owned();
        let Body::Image(image) = &brief.body else { unreachable!() };
        cache.insert(Held::new(Arc::new(Stored::answer(&question, image.clone(), None, 0))));
    }
    let kept = used.iter().filter(|stored| cache.get(stored.question()).is_some()).count();
    assert_eq!(kept, used.len());
}

#[test]
fn a_change_that_does_not_end_empties_the_cache() {
    let mut cache = PacketCache::new(1 << 20).unwrap();
    let (first, second) = (answer(1), answer(2));
    cache.insert(Held::new(first.clone()));
    let change = || cache.update(first.question(), |_| panic!("a defect, met on purpose by a test"));
    assert!(catch_unwind(AssertUnwindSafe(change)).is_err());
    cache.recover();
    assert_eq!((cache.entries(), Arc::strong_count(&first)), (0, 1));
    cache.insert(Held::new(second.clone()));
    assert!(cache.get(second.question()).is_some());
    assert!(cache.get(first.question()).is_none());
}

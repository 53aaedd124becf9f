//! Questions under way: merged, answered to each client as it asked, given up in time, bounded.

use super::bench::{Bench, Got, description, rule};
use super::wire::{Data, ask, reply};
use crate::counters::Counter;
use crate::miss_hub::MISS_RING;
use crate::pending::{GIVE_UP_AFTER_MS, MAX_QUESTIONS};
use schoolgate_wire::rtype;
use serde_json::json;

#[test]
fn equal_questions_are_asked_once_and_each_client_hears_its_own() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(&ask("www.example.com").id(1)), Got::Waiting);
    assert_eq!(bench.ask(&ask("WwW.eXample.com").id(2).from("192.0.2.11")), Got::Waiting);
    assert_eq!(bench.ask(&ask("www.example.COM").id(3).subnet(9)), Got::Waiting);
    assert_eq!(bench.ask(&ask("www.example.com").id(4).subnet(10).staff()), Got::Waiting);
    bench.at = 1;
    assert_eq!(bench.ask(&ask("WWW.example.com").id(5)), Got::Waiting);
    let answers = bench.resolve(&[("www.example.com", 300, Data::A(1))]);
    let seen: Vec<_> = answers.iter().map(|answer| (answer.id, answer.question.as_str(), answer.has_opt)).collect();
    assert_eq!(
        seen,
        [
            (1, "www.example.com", false),
            (2, "WwW.eXample.com", false),
            (3, "www.example.COM", true),
            (4, "www.example.com", true),
            (5, "WWW.example.com", false),
        ]
    );
    assert!(answers.iter().all(|answer| answer.data() == ["203.0.113.1"] && answer.ttl_s() == Some(300)));
    assert_eq!((bench.count(Counter::CacheMisses), bench.count(Counter::Joined)), (5, 3));
    assert_eq!((bench.count(Counter::Resolved), bench.count(Counter::CacheHits)), (5, 0));
}

#[test]
fn an_answer_is_cut_to_what_its_client_can_take() {
    let mut bench = Bench::new();
    bench.ask(&ask("big.example.com").of(rtype::TXT).id(1));
    bench.ask(&ask("big.example.com").of(rtype::TXT).id(2).edns());
    bench.ask(&ask("big.example.com").of(rtype::TXT).id(3).stream());
    let answers = bench.resolve(&[("big.example.com", 300, Data::Txt(700))]);
    let seen: Vec<_> = answers.iter().map(|answer| (answer.id, answer.truncated, answer.answer.len())).collect();
    assert_eq!(seen, [(1, true, 0), (2, false, 1), (3, false, 1)]);
    bench.ask(&ask("huge.example.com").of(rtype::TXT).id(4).edns());
    bench.ask(&ask("huge.example.com").of(rtype::TXT).id(5).stream());
    let answers = bench.resolve(&[("huge.example.com", 300, Data::Txt(3000))]);
    let seen: Vec<_> = answers.iter().map(|answer| (answer.id, answer.truncated, answer.size_octets > 3000)).collect();
    assert_eq!(seen, [(4, true, false), (5, false, true)]);
    assert_eq!(bench.count(Counter::Truncated), 2);
    assert!(bench.ask(&ask("big.example.com").of(rtype::TXT)).answer().truncated, "from the cache too");
}

#[test]
fn a_client_that_repeats_itself_is_answered_once() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        assert_eq!(bench.ask(&ask("www.example.com").id(1)), Got::Waiting);
    }
    assert_eq!(bench.resolve(&[("www.example.com", 300, Data::A(1))]).len(), 1);
    assert_eq!(bench.count(Counter::Repeated), 2);
}

#[test]
fn do_and_cd_are_questions_of_their_own() {
    let mut bench = Bench::new();
    for (at, asked) in [
        ask("www.example.com"),
        ask("www.example.com").dnssec(),
        ask("www.example.com").cd(),
        ask("www.example.com").dnssec().cd(),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(bench.ask(asked), Got::Waiting, "{at}");
        let miss = bench.miss();
        assert_eq!((miss.query[3] & 0x10 != 0, miss.query[miss.query.len() - 4] & 0x80 != 0), (at >= 2, at % 2 == 1));
        let octets = reply(&miss.query, 0, &[("www.example.com", 300, Data::A(at as u8))], &[]);
        bench.complete(&miss, Ok(&octets));
        assert_eq!(bench.ask(asked).answer().data(), [format!("203.0.113.{at}")]);
    }
}

#[test]
fn without_rd_the_cache_answers_or_nobody() {
    let mut bench = Bench::new();
    let refused = bench.ask(&ask("www.example.com").no_rd()).answer();
    assert_eq!((refused.rcode, bench.count(Counter::NoRecursion)), (5, 1));
    assert!(bench.misses().is_empty());
    bench.fill(&ask("www.example.com"), &[("www.example.com", 300, Data::A(1))]);
    assert_eq!(bench.ask(&ask("www.example.com").no_rd()).answer().data(), ["203.0.113.1"]);
    assert_eq!(bench.ask(&ask("denied.example.com").no_rd()).answer().rcode, 3);
}

#[test]
fn ttl_zero_reaches_everybody_who_waits_and_is_not_kept() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1));
    bench.ask(&ask("www.example.com").id(2).staff());
    bench.at = 1;
    bench.ask(&ask("www.example.com").id(3));
    let answers = bench.resolve(&[("www.example.com", 0, Data::A(1))]);
    assert_eq!(
        answers.iter().map(|answer| (answer.id, answer.ttl_s())).collect::<Vec<_>>(),
        [(1, Some(0)), (2, Some(0)), (3, Some(0))]
    );
    assert_eq!(bench.ask(&ask("www.example.com")), Got::Waiting);
    assert_eq!(bench.workers[0].answerer.fill().0, 0);
}

#[test]
fn an_answer_that_may_not_be_kept_still_replaces_an_older_one() {
    let mut bench = Bench::new();
    bench.fill(&ask("www.example.com"), &[("www.example.com", 10, Data::A(1))]);
    bench.pass_s(20);
    bench.fill(&ask("www.example.com"), &[("www.example.com", 0, Data::A(2))]);
    bench.ask(&ask("www.example.com"));
    let answers = bench.fail(23);
    assert_eq!(answers[0].rcode, 2, "the old address is known to be wrong");
}

#[test]
fn nobody_waits_longer_than_four_seconds() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1).edns());
    bench.ask(&ask("www.example.com").id(2).staff());
    assert!(bench.pass_ms(GIVE_UP_AFTER_MS - 1).is_empty());
    let answers = bench.pass_ms(1);
    assert_eq!(
        answers.iter().map(|answer| (answer.id, answer.rcode, answer.ede_code())).collect::<Vec<_>>(),
        [(1, 2, Some(22)), (2, 2, None)]
    );
    assert_eq!((bench.count(Counter::Expired), bench.count(Counter::Failures)), (2, 2));
}

#[test]
fn a_late_answer_is_for_those_who_come_later() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com"));
    let miss = bench.miss();
    bench.pass_ms(GIVE_UP_AFTER_MS);
    bench.ask(&ask("www.example.com").id(2));
    assert!(bench.misses().is_empty(), "the resolver still works on it");
    let octets = reply(&miss.query, 0, &[("www.example.com", 300, Data::A(1))], &[]);
    let answers = bench.complete(&miss, Ok(&octets));
    assert_eq!(answers.iter().map(|answer| answer.id).collect::<Vec<_>>(), [2]);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 0);
}

#[test]
fn a_failure_is_kept_for_a_second_and_then_asked_again() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1).edns());
    let answers = bench.fail(23);
    assert_eq!((answers[0].rcode, answers[0].ede_code()), (2, Some(23)));
    bench.pass_ms(999);
    let again = bench.ask(&ask("www.example.com").id(2).edns()).answer();
    assert_eq!((again.rcode, again.ede_code()), (2, Some(23)));
    bench.pass_ms(1);
    assert_eq!(bench.ask(&ask("www.example.com").id(3)), Got::Waiting);
    assert_eq!(bench.count(Counter::Failures), 2);
}

#[test]
fn a_failure_concerns_only_workers_whose_clients_wait() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com"));
    bench.fail(22);
    bench.at = 1;
    assert_eq!(bench.ask(&ask("www.example.com")), Got::Waiting);
}

#[test]
fn a_policy_that_changed_meanwhile_is_the_one_that_counts() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1));
    bench.ask(&ask("www.example.com").id(2).staff());
    bench.description["names"] = json!([rule("www.example.com", &["pupil"], 6, "deny")]);
    bench.install();
    let answers = bench.resolve(&[("www.example.com", 300, Data::A(1))]);
    assert_eq!(answers.iter().map(|answer| (answer.id, answer.rcode)).collect::<Vec<_>>(), [(1, 3), (2, 0)]);
}

#[test]
fn a_client_that_is_outside_meanwhile_is_refused_and_counted() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1));
    bench.description["allowed_clients"] = json!(["198.51.100.0/24"]);
    bench.install();
    let answers = bench.resolve(&[("www.example.com", 300, Data::A(1))]);
    assert_eq!((answers[0].rcode, bench.count(Counter::Outside)), (5, 1));
}

#[test]
fn a_client_whose_question_is_rewritten_meanwhile_waits_for_the_rewrite() {
    let mut bench = Bench::new();
    bench.description["policies"][1]["rewrites"] = json!([]);
    bench.install();
    bench.ask(&ask("search.example.org").id(1));
    bench.ask(&ask("search.example.org").id(2).staff());
    let plain = bench.miss();
    bench.description = description();
    bench.install();
    let octets = reply(&plain.query, 0, &[("search.example.org", 300, Data::A(1))], &[]);
    let answers = bench.complete(&plain, Ok(&octets));
    assert_eq!(answers.iter().map(|answer| answer.id).collect::<Vec<_>>(), [2], "staff is not rewritten");
    let answers = bench.resolve(&[("safe.example.net", 300, Data::A(2))]);
    assert_eq!((answers[0].id, answers[0].data()), (1, vec!["safe.example.net", "203.0.113.2"]));
}

#[test]
fn an_expired_rewrite_is_not_taken_for_fresh_because_another_answer_came() {
    let mut bench = Bench::new();
    bench.fill(&ask("search.example.org"), &[("safe.example.net", 10, Data::A(2))]);
    bench.pass_s(11);
    bench.description["policies"][1]["rewrites"] = json!([]);
    bench.install();
    bench.ask(&ask("search.example.org").id(1));
    let plain = bench.miss();
    bench.description = description();
    bench.install();
    let octets = reply(&plain.query, 0, &[("search.example.org", 300, Data::A(1))], &[]);
    assert!(bench.complete(&plain, Ok(&octets)).is_empty(), "the rewrite has to be fetched again");
    assert_eq!(bench.resolve(&[("safe.example.net", 10, Data::A(3))])[0].data(), ["safe.example.net", "203.0.113.3"]);
}

#[test]
fn a_flood_of_random_names_is_bounded_counted_and_over_after_four_seconds() {
    let mut bench = Bench::new();
    let mut waiting = 0;
    for number in 0..3 * MISS_RING as u32 {
        let from = format!("192.0.2.{}:{}", 1 + number % 250, 1024 + number / 250);
        match bench.ask(&ask(&format!("{number}.com")).from(&from).edns()) {
            Got::Waiting => waiting += 1,
            got => assert_eq!(got.answer().rcode, 2),
        }
    }
    // The last places are for clients that hold none.
    assert!(waiting <= MAX_QUESTIONS && waiting > MAX_QUESTIONS * 9 / 10, "{waiting}");
    assert_eq!(bench.count(Counter::PendingFull), (3 * MISS_RING - waiting) as u64);
    assert_eq!(bench.ask(&ask("denied.example.com")).answer().rcode, 3, "what is decided here is answered");
    assert_eq!(bench.pass_ms(GIVE_UP_AFTER_MS).len(), waiting);
    assert!(bench.misses().is_empty(), "no client waits for them any more");
    assert_eq!(bench.count(Counter::MissesTooLate), waiting as u64);
    assert_eq!(bench.ask(&ask("www.example.com")), Got::Waiting);
}

#[test]
fn one_client_leaves_room_for_the_others() {
    let mut bench = Bench::new();
    for number in 0..2 * MAX_QUESTIONS as u32 {
        bench.ask(&ask(&format!("{number}.com")).id(number as u16));
    }
    assert_eq!(bench.count(Counter::CacheMisses), MAX_QUESTIONS as u64 / 5);
    assert_eq!(bench.ask(&ask("www.example.com").from("192.0.2.77")), Got::Waiting);
}

#[test]
fn a_full_ring_turns_questions_away_and_forgets_them() {
    let mut bench = Bench::new();
    for number in 0..MISS_RING as u32 {
        let from = format!("192.0.2.{}:4000", 1 + number % 250);
        if number == MISS_RING as u32 / 2 {
            bench.pass_ms(GIVE_UP_AFTER_MS);
        }
        assert_eq!(bench.ask(&ask(&format!("{number}.com")).from(&from)), Got::Waiting);
    }
    bench.pass_ms(GIVE_UP_AFTER_MS);
    // The ring was not emptied: the pending table has room again, the ring has not.
    let turned_away = bench.ask(&ask("www.example.com").edns()).answer();
    assert_eq!((turned_away.rcode, bench.count(Counter::PendingFull)), (2, 1));
    assert_eq!(bench.workers[0].answerer.fill().2, 0, "it is not under way");
    bench.misses();
    assert_eq!(bench.ask(&ask("www.example.com")), Got::Waiting);
}

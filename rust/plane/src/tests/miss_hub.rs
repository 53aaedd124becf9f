//! The miss hub: hostile replies, lost questions, bounds, fairness.

use super::bench::{Bench, Got, description, settings};
use super::wire::{Data, ask, reply};
use crate::counters::Counter;
use crate::miss_hub::{ANSWER_RING, LOST_AFTER_MS, MAX_UNDER_WAY};
use crate::pending::GIVE_UP_AFTER_MS;
use crate::validation::AdTrust;

/// What the client gets for a reply, and whether it was counted as unusable.
fn client_gets(make: impl FnOnce(&[u8]) -> Vec<u8>) -> (u16, Option<u16>, u64) {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").edns());
    let miss = bench.miss();
    let octets = make(&miss.query);
    let answers = bench.complete(&miss, Ok(&octets));
    let [answer] = answers.as_slice() else { panic!("one answer: {answers:?}") };
    (answer.rcode, answer.ede_code(), bench.count(Counter::UnusableReplies))
}

#[test]
fn replies_that_cannot_be_believed_are_failures() {
    let good = |query: &[u8]| reply(query, 0, &[("www.example.com", 300, Data::A(1))], &[]);
    let invalid = (2, Some(24), 1);
    assert_eq!(client_gets(good), (0, None, 0));
    assert_eq!(client_gets(|_| Vec::new()), invalid, "nothing");
    assert_eq!(client_gets(|_| vec![0xff; 600]), invalid, "garbage");
    assert_eq!(client_gets(|query| query.to_vec()), invalid, "our own query");
    assert_eq!(client_gets(|query| good(query)[..40].to_vec()), invalid, "cut off");
    let other = |query: &[u8]| {
        let mut octets = good(query);
        octets[13] ^= 1;
        octets
    };
    assert_eq!(client_gets(other), invalid, "another question");
    let looping = [
        ("www.example.com", 300, Data::Cname("a.example.com".into())),
        ("a.example.com", 300, Data::Cname("www.example.com".into())),
    ];
    assert_eq!(client_gets(|query| reply(query, 0, &looping, &[])), invalid, "a loop");
    assert_eq!(client_gets(|query| reply(query, 2, &[], &[])), (2, Some(22), 1), "SERVFAIL");
    assert_eq!(client_gets(|query| reply(query, 5, &[], &[])), (2, Some(22), 1), "REFUSED");
}

#[test]
fn an_answer_made_of_names_to_look_up_is_not_used() {
    let targets: Vec<String> = (0..300).map(|number| format!("{number}.example.net")).collect();
    let lines: Vec<_> = targets.iter().map(|target| ("www.example.com", 300, Data::Https(target.clone()))).collect();
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").of(65).stream());
    let miss = bench.miss();
    let octets = reply(&miss.query, 0, &lines, &[]);
    assert_eq!(bench.complete(&miss, Ok(&octets))[0].rcode, 2);
    bench.pass_s(2);
    bench.ask(&ask("www.example.com").of(65).stream());
    let miss = bench.miss();
    let octets = reply(&miss.query, 0, &lines[..200], &[]);
    assert_eq!(bench.complete(&miss, Ok(&octets))[0].answer.len(), 200);
}

#[test]
fn records_that_were_not_asked_for_are_not_taken() {
    let mut bench = Bench::new();
    let poison = [("www.example.com", 300, Data::A(1)), ("bank.example.net", 300, Data::A(66))];
    assert_eq!(bench.fill(&ask("www.example.com"), &poison).data(), ["203.0.113.1"]);
    assert_eq!(bench.ask(&ask("bank.example.net")), Got::Waiting);
}

#[test]
fn an_outcome_for_an_unknown_token_changes_nothing() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com"));
    let miss = bench.miss();
    let octets = reply(&miss.query, 0, &[("www.example.com", 300, Data::A(1))], &[]);
    bench.hub.complete(miss.token + 1, Ok(&octets), AdTrust::NotAsked, bench.now);
    assert!(bench.deliver().is_empty());
    assert_eq!(bench.complete(&miss, Ok(&octets)).len(), 1);
    assert!(bench.complete(&miss, Ok(&octets)).is_empty(), "nor does the same one twice");
    assert_eq!(bench.count(Counter::UnknownTokens), 2);
}

#[test]
fn a_question_that_the_resolver_loses_is_asked_again() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1));
    let lost = bench.miss();
    bench.pass_ms(GIVE_UP_AFTER_MS);
    bench.ask(&ask("www.example.com").id(2));
    assert!(bench.misses().is_empty(), "it may still come");
    bench.pass_ms(LOST_AFTER_MS - GIVE_UP_AFTER_MS);
    bench.ask(&ask("www.example.com").id(3));
    let again = bench.miss();
    assert_ne!(again.token, lost.token);
    assert_eq!((bench.hub.under_way(), bench.count(Counter::LostQuestions)), (1, 1));
    let octets = reply(&again.query, 0, &[("www.example.com", 300, Data::A(1))], &[]);
    assert!(bench.complete(&lost, Ok(&octets)).is_empty());
    assert_eq!(bench.complete(&again, Ok(&octets))[0].id, 3);
}

#[test]
fn a_resolver_that_completes_nothing_fills_a_bounded_table_and_it_empties() {
    let mut bench = Bench::with_settings(description(), settings(), 4);
    let mut failed = 0;
    for number in 0..72_000u32 {
        // Few enough for each that no client's share of a worker's places is used up.
        bench.at = number as usize % 4;
        let from = format!("192.0.2.{}:4000", 1 + number % 250);
        assert_eq!(bench.ask(&ask(&format!("{number}.com")).from(&from)), Got::Waiting);
        if number % 24_000 == 23_999 {
            bench.misses();
            failed += bench.deliver().len();
            // Long enough that the workers give up, not so long that the miss hub does.
            bench.pass_ms(GIVE_UP_AFTER_MS);
        }
    }
    assert_eq!((bench.hub.under_way(), failed), (MAX_UNDER_WAY, 72_000 - MAX_UNDER_WAY));
    assert_eq!(bench.count(Counter::MissHubFull), failed as u64);
    bench.pass_ms(LOST_AFTER_MS);
    bench.misses();
    assert_eq!((bench.hub.under_way(), bench.count(Counter::LostQuestions)), (0, MAX_UNDER_WAY as u64));
}

#[test]
fn no_worker_is_held_up_by_a_flood_at_another() {
    let mut bench = Bench::new();
    for number in 0..1000u32 {
        bench.ask(&ask(&format!("{number}.example.com")).id(number as u16));
    }
    bench.at = 1;
    bench.ask(&ask("www.example.org").staff());
    let first = bench.hub.take_misses(10, bench.now);
    assert_eq!(first.len(), 10);
    assert!(first.iter().any(|miss| miss.name() == "www.example.org"));
    assert!(bench.hub.has_misses());
    assert_eq!(bench.misses().len(), 991);
    assert!(!bench.hub.has_misses());
}

#[test]
fn equal_questions_of_several_workers_are_asked_once() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1));
    bench.at = 1;
    bench.ask(&ask("www.example.com").id(2));
    let miss = bench.miss();
    bench.at = 0;
    bench.ask(&ask("www.example.com").id(3));
    assert!(bench.misses().is_empty());
    assert_eq!(bench.complete(&miss, Err(22)).len(), 3);
}

#[test]
fn a_worker_that_takes_nothing_loses_answers_and_says_so() {
    let mut bench = Bench::new();
    let resolve = |bench: &mut Bench| {
        let miss = bench.miss();
        let octets = reply(&miss.query, 0, &[("www.example.com", 0, Data::A(1))], &[]);
        bench.hub.complete(miss.token, Ok(&octets), AdTrust::NotAsked, bench.now);
    };
    for _ in 0..ANSWER_RING {
        bench.ask(&ask("www.example.com"));
        resolve(&mut bench);
        assert_eq!(bench.deliver_to(0).len(), 1);
    }
    assert_eq!(bench.count(Counter::AnswersLost), 0);
    bench.at = 1;
    bench.ask(&ask("www.example.com"));
    resolve(&mut bench);
    assert_eq!(bench.count(Counter::AnswersLost), 1);
    assert_eq!(bench.pass_ms(GIVE_UP_AFTER_MS)[0].rcode, 2, "its client waits as long as for a stalled resolver");
}

/// The next question at the resolver is answered by an alias and no more; what clients hear of it.
fn answer_by_alias(bench: &mut Bench, asked: &str, target: &str) -> Vec<super::wire::Answer> {
    let miss = bench.miss();
    assert_eq!(miss.name(), asked);
    let octets = reply(&miss.query, 0, &[(asked, 300, Data::Cname(target.into()))], &[]);
    bench.complete(&miss, Ok(&octets))
}

#[test]
fn a_bare_alias_leads_to_its_target_and_all_that_is_revealed_is_judged() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1));
    assert!(answer_by_alias(&mut bench, "www.example.com", "denied.example.com").is_empty());
    bench.ask(&ask("www.example.com").id(2).staff());
    assert!(answer_by_alias(&mut bench, "denied.example.com", "end.example.net").is_empty());
    let heard = bench.resolve(&[("end.example.net", 60, Data::A(1))]);
    assert_eq!(heard.iter().map(|answer| (answer.id, answer.rcode)).collect::<Vec<_>>(), [(1, 3), (2, 0)]);
    assert_eq!(heard[1].data(), ["denied.example.com", "end.example.net", "203.0.113.1"]);
}

#[test]
fn the_chain_of_a_rewrite_is_completed_too() {
    let mut bench = Bench::new();
    bench.ask(&ask("search.example.org"));
    answer_by_alias(&mut bench, "safe.example.net", "end.example.net");
    let heard = bench.resolve(&[("end.example.net", 60, Data::A(1))]);
    assert_eq!(heard[0].data(), ["safe.example.net", "end.example.net", "203.0.113.1"]);
}

#[test]
fn a_chain_of_replies_has_as_many_links_as_one_reply_may_have_and_does_not_come_back() {
    let mut bench = Bench::new();
    bench.ask(&ask("0.example.com").edns());
    for at in 0..16 {
        assert!(
            answer_by_alias(&mut bench, &format!("{at}.example.com"), &format!("{}.example.com", at + 1)).is_empty()
        );
    }
    let heard = answer_by_alias(&mut bench, "16.example.com", "17.example.com");
    assert_eq!((heard[0].rcode, heard[0].ede_code()), (2, Some(24)));
    bench.ask(&ask("a.example.com").edns());
    assert!(answer_by_alias(&mut bench, "a.example.com", "b.example.com").is_empty());
    let heard = answer_by_alias(&mut bench, "b.example.com", "a.example.com");
    assert_eq!((heard[0].rcode, heard[0].ede_code(), bench.hub.under_way()), (2, Some(24), 0));
}

#[test]
fn a_chain_that_takes_longer_than_a_client_waits_is_given_up() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com"));
    let miss = bench.miss();
    bench.pass_ms(GIVE_UP_AFTER_MS);
    let octets = reply(&miss.query, 0, &[("www.example.com", 300, Data::Cname("a.example.com".into()))], &[]);
    bench.complete(&miss, Ok(&octets));
    assert_eq!((bench.hub.under_way(), bench.misses().len()), (0, 0));
}

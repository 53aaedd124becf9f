//! One query's way through the plane. Whatever the door, this is the one path.
//!
//! 1. *peek*: is it a query at all? Before anything is believed of it.
//! 2. *select*: whose network is it from? Before any work is done for a stranger.
//! 3. *rate*: has this client asked too much? Before a list is searched for it.
//! 4. *decide*: may this name be answered under this policy? Before cache and local data, so that nothing known is said by
//!    mistake.
//! 5. *local*: zones and special names that are never forwarded, after the decision, so that a policy may deny them too.
//! 6. *cache*: the stored answer, masked by the tags of what it reveals.
//! 7. *wait*: join the question under way, or send for it.
//!
//! Nothing on the way to a denied, local or cached answer allocates, locks, reads a clock or enters Python.

use crate::cache::{Body, Held, PacketCache, Question, QuestionRef, Stored};
use crate::clock::Now;
use crate::counters::{Counter, Counters};
use crate::pending::{Asker, Joined, Pending, Waiter};
use crate::rate_limit::{Over, Rate, RateLimiter};
use crate::regime::{Regime, compose_local};
use crate::settings::Settings;
use schoolgate_policy::{
    Action, Effect, FixedAnswer, Layer, Selected, Selection, SuffixHashes, Tag, Verdict, ZoneKind,
};
use schoolgate_wire::{
    CookieSecrets, Ede, EdeCode, EdnsReply, Name, PolicyAnswer, Query, Rcode, TtlRule, peek, policy_answer,
    rcode_answer, refusal_reply, rtype, truncated,
};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// TTL of a stale answer (RFC 8767 section 4).
const STALE_TTL_S: u32 = 30;
/// After a failed refresh a stale answer is served this long without asking again.
const RECHECK_MS: u64 = 5_000;
/// TTL of the negative answers of local zones and special names.
const LOCAL_NEGATIVE_TTL_S: u32 = 60;
/// TTL of the minimal answer to ANY (RFC 8482).
const ANY_TTL_S: u32 = 3600;
/// What a stranger may hear: enough to see REFUSED with dig, too little to be worth forging an address for.
const STRANGER_RATE: Rate = Rate { qps: 5, burst: 10 };
/// Where the flags of a message start.
const FLAGS_AT: usize = 2;

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer of so many octets stands in the buffer.
    Answer(usize),
    /// Nothing is said.
    Silence,
    /// The client waits; the answer comes by [`Answerer::complete`].
    Waiting,
}

/// What the answer may be made from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Supply {
    /// The cache; a miss is sent for.
    Cache,
    /// The cache, in which an answer has just been put for those who waited, whatever its TTL.
    Fresh,
    /// Nothing better will come: stale, else SERVFAIL with this code.
    GiveUp(EdeCode),
}

/// One query under way: what is known of it beside [`Query`].
struct Turn<'a> {
    regime: &'a Regime,
    packet: &'a [u8],
    asker: &'a Asker,
    now: Now,
    selected: Selected,
    reply: EdnsReply<'static>,
}

impl Turn<'_> {
    fn policy(&self) -> u16 {
        self.selected.policy
    }

    /// Seconds to the next boundary of the segment's schedule.
    fn boundary_s(&self) -> u32 {
        let ends_ms = self.selected.segment.and_then(|at| self.regime.ends_ms.get(usize::from(at)).copied().flatten());
        ends_ms.map_or(u32::MAX, |ends_ms| {
            (ends_ms.saturating_sub(self.now.mono_ms) / 1000).min(u64::from(u32::MAX)) as u32
        })
    }
}

/// Where late answers go.
pub trait Outlet {
    /// Hands over the answer to a client that waited.
    fn send(&mut self, asker: &Asker, answer: &[u8]);
}

/// Answers queries: one for each worker, one for the stream doors.
pub struct Answerer {
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    cookies: Arc<CookieSecrets>,
    cache: PacketCache,
    pending: Pending,
    limiter: RateLimiter,
    query: Query,
    hashes: SuffixHashes,
    misses: rtrb::Producer<Arc<Question>>,
    /// Set when a miss was sent for since the last look.
    has_sent: bool,
}

impl Answerer {
    /// An answerer with an empty cache.
    pub fn new(
        settings: Arc<Settings>,
        counters: Arc<Counters>,
        cookies: Arc<CookieSecrets>,
        misses: rtrb::Producer<Arc<Question>>,
    ) -> Self {
        Self {
            cache: PacketCache::new(settings.cache_octets),
            settings,
            counters,
            cookies,
            pending: Pending::default(),
            limiter: RateLimiter::default(),
            query: Query::default(),
            hashes: SuffixHashes::default(),
            misses,
            has_sent: false,
        }
    }

    /// Answers one packet.
    #[inline]
    pub fn answer(&mut self, regime: &Regime, packet: &[u8], asker: &Asker, now: Now, out: &mut [u8]) -> Outcome {
        self.counters.count(Counter::Queries);
        if let Err(refusal) = peek(packet, &mut self.query) {
            return self.refuse(packet, &refusal, out);
        }
        let (client, local) = endpoints(asker);
        let selected = match regime.rulebook.select(client.ip(), local) {
            Selection::Served(selected) => selected,
            Selection::Outside => return self.answer_stranger(packet, asker, now, out),
        };
        let turn = Turn { regime, packet, asker, now, selected, reply: self.frame(asker, now) };
        if let Some(limited) = self.limit(&turn, client, out) {
            return limited;
        }
        let outcome = self.resolve(&turn, Supply::Cache, out);
        if let Outcome::Answer(length) = outcome {
            self.counters.count(Counter::Answers);
            let is_truncated = length > FLAGS_AT && out.get(FLAGS_AT).is_some_and(|flags| flags & 0x02 != 0);
            if is_truncated {
                self.counters.count(Counter::Truncated);
            }
        }
        outcome
    }

    /// Takes in what a question led to and answers those who waited for it.
    pub fn complete(&mut self, regime: &Regime, stored: &Arc<Stored>, now: Now, outlet: &mut impl Outlet) {
        let waiters = self.pending.take(&stored.question);
        match &stored.body {
            Body::Image(_) => {
                if stored.fresh_for_ms > 0 {
                    self.cache.insert(Held::new(stored.clone()));
                }
                self.cache.pass(Held::new(stored.clone()));
                self.answer_waiters(regime, waiters, Supply::Fresh, now, outlet);
                self.cache.end_pass();
            }
            Body::Failure(code) => {
                self.remember_failure(stored, now);
                self.answer_waiters(regime, waiters, Supply::GiveUp(*code), now, outlet);
            }
        }
    }

    /// Serves stale answers and gives up questions that are due. Called about each tick.
    pub fn expire(&mut self, regime: &Regime, now: Now, outlet: &mut impl Outlet) {
        while let Some((_, waiters)) = self.pending.next_stale(now.mono_ms) {
            self.answer_waiters(regime, waiters, Supply::GiveUp(EdeCode::NO_REACHABLE_AUTHORITY), now, outlet);
        }
        while let Some((_, waiters)) = self.pending.next_expired(now.mono_ms) {
            self.counters.add(Counter::Expired, waiters.len() as u64);
            self.answer_waiters(regime, waiters, Supply::GiveUp(EdeCode::NO_REACHABLE_AUTHORITY), now, outlet);
        }
    }

    /// When [`Answerer::expire`] has work next, on the monotonic clock.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.pending.next_due_ms()
    }

    /// Whether a miss was sent for since the last call; the resolver must be woken then.
    pub fn take_has_sent(&mut self) -> bool {
        std::mem::take(&mut self.has_sent)
    }

    /// Answers held, octets held, questions under way.
    pub fn fill(&self) -> (usize, u64, usize) {
        (self.cache.len(), self.cache.octets(), self.pending.len())
    }

    /// After a panic: what may be half-changed is thrown away. Those who wait ask again.
    pub fn recover(&mut self) {
        self.counters.count(Counter::Panics);
        self.cache.clear();
        self.pending = Pending::default();
        self.query = Query::default();
    }

    fn answer_waiters(
        &mut self,
        regime: &Regime,
        waiters: Vec<Waiter>,
        supply: Supply,
        now: Now,
        outlet: &mut impl Outlet,
    ) {
        let mut out = vec![0; if waiters.is_empty() { 0 } else { schoolgate_wire::MAX_MESSAGE_OCTETS }];
        for waiter in waiters {
            let (client, local) = endpoints(&waiter.asker);
            // The policy may have changed while the client waited: select and decide again.
            let Selection::Served(selected) = regime.rulebook.select(client.ip(), local) else { continue };
            if peek(&waiter.packet, &mut self.query).is_err() {
                continue;
            }
            let reply = self.frame(&waiter.asker, now);
            let turn = Turn { regime, packet: &waiter.packet, asker: &waiter.asker, now, selected, reply };
            if let Outcome::Answer(length) = self.resolve(&turn, supply, &mut out) {
                self.counters.count(Counter::Answers);
                outlet.send(&waiter.asker, out.get(..length).unwrap_or_default());
            }
        }
    }

    /// A failure must not push out an answer that can still be served stale.
    fn remember_failure(&mut self, failure: &Arc<Stored>, now: Now) {
        let question = failure.question.borrow();
        let stale_for_ms = self.settings.stale_for_ms();
        match self.cache.get(question) {
            Some(held) if held.is_usable_stale(now.mono_ms, stale_for_ms) => {
                self.cache.update(question, |held| held.recheck_ms = now.mono_ms + RECHECK_MS);
            }
            _ => self.cache.insert(Held::new(failure.clone())),
        }
    }

    fn refuse(&mut self, packet: &[u8], refusal: &schoolgate_wire::Refusal, out: &mut [u8]) -> Outcome {
        match refusal_reply(out, packet, &self.query, refusal) {
            0 => {
                self.counters.count(Counter::Silent);
                Outcome::Silence
            }
            length => {
                self.counters.count(Counter::Refusals);
                Outcome::Answer(length)
            }
        }
    }

    /// A client outside every allowed network: REFUSED, and not often.
    #[cold]
    fn answer_stranger(&mut self, packet: &[u8], asker: &Asker, now: Now, out: &mut [u8]) -> Outcome {
        self.counters.count(Counter::Outside);
        let client = endpoints(asker).0;
        if self.limiter.take(client.ip(), STRANGER_RATE, now.mono_ms) != Over::Within {
            self.counters.count(Counter::RateDropped);
            return Outcome::Silence;
        }
        let reply = self.frame(asker, now).with_ede(Ede::new(EdeCode::PROHIBITED));
        Outcome::Answer(rcode_answer(out, packet, &self.query, Rcode::REFUSED, &reply))
    }

    #[inline]
    fn limit(&mut self, turn: &Turn<'_>, client: SocketAddr, out: &mut [u8]) -> Option<Outcome> {
        let segment = turn.regime.rulebook.table().segments().get(usize::from(turn.selected.segment?))?;
        if segment.qps == 0 {
            return None;
        }
        let rate = Rate { qps: segment.qps, burst: segment.burst };
        match self.limiter.take(client.ip(), rate, turn.now.mono_ms) {
            Over::Within => None,
            Over::Truncate if matches!(turn.asker, Asker::Datagram(..)) => {
                self.counters.count(Counter::RateTruncated);
                Some(Outcome::Answer(truncated(out, turn.packet, &self.query, &turn.reply)))
            }
            Over::Truncate | Over::Drop => {
                self.counters.count(Counter::RateDropped);
                Some(Outcome::Silence)
            }
        }
    }

    /// How the answer is framed: its size, its cookie.
    #[inline]
    fn frame(&self, asker: &Asker, now: Now) -> EdnsReply<'static> {
        let reply = match asker {
            Asker::Datagram(..) => EdnsReply::datagram(&self.query),
            Asker::Stream(..) => EdnsReply::stream(),
        };
        let Some(edns) = self.query.edns else { return reply };
        let client = endpoints(asker).0.ip();
        reply.with_cookie(self.cookies.reply_cookie(&edns.cookie, client, now.unix_s as u32))
    }

    /// Steps 4 to 7.
    #[inline]
    fn resolve(&mut self, turn: &Turn<'_>, supply: Supply, out: &mut [u8]) -> Outcome {
        let verdict = turn.regime.rulebook.decide(turn.policy(), &self.query.name, &mut self.hashes);
        if verdict.effect == Effect::Deny {
            self.counters.count(Counter::Denied);
            return Outcome::Answer(self.deny(turn, verdict, out));
        }
        if let Some(length) = self.answer_locally(turn, verdict, out) {
            self.counters.count(Counter::Local);
            return Outcome::Answer(length);
        }
        let rewrite = verdict.rewrite.and_then(|at| turn.regime.rewrites.get(usize::from(at)));
        match self.from_cache(turn, verdict, rewrite, supply, out) {
            Some(length) => Outcome::Answer(length),
            None => self.wait(turn, rewrite, supply, out),
        }
    }

    /// The policy's answer to a denied question.
    fn deny(&self, turn: &Turn<'_>, verdict: Verdict, out: &mut [u8]) -> usize {
        let rulebook = &turn.regime.rulebook;
        let Some(policy) = rulebook.policy(turn.policy()) else {
            return rcode_answer(out, turn.packet, &self.query, Rcode::REFUSED, &turn.reply);
        };
        let ede = match verdict.layer {
            // Nothing of a sealed list may show, not even which one it was.
            Layer::Sealed => Ede::new(EdeCode::CENSORED),
            layer => {
                let text = rulebook.category(verdict.origin).unwrap_or(layer.as_str());
                Ede { code: EdeCode::BLOCKED, text }
            }
        };
        let reply = EdnsReply { ede: Some(ede), ..turn.reply };
        let ttl_s = policy.block_ttl_s.min(turn.boundary_s());
        let answer = match (policy.action, self.query.qtype) {
            (Action::Refused, _) => return rcode_answer(out, turn.packet, &self.query, Rcode::REFUSED, &reply),
            (Action::Nxdomain, _) => PolicyAnswer::nxdomain(ttl_s),
            (Action::Null, rtype::A) => PolicyAnswer::v4(&[Ipv4Addr::UNSPECIFIED], ttl_s),
            (Action::Null, rtype::AAAA) => PolicyAnswer::v6(&[Ipv6Addr::UNSPECIFIED], ttl_s),
            (Action::BlockPage, rtype::A) if !policy.block_v4.is_empty() => PolicyAnswer::v4(&policy.block_v4, ttl_s),
            (Action::BlockPage, rtype::AAAA) if !policy.block_v6.is_empty() => {
                PolicyAnswer::v6(&policy.block_v6, ttl_s)
            }
            (Action::Nodata | Action::Null | Action::BlockPage, _) => PolicyAnswer::nodata(ttl_s),
        };
        policy_answer(out, turn.packet, &self.query, &answer, &reply)
    }

    /// Local zones, special names and what is never asked of a forwarder.
    #[inline]
    fn answer_locally(&mut self, turn: &Turn<'_>, verdict: Verdict, out: &mut [u8]) -> Option<usize> {
        let answer = match FixedAnswer::of(&turn.regime.rulebook, &self.query.name, self.query.qtype, verdict)? {
            FixedAnswer::Zone(zone) => return self.answer_from_zone(turn, zone, out),
            FixedAnswer::Any => PolicyAnswer::any(ANY_TTL_S),
            FixedAnswer::SingleLabel if self.query.name.is_root() => PolicyAnswer::nodata(LOCAL_NEGATIVE_TTL_S),
            FixedAnswer::SingleLabel => PolicyAnswer::nxdomain(LOCAL_NEGATIVE_TTL_S),
        };
        Some(policy_answer(out, turn.packet, &self.query, &answer, &turn.reply))
    }

    fn answer_from_zone(&mut self, turn: &Turn<'_>, at: u16, out: &mut [u8]) -> Option<usize> {
        let regime = turn.regime;
        let cap_s = turn.boundary_s();
        let rule = TtlRule::Aged { elapsed_s: 0, floor_s: 0, cap_s };
        let (name, qtype) = (&self.query.name, self.query.qtype);
        if let Some(image) = regime.prepared(at, name, qtype) {
            return Some(image.write(out, turn.packet, &self.query, rule, &turn.reply));
        }
        let zone = regime.rulebook.table().zones().get(usize::from(at))?;
        let records = zone.records(name);
        if let Some(image) = records.and_then(|_| compose_local(zone, name, qtype)) {
            return Some(image.write(out, turn.packet, &self.query, rule, &turn.reply));
        }
        let ttl_s = LOCAL_NEGATIVE_TTL_S.min(cap_s);
        let exists = records.is_some() || zone.kind == ZoneKind::Nodata;
        let answer = if exists { PolicyAnswer::nodata(ttl_s) } else { PolicyAnswer::nxdomain(ttl_s) };
        Some(policy_answer(out, turn.packet, &self.query, &answer, &turn.reply))
    }

    /// The stored answer, if it may be given: within its TTL, or stale where nothing better is to be had. What it reveals is
    /// judged for this policy before a word of it is said.
    #[inline]
    fn from_cache(
        &mut self,
        turn: &Turn<'_>,
        verdict: Verdict,
        rewrite: Option<&Arc<Name>>,
        supply: Supply,
        out: &mut [u8],
    ) -> Option<usize> {
        let now_ms = turn.now.mono_ms;
        let question = question_of(&self.query, rewrite);
        let mut held = self.cache.get(question)?;
        let is_fresh = held.is_fresh(now_ms) || supply == Supply::Fresh;
        let may_be_stale = matches!(supply, Supply::GiveUp(_)) || now_ms < held.recheck_ms;
        if !is_fresh && !(may_be_stale && held.is_usable_stale(now_ms, self.settings.stale_for_ms())) {
            return None;
        }
        if !held.stored.names.is_empty() {
            if held.generation != turn.regime.generation {
                retag(&mut self.cache, &mut self.hashes, turn.regime, question);
                held = self.cache.get(question)?;
            }
            if let Some(objection) = objection(turn, verdict, &held.tags) {
                self.counters.count(Counter::DeniedRevealed);
                return Some(self.deny(turn, objection, out));
            }
        }
        match &held.stored.body {
            Body::Image(image) => {
                self.counters.count(if is_fresh { Counter::CacheHits } else { Counter::Stale });
                let timing = timing(turn, held, image.rcode(), is_fresh, rewrite.is_some(), self.settings.max_ttl_s);
                let reply = EdnsReply { ede: timing.1, ..turn.reply };
                Some(image.write(out, turn.packet, &self.query, timing.0, &reply))
            }
            Body::Failure(code) => Some(self.fail(turn, *code, Counter::Failures, out)),
        }
    }

    /// Nothing at hand: wait for the question, or say that there is nothing to wait for.
    #[cold]
    fn wait(&mut self, turn: &Turn<'_>, rewrite: Option<&Arc<Name>>, supply: Supply, out: &mut [u8]) -> Outcome {
        if let Supply::GiveUp(code) = supply {
            return Outcome::Answer(self.fail(turn, code, Counter::Failures, out));
        }
        if !self.query.recursion_desired {
            self.counters.count(Counter::NoRecursion);
            return Outcome::Answer(rcode_answer(out, turn.packet, &self.query, Rcode::REFUSED, &turn.reply));
        }
        self.counters.count(Counter::CacheMisses);
        let question = question_of(&self.query, rewrite);
        let stale_for_ms = self.settings.stale_for_ms();
        let has_stale =
            self.cache.get(question).is_some_and(|held| held.is_usable_stale(turn.now.mono_ms, stale_for_ms));
        let waiter = Waiter { asker: *turn.asker, packet: turn.packet.into() };
        match self.pending.join(question, waiter, has_stale, turn.now.mono_ms) {
            (Joined::First, Some(sent)) => {
                if self.misses.push(sent.clone()).is_err() {
                    self.pending.take(&sent);
                    return Outcome::Answer(self.fail(turn, EdeCode::OTHER, Counter::PendingFull, out));
                }
                self.has_sent = true;
                Outcome::Waiting
            }
            (Joined::Full, _) => Outcome::Answer(self.fail(turn, EdeCode::OTHER, Counter::PendingFull, out)),
            _ => {
                self.counters.count(Counter::Joined);
                Outcome::Waiting
            }
        }
    }

    fn fail(&self, turn: &Turn<'_>, code: EdeCode, counter: Counter, out: &mut [u8]) -> usize {
        self.counters.count(counter);
        let reply = turn.reply.with_ede(Ede::new(code));
        rcode_answer(out, turn.packet, &self.query, Rcode::SERVFAIL, &reply)
    }
}

/// Client and asked address of an asker.
#[inline]
pub fn endpoints(asker: &Asker) -> (SocketAddr, SocketAddr) {
    match asker {
        Asker::Datagram(_, peer) => (peer.client, peer.local),
        Asker::Stream(_, client, local) => (*client, *local),
    }
}

const DNSSEC_OK: u8 = 1;
const CHECKING_DISABLED: u8 = 2;

#[inline]
fn question_of<'a>(query: &'a Query, rewrite: Option<&'a Arc<Name>>) -> QuestionRef<'a> {
    let flags = u8::from(query.dnssec_ok()) * DNSSEC_OK | u8::from(query.checking_disabled) * CHECKING_DISABLED;
    QuestionRef { name: query.name.as_wire(), qtype: query.qtype, flags, rewrite }
}

impl Question {
    /// DO: signatures were asked for.
    pub fn dnssec_ok(&self) -> bool {
        self.flags & DNSSEC_OK != 0
    }

    /// CD: the client validates for itself.
    pub fn checking_disabled(&self) -> bool {
        self.flags & CHECKING_DISABLED != 0
    }
}

/// Tags of what an answer reveals, under the rulebook now in force; kept with the answer until the next one.
#[cold]
fn retag(cache: &mut PacketCache, hashes: &mut SuffixHashes, regime: &Regime, question: QuestionRef<'_>) {
    let Some(stored) = cache.get(question).map(|held| held.stored.clone()) else { return };
    let names = stored.names.iter().filter_map(|name| Name::from_wire(name).ok());
    let tags = names.map(|name| regime.rulebook.tag(&name, hashes)).filter(|tag| !tag.says_nothing()).collect();
    cache.update(question, |held| (held.tags, held.generation) = (tags, regime.generation));
}

/// The verdict that forbids an answer because of what it reveals.
#[inline]
fn objection(turn: &Turn<'_>, verdict: Verdict, tags: &[Tag]) -> Option<Verdict> {
    let judged = tags.iter().map(|tag| turn.regime.rulebook.judge_revealed(turn.policy(), verdict, *tag));
    judged.into_iter().find(|judged| judged.effect == Effect::Deny)
}

/// How the TTLs of a stored answer are to be written, and what must be said of it.
#[inline]
fn timing(
    turn: &Turn<'_>,
    held: &Held,
    rcode: Rcode,
    is_fresh: bool,
    is_rewritten: bool,
    max_ttl_s: u32,
) -> (TtlRule, Option<Ede<'static>>) {
    let cap_s = max_ttl_s.min(turn.boundary_s());
    if is_fresh {
        let elapsed_s = turn.now.mono_ms.saturating_sub(held.stored.received_ms) / 1000;
        let elapsed_s = elapsed_s.min(u64::from(u32::MAX)) as u32;
        let ede = is_rewritten.then_some(Ede::new(EdeCode::FORGED_ANSWER));
        return (TtlRule::Aged { elapsed_s, floor_s: 0, cap_s }, ede);
    }
    let is_nxdomain = rcode == Rcode::NXDOMAIN;
    let code = if is_nxdomain { EdeCode::STALE_NXDOMAIN_ANSWER } else { EdeCode::STALE_ANSWER };
    (TtlRule::Fixed(STALE_TTL_S.min(cap_s)), Some(Ede::new(code)))
}

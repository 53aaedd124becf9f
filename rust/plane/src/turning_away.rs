//! Clients that get no answer to their question: what is no query, who is outside, who asks too much.
//!
//! An error costs its sender as much of its rate as an answer would, or an outside client could have us send errors to whom
//! it likes.

use crate::answer::{Answerer, Outcome};
use crate::client_rate::{OUTSIDE_RATE, rate_of};
use crate::clock::Now;
use crate::counters::Counter;
use crate::query_context::QueryContext;
use crate::rate_limit::{Over, Rate};
use crate::requester::Requester;
use schoolgate_policy::Selection;
use schoolgate_wire::{
    CookieStanding, Ede, EdeCode, Rcode, Refusal, cookie_answer, rcode_answer, refusal_reply, truncated,
};

impl Answerer {
    /// What a client that asks too much gets; `None`: it is within its rate.
    #[inline]
    pub(crate) fn limit(&mut self, context: &QueryContext<'_>, out: &mut [u8]) -> Option<Outcome> {
        let rate = rate_of(context.active, Selection::Served(context.selected));
        if rate.qps == 0 {
            return None;
        }
        match self.limiter.take(context.requester.client().ip(), rate, context.now.mono_us) {
            Over::Within => None,
            Over::Truncate if context.requester.is_datagram() => {
                let length = truncated(out, context.packet, &self.parsed.query, &context.reply);
                Some(self.say(Counter::RateTruncated, out, length))
            }
            Over::Truncate | Over::Drop => Some(self.drop(Counter::RateDropped)),
        }
    }

    /// What is no query.
    #[cold]
    pub(crate) fn refuse(
        &mut self,
        rate: Rate,
        packet: &[u8],
        requester: &Requester,
        refusal: &Refusal,
        now: Now,
        out: &mut [u8],
    ) -> Outcome {
        if *refusal != Refusal::Cookie {
            self.counters.count_reason(refusal.reason());
        }
        if let Refusal::Silent(_) = refusal {
            return self.drop(Counter::Silent);
        }
        if self.limiter.take(requester.client().ip(), rate, now.mono_us) != Over::Within {
            return self.drop(Counter::RateDropped);
        }
        if *refusal == Refusal::Cookie {
            let length = self.answer_cookie(packet, requester, now, out);
            return self.say(Counter::Local, out, length);
        }
        let length = refusal_reply(out, packet, &self.parsed.query, refusal);
        self.say(Counter::Refusals, out, length)
    }

    /// A server cookie, and whether the one that the client has is good (RFC 7873 section 5.4).
    fn answer_cookie(&self, packet: &[u8], requester: &Requester, now: Now, out: &mut [u8]) -> usize {
        let query = &self.parsed.query;
        let cookie = query.edns.map(|edns| edns.cookie).unwrap_or_default();
        let standing = self.cookies.standing(&cookie, requester.client().ip(), now.unix_s as u32);
        let rcode = if standing == CookieStanding::Bad { Rcode::BADCOOKIE } else { Rcode::NOERROR };
        cookie_answer(out, packet, query, rcode, &self.frame(requester, now))
    }

    /// A client outside every allowed network: REFUSED, and not often.
    #[cold]
    pub(crate) fn answer_outside_client(
        &mut self,
        packet: &[u8],
        requester: &Requester,
        now: Now,
        out: &mut [u8],
    ) -> Outcome {
        if self.limiter.take(requester.client().ip(), OUTSIDE_RATE, now.mono_us) != Over::Within {
            return self.drop(Counter::RateDropped);
        }
        let reply = self.frame(requester, now).with_ede(Ede::new(EdeCode::PROHIBITED));
        let length = rcode_answer(out, packet, &self.parsed.query, Rcode::REFUSED, &reply);
        self.say(Counter::Outside, out, length)
    }
}

//! What rules of lists become on a node of the name table, and how they pass to the names below.
//!
//! A statement is a source (one feed listing one category) and a [`RuleKind`]. Categories add up; what takes names out of a
//! feed takes them out of that feed's own source and of no other.

use crate::name_table_build::Inherit;
use crate::rule::RuleKind;

const KINDS: u32 = RuleKind::COUNT;

/// The number of a statement.
pub fn statement(source: u32, kind: RuleKind) -> u32 {
    source * KINDS + kind as u32
}

/// How list statements pass down.
pub struct ListStatements;

impl Inherit for ListStatements {
    fn pass(&self, handed: &[u32], own: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let here = in_force(
            handed,
            own,
            [RuleKind::Suffix, RuleKind::Exact, RuleKind::Important],
            [RuleKind::Spared, RuleKind::SparedExact],
        );
        // Below its name, all that is handed on is a suffix.
        let mut below = in_force(
            handed,
            own,
            [RuleKind::Suffix, RuleKind::Below, RuleKind::Important],
            [RuleKind::Spared, RuleKind::SparedBelow],
        );
        for one in &mut below {
            if is(*one, RuleKind::Below) {
                *one = statement(*one / KINDS, RuleKind::Suffix);
            }
        }
        let takes_out = |one: &&u32| is(**one, RuleKind::Exception) || is(**one, RuleKind::LeftOut);
        below.extend(handed.iter().chain(own).filter(takes_out));
        (tidy(here), tidy(below))
    }

    fn visible(&self, statement: u32) -> Option<u32> {
        (!is(statement, RuleKind::Exception) && !is(statement, RuleKind::LeftOut)).then_some(statement / KINDS)
    }
}

/// The statements of these kinds that nothing of their own source takes away.
fn in_force(handed: &[u32], own: &[u32], kinds: [RuleKind; 3], sparing: [RuleKind; 2]) -> Vec<u32> {
    let says = |set: &[u32], one: u32, kind: RuleKind| set.contains(&statement(one / KINDS, kind));
    let takes_out = |one: u32, kind: RuleKind| says(handed, one, kind) || says(own, one, kind);
    let lifted = |one: u32| {
        takes_out(one, RuleKind::LeftOut) || !is(one, RuleKind::Important) && takes_out(one, RuleKind::Exception)
    };
    let spared = |one: u32| sparing.iter().any(|kind| says(own, one, *kind));
    let not_here = |one: u32| sparing.contains(&RuleKind::SparedExact) && says(own, one, RuleKind::SparedExact);
    let listed = |one: u32| kinds.iter().any(|kind| is(one, *kind)) && !lifted(one);
    let handed = handed.iter().copied().filter(|one| listed(*one) && !spared(*one));
    handed.chain(own.iter().copied().filter(|one| listed(*one) && !not_here(*one))).collect()
}

fn is(statement: u32, kind: RuleKind) -> bool {
    statement % KINDS == kind as u32
}

fn tidy(mut set: Vec<u32>) -> Vec<u32> {
    set.sort_unstable();
    set.dedup();
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use RuleKind::{Below, Exact, Exception, Important, LeftOut, Spared, SparedBelow, SparedExact, Suffix};

    /// Sources in force for the name and below it, of the kinds that one source and a second one say.
    fn pass(handed: &[RuleKind], own: &[RuleKind]) -> (bool, bool) {
        let set = |kinds: &[RuleKind]| tidy(kinds.iter().map(|kind| statement(0, *kind)).collect());
        let (here, below) = ListStatements.pass(&set(handed), &set(own));
        let listed = |set: Vec<u32>| set.iter().any(|one| ListStatements.visible(*one).is_some());
        (listed(here), listed(below))
    }

    #[test]
    fn each_kind_reaches_as_far_as_it_says() {
        assert_eq!(pass(&[], &[Suffix]), (true, true));
        assert_eq!(pass(&[], &[Exact]), (true, false));
        assert_eq!(pass(&[], &[Below]), (false, true));
        assert_eq!(pass(&[], &[Important]), (true, true));
        assert_eq!(pass(&[Suffix], &[Exception]), (false, false));
        assert_eq!(pass(&[Suffix], &[Spared]), (false, false));
        assert_eq!(pass(&[Suffix], &[SparedExact]), (false, true));
        assert_eq!(pass(&[Suffix], &[SparedBelow]), (true, false));
    }

    #[test]
    fn an_exception_lifts_deeper_rules_and_sparing_does_not() {
        assert_eq!(pass(&[Exception], &[Suffix]), (false, false));
        assert_eq!(pass(&[Suffix], &[Spared, Exact]), (true, false));
    }

    #[test]
    fn an_exception_does_not_lift_what_is_important_and_sparing_does() {
        assert_eq!(pass(&[Important], &[Exception]), (true, true));
        assert_eq!(pass(&[Important], &[Spared]), (false, false));
    }

    #[test]
    fn nothing_lifts_what_we_leave_out_neither_at_the_name_nor_below_it() {
        for kind in [Suffix, Important, Below, Exact] {
            assert_eq!(pass(&[kind], &[LeftOut]), (false, false));
            assert_eq!(pass(&[LeftOut], &[kind]), (false, false));
        }
    }

    #[test]
    fn one_source_lifts_nothing_of_another() {
        let handed = [statement(0, Suffix), statement(1, Suffix)];
        let (here, below) = ListStatements.pass(&handed, &[statement(1, Exception)]);
        assert_eq!(here, [statement(0, Suffix)]);
        assert_eq!(below, [statement(0, Suffix), statement(1, Exception)]);
    }
}

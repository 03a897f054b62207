//! Searches with a finite automaton, in one pass over any text.

use std::ops::RangeInclusive;
use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{self, Class, ClassUnicode, Hir};

use crate::error::LimitExceeded;
use crate::limits::{MAX_CACHE_BYTES, MAX_CACHE_CLEARS, MAX_NFA_BYTES};
use crate::syntax::{Assertion, Mode, Node, Syntax};

type MakeCache = Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// A deterministic automaton that makes a state when a search first needs it.
pub(super) struct Automaton {
    dfa: DFA,
    caches: Pool<Cache, MakeCache>,
    anchored: Anchored,
    /// Lengths of the texts that can match, in bytes.
    lengths: RangeInclusive<usize>,
    /// The pattern has Unicode word boundaries. The automaton supports only those of ASCII.
    needs_ascii: bool,
}

impl Automaton {
    /// Compiles an automaton. Returns `None` if it does not support the pattern, or if it would be too large.
    pub(super) fn new(syntax: &Syntax) -> Option<Self> {
        let mut translation = Translation { sets: &syntax.sets, needs_ascii: false };
        let hir = translation.node(&syntax.root, true)?;
        let config =
            thompson::Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(MAX_NFA_BYTES));
        let nfa = thompson::Compiler::new().configure(config).build_from_hir(&hir).ok()?;
        let config = DFA::config()
            .prefilter(Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, &hir))
            .cache_capacity(MAX_CACHE_BYTES)
            .minimum_cache_clear_count(Some(MAX_CACHE_CLEARS));
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let properties = hir.properties();
        let from_start = properties.look_set_prefix().contains(hir::Look::Start);
        let to_end = properties.look_set_suffix().contains(hir::Look::End);
        let max_length = properties.maximum_len().filter(|_| from_start && to_end).unwrap_or(usize::MAX);
        let cache_source = dfa.clone();
        Some(Self {
            dfa,
            caches: Pool::new(Box::new(move || cache_source.create_cache())),
            anchored: if from_start { Anchored::Yes } else { Anchored::No },
            lengths: properties.minimum_len()?..=max_length,
            needs_ascii: translation.needs_ascii,
        })
    }

    /// Returns whether the automaton gives the right result for this text.
    pub(super) fn decides(&self, text: &str) -> bool {
        !self.needs_ascii || text.is_ascii()
    }

    /// Returns whether the pattern matches anywhere in the text. Call it only if [`Self::decides`] returns
    /// true.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, LimitExceeded> {
        if !self.lengths.contains(&text.len()) {
            return Ok(false);
        }
        let input = Input::new(text).anchored(self.anchored).earliest(true);
        let mut cache = self.caches.get();
        let was_fresh = cache.clear_count() == 0;
        let mut found = self.dfa.try_search_fwd(&mut cache, &input);
        if found.is_err() {
            // A cache counts how often it was cleared, over all its searches. Reset it for the next search. If
            // the count was not zero when this search began, try once more with the empty cache.
            self.dfa.reset_cache(&mut cache);
            if !was_fresh {
                found = self.dfa.try_search_fwd(&mut cache, &input);
            }
        }
        found.map(|end| end.is_some()).map_err(|_| LimitExceeded)
    }
}

/// Translates a syntax tree for `regex-automata`. Drops groups, because nothing in a supported pattern refers
/// to them.
struct Translation<'s> {
    sets: &'s [ClassUnicode],
    needs_ascii: bool,
}

impl Translation<'_> {
    /// Translates one node. `is_last` says whether nothing follows it in the pattern. `None` if it is not
    /// supported.
    fn node(&mut self, node: &Node, is_last: bool) -> Option<Hir> {
        let hir = match node {
            Node::Empty => Hir::empty(),
            Node::Char(character) => Hir::literal(character.encode_utf8(&mut [0; 4]).as_bytes().to_vec()),
            Node::Set(set) => Hir::class(Class::Unicode(self.sets.get(*set)?.clone())),
            Node::Assertion(assertion) => self.assertion(*assertion, is_last)?,
            Node::Concatenation(items) => {
                let is_last = |index| is_last && index + 1 == items.len();
                let items = items.iter().enumerate().map(|(index, item)| self.node(item, is_last(index)));
                Hir::concat(items.collect::<Option<_>>()?)
            }
            Node::Alternation(items) => {
                Hir::alternation(items.iter().map(|item| self.node(item, is_last)).collect::<Option<_>>()?)
            }
            Node::Repetition(repetition) => {
                if repetition.mode == Mode::Possessive {
                    return None;
                }
                Hir::repetition(hir::Repetition {
                    min: repetition.min,
                    max: repetition.max,
                    greedy: true,
                    sub: Box::new(self.node(&repetition.body, is_last && repetition.max == Some(1))?),
                })
            }
            Node::Capture { body, .. } => self.node(body, is_last)?,
            Node::Atomic(_) | Node::Look(_) | Node::Backreference(_) | Node::Condition(_) => return None,
        };
        Some(hir)
    }

    fn assertion(&mut self, assertion: Assertion, is_last: bool) -> Option<Hir> {
        let look = match assertion {
            Assertion::TextStart => hir::Look::Start,
            Assertion::TextEnd => hir::Look::End,
            Assertion::LineStart => hir::Look::StartLF,
            Assertion::LineEnd => hir::Look::EndLF,
            // This consumes the line feed, which makes no difference because nothing follows.
            Assertion::LastLineEnd if is_last => {
                let line_feed = hir::Repetition {
                    min: 0,
                    max: Some(1),
                    greedy: true,
                    sub: Box::new(Hir::literal(*b"\n")),
                };
                return Some(Hir::concat(vec![Hir::repetition(line_feed), Hir::look(hir::Look::End)]));
            }
            Assertion::LastLineEnd => return None,
            Assertion::WordBoundary { ascii, negated, .. } => {
                self.needs_ascii |= !ascii;
                if negated { hir::Look::WordAsciiNegate } else { hir::Look::WordAscii }
            }
        };
        Some(Hir::look(look))
    }
}

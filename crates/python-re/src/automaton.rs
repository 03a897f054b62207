//! Searches for patterns that a finite automaton can decide: one pass over the text, whatever the text is.

use std::ops::RangeInclusive;
use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{self, Class, ClassUnicode, Hir};

use super::GaveUp;
use super::syntax::{Assertion, Mode, Node, Syntax};

/// Most bytes of the states that are not deterministic yet. `\w` takes 10,000.
const LARGEST: usize = 512 * 1024;
/// Most bytes of deterministic states, which are made while searching, for each thread that searches at the same time.
const LARGEST_CACHE: usize = 256 * 1024;
/// How often the cache may overflow in one search. Some patterns need a new state for each character of an unlucky text,
/// and to make a state costs a thousand times what it costs to follow one.
const MOST_OVERFLOWS: usize = 1;

type MakeCache = Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// A deterministic automaton, of which a state is made when it is first needed.
pub(super) struct Automaton {
    dfa: DFA,
    caches: Pool<Cache, MakeCache>,
    anchored: Anchored,
    /// The lengths, in bytes, of texts that come into question.
    lengths: RangeInclusive<usize>,
    /// In other texts than of ASCII, word boundaries are elsewhere than it believes.
    needs_ascii: bool,
}

impl Automaton {
    /// `None` when the pattern is beyond an automaton, or would make one that is too large.
    pub(super) fn new(syntax: &Syntax) -> Option<Self> {
        let mut translation = Translation { sets: &syntax.sets, needs_ascii: false };
        let hir = translation.node(&syntax.root, true)?;
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(LARGEST)),
            )
            .build_from_hir(&hir)
            .ok()?;
        let config = DFA::config()
            .prefilter(Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, &hir))
            .cache_capacity(LARGEST_CACHE)
            .minimum_cache_clear_count(Some(MOST_OVERFLOWS));
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let properties = hir.properties();
        let from_start = properties.look_set_prefix().contains(hir::Look::Start);
        let to_end = properties.look_set_suffix().contains(hir::Look::End);
        let longest = properties.maximum_len().filter(|_| from_start && to_end).unwrap_or(usize::MAX);
        let maker = dfa.clone();
        Some(Self {
            dfa,
            caches: Pool::new(Box::new(move || maker.create_cache())),
            anchored: if from_start { Anchored::Yes } else { Anchored::No },
            lengths: properties.minimum_len()?..=longest,
            needs_ascii: translation.needs_ascii,
        })
    }

    /// Whether what it finds in the text is what the pattern means.
    pub(super) fn decides(&self, text: &str) -> bool {
        !self.needs_ascii || text.is_ascii()
    }

    pub(super) fn is_match(&self, text: &str) -> Result<bool, GaveUp> {
        if !self.lengths.contains(&text.len()) {
            return Ok(false);
        }
        let input = Input::new(text).anchored(self.anchored).earliest(true);
        let mut cache = self.caches.get();
        let is_fresh = cache.clear_count() == 0;
        let mut found = self.dfa.try_search_fwd(&mut cache, &input);
        if found.is_err() {
            // Overflows are counted over all the searches with a cache: the next one starts afresh, and so does this one, if it
            // was not the only one.
            self.dfa.reset_cache(&mut cache);
            if !is_fresh {
                found = self.dfa.try_search_fwd(&mut cache, &input);
            }
        }
        found.map(|end| end.is_some()).map_err(|_| GaveUp)
    }
}

/// Says the same in terms of the regex crate. What captures is of no interest: nothing refers to it in what can be said.
struct Translation<'s> {
    sets: &'s [ClassUnicode],
    needs_ascii: bool,
}

impl Translation<'_> {
    /// `last`: nothing comes after the node.
    fn node(&mut self, node: &Node, last: bool) -> Option<Hir> {
        let hir = match node {
            Node::Empty => Hir::empty(),
            Node::Char(character) => Hir::literal(character.encode_utf8(&mut [0; 4]).as_bytes().to_vec()),
            Node::Set(set) => Hir::class(Class::Unicode(self.sets.get(*set)?.clone())),
            Node::Assertion(assertion) => self.assertion(*assertion, last)?,
            Node::Concatenation(items) => {
                let is_last = |index| last && index + 1 == items.len();
                let items = items.iter().enumerate().map(|(index, item)| self.node(item, is_last(index)));
                Hir::concat(items.collect::<Option<_>>()?)
            }
            Node::Alternation(items) => {
                Hir::alternation(items.iter().map(|item| self.node(item, last)).collect::<Option<_>>()?)
            }
            Node::Repetition(repetition) => {
                if repetition.mode == Mode::Possessive {
                    return None;
                }
                Hir::repetition(hir::Repetition {
                    min: repetition.least,
                    max: repetition.most,
                    greedy: true,
                    sub: Box::new(self.node(&repetition.body, last && repetition.most == Some(1))?),
                })
            }
            Node::Capture { body, .. } => self.node(body, last)?,
            Node::Atomic(_) | Node::Look(_) | Node::Reference(_) | Node::Condition(_) => return None,
        };
        Some(hir)
    }

    fn assertion(&mut self, assertion: Assertion, last: bool) -> Option<Hir> {
        let look = match assertion {
            Assertion::TextStart => hir::Look::Start,
            Assertion::TextEnd => hir::Look::End,
            Assertion::LineStart => hir::Look::StartLF,
            Assertion::LineEnd => hir::Look::EndLF,
            // To take the line feed is the same as to look at it, where nothing comes after.
            Assertion::LastLineEnd if last => {
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

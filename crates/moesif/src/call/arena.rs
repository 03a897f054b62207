//! Text of one call, kept in one allocation.

use super::text::native_text;

/// Initial capacity in bytes. Holds the text of an ordinary call.
const CAPACITY: usize = 1536;

/// String that texts are appended to. A [`Span`] finds each of them again.
pub(super) struct Arena {
    text: String,
}

/// Position of a text in its [`Arena`]. The default is the empty text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

/// Positions of a header's name and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderSpan {
    pub(super) name: Span,
    pub(super) value: Span,
}

impl Arena {
    pub(super) fn new() -> Self {
        Self { text: String::with_capacity(CAPACITY) }
    }

    /// Takes the text and its allocation. Leaves an empty arena without memory.
    pub(super) fn take(&mut self) -> Self {
        Self { text: std::mem::take(&mut self.text) }
    }

    pub(super) fn push(&mut self, text: &str) -> Span {
        self.write(|out| out.push_str(text))
    }

    /// Decodes a native string (PEP 3333) and appends the text.
    pub(super) fn push_native(&mut self, text: &str) -> Span {
        if text.is_ascii() { self.push(text) } else { self.push(&native_text(text)) }
    }

    /// Returns the span of the text that `write` appends. Beyond 2^32 bytes, more than any server accepts,
    /// the span is empty.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut String)) -> Span {
        let offset = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
        let start = offset(self.text.len());
        write(&mut self.text);
        Span { start, end: offset(self.text.len()) }
    }

    pub(super) fn get(&self, span: Span) -> &str {
        let position = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        self.text.get(position(span.start)..position(span.end)).unwrap_or_default()
    }

    /// Removes the texts and keeps the allocation.
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }

    /// Returns the allocated bytes.
    pub(super) fn capacity(&self) -> usize {
        self.text.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_find_their_texts() {
        let mut arena = Arena::new();
        let verb = arena.push("GET");
        let name = arena.push_native("caf\u{c3}\u{a9}");
        assert_eq!((arena.get(verb), arena.get(name), arena.get(Span::default())), ("GET", "café", ""));
    }
}

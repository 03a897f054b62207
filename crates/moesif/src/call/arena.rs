//! Text of one call, kept in one allocation.

use crate::memory;

/// Initial capacity in bytes. Holds the text of an ordinary call.
const CAPACITY: usize = 1536;

/// String that texts are appended to. A [`Span`] finds each of them again.
pub(super) struct Arena {
    text: String,
    /// A text is missing, because there was no memory for it.
    is_incomplete: bool,
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
        Self { text: String::with_capacity(CAPACITY), is_incomplete: false }
    }

    /// Takes the text and its allocation. Leaves an empty arena without memory.
    pub(super) fn take(&mut self) -> Self {
        Self { text: std::mem::take(&mut self.text), is_incomplete: self.is_incomplete }
    }

    pub(super) fn push(&mut self, text: &str) -> Span {
        self.write(text.len(), |out| out.push_str(text))
    }

    /// Returns the span of the text that `write` appends, which has at most `max_bytes` bytes. Without memory
    /// for the text, the span is empty and the arena incomplete.
    pub(super) fn write(&mut self, max_bytes: usize, write: impl FnOnce(&mut String)) -> Span {
        let has_memory = memory::try_reserve_text(&mut self.text, max_bytes);
        if has_memory {
            self.append(write)
        } else {
            self.lack_memory();
            Span::default()
        }
    }

    /// Adds a header to `headers`. `name` and `value` append its texts, which have at most `max_bytes` bytes.
    /// Without memory for the header, the arena is incomplete.
    pub(super) fn add_header(
        &mut self,
        headers: &mut Vec<HeaderSpan>,
        max_bytes: usize,
        name: impl FnOnce(&mut String),
        value: impl FnOnce(&mut String),
    ) {
        if memory::try_reserve_text(&mut self.text, max_bytes) && memory::try_reserve(headers, 1) {
            let (name, value) = (self.append(name), self.append(value));
            headers.push(HeaderSpan { name, value });
        } else {
            self.lack_memory();
        }
    }

    /// Returns how many bytes of text can be written without an allocation.
    pub(super) fn room(&self) -> usize {
        self.text.capacity() - self.text.len()
    }

    /// Returns the span of the text that `write` appends, for which there is room. Beyond 2^32 bytes, more
    /// than any server accepts, the span is empty.
    fn append(&mut self, write: impl FnOnce(&mut String)) -> Span {
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
        self.is_incomplete = false;
    }

    /// Notes that a text is missing.
    pub(super) fn lack_memory(&mut self) {
        self.is_incomplete = true;
    }

    /// Returns whether a text is missing, or the texts are in the reserve.
    pub(super) fn lacks_memory(&self) -> bool {
        self.is_incomplete || memory::is_reserve(self.text.as_ptr())
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
        let mut headers = Vec::new();
        arena.add_header(&mut headers, 10, |out| out.push_str("Name"), |out| out.push_str("value"));
        assert_eq!((arena.get(verb), arena.get(Span::default())), ("GET", ""));
        assert_eq!((arena.get(headers[0].name), arena.get(headers[0].value)), ("Name", "value"));
    }
}
